//! UDP flows through a proxy that uses the PROXY protocol.

use crate::collectors::schema::{Collector, Cost, Field, Table, at, is, unsigned_gauge};

/// `core/udp_server.c`, `udp_ht_stats`, after Kamailio 6.1. Both tables contain the same flows, each
/// indexed by another address.
pub(super) static PROXY_STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            buckets(&["real_buckets"]).with(&[is("table", "real")]),
            buckets(&["proxy_buckets"]).with(&[is("table", "proxy")]),
            unsigned_gauge(at(&["real_items"]), "kamailio_udp_proxy_flows", "Flows through the proxy."),
        ],
        ..Table::NEW
    }],
    large: true,
    since: Some("6.2"),
    cost: Cost::LockedWalk,
    ..Collector::opt_in("udp.proxy.stats", "core", "UDP flows through a proxy that uses the PROXY protocol.")
};

const fn buckets(path: &'static [&'static str]) -> Field {
    unsigned_gauge(
        at(path),
        "kamailio_udp_proxy_used_buckets",
        "Non-empty buckets of the flow tables, by the address that the table is indexed by.",
    )
}
