//! Whether SIP messages are traced and captured (modules siptrace, sipcapture).

use crate::collectors::schema::{Call, Collector, Table, Unreadable, at, field, flag};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `siptrace/siptrace.c`, `siptrace_rpc_status`. Without `check` it would switch.
pub(super) static SIPTRACE: Collector = Collector {
    call: Call::Once(&["check"]),
    tables: &[Table {
        fields: &[field(
            at(&[]),
            Kind::Gauge,
            "kamailio_siptrace_enabled",
            "1 if SIP messages are traced.",
            is_enabled,
        )],
        ..Table::NEW
    }],
    ..Collector::opt_in("siptrace.status", "siptrace", "Whether SIP messages are traced.")
};

/// `sipcapture/sipcapture.c`, `sipcapture_rpc_status`. Without `check` it would switch.
pub(super) static SIPCAPTURE: Collector = Collector {
    call: Call::Once(&["check"]),
    tables: &[Table {
        fields: &[field(
            at(&[]),
            Kind::Gauge,
            "kamailio_sipcapture_enabled",
            "1 if SIP messages are captured.",
            is_enabled,
        )],
        ..Table::NEW
    }],
    ..Collector::opt_in("sipcapture.status", "sipcapture", "Whether SIP messages are captured.")
};

fn is_enabled(text: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match text.as_bytes() {
        Some(b"Enabled") => flag(true),
        Some(b"Disabled") => flag(false),
        _ => Err(Unreadable),
    }
}
