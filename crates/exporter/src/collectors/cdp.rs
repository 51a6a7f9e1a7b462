//! Diameter peers (module cdp).

use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, field, label, timestamp, unsigned_gauge};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::{Kind, Number};

/// `cdp/cdp_rpc.c`, `cdp_rpc_list_peers`. `Peers` lists, for each peer, the members
/// `FQDN` and `Details` one after the other.
pub(super) static LIST_PEERS: Collector = Collector {
    tables: &[
        Table {
            fields: &[
                unsigned_gauge(Key::Custom, "kamailio_cdp_peers", "Diameter peers, connected or not."),
                unsigned_gauge(Key::Custom, "kamailio_cdp_workers", "Diameter worker processes."),
                unsigned_gauge(
                    Key::Custom,
                    "kamailio_cdp_queue_size",
                    "Maximum number of Diameter messages waiting for a worker.",
                ),
            ],
            ..Table::NEW
        },
        Table {
            labels: &[label("fqdn", &["FQDN"])],
            fields: &[
                unsigned_gauge(
                    Key::Custom,
                    "kamailio_cdp_peer_up",
                    "1 if the connection to the Diameter peer is open, 0 otherwise.",
                ),
                unsigned_gauge(
                    Key::Custom,
                    "kamailio_cdp_peer_disabled",
                    "1 if the Diameter peer is disabled, 0 otherwise.",
                ),
                field(
                    Key::Custom,
                    Kind::Gauge,
                    "kamailio_cdp_peer_last_used_timestamp_seconds",
                    "Unix time at which the Diameter peer was last used, in seconds.",
                    timestamp,
                ),
            ],
            ..Table::NEW
        },
    ],
    custom_reader: Some(read),
    large: true,
    cost: Cost::Linear,
    ..Collector::opt_in("cdp.list_peers", "cdp", "Diameter peers and their connections.")
};

fn read(records: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    let Some(stack) = records.first() else { return };
    for (index, name) in ["Peer count", "Workers", "Queue length"].into_iter().enumerate() {
        emit(index, &[], stack.get(name).and_then(Value::as_u64).map(Number::Unsigned));
    }
    let mut fqdn = None;
    for member in stack.get("Peers").and_then(Value::members).into_iter().flatten() {
        match member.name {
            Some(b"FQDN") => fqdn = member.value.as_bytes(),
            Some(b"Details") => read_peer(fqdn.take().unwrap_or_default(), member.value, emit),
            _ => {}
        }
    }
}

fn read_peer(fqdn: &[u8], details: Value<'_>, emit: &mut Emit<'_>) {
    let labels = [("fqdn", fqdn)];
    let text = |name| details.get(name).and_then(Value::as_bytes);
    let flag = |is: bool| Number::Unsigned(is.into());
    emit(3, &labels, text("State").map(|state| flag(OPEN.contains(&state))));
    emit(4, &labels, text("Disabled").map(|disabled| flag(disabled == b"True")));
    match details.get("Last used").map(timestamp) {
        Some(Ok(Some(last_used))) => emit(5, &labels, Some(last_used)),
        Some(Ok(None)) => {}
        Some(Err(_)) | None => emit(5, &labels, None),
    }
}

/// The states of an open connection, whichever side opened it (`cdp/peerstatemachine.c`, `dp_states`).
const OPEN: [&[u8]; 2] = [b"I_Open", b"R_Open"];
