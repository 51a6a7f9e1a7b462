//! Database clusters (module db_cluster).

use crate::collectors::schema::{
    Call, Collector, Cost, Label, LabelValue, Listing, Table, Unreadable, at, boolean, field, label,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `db_cluster/db_cluster_mod.c`, `dbcl_rpc_list_connections`: one record per connection. The URL is not read, because
/// it can contain a password.
pub(super) static LIST_CONNECTIONS: Collector = Collector {
    call: Call::EachOf(Listing { method: "dbcl.list_clusters", path: &["cluster"] }),
    tables: &[Table {
        labels: &[
            Label { name: "cluster", value: LabelValue::Argument(0) },
            label("connection", &["connection"]),
        ],
        fields: &[field(
            at(&["state"]),
            Kind::Gauge,
            "kamailio_db_cluster_connection_up",
            "1 if Kamailio uses the database connection, 0 otherwise.",
            is_active,
        )],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::opt_in(
        "dbcl.list_connections",
        "db_cluster",
        "Connections to database clusters. Kamailio logs a line for each connection at debug level 2.",
    )
};

fn is_active(state: Value<'_>) -> Result<Option<Number>, Unreadable> {
    boolean(state.as_bytes().ok_or(Unreadable)? == b"active")
}
