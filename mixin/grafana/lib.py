"""What all dashboards share: the variables, the links, and one function for each kind of panel."""

import json
import subprocess
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus
from grafana_foundation_sdk.builders import stat as stat_builder
from grafana_foundation_sdk.builders import statetimeline as timeline_builder
from grafana_foundation_sdk.builders import table as table_builder
from grafana_foundation_sdk.builders import timeseries as timeseries_builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

MIXIN = Path(__file__).resolve().parent.parent

# The thresholds of the alerts, so that a panel turns red when its alert fires.
CONFIG = json.loads(
    subprocess.check_output(["jsonnet", "-e", "(import 'config.libsonnet')._config"], cwd=MIXIN)
)

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

# Why a panel can be empty, shown in its place.
ALWAYS = "No data: Prometheus has no samples of this Kamailio. See the dashboard Kamailio exporter."
RULES = "No data: the recording rules of mixin/rules.yaml are not loaded, or there was no traffic."


def module(name, collector=None):
    """Returns why a panel that needs a module is empty."""
    if collector is None:
        return f"No data: Kamailio has not loaded the module {name}."
    return f"No data: Kamailio has not loaded the module {name}, or the collector {collector} is not selected."


def selected(template, selector):
    """Puts the selector in the place of $S; braces and commas that an empty one leaves behind go too."""
    return template.replace("$S", selector).replace(",}", "}").replace("{}", "")


# Thresholds.


def high(limit):
    """Red from the limit up."""
    return [("green", None), ("red", limit)]


def low(limit):
    """Red below the limit."""
    return [("red", None), ("green", limit)]


def _thresholds(steps):
    steps = [models.Threshold(value=value, color=color) for color, value in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def values(meanings):
    """Value mappings: {1: ("up", "green")}."""
    options = {
        str(value): models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(meanings.items())
    }
    return [models.ValueMap(options=options)]


UP = values({1: ("up", "green"), 0: ("down", "red")})


# Panels.


class Panels:
    """Makes panels whose queries have the dashboard's selector."""

    def __init__(self, selector):
        self.selector = selector

    def timeseries(
        self, title, unit, queries, description, *, empty=ALWAYS, span=8, steps=None, stack=False, top=None
    ):
        """Lines over time. `queries` is a table of (expression, legend); `top` is the largest possible value."""
        panel = timeseries_builder.Panel().min(0).fill_opacity(10).show_points(common_models.VisibilityMode.NEVER)
        legend = common.VizLegendOptions().show_legend(True)
        panel.legend(
            legend.display_mode(common_models.LegendDisplayMode.LIST).placement(common_models.LegendPlacement.BOTTOM)
        )
        panel.tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        if stack:
            panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
        if top is not None:
            panel.max(top)
        if steps is not None:
            panel.thresholds(_thresholds(steps)).thresholds_style(
                common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED)
            )
        return self._finish(panel, title, unit, queries, description, empty, span, 8)

    def stat(self, title, unit, expr, description, *, empty=ALWAYS, span=4, steps=None, mappings=None, legend=""):
        """One large number with its history behind it, or the legend in its place."""
        panel = stat_builder.Panel().color_mode(common_models.BigValueColorMode.VALUE)
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        panel.thresholds(_thresholds(steps or [("text", None)]))
        if mappings is not None:
            panel.mappings(mappings).graph_mode(common_models.BigValueGraphMode.NONE)
        if legend:
            panel.text_mode(common_models.BigValueTextMode.NAME).graph_mode(common_models.BigValueGraphMode.NONE)
        return self._finish(panel, title, unit, [(expr, legend)], description, empty, span, 4)

    def state_timeline(self, title, queries, description, *, mappings, empty=ALWAYS, span=24, height=10):
        """The states of things over time, a row for each."""
        panel = timeline_builder.Panel().mappings(mappings).show_value(common_models.VisibilityMode.NEVER)
        # A row for each of hundreds of destinations: a coarser step is as legible, and far cheaper.
        panel.merge_values(True).fill_opacity(80).row_height(0.8).max_data_points(300)
        return self._finish(panel, title, "short", queries, description, empty, span, height)

    def table(self, title, columns, description, *, keys, names, link, labels=(), empty=ALWAYS, height=12):
        """A row for each combination of the labels `keys`, which link opens if it is clicked on in the first column.

        A column is (title, expression, unit, thresholds, mappings). `labels` are further columns, (label, expression).
        Grafana joins the columns by their labels, so each expression is reduced to the keys.
        """
        panel = table_builder.Panel().show_header(True)
        by = ", ".join(keys)
        for index, (name, expr, unit, *cell) in enumerate(columns):
            properties = [models.DynamicConfigValue("displayName", name), models.DynamicConfigValue("unit", unit)]
            panel.override_by_name(f"Value #{_ref(index)}", properties + (_cell(*cell) if cell else []))
            panel.with_target(self._query(f"max by ({by}) ({expr})", "", index, instant=True))
        hidden = ["Time", *(key for key in keys if key not in names)]
        for index, (label, expr) in enumerate(labels, start=len(columns)):
            hidden.append(f"Value #{_ref(index)}")
            panel.with_target(self._query(f"max by ({by}, {label}) ({expr})", "", index, instant=True))
        for index, (label, name) in enumerate(names.items()):
            properties = [models.DynamicConfigValue("displayName", name)]
            if index == 0:
                properties.append(models.DynamicConfigValue("links", [link]))
            panel.override_by_name(label, properties)
        panel.with_transformation(models.DataTransformerConfig("merge", options={}))
        options = {
            "excludeByName": {name: True for name in hidden},
            "indexByName": {name: index for index, name in enumerate(names)},
        }
        panel.with_transformation(models.DataTransformerConfig("organize", options=options))
        panel.title(title).description(description).datasource(DATASOURCE).no_value(empty)
        return panel.span(24).height(height)

    def _finish(self, panel, title, unit, queries, description, empty, span, height):
        for index, (expr, legend) in enumerate(queries):
            panel.with_target(self._query(expr, legend, index))
        panel.title(title).description(description).unit(unit).datasource(DATASOURCE)
        return panel.no_value(empty).span(span).height(height)

    def _query(self, expr, legend, index, instant=False):
        query = prometheus.Dataquery().expr(selected(expr, self.selector)).ref_id(_ref(index)).datasource(DATASOURCE)
        if instant:
            return query.instant().format(prometheus_models.PromQueryFormat.TABLE)
        return query.range().legend_format(legend)


