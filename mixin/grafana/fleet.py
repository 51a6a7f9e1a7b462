"""Every Kamailio a row, red where it hurts."""

from lib import CONFIG, RULES, SELECTOR, UP, Panels, high, instance_link, low, module, new, row

panels = Panels(SELECTOR)

FIRING = 'ALERTS{alertname=~"Kamailio.*",alertstate="firing",$S}'

# Title, expression, unit, thresholds, mappings.
COLUMNS = [
    ("Up", "kamailio_up{$S}", "short", None, UP),
    ("Alerts", f"count by (cluster, job, instance) ({FIRING})", "short", high(1)),
    ("Uptime", "kamailio_core_uptime_uptime_total{$S}", "s", [("red", None), ("yellow", 900), ("green", 3600)]),
    ("Requests", "rate(kamailio_core_requests_received_total{$S}[5m])", "reqps"),
    ("Calls", "instance:kamailio_invites:rate5m{$S}", "reqps"),
    ("Answered", "instance:kamailio_invites_answered:ratio_rate5m{$S}", "percentunit", low(CONFIG["answerRatio"])),
    (
        "5xx",
        'instance_class:kamailio_final_replies:ratio_rate5m{class="5xx",$S}',
        "percentunit",
        high(CONFIG["serverErrorRatio"]),
    ),
    ("Transactions", "kamailio_tm_stats_current{$S}", "short"),
    ("Dialogs", "sum by (cluster, job, instance) (kamailio_dialog_dialogs{$S})", "short"),
    ("Users", "kamailio_usrloc_registered_users{$S}", "short"),
    (
        "Shared memory free",
        "instance:kamailio_core_shmmem_free:ratio{$S}",
        "percentunit",
        low(CONFIG["memoryFreeRatio"]),
    ),
    (
        "Private memory free",
        "instance:kamailio_pkgmem_free:min_ratio{$S}",
        "percentunit",
        low(CONFIG["memoryFreeRatio"]),
    ),
    ("TCP", "instance:kamailio_core_tcp_connections:ratio{$S}", "percentunit", high(CONFIG["connectionRatio"])),
    (
        "Worst set",
        "min by (cluster, job, instance) (instance_setid:kamailio_dispatcher_destinations_active:ratio{$S})",
        "percentunit",
        low(CONFIG["setActiveRatio"]),
    ),
]


def board():
    board = new(
        "kamailio-fleet",
        "Kamailio fleet",
        "Every Kamailio at a glance: whether calls get through, and where not.",
    )
    for panel in (
        panels.stat("Up", "short", "sum(kamailio_up{$S})", "Kamailios that respond to their exporter.", span=4),
        panels.stat(
            "Down",
            "short",
            "count(kamailio_up{$S} == 0) or 0 * count(kamailio_up{$S})",
            "Kamailios that do not respond to their exporter. An exporter that is down itself shows in the alerts.",
            steps=high(1),
        ),
        panels.stat(
            "Alerts firing",
            "short",
            f"count({FIRING}) or 0 * count(kamailio_up{{$S}})",
            "Alerts of this mixin that are firing.",
            steps=high(1),
        ),
        panels.stat(
            "Requests",
            "reqps",
            "sum(rate(kamailio_core_requests_received_total{$S}[$__rate_interval]))",
            "SIP requests received, retransmissions included.",
            empty=module("kex", "stats"),
        ),
        panels.stat(
            "Calls",
            "reqps",
            'sum(rate(kamailio_core_requests_received_by_method_total{method="INVITE",$S}[$__rate_interval]))',
            "INVITE requests received: calls attempted, and changes of calls (re-INVITE).",
            empty=module("kex", "stats"),
        ),
        panels.stat(
            "Answered",
            "percentunit",
            "sum(instance:kamailio_invites_answered:ratio_rate5m{$S} * instance:kamailio_invites:rate5m{$S})"
            " / sum(instance:kamailio_invites:rate5m{$S})",
            "Answer-seizure ratio: calls answered for each call attempted, over all Kamailios shown.",
            steps=low(CONFIG["answerRatio"]),
            empty=RULES,
        ),
    ):
        board.with_panel(panel)
    board.with_panel(
        panels.table(
            "Kamailios",
            COLUMNS,
            "One row for each Kamailio. A cell is empty if Kamailio has not loaded the module, or Prometheus has not loaded the recording rules. "
            "Worst set: the smallest share of active destinations among its dispatcher sets.",
            keys=("cluster", "job", "instance"),
            names={"instance": "Instance", "cluster": "Cluster", "version": "Version"},
            labels=[("version", "kamailio_build_info{$S}")],
            link=instance_link(),
        )
    )
    board.with_row(row("Over time"))
    for panel in (
        panels.timeseries(
            "Calls by Kamailio",
            "reqps",
            [("instance:kamailio_invites:rate5m{$S}", "{{instance}}")],
            "INVITE requests received by each Kamailio.",
            empty=RULES,
            stack=True,
        ),
        panels.timeseries(
            "Answered by Kamailio",
            "percentunit",
            [("instance:kamailio_invites_answered:ratio_rate5m{$S}", "{{instance}}")],
            "Answer-seizure ratio of each Kamailio.",
            empty=RULES,
            steps=low(CONFIG["answerRatio"]),
        ),
        panels.timeseries(
            "5xx replies by Kamailio",
            "percentunit",
            [('instance_class:kamailio_final_replies:ratio_rate5m{class="5xx",$S}', "{{instance}}")],
            "Share of final replies that are server errors.",
            empty=RULES,
            steps=high(CONFIG["serverErrorRatio"]),
        ),
        panels.timeseries(
            "Shared memory free by Kamailio",
            "percentunit",
            [("instance:kamailio_core_shmmem_free:ratio{$S}", "{{instance}}")],
            "Share of the shared memory that is free.",
            empty=RULES,
            steps=low(CONFIG["memoryFreeRatio"]),
            top=1,
        ),
        panels.timeseries(
            "Dialogs by Kamailio",
            "short",
            [("sum by (instance) (kamailio_dialog_dialogs{$S})", "{{instance}}")],
            "Calls under way, as the module dialog counts them.",
            empty=module("dialog", "stats"),
            stack=True,
        ),
        panels.timeseries(
            "Registered users by Kamailio",
            "short",
            [("kamailio_usrloc_registered_users{$S}", "{{instance}}")],
            "Addresses of record with a contact.",
            empty=module("usrloc", "stats"),
            stack=True,
        ),
        panels.timeseries(
            "Alerts",
            "short",
            [(f"sum by (alertname, severity) ({FIRING})", "{{alertname}} ({{severity}})")],
            "Alerts of this mixin that are firing.",
            empty="No alert is firing, or mixin/alerts.yaml is not loaded.",
            span=24,
            stack=True,
        ),
    ):
        board.with_panel(panel)
    return board
