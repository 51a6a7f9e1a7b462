//! Kamailio's TLS certificates.

use crate::collectors::schema::{Call, Collector, Field, Key, Table, field, label, timestamp};
use prometheus_exposition::Kind;

/// The files of `--kamailio.tls-certificates`.
pub(crate) static FILES: Collector = Collector {
    call: Call::Files,
    tables: &[Table {
        labels: &[label("file", &["file"]), label("subject", &["subject"])],
        fields: &[NOT_AFTER],
        ..Table::NEW
    }],
    ..Collector::new(
        "tls.certificates",
        "tls",
        "Expiry of the certificates in the files named by --kamailio.tls-certificates.",
    )
};

/// `kamailio_tls_certificate_not_after_timestamp_seconds`.
pub(crate) const NOT_AFTER: Field = field(
    Key::Custom,
    Kind::Gauge,
    "kamailio_tls_certificate_not_after_timestamp_seconds",
    "Unix time at which the certificate expires, in seconds.",
    timestamp,
);
