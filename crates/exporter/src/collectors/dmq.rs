//! The message bus between Kamailios (module dmq).

use crate::collector::{Collector, Table, label, row};

/// `dmq/dmq.c`, `dmq_rpc_list_nodes`: one record a node.
pub(super) static LIST_NODES: Collector = Collector {
    tables: &[Table {
        labels: &[label("host", &["host"]), label("port", &["port"])],
        fields: &[row(
            "kamailio_dmq_list_nodes_node",
            "A node of the bus; local is 1 for this Kamailio itself.",
            &[label("status", &["status"]), label("local", &["local"])],
        )],
        ..Table::NEW
    }],
    ..Collector::new("dmq.list_nodes", "dmq", "Nodes of the message bus.")
};
