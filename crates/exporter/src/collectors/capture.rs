//! Tracing and capturing of SIP messages (modules siptrace, sipcapture).

use crate::collectors::schema::{Call, Collector, Table, Unreadable, at, boolean, field};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `siptrace/siptrace.c`, `siptrace_rpc_status`. Without the argument `check`, the call would toggle tracing.
pub(super) static SIPTRACE: Collector = Collector {
    call: Call::Once(&["check"]),
    tables: &[Table {
        fields: &[field(
            at(&[]),
            Kind::Gauge,
            "kamailio_siptrace_enabled",
            "1 if SIP message tracing is enabled, 0 otherwise.",
            is_enabled,
        )],
        ..Table::NEW
    }],
    ..Collector::opt_in("siptrace.status", "siptrace", "Whether SIP messages are traced.")
};

/// `sipcapture/sipcapture.c`, `sipcapture_rpc_status`. Without the argument `check`, the call would toggle tracing.
pub(super) static SIPCAPTURE: Collector = Collector {
    call: Call::Once(&["check"]),
    tables: &[Table {
        fields: &[field(
            at(&[]),
            Kind::Gauge,
            "kamailio_sipcapture_enabled",
            "1 if SIP message capturing is enabled, 0 otherwise.",
            is_enabled,
        )],
        ..Table::NEW
    }],
    ..Collector::opt_in("sipcapture.status", "sipcapture", "Whether SIP messages are captured.")
};

fn is_enabled(text: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match text.as_bytes() {
        Some(b"Enabled") => boolean(true),
        Some(b"Disabled") => boolean(false),
        _ => Err(Unreadable),
    }
}
