//! TCP connections, including TLS and WebSocket.

use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, at, label, unsigned_gauge};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;
use std::collections::BTreeMap;

/// `core/core_cmd.c`, `core_tcpinfo`.
pub(super) static INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                at(&["readers"]),
                "kamailio_core_tcp_info_readers",
                "Processes that read from TCP connections.",
            ),
            unsigned_gauge(
                at(&["max_connections"]),
                "kamailio_core_tcp_info_max_connections",
                "Maximum number of open TCP connections, including TLS.",
            ),
            unsigned_gauge(
                at(&["max_tls_connections"]),
                "kamailio_core_tcp_info_max_tls_connections",
                "Maximum number of open TLS connections.",
            ),
            unsigned_gauge(
                at(&["opened_connections"]),
                "kamailio_core_tcp_info_opened_connections",
                "Open TCP connections, including TLS.",
            ),
            unsigned_gauge(
                at(&["opened_tls_connections"]),
                "kamailio_core_tcp_info_opened_tls_connections",
                "Open TLS connections.",
            ),
            unsigned_gauge(
                at(&["write_queued_bytes"]),
                "kamailio_core_tcp_info_write_queued_bytes",
                "Bytes waiting to be written to TCP connections.",
            ),
        ],
        ..Table::NEW
    }],
    empty_faults: &["tcp support disabled"],
    ..Collector::new("core.tcp_info", "core", "TCP connections.")
};

/// `core/core_cmd.c`, `core_tcp_list`: one record per connection. Only the number of connections is
/// served.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("type", &["type"]), label("state", &["state"])],
        fields: &[unsigned_gauge(
            Key::Custom,
            "kamailio_tcp_connections_by_state",
            "TCP connections by type (TCP, TLS, WS, WSS) and state; CONN_OK is the normal state.",
        )],
        ..Table::NEW
    }],
    custom_reader: Some(by_type_and_state),
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in(
        "core.tcp_list",
        "core",
        "TCP connections by type and state. Kamailio's TCP workers wait while it lists the connections.",
    )
};

fn by_type_and_state(records: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    let groups = count_by(records, |connection| {
        let text = |name| connection.get(name).and_then(Value::as_bytes).unwrap_or_default();
        [text("type"), text("state")]
    });
    for ([kind, state], count) in groups {
        emit(0, &[("type", kind), ("state", state)], Some(Number::Unsigned(count)));
    }
}

/// Counts the records with the same key.
pub(super) fn count_by<'r, const N: usize>(
    records: Members<'r>,
    key: impl Fn(Value<'r>) -> [&'r [u8]; N],
) -> BTreeMap<[&'r [u8]; N], u64> {
    let mut groups = BTreeMap::new();
    for record in records {
        *groups.entry(key(record.value)).or_insert(0) += 1;
    }
    groups
}
