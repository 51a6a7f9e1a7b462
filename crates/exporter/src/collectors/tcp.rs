//! TCP connections, TLS and websocket among them.

use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, at, label, size};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;
use std::collections::BTreeMap;

/// `core/core_cmd.c`, `core_tcpinfo`.
pub(super) static INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(
                at(&["readers"]),
                "kamailio_core_tcp_info_readers",
                "Processes that read from TCP connections.",
            ),
            size(
                at(&["max_connections"]),
                "kamailio_core_tcp_info_max_connections",
                "TCP connections that may be open at once, TLS included.",
            ),
            size(
                at(&["max_tls_connections"]),
                "kamailio_core_tcp_info_max_tls_connections",
                "TLS connections that may be open at once.",
            ),
            size(
                at(&["opened_connections"]),
                "kamailio_core_tcp_info_opened_connections",
                "TCP connections that are open, TLS included.",
            ),
            size(
                at(&["opened_tls_connections"]),
                "kamailio_core_tcp_info_opened_tls_connections",
                "TLS connections that are open.",
            ),
            size(
                at(&["write_queued_bytes"]),
                "kamailio_core_tcp_info_write_queued_bytes",
                "Bytes that wait to be written to TCP connections.",
            ),
        ],
        ..Table::NEW
    }],
    none_configured: &["tcp support disabled"],
    ..Collector::new("core.tcp_info", "core", "TCP connections.")
};

/// `core/core_cmd.c`, `core_tcp_list`: one record a connection, of which only their number is of use.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("type", &["type"]), label("state", &["state"])],
        fields: &[size(
            Key::Mapped,
            "kamailio_tcp_connections_by_state",
            "TCP connections by type (TCP, TLS, WS, WSS) and state; one that is in order is CONN_OK.",
        )],
        ..Table::NEW
    }],
    map: Some(by_type_and_state),
    large: true,
    cost: Cost::Walk,
    ..Collector::opt_in(
        "core.tcp_list",
        "core",
        "TCP connections by type and state: Kamailio's TCP workers wait while it lists them.",
    )
};

fn by_type_and_state(records: Members<'_>, emit: &mut Emit<'_>) {
    let groups = count_by(records, |connection| {
        let text = |name| connection.get(name).and_then(Value::as_bytes).unwrap_or_default();
        [text("type"), text("state")]
    });
    for ([kind, state], count) in groups {
        emit(0, &[("type", kind), ("state", state)], Some(Number::Unsigned(count)));
    }
}

/// How many records have the same key.
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
