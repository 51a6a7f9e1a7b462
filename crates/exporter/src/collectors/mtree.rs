//! Tables of prefixes in memory (module mtree).

use crate::collectors::schema::{Collector, Cost, Table, at, counter, field, label, moment, size};
use prometheus_exposition::Kind;

/// `mtree/mtree_mod.c`, `rpc_mtree_summary`: one record a tree, the last two members ints up to 5.6 and doubles since.
pub(super) static SUMMARY: Collector = Collector {
    tables: &[Table {
        rows: &["item"],
        labels: &[label("table", &["table"])],
        fields: &[
            size(at(&["memsize"]), "kamailio_mtree_size_bytes", "Shared memory that the tree takes."),
            size(at(&["nrnodes"]), "kamailio_mtree_nodes", "Nodes of the tree."),
            size(at(&["nritems"]), "kamailio_mtree_items", "Items in the tree."),
            counter(at(&["reload_count"]), "kamailio_mtree_reloads", "How often the tree was loaded."),
            field(
                at(&["reload_time"]),
                Kind::Gauge,
                "kamailio_mtree_last_reload_timestamp_seconds",
                "When the tree was loaded last, in seconds since 1970.",
                moment,
            ),
        ],
        ..Table::NEW
    }],
    none_configured: &["Empty tree list", "Empty tree list."],
    cost: Cost::List,
    ..Collector::new("mtree.summary", "mtree", "Tables of prefixes in memory.")
};
