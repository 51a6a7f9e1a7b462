//! Registrations of Kamailio at remote servers (module uac).

use crate::collectors::schema::{
    Collector, Cost, Table, Unreadable, at, boolean, field, label, signed, unsigned_gauge,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `uac/uac_reg.c`, `rpc_uac_reg_dump`: one record per registration. The records contain passwords, which are
/// not read.
pub(super) static REG_DUMP: Collector = Collector {
    tables: &[Table {
        labels: &[
            label("uuid", &["l_uuid"]),
            label("username", &["r_username"]),
            label("domain", &["r_domain"]),
        ],
        fields: &[
            field(
                at(&["flags"]),
                Kind::Gauge,
                "kamailio_uac_registration_up",
                "1 if Kamailio is registered at the remote server, 0 otherwise.",
                has::<ONLINE>,
            ),
            field(
                at(&["flags"]),
                Kind::Gauge,
                "kamailio_uac_registration_disabled",
                "1 if the registration is disabled, 0 otherwise.",
                has::<DISABLED>,
            ),
            field(
                at(&["flags"]),
                Kind::Gauge,
                "kamailio_uac_registration_ongoing",
                "1 if a REGISTER request is waiting for its final reply, 0 otherwise.",
                has::<ONGOING>,
            ),
            unsigned_gauge(
                at(&["expires"]),
                "kamailio_uac_registration_expires_seconds",
                "Requested lifetime of the registration, in seconds.",
            ),
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_uac_registration_remaining_seconds",
                "Time until the registration expires or is retried, in seconds; negative if that is overdue.",
                remaining,
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::Linear,
    ..Collector::opt_in("uac.reg_dump", "uac", "Registrations of Kamailio at remote servers.")
};

/// The remaining time of an account without an expiry time, which is disabled or was not registered yet, is the negative
/// of the current Unix time.
fn remaining(registration: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match registration.get("timer_expires").map(Value::as_u64) {
        Some(Some(0)) => Ok(None),
        _ => signed(registration.get("diff_expires").ok_or(Unreadable)?),
    }
}

fn has<const BIT: u64>(flags: Value<'_>) -> Result<Option<Number>, Unreadable> {
    boolean(flags.as_u64().ok_or(Unreadable)? & BIT != 0)
}

// uac/uac_reg.c: UAC_REG_*.
const DISABLED: u64 = 1;
const ONGOING: u64 = 2;
const ONLINE: u64 = 4;
