//! Gateways for least cost routing (module lcr).

use crate::collectors::schema::{Collector, Cost, Table, Unreadable, at, boolean, field, label, statistic};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `lcr/lcr_rpc.c`, `dump_gws`.
pub(super) static DUMP_GWS: Collector = Collector {
    tables: &[Table {
        rows: &["gw", ""],
        labels: &[label("lcr_id", &["lcr_id"]), label("gw_id", &["gw_id"]), label("gw_name", &["gw_name"])],
        fields: &[
            field(
                at(&["state"]),
                Kind::Gauge,
                "kamailio_lcr_gateway_up",
                "1 if the gateway is not marked inactive, 0 otherwise.",
                is_not_inactive,
            ),
            field(
                at(&["defunct_until"]),
                Kind::Gauge,
                "kamailio_lcr_gateway_defunct_until_timestamp_seconds",
                "Unix time until which the gateway is not used, in seconds.",
                until,
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::Linear,
    ..Collector::opt_in("lcr.dump_gws", "lcr", "Gateways for least cost routing.")
};

/// Returns 0 for an inactive gateway, and otherwise 1: higher states mean that the gateway has failed, but fewer times than
/// allowed.
fn is_not_inactive(state: Value<'_>) -> Result<Option<Number>, Unreadable> {
    boolean(state.as_u64().ok_or(Unreadable)? != INACTIVE)
}

/// Reads the time until which a gateway is defunct. 0 means that the gateway was never declared defunct.
fn until(text: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(statistic(text)?.filter(|number| *number != Number::Signed(0)))
}

// lcr/lcr_mod.h: GW_INACTIVE.
const INACTIVE: u64 = 2;
