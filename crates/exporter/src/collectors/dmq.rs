//! The message bus between Kamailios (module dmq).

use crate::collectors::schema::{Collector, Cost, Table, Unreadable, at, field, flag, label, row, size};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `dmq/dmq.c`, `dmq_rpc_list_nodes`: one record a node. `last_notification` is always 0.
pub(super) static LIST_NODES: Collector = Collector {
    tables: &[Table {
        labels: &[label("host", &["host"]), label("port", &["port"])],
        fields: &[row(
            "kamailio_dmq_list_nodes_node",
            "A node of the bus; local is 1 for this Kamailio itself.",
            &[label("status", &["status"]), label("local", &["local"])],
        )],
        more: &[
            field(
                at(&["status"]),
                Kind::Gauge,
                "kamailio_dmq_node_up",
                "1 if the node of the bus is active.",
                is_active,
            ),
            size(
                at(&["fail_count"]),
                "kamailio_dmq_node_failures",
                "Messages in a row that the node of the bus did not answer in time, since Kamailio 6.1.",
            ),
        ],
        tell_apart: &[label("proto", &["proto"])],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::new("dmq.list_nodes", "dmq", "Nodes of the message bus.")
};

fn is_active(status: Value<'_>) -> Result<Option<Number>, Unreadable> {
    flag(status.as_bytes().ok_or(Unreadable)? == b"active")
}
