//! Prefix trees in memory (module mtree).

use crate::collectors::schema::{
    Collector, Cost, Table, at, counter, field, label, timestamp, unsigned_gauge,
};
use prometheus_exposition::Kind;

/// `mtree/mtree_mod.c`, `rpc_mtree_summary`: one record per tree. The last two members are ints up to 5.6 and
/// doubles since.
pub(super) static SUMMARY: Collector = Collector {
    tables: &[Table {
        rows: &["item"],
        labels: &[label("table", &["table"])],
        fields: &[
            unsigned_gauge(
                at(&["memsize"]),
                "kamailio_mtree_size_bytes",
                "Shared memory used by the tree, in bytes.",
            ),
            unsigned_gauge(at(&["nrnodes"]), "kamailio_mtree_nodes", "Nodes of the tree."),
            unsigned_gauge(at(&["nritems"]), "kamailio_mtree_items", "Items in the tree."),
            counter(at(&["reload_count"]), "kamailio_mtree_reloads", "Number of times the tree was loaded."),
            field(
                at(&["reload_time"]),
                Kind::Gauge,
                "kamailio_mtree_last_reload_timestamp_seconds",
                "Unix time at which the tree was last loaded, in seconds.",
                timestamp,
            ),
        ],
        ..Table::NEW
    }],
    empty_faults: &["Empty tree list", "Empty tree list."],
    cost: Cost::Linear,
    ..Collector::new("mtree.summary", "mtree", "Prefix trees in memory.")
};
