//! Kamailio's statistics (module kex prints them, whoever keeps them), one file a subject.
//!
//! A row `stat(&["core.rcv_requests_bye"], BY_METHOD, &[is("method", "BYE")])` says which family a statistic is a sample
//! of, and with which labels; `counter` and `gauge` are for a family of one. What Kamailio counts twice, under its code
//! and under its class, is in two families.

mod core;
mod dialogs;
mod diameter;
mod ims;
mod messages;
mod peers;
mod registrations;
mod replies;
mod requests;
mod sl;
mod snmpstats;
mod transactions;
mod transports;
mod websocket;

use crate::collectors::schema::{
    Call, Collector, Cost, EachKey, Field, Key, Label, NameLabels, Read, Table, Unreadable, field, statistic,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `kex/core_stats.c`, `rpc_stats_fetch_statistics`: one struct of `group.name` and decimal strings.
pub(super) static FETCH: Collector = Collector {
    call: Call::EachGroup,
    tables: &[Table {
        fields: &[field(
            Key::Each(group_and_name),
            Kind::Gauge,
            "kamailio_stats_fetch_value",
            "A statistic, as Kamailio counts it.",
            statistic,
        )],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::List,
    ..Collector::new("stats.fetch", "kex", "The statistics of the groups that --kamailio.stats-groups names.")
};

/// The same, typed. One field for each statistic that is known; the others keep their name as a label.
pub(super) static TYPED: Collector = Collector {
    method: "stats.fetch",
    call: Call::EveryGroup,
    tables: &[Table { fields: &FIELDS, wide: true, ..Table::NEW }],
    large: true,
    cost: Cost::List,
    ..Collector::new("stats", "kex", "All statistics, by what they count.")
};

static FIELDS: [Field; count(SUBJECTS)] = concat(SUBJECTS);

/// In the order of the exposition. The last one takes whatever is left.
const SUBJECTS: &[&[Field]] = &[
    requests::REQUESTS,
    requests::BY_METHODS,
    replies::REPLIES,
    replies::BY_CLASSES,
    replies::BY_CODES,
    replies::BY_CLASSES_AND_METHODS,
    core::CORE,
    sl::SL,
    sl::BY_CODES,
    transactions::TMX,
    transactions::TSILO,
    dialogs::DIALOG,
    registrations::REGISTRAR,
    registrations::USRLOC,
    registrations::UAC,
    transports::TCP,
    transports::TLS,
    transports::SCTP,
    websocket::WEBSOCKET,
    websocket::BY_SUBPROTOCOLS,
    messages::MSILO,
    messages::TRACED,
    peers::NAT_TRAVERSAL,
    peers::SERVERS,
    snmpstats::SNMPSTATS,
    diameter::CDP,
    diameter::BY_COMMAND,
    ims::SESSIONS,
    ims::CCR,
    ims::RX,
    ims::REGISTRAR,
    ims::USRLOC,
    LEFT_OUT,
    &[UNKNOWN],
];

/// Statistics that tell nothing. The first three are always 0: Kamailio does not count in them, or (`sl/sl_stats.c`,
/// `add_sl_stats`) does not add up what it counted. The fourth has the number of expired contacts instead of that of
/// identities (`ims_usrloc_pcscf/ims_usrloc_pcscf_mod.c`), which is served as what it is.
const LEFT_OUT: &[Field] = &[
    left_out(&["sl.sent_err_replies"]),
    left_out(&["sst.expired_sst"]),
    left_out(&["imc.active_rooms"]),
    left_out(&["ims_usrloc_pcscf.registered_impus"]),
];

/// What no other field has taken: the script's statistics, those of modules that are not known here.
const UNKNOWN: Field = field(
    Key::Rest(by_name, group_and_name),
    Kind::Untyped,
    "kamailio_statistic",
    "A statistic that the exporter has no metric of its own for.",
    statistic,
);

/// A statistic that is a sample of `family`.
const fn stat(name: &'static [&'static str], family: Field, labels: &'static [Label]) -> Field {
    Field { key: Key::At(name), labels, ..family }
}

/// Statistics that are samples of `family`, with labels from their names.
const fn selected(names: EachKey, family: Field) -> Field {
    Field { key: Key::Each(names), ..family }
}

/// A counter of its own.
const fn counter(name: &'static [&'static str], family: &'static str, help: &'static str) -> Field {
    field(Key::At(name), Kind::Counter, family, help, not_negative)
}

/// A gauge of its own.
const fn gauge(name: &'static [&'static str], family: &'static str, help: &'static str) -> Field {
    field(Key::At(name), Kind::Gauge, family, help, statistic)
}

