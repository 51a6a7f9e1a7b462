//! Destinations of the load balancer (module dispatcher).

use crate::collectors::schema::{
    Call, Collector, Cost, EqualRows, Field, Label, LabelValue, Listing, Table, Unreadable, at, boolean,
    counter, divided, field, gauge, info, is, label, signed, unless_zero, unsigned, unsigned_gauge,
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
            equal_rows: EqualRows::Labelled(&[label("duid", &["ATTRS", "DUID"])]),
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

/// Attributes and sockets of the destinations, as an info metric that joins with the other families. A separate collector,
/// because the values are long and each change starts a new series.
pub(super) static INFO: Collector = Collector {
    method: "dispatcher.list",
    tables: &[Table {
        rows: &["RECORDS", "SET", "TARGETS", "DEST"],
        labels: &[label("setid", &["ID"]), label("uri", &["URI"]), label("duid", &["ATTRS", "DUID"])],
        fields: &[info(
            "kamailio_dispatcher_destination_info",
            "Attributes and sockets of the destination. The value is always 1.",
            &[
                Label { name: "attributes", value: LabelValue::Parameters(&["ATTRS", "BODY"]) },
                label("socket", &["ATTRS", "SOCKET"]),
                label("socket_name", &["ATTRS", "SOCKNAME"]),
                label("outbound_proxy", &["ATTRS", "OBPROXY"]),
            ],
        )],
        equal_rows: EqualRows::Numbered,
        ..Table::NEW
    }],
    empty_faults: &["No Destination Sets"],
    large: true,
    cost: Cost::Linear,
    ..Collector::opt_in(
        "dispatcher.info",
        "dispatcher",
        "Attributes and sockets of the dispatcher's destinations. With --collector.dispatcher.attributes, each attribute named \
         there is a label, in place of the label attributes with all of them.",
    )
};

/// `dispatcher/dispatcher.c`, `dispatcher_rpc_oclist`, since Kamailio 6.0: one record per destination of a set. `flags` is
/// left out, because it is the state that `dispatcher.list` has as well; so is `ocidx`, the position in a shuffled list
/// of one hundred decisions.
pub(super) static OCLIST: Collector = Collector {
    call: Call::EachNumberOf(Listing { method: "dispatcher.list", path: &["RECORDS", "SET", "ID"] }),
    tables: &[Table {
        labels: &[label("setid", &["group"]), label("uri", &["uri"])],
        fields: &[
            unsigned_gauge(
                at(&["ocrate"]),
                "kamailio_dispatcher_destination_overload_rate",
                "Percentage of requests that overload control withholds from the destination (ocrate).",
            ),
            unsigned_gauge(
                at(&["ocmin"]),
                "kamailio_dispatcher_destination_overload_rate_min",
                "Lowest percentage of requests to withhold from the destination (ocmin).",
            ),
            unsigned_gauge(
                at(&["ocmax"]),
                "kamailio_dispatcher_destination_overload_rate_max",
                "Highest percentage of requests to withhold from the destination (ocmax).",
            ),
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_dispatcher_destination_overload_valid_until_timestamp_seconds",
                "Unix time until which the overload control rate is valid, in seconds; missing before the first update.",
                valid_until,
            ),
            field(
                at(&["ocseq"]),
                Kind::Gauge,
                "kamailio_dispatcher_destination_overload_sequence",
                "Sequence number of the last update of the overload control rate; missing before the first update.",
                sequence,
            ),
        ],
        equal_rows: EqualRows::Numbered,
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

fn sequence(number: Value<'_>) -> Reading {
    unsigned(number).map(unless_zero)
}

fn valid_until(destination: Value<'_>) -> Reading {
    let part = |name| match destination.get(name).map(signed) {
        Some(Ok(Some(Number::Signed(part)))) => Ok(part),
        None => Ok(0),
        _ => Err(Unreadable),
    };
    let microseconds = part("octime_sec")?.saturating_mul(1_000_000).saturating_add(part("octime_usec")?);
    Ok(unless_zero(Some(Number::Float(microseconds as f64 / 1e6))))
}

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
        at(&["ATTRS", "PROBING_COUNT"]),
        "kamailio_dispatcher_destination_probing_count",
        "Consecutive probes that failed, or that an inactive destination answered: Kamailio changes the state at \
         ds_probing_threshold or ds_inactive_threshold (since Kamailio 6.1).",
    ),
    unsigned_gauge(
        at(&["ATTRS", "OCMIN"]),
        "kamailio_dispatcher_destination_ocmin",
        "Attribute ocmin of the destination: lowest percentage of requests to withhold (since Kamailio 6.0).",
    ),
    unsigned_gauge(
        at(&["ATTRS", "OCMAX"]),
        "kamailio_dispatcher_destination_ocmax",
        "Attribute ocmax of the destination: highest percentage of requests to withhold (since Kamailio 6.0).",
    ),
    gauge(
        at(&["RUNTIME", "DLGLOAD"]),
        "kamailio_dispatcher_destination_dialog_load",
        "Dialogs currently assigned to the destination.",
    ),
    latency::<AVG>(
        "kamailio_dispatcher_destination_latency_average_seconds",
        "Mean response time to probes of the destination, in seconds; missing before the first reply and while all replies take less than 1 ms, which look the same.",
    ),
    latency::<STD>(
        "kamailio_dispatcher_destination_latency_deviation_seconds",
        "Standard deviation of the response time to probes of the destination, in seconds; missing before the first reply and while all replies take less than 1 ms, which look the same.",
    ),
    latency::<EST>(
        "kamailio_dispatcher_destination_latency_estimate_seconds",
        "Estimated response time of the destination, weighting recent probes most, in seconds; missing before the first reply and while all replies take less than 1 ms, which look the same.",
    ),
    latency::<MAX>(
        "kamailio_dispatcher_destination_latency_max_seconds",
        "Longest response time to a probe of the destination, in seconds; missing before the first reply and while all replies take less than 1 ms, which look the same.",
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

fn has<const INDEX: usize, const LETTER: u8>(flags: Value<'_>) -> Reading {
    boolean(flags.as_bytes().ok_or(Unreadable)?.get(INDEX) == Some(&LETTER))
}

/// Returns 1 for a destination in state active or trying, because a destination in state trying is still used.
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
