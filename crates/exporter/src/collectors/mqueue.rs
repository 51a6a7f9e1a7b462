//! Message queues (module mqueue).

use crate::collectors::schema::{Collector, Cost, Table, at, label, unsigned_gauge};

/// `mqueue/mqueue_mod.c`, `mqueue_rpc_get_sizes`: one record per queue.
pub(super) static GET_SIZES: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"])],
        fields: &[unsigned_gauge(at(&["size"]), "kamailio_mqueue_items", "Items waiting in the queue.")],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::new("mqueue.get_sizes", "mqueue", "Message queues.")
};
