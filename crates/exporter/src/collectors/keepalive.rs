//! Destinations that are kept alive (module keepalive).

use crate::collectors::schema::{Collector, Cost, Field, Table, Unreadable, at, field, flag, is, label};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `keepalive/keepalive_rpc.c`, `keepalive_rpc_list`: one record a destination. Its times are local times as text, and
/// 5.6.3 and 5.7.0 swap two of them.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("uri", &["uri"]), label("owner", &["owner"])],
        fields: &[
            field(
                at(&["state"]),
                Kind::Gauge,
                "kamailio_keepalive_destination_up",
                "1 if the destination answers.",
                is_in::<UP>,
            ),
            state::<UNKNOWN>().with(&[is("state", "unknown")]),
            state::<UP>().with(&[is("state", "up")]),
            state::<DOWN>().with(&[is("state", "down")]),
        ],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::new("keepalive.list", "keepalive", "Destinations that are kept alive.")
};

const fn state<const STATE: u64>() -> Field {
    field(
        at(&["state"]),
        Kind::Gauge,
        "kamailio_keepalive_destination_state",
        "1 for the state that the destination is in, 0 for the others.",
        is_in::<STATE>,
    )
}

fn is_in<const STATE: u64>(state: Value<'_>) -> Result<Option<Number>, Unreadable> {
    flag(state.as_u64().ok_or(Unreadable)? == STATE)
}

// keepalive/api.h: KA_STATE_*.
const UNKNOWN: u64 = 0;
const UP: u64 = 1;
const DOWN: u64 = 2;
