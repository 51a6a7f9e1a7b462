//! Diameter peers (module cdp).

use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, field, label, moment, size};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::{Kind, Number};

/// `cdp/cdp_rpc.c`, `cdp_rpc_list_peers`. In `Peers` a name and its details follow each other, peer after peer.
pub(super) static LIST_PEERS: Collector = Collector {
    tables: &[
        Table {
            fields: &[
                size(Key::Mapped, "kamailio_cdp_peers", "Diameter peers."),
                size(Key::Mapped, "kamailio_cdp_workers", "Processes that handle Diameter messages."),
                size(
                    Key::Mapped,
                    "kamailio_cdp_queue_size",
                    "Diameter messages that may wait for a process.",
                ),
            ],
            ..Table::NEW
        },
        Table {
            labels: &[label("fqdn", &["FQDN"])],
            fields: &[
                size(
                    Key::Mapped,
                    "kamailio_cdp_peer_up",
                    "1 if the connection with the Diameter peer is open.",
                ),
                size(Key::Mapped, "kamailio_cdp_peer_disabled", "1 if the Diameter peer is switched off."),
                field(
                    Key::Mapped,
                    Kind::Gauge,
                    "kamailio_cdp_peer_last_used_timestamp_seconds",
                    "When the Diameter peer was used last, in seconds since 1970.",
                    moment,
                ),
            ],
            ..Table::NEW
        },
    ],
    map: Some(read),
    large: true,
    cost: Cost::List,
    ..Collector::opt_in("cdp.list_peers", "cdp", "Diameter peers.")
};

fn read(records: Members<'_>, emit: &mut Emit<'_>) {
    let Some(stack) = records.first() else { return };
    for (place, name) in ["Peer count", "Workers", "Queue length"].into_iter().enumerate() {
        emit(place, &[], stack.get(name).and_then(Value::as_u64).map(Number::Unsigned));
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
    match details.get("Last used").map(moment) {
        Some(Ok(Some(last_used))) => emit(5, &labels, Some(last_used)),
        Some(Ok(None)) => {}
        Some(Err(_)) | None => emit(5, &labels, None),
    }
}

/// The states of a connection that is open, whoever opened it (`cdp/peerstatemachine.c`, `dp_states`).
const OPEN: [&[u8]; 2] = [b"I_Open", b"R_Open"];