def _ref(index):
    return chr(ord("A") + index)


def _cell(steps=None, mappings=None):
    """A cell that is coloured by its value."""
    properties = [models.DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"})]
    if steps is not None:
        properties.append(models.DynamicConfigValue("thresholds", _thresholds(steps).build()))
    if mappings is not None:
        properties.append(models.DynamicConfigValue("mappings", mappings))
    return properties


def row(title):
    return dashboard.Row(title)


# Dashboards.

SELECTOR = 'cluster=~"$cluster",job=~"$job",instance=~"$instance"'
TAG = "kamailio"


def new(uid, title, description, *, metric="kamailio_up", one_instance=False, variables=()):
    """A dashboard with the variables datasource, cluster, job and instance, and links to the other dashboards."""
    board = dashboard.Dashboard(title).uid(uid).description(description).tags([TAG]).timezone("browser")
    board.editable().refresh("30s").time("now-3h", "now").tooltip(models.DashboardCursorSync.CROSSHAIR)
    board.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    board.with_variable(_label("cluster", "Cluster", metric, ""))
    board.with_variable(_label("job", "Job", metric, 'cluster=~"$cluster"'))
    board.with_variable(_label("instance", "Instance", metric, 'cluster=~"$cluster",job=~"$job"', one_instance))
    for name, label, of, matchers in variables:
        board.with_variable(_label(name, label, of, matchers))
    link = dashboard.DashboardLink("Kamailio").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    board.link(link.keep_time(True).include_vars(True).as_dropdown(True))
    return board.annotation(
        dashboard.AnnotationQuery()
        .name("Restarts")
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color("purple")
        .expr(f"changes(kamailio_start_time_seconds{{{SELECTOR}}}[$__rate_interval]) > 0")
    )


def _label(name, label, metric, matchers, single=False):
    """A variable with a label's values; All takes in series without that label."""
    query = f"label_values({selected(metric + '{$S}', matchers)}, {name})"
    variable = dashboard.QueryVariable(name).label(label).datasource(DATASOURCE)
    variable.query({"query": query, "refId": name}).refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable.sort(models.VariableSort.ALPHABETICAL_ASC)
    if single:
        return variable
    return variable.multi(True).include_all(True).all_value(".*").current(
        models.VariableOption(selected=True, text="All", value="$__all")
    )


def instance_link():
    """From a row of the table to the dashboard of that instance."""
    return {
        "title": "Open this Kamailio",
        "url": "/d/kamailio-instance?${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}"
        "&var-instance=${__data.fields.instance}&${__url_time_range}",
    }
