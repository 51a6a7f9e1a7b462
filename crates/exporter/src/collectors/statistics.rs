//! Kamailio's statistics (module kex prints them, whoever keeps them).

use crate::collector::{Call, Collector, Key, field, statistic};
use crate::metric::Kind;

/// `kex/core_stats.c`, `rpc_stats_fetch_statistics`: one struct of `group.name` and decimal strings.
pub(super) static FETCH: Collector = Collector {
    call: Call::EachGroup,
    fields: &[field(
        Key::Each(group_and_name),
        Kind::Gauge,
        "kamailio_stats_fetch_value",
        "A statistic, as Kamailio counts it.",
        statistic,
    )],
    large: true,
    ..Collector::new("stats.fetch", "kex", "The statistics of the groups that --kamailio.stats-groups names.")
};

/// `core.rcv_requests` is the statistic `rcv_requests` of the group `core`; the name may have dots.
fn group_and_name(key: &[u8]) -> Option<[(&'static str, &[u8]); 2]> {
    let dot = key.iter().position(|byte| *byte == b'.');
    let (group, name) = dot.map_or((&[][..], key), |dot| (&key[..dot], &key[dot + 1..]));
    Some([("group", group), ("name", name)])
}
