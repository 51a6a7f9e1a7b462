//! UDP behind a proxy that speaks HAProxy's protocol.

use crate::collectors::schema::{Collector, Cost, Field, Table, at, is, size};

/// `core/udp_server.c`, `udp_ht_stats`, after Kamailio 6.1. Both tables have the same flows, by either address.
pub(super) static PROXY_STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            buckets(&["real_buckets"]).with(&[is("table", "real")]),
            buckets(&["proxy_buckets"]).with(&[is("table", "proxy")]),
            size(at(&["real_items"]), "kamailio_udp_proxy_flows", "Flows through the proxy that are known."),
        ],
        ..Table::NEW
    }],
    large: true,
    since: Some("6.2"),
    cost: Cost::Walk,
    ..Collector::opt_in("udp.proxy.stats", "core", "UDP behind a proxy.")
};

const fn buckets(path: &'static [&'static str]) -> Field {
    size(
        at(path),
        "kamailio_udp_proxy_used_buckets",
        "Buckets that are not empty of the tables of flows, by the address that the flows are found by.",
    )
}
