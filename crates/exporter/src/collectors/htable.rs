//! Hash tables (module htable).

use crate::collectors::schema::{Collector, Cost, Table, at, label, size};

/// `htable/htable.c`, `htable_rpc_stats`: one record a table. Kamailio locks each slot once.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"])],
        fields: &[
            size(at(&["slots"]), "kamailio_htable_slots", "Slots of the hash table."),
            size(at(&["all"]), "kamailio_htable_items", "Items in the hash table."),
            size(at(&["min"]), "kamailio_htable_slot_items_min", "Items in the slot that has the fewest."),
            size(at(&["max"]), "kamailio_htable_slot_items_max", "Items in the slot that has the most."),
        ],
        ..Table::NEW
    }],
    none_configured: &["No htables"],
    cost: Cost::Walk,
    ..Collector::new("htable.stats", "htable", "Hash tables.")
};
