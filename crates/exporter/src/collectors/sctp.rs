//! SCTP associations (module sctp).

use crate::collectors::schema::{Collector, Table, at, unsigned_gauge};

/// `sctp/sctp_rpc.c`, `core_sctpinfo`.
pub(super) static INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                at(&["opened_connections"]),
                "kamailio_sctp_opened_connections",
                "Open SCTP associations.",
            ),
            unsigned_gauge(
                at(&["tracked_connections"]),
                "kamailio_sctp_tracked_connections",
                "SCTP associations tracked by Kamailio.",
            ),
            unsigned_gauge(
                at(&["total_connections"]),
                "kamailio_sctp_connections",
                "SCTP associations reported by the operating system.",
            ),
        ],
        ..Table::NEW
    }],
    empty_faults: &["sctp support disabled", "sctp support not compiled"],
    ..Collector::opt_in("sctp.info", "sctp", "SCTP associations.")
};
