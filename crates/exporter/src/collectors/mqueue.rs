//! Message queues (module mqueue).

use crate::collectors::schema::{Collector, Cost, Table, at, label, size};

/// `mqueue/mqueue_mod.c`, `mqueue_rpc_get_sizes`: one record a queue.
pub(super) static GET_SIZES: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"])],
        fields: &[size(at(&["size"]), "kamailio_mqueue_items", "Items that wait in the queue.")],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::new("mqueue.get_sizes", "mqueue", "Message queues.")
};
