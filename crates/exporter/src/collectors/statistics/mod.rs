//! Kamailio's statistics, which module kex prints for all modules. One file per subject.
//!
//! A row such as `stat(&["core.rcv_requests_bye"], BY_METHOD, &[is("method", "BYE")])` maps a statistic to a family and
//! labels; `counter` and `gauge` are for families with a single sample. Events that Kamailio counts twice, by code and
//! by class, are in two families.

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
    Call, Collector, Cost, Field, Key, Label, NameLabels, NameMatcher, Read, Table, Unreadable, divided,
    field, statistic, unless_zero,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `kex/core_stats.c`, `rpc_stats_fetch_statistics`: one struct that maps `group.name` to decimal strings.
pub(super) static FETCH: Collector = Collector {
    call: Call::NamedGroups,
    tables: &[Table {
        fields: &[field(
            Key::Matching(group_and_name),
            Kind::Gauge,
            "kamailio_stats_fetch_value",
            "Value of the statistic, as Kamailio reports it.",
            statistic,
        )],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::new("stats.fetch", "kex", "Statistics of the groups named by --kamailio.stats-groups.")
};

/// The statistics as typed metrics: a field for each known statistic; unknown statistics keep their name as a label.
pub(super) static TYPED: Collector = Collector {
    method: "stats.fetch",
    call: Call::AllGroups,
    tables: &[Table { fields: &FIELDS, by_name: true, ..Table::NEW }],
    cost: Cost::Linear,
    ..Collector::new("stats", "kex", "All statistics, each as a metric of its own.")
};

static FIELDS: [Field; count(SUBJECTS)] = concat(SUBJECTS);

/// The fields in the order of the exposition. The last field takes all statistics that no other field matches.
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

/// Statistics without a meaning:
/// - three that are always 0, because Kamailio never updates them or (`sl/sl_stats.c`, `add_sl_stats`) does not sum them
///   up;
/// - `registered_impus`, which is the number of expired contacts rather than that of identities
///   (`ims_usrloc_pcscf/ims_usrloc_pcscf_mod.c`), and is served under the right name;
/// - `regactive`, from which each REGISTER request subtracts one (`uac/uac_reg.c`, `uac_reg_send`) and to which each final
///   reply of any code adds one (`uac_reg_tm_callback`): it is 0 if all accounts are registered, and negative while
///   requests are unanswered. `kamailio_uac_registration_up` of collector `uac.reg_dump` is right.
const LEFT_OUT: &[Field] = &[
    left_out(&["sl.sent_err_replies"]),
    left_out(&["sst.expired_sst"]),
    left_out(&["imc.active_rooms"]),
    left_out(&["ims_usrloc_pcscf.registered_impus"]),
    left_out(&["uac.regactive"]),
];

/// Statistics that no other field matches: those of the script and of unknown modules.
const UNKNOWN: Field = field(
    Key::Remaining(by_name, group_and_name),
    Kind::Untyped,
    "kamailio_statistic",
    "Statistic without a metric of its own, by group and name.",
    statistic,
);

/// Maps a statistic to a sample of `family`.
const fn stat(name: &'static [&'static str], family: Field, labels: &'static [Label]) -> Field {
    Field { key: Key::At(name), labels, ..family }
}

/// Maps statistics to samples of `family` whose labels are made from their names.
const fn selected(names: NameMatcher, family: Field) -> Field {
    Field { key: Key::Matching(names), ..family }
}

/// A counter without labels.
const fn counter(name: &'static [&'static str], family: &'static str, help: &'static str) -> Field {
    field(Key::At(name), Kind::Counter, family, help, not_negative)
}

/// A gauge without labels.
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

/// Replaces the reader of a field.
const fn read(field: Field, read: Read) -> Field {
    Field { read, ..field }
}

/// A statistic without any sample, not even one of [`UNKNOWN`].
const fn left_out(name: &'static [&'static str]) -> Field {
    stat(name, read(UNKNOWN, nothing), &[])
}

fn nothing(_: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(None)
}

/// Reads a statistic that is never negative unless Kamailio's counter is broken.
fn not_negative(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match statistic(value)? {
        Some(Number::Signed(number)) if number < 0 => Err(Unreadable),
        Some(Number::Float(number)) if number < 0.0 => Err(Unreadable),
        number => Ok(number),
    }
}

/// Reads milliseconds as seconds.
fn milliseconds(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    divided(value, 1e3)
}

/// Reads milliseconds as seconds, for a counter.
fn counted_milliseconds(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    not_negative(value).and_then(|_| milliseconds(value))
}

/// Reads milliseconds as seconds, for an average, which Kamailio reports as 0 as long as there is nothing to average.
fn average_milliseconds(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    milliseconds(value).map(unless_zero)
}

/// Reads a percentage as a ratio.
fn percent(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    divided(value, 100.0)
}

/// Splits `core.rcv_requests` into the group `core` and the name `rcv_requests`, which can contain dots.
fn group_and_name(key: &[u8]) -> Option<NameLabels<'_>> {
    let dot = key.iter().position(|byte| *byte == b'.');
    let (group, name) = dot.map_or((&[][..], key), |dot| (&key[..dot], &key[dot + 1..]));
    Some([("group", group), ("name", name)])
}

/// Takes the position of the second label if there is only one.
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
        let mut index = 0;
        while index < subjects[subject].len() {
            all[count] = subjects[subject][index];
            count += 1;
            index += 1;
        }
        subject += 1;
    }
    all
}

/// Returns the family of a statistic that no table has, if the name follows Prometheus' conventions: `_total` is a
/// counter, `_seconds` and `_bytes` are gauges. `script.calls_total` becomes `kamailio_script_calls_total`.
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
