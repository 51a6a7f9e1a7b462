//! Destinations of the load balancer (module dispatcher).

use crate::collectors::schema::{
    Call, Collector, Cost, Field, Key, Label, Listing, Table, Unreadable, at, counter, field, flag, gauge,
    is, label, row, size, unsigned,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `dispatcher/dispatcher.c`, `dispatcher_rpc_list`. A destination has `ATTRS` only if attributes were given, `LATENCY`
/// with `ds_ping_latency_stats`, `RUNTIME` with `ds_hash_size`.
pub(super) static LIST: Collector = Collector {
    tables: &[
        Table {
            rows: &["RECORDS", "SET", "TARGETS", "DEST"],
            labels: DESTINATION,
            fields: &[row(
                "kamailio_dispatcher_list_target",
                "A destination; its flags are A (active), I (inactive), D (disabled) or T (trying), then P (probed) or X.",
                &[label("flags", &["FLAGS"])],
            )],
            more: MORE,
            tell_apart: &[label("duid", &["ATTRS", "DUID"])],
            ..Table::NEW
        },
        Table {
            rows: &["RECORDS", "SET"],
            labels: &[label("setid", &["ID"])],
            more: &[
                destinations::<b'A'>().with(&[is("state", "active")]),
                destinations::<b'I'>().with(&[is("state", "inactive")]),
                destinations::<b'D'>().with(&[is("state", "disabled")]),
                destinations::<b'T'>().with(&[is("state", "trying")]),
            ],
            ..Table::NEW
        },
        Table {
            more: &[size(at(&["NRSETS"]), "kamailio_dispatcher_sets", "Sets of destinations.")],
            ..Table::NEW
        },
    ],
    none_configured: &["No Destination Sets"],
    large: true,
    cost: Cost::List,
    ..Collector::new("dispatcher.list", "dispatcher", "Dispatcher sets and their destinations.")
};

/// The same reply, for the texts in it: they make long series, and new ones when an attribute changes.
pub(super) static INFO: Collector = Collector {
    method: "dispatcher.list",
    tables: &[Table {
        rows: &["RECORDS", "SET", "TARGETS", "DEST"],
        labels: &[label("setid", &["ID"]), label("uri", &["URI"]), label("duid", &["ATTRS", "DUID"])],
        fields: &[row(
            "kamailio_dispatcher_destination_info",
            "A destination, with the attributes that it was given and the socket to reach it from.",
            &[
                label("attributes", &["ATTRS", "BODY"]),
                label("socket", &["ATTRS", "SOCKET"]),
                label("socket_name", &["ATTRS", "SOCKNAME"]),
                label("outbound_proxy", &["ATTRS", "OBPROXY"]),
            ],
        )],
        tell_apart: &[label("priority", &["PRIORITY"])],
        ..Table::NEW
    }],
    none_configured: &["No Destination Sets"],
    large: true,
    cost: Cost::List,
    ..Collector::opt_in("dispatcher.info", "dispatcher", "Attributes of the dispatcher's destinations.")
};

/// `dispatcher/dispatcher.c`, `dispatcher_rpc_oclist`, since Kamailio 6.0: one record a destination of a set.
pub(super) static OCLIST: Collector = Collector {
    call: Call::EachNumberOf(Listing { method: "dispatcher.list", path: &["RECORDS", "SET", "ID"] }),
    tables: &[Table {
        labels: &[label("setid", &["group"]), label("uri", &["uri"])],
        fields: &[
            size(
                at(&["ocrate"]),
                "kamailio_dispatcher_destination_overload_rate",
                "The destination's rate under overload control (ocrate).",
            ),
            size(
                at(&["ocmin"]),
                "kamailio_dispatcher_destination_overload_rate_min",
                "The least that the rate can be (ocmin).",
            ),
            size(
                at(&["ocmax"]),
                "kamailio_dispatcher_destination_overload_rate_max",
                "The most that the rate can be (ocmax).",
            ),
        ],
        tell_apart: &[label("priority", &["priority"])],
        ..Table::NEW
    }],
    none_configured: &["Destination Group Not Found"],
    large: true,
    since: Some("6.0"),
    cost: Cost::List,
    ..Collector::opt_in(
        "dispatcher.oclist",
        "dispatcher",
        "Overload control of the dispatcher's destinations.",
    )
};

const DESTINATION: &[Label] = &[label("setid", &["ID"]), label("uri", &["URI"])];

/// One family a state, not one with a label, so that each has as many samples as there are destinations.
const MORE: &[Field] = &[
    flags("kamailio_dispatcher_destination_up", "1 if requests are sent to the destination.", is_up),
    flags("kamailio_dispatcher_destination_active", "1 if the destination is active.", has::<0, b'A'>),
    flags(
        "kamailio_dispatcher_destination_inactive",
        "1 if the destination did not answer, and is not used until it does.",
        has::<0, b'I'>,
    ),
    flags(
        "kamailio_dispatcher_destination_disabled",
        "1 if the destination was switched off.",
        has::<0, b'D'>,
    ),
    flags(
        "kamailio_dispatcher_destination_trying",
        "1 if the destination failed, and has some tries left.",
        has::<0, b'T'>,
    ),
    flags("kamailio_dispatcher_destination_probing", "1 if the destination is probed.", has::<1, b'P'>),
    gauge(
        at(&["PRIORITY"]),
        "kamailio_dispatcher_destination_priority",
        "Priority of the destination in its set; a higher one comes first.",
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
        "Dialogs that the destination may have at once; 0 is any number.",
    ),
    gauge(
        at(&["RUNTIME", "DLGLOAD"]),
        "kamailio_dispatcher_destination_dialog_load",
        "Dialogs that the destination has.",
    ),
    latency(
        at(&["LATENCY", "AVG"]),
        "kamailio_dispatcher_destination_latency_average_seconds",
        "Mean time that the destination took to answer probes.",
    ),
    latency(
        at(&["LATENCY", "STD"]),
        "kamailio_dispatcher_destination_latency_deviation_seconds",
        "Standard deviation of the time that the destination took to answer probes.",
    ),
    latency(
        at(&["LATENCY", "EST"]),
        "kamailio_dispatcher_destination_latency_estimate_seconds",
        "Time that the destination is expected to take to answer: a mean in which the last probes count most.",
    ),
    latency(
        at(&["LATENCY", "MAX"]),
        "kamailio_dispatcher_destination_latency_max_seconds",
        "The most that the destination took to answer a probe.",
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

const fn latency(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Gauge, name, help, seconds)
}

const fn destinations<const STATE: u8>() -> Field {
    let help = "Destinations of the set by state.";
    field(at(&["TARGETS"]), Kind::Gauge, "kamailio_dispatcher_set_destinations", help, count::<STATE>)
}

fn has<const PLACE: usize, const LETTER: u8>(flags: Value<'_>) -> Reading {
    flag(flags.as_bytes().ok_or(Unreadable)?.get(PLACE) == Some(&LETTER))
}

/// A destination that failed is used until its tries are up.
fn is_up(flags: Value<'_>) -> Reading {
    flag(matches!(flags.as_bytes().ok_or(Unreadable)?.first(), Some(b'A' | b'T')))
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

/// Milliseconds as seconds.
fn seconds(value: Value<'_>) -> Reading {
    Ok(unsigned(value)?.map(|milliseconds| {
        Number::Float(match milliseconds {
            Number::Unsigned(whole) => whole as f64 / 1000.0,
            Number::Signed(whole) => whole as f64 / 1000.0,
            Number::Float(number) => number / 1000.0,
        })
    }))
}
