//! Destinations of the load balancer (module dispatcher).

use crate::collector::{Collector, Table, label, row};

/// `dispatcher/dispatcher.c`, `dispatcher_rpc_list`.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        rows: &["RECORDS", "SET", "TARGETS", "DEST"],
        labels: &[label("setid", &["ID"]), label("uri", &["URI"])],
        fields: &[row(
            "kamailio_dispatcher_list_target",
            "A destination; its flags are A (active), I (inactive), D (disabled) or T (trying), then P (probed) or X.",
            &[label("flags", &["FLAGS"])],
        )],
        ..Table::NEW
    }],
    none_configured: &["No Destination Sets"],
    large: true,
    ..Collector::new("dispatcher.list", "dispatcher", "Dispatcher sets and their destinations.")
};
