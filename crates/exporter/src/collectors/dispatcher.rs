//! Destinations of the load balancer (module dispatcher).

use crate::collectors::schema::{
    Call, Collector, Cost, Field, Label, Listing, Table, Unreadable, at, boolean, counter, divided, field,
    gauge, info, is, label, unless_zero, unsigned_gauge,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `dispatcher/dispatcher.c`, `dispatcher_rpc_list`. A destination has `ATTRS` only if it has attributes,
/// `LATENCY` with the parameter `ds_ping_latency_stats`, and `RUNTIME` with `ds_hash_size`.
pub(super) static LIST: Collector = Collector {
    tables: &[
        Table {
            rows: &["RECORDS", "SET", "TARGETS", "DEST"],
            labels: DESTINATION,
            fields: &[info(
                "kamailio_dispatcher_list_target",
                "Destination with its flags: A active, I inactive, D disabled or T trying, then P probed or X not \
             probed. The value is always 1.",
                &[label("flags", &["FLAGS"])],
            )],
            extra_fields: MORE,
            distinguishing_labels: &[label("duid", &["ATTRS", "DUID"])],
            ..Table::NEW
        },
        Table {
            rows: &["RECORDS", "SET"],
            labels: &[label("setid", &["ID"])],
            extra_fields: &[
                destinations::<b'A'>().with(&[is("state", "active")]),
                destinations::<b'I'>().with(&[is("state", "inactive")]),
                destinations::<b'D'>().with(&[is("state", "disabled")]),
                destinations::<b'T'>().with(&[is("state", "trying")]),
            ],
            ..Table::NEW
        },
        Table {
            extra_fields: &[unsigned_gauge(at(&["NRSETS"]), "kamailio_dispatcher_sets", "Dispatcher sets.")],
            ..Table::NEW
        },
    ],
    empty_faults: &["No Destination Sets"],
    large: true,
    cost: Cost::Linear,
    ..Collector::new("dispatcher.list", "dispatcher", "Dispatcher sets and their destinations.")
};

/// The texts of the same reply. This is a collector of its own because texts make long series, and new series whenever
/// an attribute changes.
pub(super) static INFO: Collector = Collector {
    method: "dispatcher.list",
    tables: &[Table {
        rows: &["RECORDS", "SET", "TARGETS", "DEST"],
        labels: &[label("setid", &["ID"]), label("uri", &["URI"]), label("duid", &["ATTRS", "DUID"])],
        fields: &[info(
            "kamailio_dispatcher_destination_info",
            "Attributes and sockets of the destination. The value is always 1.",
            &[
                label("attributes", &["ATTRS", "BODY"]),
                label("socket", &["ATTRS", "SOCKET"]),
                label("socket_name", &["ATTRS", "SOCKNAME"]),
                label("outbound_proxy", &["ATTRS", "OBPROXY"]),
            ],
        )],
        distinguishing_labels: &[label("priority", &["PRIORITY"])],
        ..Table::NEW
    }],
    empty_faults: &["No Destination Sets"],
    large: true,
    cost: Cost::Linear,
    ..Collector::opt_in(
        "dispatcher.info",
        "dispatcher",
        "Attributes and sockets of the dispatcher's destinations.",
    )
};

/// `dispatcher/dispatcher.c`, `dispatcher_rpc_oclist`, since Kamailio 6.0: one record per destination of a set.
pub(super) static OCLIST: Collector = Collector {
    call: Call::EachNumberOf(Listing { method: "dispatcher.list", path: &["RECORDS", "SET", "ID"] }),
    tables: &[Table {
        labels: &[label("setid", &["group"]), label("uri", &["uri"])],
        fields: &[
            unsigned_gauge(
                at(&["ocrate"]),
                "kamailio_dispatcher_destination_overload_rate",
                "Current overload control rate of the destination (ocrate).",
            ),
            unsigned_gauge(
                at(&["ocmin"]),
                "kamailio_dispatcher_destination_overload_rate_min",
                "Lowest overload control rate of the destination (ocmin).",
            ),
            unsigned_gauge(
                at(&["ocmax"]),
                "kamailio_dispatcher_destination_overload_rate_max",
                "Highest overload control rate of the destination (ocmax).",
            ),
        ],
        distinguishing_labels: &[label("priority", &["priority"])],
        ..Table::NEW
    }],
    empty_faults: &["Destination Group Not Found"],
    large: true,
    since: Some("6.0"),
    cost: Cost::Linear,
    ..Collector::opt_in(
        "dispatcher.oclist",
        "dispatcher",
        "Overload control of the dispatcher's destinations.",
    )
};

const DESTINATION: &[Label] = &[label("setid", &["ID"]), label("uri", &["URI"])];

/// Each state is a family of its own rather than a label, so that each family has one sample per destination.
const MORE: &[Field] = &[
    flags(
        "kamailio_dispatcher_destination_up",
        "1 if Kamailio sends requests to the destination (state active or trying), 0 otherwise.",
        is_up,
    ),
    flags(
        "kamailio_dispatcher_destination_active",
        "1 if the destination is active, 0 otherwise.",
        has::<0, b'A'>,
    ),
    flags(
        "kamailio_dispatcher_destination_inactive",
        "1 if the destination has failed and is not used until it answers again, 0 otherwise.",
        has::<0, b'I'>,
    ),
    flags(
        "kamailio_dispatcher_destination_disabled",
        "1 if the destination is administratively disabled, 0 otherwise.",
        has::<0, b'D'>,
    ),
    flags(
        "kamailio_dispatcher_destination_trying",
        "1 if the destination has failed but is still used until it reaches the failure limit, 0 otherwise.",
        has::<0, b'T'>,
    ),
    flags(
        "kamailio_dispatcher_destination_probing",
        "1 if the destination is probed, 0 otherwise.",
        has::<1, b'P'>,
    ),
    gauge(
        at(&["PRIORITY"]),
        "kamailio_dispatcher_destination_priority",
        "Priority of the destination in its set; the highest comes first.",
    ),
    gauge(at(&["ATTRS", "WEIGHT"]), "kamailio_dispatcher_destination_weight", "Weight of the destination."),
    gauge(
        at(&["ATTRS", "RWEIGHT"]),
        "kamailio_dispatcher_destination_relative_weight",
        "Relative weight of the destination.",
    ),
    gauge(
        at(&["ATTRS", "MAXLOAD"]),
        "kamailio_dispatcher_destination_max_load",
        "Maximum number of concurrent dialogs of the destination; 0 means no limit.",
    ),
    gauge(
        at(&["RUNTIME", "DLGLOAD"]),
        "kamailio_dispatcher_destination_dialog_load",
        "Dialogs currently assigned to the destination.",
    ),
    latency::<AVG>(
        "kamailio_dispatcher_destination_latency_average_seconds",
        "Mean response time to probes of the destination, in seconds; missing before the first reply.",
    ),
    latency::<STD>(
        "kamailio_dispatcher_destination_latency_deviation_seconds",
        "Standard deviation of the response time to probes of the destination, in seconds; missing before the first reply.",
    ),
    latency::<EST>(
        "kamailio_dispatcher_destination_latency_estimate_seconds",
        "Estimated response time of the destination, weighting recent probes most, in seconds; missing before the first reply.",
    ),
    latency::<MAX>(
        "kamailio_dispatcher_destination_latency_max_seconds",
        "Longest response time to a probe of the destination, in seconds; missing before the first reply.",
    ),
    counter(
        at(&["LATENCY", "TIMEOUT"]),
        "kamailio_dispatcher_destination_timeouts",
        "Probes that the destination did not answer in time.",
    ),
];

type Reading = Result<Option<Number>, Unreadable>;

const fn flags(name: &'static str, help: &'static str, read: fn(Value<'_>) -> Reading) -> Field {
    field(at(&["FLAGS"]), Kind::Gauge, name, help, read)
}

const fn latency<const MEMBER: usize>(name: &'static str, help: &'static str) -> Field {
    field(at(&["LATENCY"]), Kind::Gauge, name, help, seconds::<MEMBER>)
}

const fn destinations<const STATE: u8>() -> Field {
    let help = "Destinations of the set by state.";
    field(at(&["TARGETS"]), Kind::Gauge, "kamailio_dispatcher_set_destinations", help, count::<STATE>)
}

fn has<const PLACE: usize, const LETTER: u8>(flags: Value<'_>) -> Reading {
    boolean(flags.as_bytes().ok_or(Unreadable)?.get(PLACE) == Some(&LETTER))
}

/// A destination in state trying is still used.
fn is_up(flags: Value<'_>) -> Reading {
    boolean(matches!(flags.as_bytes().ok_or(Unreadable)?.first(), Some(b'A' | b'T')))
}

fn count<const STATE: u8>(targets: Value<'_>) -> Reading {
    let flags = targets
        .members()
        .ok_or(Unreadable)?
        .iter()
        .filter_map(|target| target.value.get("FLAGS")?.as_bytes());
    let count = flags.filter(|flags| flags.first() == Some(&STATE)).count();
    Ok(Some(Number::Unsigned(count as u64)))
}

/// Reads a member of `LATENCY`, in milliseconds, as seconds. All members are 0 until the first reply to a probe
/// (`dispatch.c`, `latency_stats_update`), and as long as every reply takes less than a millisecond: then there is no
/// value, because 0 would make a destination that never answered the fastest.
fn seconds<const MEMBER: usize>(latency: Value<'_>) -> Reading {
    let read = |name: &str| latency.get(name).map_or(Ok(None), |value| divided(value, 1e3));
    if LATENCY.iter().all(|name| read(name).is_ok_and(|number| unless_zero(number).is_none())) {
        return Ok(None);
    }
    match read(LATENCY[MEMBER])? {
        Some(Number::Float(seconds)) if seconds < 0.0 => Err(Unreadable),
        number => Ok(number),
    }
}

const LATENCY: [&str; 4] = ["AVG", "STD", "EST", "MAX"];
const AVG: usize = 0;
const STD: usize = 1;
const EST: usize = 2;
const MAX: usize = 3;
