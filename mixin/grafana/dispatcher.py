"""The dispatcher's sets and destinations over time."""

from lib import CONFIG, RULES, SELECTOR, Panels, high, instance_link, low, module, new, row, values

panels = Panels(SELECTOR + ',setid=~"$setid"')

DISPATCHER = module("dispatcher", "dispatcher.list")
LATENCY = (
    "No data: Kamailio has not loaded the module dispatcher, or does not measure latencies"
    " (ds_ping_interval and ds_ping_latency_stats)."
)

# One number for each destination: 2 active, 1 tried again (which counts as up), 0 inactive, -1 switched off.
STATE = (
    "kamailio_dispatcher_destination_up{$S} + kamailio_dispatcher_destination_active{$S}"
    " - kamailio_dispatcher_destination_disabled{$S}"
)
STATES = values({2: ("active", "green"), 1: ("trying", "yellow"), 0: ("inactive", "red"), -1: ("switched off", "blue")})

KEYS = ("cluster", "job", "instance", "setid", "uri", "duid")
DESTINATION = "{{setid}} {{uri}} {{duid}}"

# Title, expression, unit, thresholds, mappings.
COLUMNS = [
    ("State", STATE, "short", None, STATES),
    (
        "Latency",
        "kamailio_dispatcher_destination_latency_estimate_seconds{$S}",
        "s",
        high(CONFIG["latencySeconds"]),
    ),
    ("Worst latency", "kamailio_dispatcher_destination_latency_max_seconds{$S}", "s"),
    ("Timeouts", "kamailio_dispatcher_destination_timeouts_total{$S}", "short"),
    ("Priority", "kamailio_dispatcher_destination_priority{$S}", "short"),
    ("Weight", "kamailio_dispatcher_destination_weight{$S}", "short"),
    ("Dialogs", "kamailio_dispatcher_destination_dialog_load{$S}", "short"),
    ("Most dialogs", "kamailio_dispatcher_destination_max_load{$S}", "short"),
    ("Changes in 1 h", "changes(kamailio_dispatcher_destination_up{$S}[1h])", "short", high(CONFIG["flapsPerHour"])),
]


def stats():
    return [
        panels.stat(
            "Sets",
            "short",
            "count(sum by (cluster, job, instance, setid) (kamailio_dispatcher_set_destinations{$S}))",
            "Dispatcher sets.",
            empty=DISPATCHER,
        ),
        panels.stat(
            "Sets down",
            "short",
            "sum(instance_setid:kamailio_dispatcher_destinations_active:ratio{$S} == bool 0)",
            "Sets without an active destination. Sets that were switched off altogether do not count.",
            steps=high(1),
            empty=RULES,
        ),
        *(
            panels.stat(
                title,
                "short",
                f'sum(kamailio_dispatcher_set_destinations{{state="{state}",$S}})',
                description,
                steps=steps,
                empty=DISPATCHER,
            )
            for title, state, description, steps in (
                ("Active", "active", "Destinations that requests are sent to.", None),
                ("Trying", "trying", "Destinations that failed and have tries left.", [("green", None), ("yellow", 1)]),
                ("Inactive", "inactive", "Destinations that did not answer.", high(1)),
                ("Switched off", "disabled", "Destinations that an operator switched off.", None),
            )
        ),
    ]


def over_time():
    return [
        panels.timeseries(
            "Active share of each set",
            "percentunit",
            [
                (
                    "instance_setid:kamailio_dispatcher_destinations_active:ratio{$S}",
                    "set {{setid}}",
                )
            ],
            "Destinations of each set that are active, without those switched off.",
            empty=RULES,
            steps=low(CONFIG["setActiveRatio"]),
            span=12,
            top=1,
        ),
        panels.timeseries(
            "Latency, the ten slowest",
            "s",
            [("topk(10, kamailio_dispatcher_destination_latency_estimate_seconds{$S})", DESTINATION)],
            "Time until a probe is answered: a mean in which the last probes count most.",
            empty=LATENCY,
            steps=high(CONFIG["latencySeconds"]),
            span=12,
        ),
        panels.timeseries(
            "Timeouts, the ten worst",
            "reqps",
            [
                (
                    "topk(10, rate(kamailio_dispatcher_destination_timeouts_total{$S}[$__rate_interval]))",
                    DESTINATION,
                )
            ],
            "Probes that were not answered in time.",
            empty=LATENCY,
            span=12,
        ),
        panels.timeseries(
            "Dialogs, the ten busiest",
            "short",
            [("topk(10, kamailio_dispatcher_destination_dialog_load{$S})", DESTINATION)],
            "Calls under way with each destination. Only sets that distribute by load (algorithm 10) count them.",
            empty=DISPATCHER,
            span=12,
        ),
        panels.timeseries(
            "Weights",
            "short",
            [("topk(10, kamailio_dispatcher_destination_weight{$S})", DESTINATION)],
            "Weight of each destination.",
            empty=DISPATCHER,
            span=12,
        ),
        panels.timeseries(
            "State changes in an hour, the ten most",
            "short",
            [("topk(10, changes(kamailio_dispatcher_destination_up{$S}[1h]))", DESTINATION)],
            "How often a destination went up or down.",
            empty=DISPATCHER,
            steps=high(CONFIG["flapsPerHour"]),
            span=12,
        ),
    ]


def board():
    board = new(
        "kamailio-dispatcher",
        "Kamailio dispatcher",
        "Each dispatcher set and destination over time: state, latency, weight and load.",
        metric="kamailio_dispatcher_sets",
        # The destinations of a whole fleet would be tens of thousands of lines.
        one_instance=True,
        variables=[
            (
                "setid",
                "Set",
                "kamailio_dispatcher_set_destinations",
                SELECTOR,
            )
        ],
    )
    for panel in stats():
        board.with_panel(panel)
    board.with_panel(
        panels.state_timeline(
            "Destinations",
            [(f"max by ({', '.join(KEYS)}) ({STATE})", DESTINATION)],
            "State of each destination over time. With many destinations, choose a set above.",
            mappings=STATES,
            empty=DISPATCHER,
        )
    )
    board.with_panel(
        panels.table(
            "Destinations now",
            COLUMNS,
            "One row for each destination. Latencies are empty while Kamailio does not measure them.",
            keys=KEYS,
            names={"instance": "Instance", "setid": "Set", "uri": "Destination", "duid": "Unique id"},
            link=instance_link(),
            empty=DISPATCHER,
        )
    )
    board.with_row(row("Over time"))
    for panel in over_time():
        board.with_panel(panel)
    return board
