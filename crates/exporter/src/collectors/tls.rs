//! TLS (module tls).

use crate::collector::{Collector, Table, at, size};

/// `tls/tls_rpc.c`, `tls_info`.
pub(super) static INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(
                at(&["opened_connections"]),
                "kamailio_tls_info_opened_connections",
                "TLS connections that are open.",
            ),
            size(
                at(&["max_connections"]),
                "kamailio_tls_info_max_connections",
                "TLS connections that may be open at once.",
            ),
        ],
        ..Table::NEW
    }],
    ..Collector::new("tls.info", "tls", "TLS connections.")
};
