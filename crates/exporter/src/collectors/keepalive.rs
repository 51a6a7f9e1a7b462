//! Destinations monitored by module keepalive.

use crate::collectors::schema::{Collector, Cost, Field, Table, Unreadable, at, boolean, field, is, label};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `keepalive/keepalive_rpc.c`, `keepalive_rpc_list`: one record per destination. The times are left out: they are
/// local times as text, and 5.6.3 and 5.7.0 swap two of them.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("uri", &["uri"]), label("owner", &["owner"])],
        fields: &[
            field(
                at(&["state"]),
                Kind::Gauge,
                "kamailio_keepalive_destination_up",
                "1 if the destination answers keepalive requests, 0 otherwise.",
                is_in::<UP>,
            ),
            state::<UNKNOWN>().with(&[is("state", "unknown")]),
            state::<UP>().with(&[is("state", "up")]),
            state::<DOWN>().with(&[is("state", "down")]),
        ],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    several_records: true,
    ..Collector::new("keepalive.list", "keepalive", "Destinations monitored by module keepalive.")
};

const fn state<const STATE: u64>() -> Field {
    field(
        at(&["state"]),
        Kind::Gauge,
        "kamailio_keepalive_destination_state",
        "1 for the current state of the destination, 0 for the others.",
        is_in::<STATE>,
    )
}

fn is_in<const STATE: u64>(state: Value<'_>) -> Result<Option<Number>, Unreadable> {
    boolean(state.as_u64().ok_or(Unreadable)? == STATE)
}

// keepalive/api.h: KA_STATE_*.
const UNKNOWN: u64 = 0;
const UP: u64 = 1;
const DOWN: u64 = 2;
