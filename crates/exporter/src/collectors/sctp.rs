//! SCTP associations (module sctp).

use crate::collectors::schema::{Collector, Table, at, size};

/// `sctp/sctp_rpc.c`, `core_sctpinfo`.
pub(super) static INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(
                at(&["opened_connections"]),
                "kamailio_sctp_opened_connections",
                "SCTP associations that are open.",
            ),
            size(
                at(&["tracked_connections"]),
                "kamailio_sctp_tracked_connections",
                "SCTP associations that Kamailio keeps track of.",
            ),
            size(
                at(&["total_connections"]),
                "kamailio_sctp_connections",
                "SCTP associations that the system tells of.",
            ),
        ],
        ..Table::NEW
    }],
    none_configured: &["sctp support disabled", "sctp support not compiled"],
    ..Collector::opt_in("sctp.info", "sctp", "SCTP associations.")
};
