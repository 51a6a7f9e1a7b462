//! Clusters of databases (module db_cluster).

use crate::collectors::schema::{
    Call, Collector, Cost, Label, LabelValue, Listing, Table, Unreadable, at, field, flag, label,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `db_cluster/db_cluster_mod.c`, `dbcl_rpc_list_connections`: one record a connection. Its URL may have a password in
/// it, and is not read.
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
            "1 if Kamailio uses the connection to a database.",
            is_active,
        )],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::opt_in(
        "dbcl.list_connections",
        "db_cluster",
        "Connections to clusters of databases. Kamailio logs a line for each of them at debug level 2.",
    )
};

fn is_active(state: Value<'_>) -> Result<Option<Number>, Unreadable> {
    flag(state.as_bytes().ok_or(Unreadable)? == b"active")
}
