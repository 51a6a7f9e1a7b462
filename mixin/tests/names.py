"""Every metric and label in rules, dashboards and docs exists: compares them with docs/metrics.md.

docs/metrics.md is generated from the collectors' tables, so an invented name, or one that was renamed, is found here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import promql_parser as promql

ROOT = Path(__file__).resolve().parents[2]

# Labels that Prometheus gives to every target, and the usual name of a label for a group of them.
TARGET = {"cluster", "job", "instance"}

# What Prometheus itself records.
PROMETHEUS = {
    "up": set(),
    "scrape_duration_seconds": set(),
    "scrape_samples_scraped": set(),
    "ALERTS": {"alertname", "alertstate", "severity"},
}

# Values for Grafana's variables, so that the expressions parse.
GRAFANA = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}

DOCS = ("docs/queries.md", "docs/runbooks.md", "mixin/README.md")


def documented():
    """Returns the labels of each metric in docs/metrics.md."""
    known = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        row = re.match(r"\| `(\w+)` \| \w+ \| \w* \| ([\w, *\\]*) \|", line)
        if row:
            known.setdefault(row[1], set()).update(re.findall(r"\w+", row[2]))
    return known


class Names:
    """The metrics that are known, and what is wrong with the expressions seen so far."""

    def __init__(self, known):
        self.known = known
        self.problems = []
        self.expressions = 0

    def check(self, where, expression):
        """Reports names that are not known, and returns the labels that the result can have."""
        for variable, value in GRAFANA.items():
            expression = expression.replace(variable, value)
        self.where = where
        self.expressions += 1
        try:
            return self.labels(promql.parse(expression))
        except ValueError as error:
            self.report(f"cannot parse: {error}")
            return set()

    def report(self, problem):
        self.problems.append(f"{self.where}: {problem}")

    def labels(self, node):
        match node:
            case promql.VectorSelector():
                return self.selector(node)
            case promql.MatrixSelector():
                return self.selector(node.vector_selector)
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                return self.labels(node.expr)
            case promql.AggregateExpr():
                return self.aggregate(node)
            case promql.BinaryExpr():
                return self.binary(node)
            case promql.Call():
                return self.call(node)
            case _:
                return set()

    def selector(self, node):
        if node.name not in self.known:
            self.report(f"there is no metric {node.name}")
            return TARGET
        labels = self.known[node.name] | TARGET
        self.expect({matcher.name for matcher in node.matchers.matchers}, labels, node.name)
        return labels

    def aggregate(self, node):
        labels = self.labels(node.expr)
        if node.param is not None:
            self.labels(node.param)
        if node.modifier is None:
            return labels if str(node.op) in ("topk", "bottomk") else set()
        named = set(node.modifier.labels)
        self.expect(named, labels, f"{node.op} {node.modifier}")
        return named if node.modifier.type == promql.AggModifierType.By else labels - named

    def binary(self, node):
        left, right = self.labels(node.lhs), self.labels(node.rhs)
        if node.modifier is not None and node.modifier.matching is not None:
            self.expect(set(node.modifier.matching.labels), left | right, str(node.modifier.matching))
        return left | right

    def call(self, node):
        labels = set().union(*(self.labels(argument) for argument in node.args))
        if node.func.name == "label_replace":
            target, source = node.args[1].val, node.args[3].val
            self.expect({source} - {""}, labels, "label_replace")
            return labels | {target}
        return labels

    def expect(self, named, labels, what):
        for name in sorted(named - labels):
            self.report(f"{what} has no label {name}")


def jsonnet(expression):
    return json.loads(subprocess.check_output(["jsonnet", "-e", expression], cwd=ROOT / "mixin"))


def rules(names):
    mixin = jsonnet("(import 'mixin.libsonnet') { all: $.prometheusRules.groups + $.prometheusAlerts.groups }.all")
    for group in mixin:
        for rule in group["rules"]:
            name = rule.get("record") or rule["alert"]
            labels = names.check(name, rule["expr"])
            if "record" in rule:
                names.known[name] = labels
            # The descriptions' labels.
            text = " ".join(rule.get("annotations", {}).values())
            names.expect(set(re.findall(r"\$labels\.(\w+)", text)), labels, "description")


def dashboards(names):
    for file in sorted((ROOT / "mixin/dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                labels = names.check(f"{file.name}, {panel['title']}", target["expr"])
                names.expect(set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))), labels, "legend")
        for annotation in board["annotations"]["list"]:
            names.check(f"{file.name}, annotations", annotation["expr"])
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
                names.expect({label}, names.check(f"{file.name}, variable {variable['name']}", metric), metric)


def docs(names):
    for file in DOCS:
        if not (ROOT / file).exists():
            continue
        for block in re.findall(r"```promql\n(.*?)```", (ROOT / file).read_text(), re.S):
            names.check(file, block)


def self_test():
    """What is invented is found."""
    for expression, problem in (
        ("rate(kamailio_invented_total[5m])", "there is no metric kamailio_invented_total"),
        ("1 - sum(kamailio_invented) > 0", "there is no metric kamailio_invented"),
        ('kamailio_dialog_dialogs{phase="early"}', "kamailio_dialog_dialogs has no label phase"),
        ("sum by (phase) (kamailio_dialog_dialogs)", "sum by (phase) has no label phase"),
        ("kamailio_up / on (phase) kamailio_dialog_dialogs", "on (phase) has no label phase"),
    ):
        names = Names(documented())
        names.check("self-test", expression)
        assert names.problems == [f"self-test: {problem}"], (expression, names.problems)


def main():
    self_test()
    names = Names(documented() | PROMETHEUS)
    rules(names)
    dashboards(names)
    docs(names)
    if names.problems:
        sys.exit("\n".join(names.problems))
    print(f"names: {names.expressions} expressions use only metrics and labels that exist")


if __name__ == "__main__":
    main()
