//! WebSocket connections (module websocket).

use crate::collectors::schema::{Collector, Cost, Table, Unreadable, at, field, unsigned};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `websocket/ws_conn.c`, `ws_rpc_dump`: up to 50 connections and their number.
pub(super) static DUMP: Collector = Collector {
    tables: &[Table {
        rows: &["info"],
        fields: &[field(
            at(&[]),
            Kind::Gauge,
            "kamailio_websocket_listed_connections",
            "Open WebSocket connections; missing if Kamailio does not list all of them.",
            all,
        )],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in(
        "ws.dump",
        "websocket",
        "WebSocket connections, as long as Kamailio lists all of them. The statistics count them in any case.",
    )
};

fn all(info: Value<'_>) -> Result<Option<Number>, Unreadable> {
    if info.get("truncated").and_then(Value::as_bytes) == Some(b"yes") {
        return Ok(None);
    }
    unsigned(info.get("wscounter").ok_or(Unreadable)?)
}
