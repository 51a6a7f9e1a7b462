//! Registrations with other servers (module uac).

use crate::collectors::schema::{Collector, Cost, Table, Unreadable, at, field, flag, gauge, label, size};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `uac/uac_reg.c`, `rpc_uac_reg_dump`: one record a registration. It has passwords in it, which are not read.
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
                "1 if Kamailio is registered.",
                has::<ONLINE>,
            ),
            field(
                at(&["flags"]),
                Kind::Gauge,
                "kamailio_uac_registration_disabled",
                "1 if the registration was switched off.",
                has::<DISABLED>,
            ),
            field(
                at(&["flags"]),
                Kind::Gauge,
                "kamailio_uac_registration_ongoing",
                "1 if a REGISTER was sent that has no final reply yet.",
                has::<ONGOING>,
            ),
            size(
                at(&["expires"]),
                "kamailio_uac_registration_expires_seconds",
                "How long the registration is to last.",
            ),
            gauge(
                at(&["diff_expires"]),
                "kamailio_uac_registration_remaining_seconds",
                "Time until the registration ends or is tried again; below zero if that is overdue.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::List,
    ..Collector::opt_in("uac.reg_dump", "uac", "Registrations with other servers.")
};

fn has<const BIT: u64>(flags: Value<'_>) -> Result<Option<Number>, Unreadable> {
    flag(flags.as_u64().ok_or(Unreadable)? & BIT != 0)
}

// uac/uac_reg.c: UAC_REG_*.
const DISABLED: u64 = 1;
const ONGOING: u64 = 2;
const ONLINE: u64 = 4;
