//! Hash tables (module htable).

use crate::collectors::schema::{Collector, Cost, Table, at, label, unsigned_gauge};

/// `htable/htable.c`, `htable_rpc_stats`: one record per table. Kamailio locks one slot after the other.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"])],
        fields: &[
            unsigned_gauge(at(&["slots"]), "kamailio_htable_slots", "Slots of the hash table."),
            unsigned_gauge(at(&["all"]), "kamailio_htable_items", "Items in the hash table."),
            unsigned_gauge(
                at(&["min"]),
                "kamailio_htable_slot_items_min",
                "Items in the emptiest slot of the hash table.",
            ),
            unsigned_gauge(
                at(&["max"]),
                "kamailio_htable_slot_items_max",
                "Items in the fullest slot of the hash table.",
            ),
        ],
        ..Table::NEW
    }],
    empty_faults: &["No htables"],
    cost: Cost::LockedWalk,
    ..Collector::new("htable.stats", "htable", "Hash tables.")
};
