//! Kamailio's statistics (module kex prints them, whoever keeps them).

use crate::collector::{Call, Collector, Key, Table, field, statistic};
use crate::metric::Kind;

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
    ..Collector::new("stats.fetch", "kex", "The statistics of the groups that --kamailio.stats-groups names.")
};

/// The same, typed. One field for each statistic that is known; the others keep their name as a label.
pub(super) static TYPED: Collector = Collector {
    method: "stats.fetch",
    call: Call::EveryGroup,
    tables: &[Table {
        fields: &[field(
            Key::Each(group_and_name),
            Kind::Untyped,
            "kamailio_statistic",
            "A statistic that the exporter has no metric of its own for.",
            statistic,
        )],
        wide: true,
        ..Table::NEW
    }],
    large: true,
    ..Collector::new("stats", "kex", "All statistics, by what they count.")
};

/// `core.rcv_requests` is the statistic `rcv_requests` of the group `core`; the name may have dots.
fn group_and_name(key: &[u8]) -> Option<[(&'static str, &[u8]); 2]> {
    let dot = key.iter().position(|byte| *byte == b'.');
    let (group, name) = dot.map_or((&[][..], key), |dot| (&key[..dot], &key[dot + 1..]));
    Some([("group", group), ("name", name)])
}
