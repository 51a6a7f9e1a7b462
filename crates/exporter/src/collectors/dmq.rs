//! The message bus between Kamailio servers (module dmq).

use crate::collectors::schema::{
    Collector, Cost, EqualRows, Table, Unreadable, at, boolean, field, info, label, unsigned_gauge,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `dmq/dmq.c`, `dmq_rpc_list_nodes`: one record per node. `last_notification` is always 0 and left out.
pub(super) static LIST_NODES: Collector = Collector {
    tables: &[Table {
        labels: &[label("host", &["host"]), label("port", &["port"])],
        fields: &[info(
            "kamailio_dmq_list_nodes_node",
            "Node of the DMQ bus; local is 1 for this Kamailio itself. The value is always 1.",
            &[label("status", &["status"]), label("local", &["local"])],
        )],
        extra_fields: &[
            field(
                at(&["status"]),
                Kind::Gauge,
                "kamailio_dmq_node_up",
                "1 if the node of the DMQ bus is active, 0 otherwise.",
                is_active,
            ),
            unsigned_gauge(
                at(&["fail_count"]),
                "kamailio_dmq_node_failures",
                "Consecutive messages that the node of the DMQ bus did not answer in time (since Kamailio 6.1).",
            ),
        ],
        equal_rows: EqualRows::Labelled(&[label("proto", &["proto"])]),
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::new("dmq.list_nodes", "dmq", "Nodes of the DMQ bus.")
};

fn is_active(status: Value<'_>) -> Result<Option<Number>, Unreadable> {
    boolean(status.as_bytes().ok_or(Unreadable)? == b"active")
}