/// A family of counters, for [`stat`] and [`selected`].
const fn family_of_counters(family: &'static str, help: &'static str) -> Field {
    counter(&[], family, help)
}

/// A family of gauges, for [`stat`] and [`selected`].
const fn family_of_gauges(family: &'static str, help: &'static str) -> Field {
    gauge(&[], family, help)
}

/// The same family for values that have to be read in another way.
const fn read(field: Field, read: Read) -> Field {
    Field { read, ..field }
}

/// A statistic that gives no sample, not even one of [`UNKNOWN`].
const fn left_out(name: &'static [&'static str]) -> Field {
    stat(name, read(UNKNOWN, nothing), &[])
}

fn nothing(_: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(None)
}

/// Counters never go below zero, unless Kamailio's are broken.
fn not_negative(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match statistic(value)? {
        Some(Number::Signed(number)) if number < 0 => Err(Unreadable),
        Some(Number::Float(number)) if number < 0.0 => Err(Unreadable),
        number => Ok(number),
    }
}

/// Milliseconds as seconds.
fn milliseconds(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(statistic(value)?.map(|number| divided(number, 1000.0)))
}

/// The same for a counter.
fn counted_milliseconds(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(not_negative(value)?.map(|number| divided(number, 1000.0)))
}

/// Per cent as a ratio.
fn percent(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(statistic(value)?.map(|number| divided(number, 100.0)))
}

fn divided(number: Number, by: f64) -> Number {
    Number::Float(match number {
        Number::Unsigned(number) => number as f64 / by,
        Number::Signed(number) => number as f64 / by,
        Number::Float(number) => number / by,
    })
}

/// `core.rcv_requests` is the statistic `rcv_requests` of the group `core`; the name may have dots.
fn group_and_name(key: &[u8]) -> Option<NameLabels<'_>> {
    let dot = key.iter().position(|byte| *byte == b'.');
    let (group, name) = dot.map_or((&[][..], key), |dot| (&key[..dot], &key[dot + 1..]));
    Some([("group", group), ("name", name)])
}

/// In the place of a second label.
const NO_LABEL: (&str, &[u8]) = ("", b"");

const fn count(subjects: &[&[Field]]) -> usize {
    let (mut count, mut subject) = (0, 0);
    while subject < subjects.len() {
        count += subjects[subject].len();
        subject += 1;
    }
    count
}

const fn concat<const COUNT: usize>(subjects: &[&[Field]]) -> [Field; COUNT] {
    let mut all = [UNKNOWN; COUNT];
    let (mut count, mut subject) = (0, 0);
    while subject < subjects.len() {
        let mut place = 0;
        while place < subjects[subject].len() {
            all[count] = subjects[subject][place];
            count += 1;
            place += 1;
        }
        subject += 1;
    }
    all
}

/// The family of a statistic that is in no table and whose name says what it is: `_total` is a counter, `_seconds` and
/// `_bytes` are gauges. `script.calls_total` is `kamailio_script_calls_total`.
pub(crate) fn by_name(key: &[u8]) -> Option<(String, &'static str)> {
    let (group, name) = std::str::from_utf8(key).ok()?.split_once('.')?;
    let valid = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let kind = match name {
        name if name.ends_with("_total") => "counter",
        name if name.ends_with("_seconds") || name.ends_with("_bytes") => "gauge",
        _ => return None,
    };
    (valid(group) && valid(name)).then(|| (format!("kamailio_{group}_{name}"), kind))
}
