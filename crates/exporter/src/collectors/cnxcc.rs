//! Calls under credit control (module cnxcc).

use crate::collectors::schema::{Collector, Table, at, counter, unsigned_gauge};

/// `cnxcc/cnxcc_mod.c`, `rpc_credit_control_stats`. Kamailio subtracts a call from `total` when the call
/// ends (`__delete_call`), so `total` is a gauge.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                at(&["active"]),
                "kamailio_cnxcc_active_calls",
                "Ongoing calls under credit control.",
            ),
            counter(
                at(&["dropped"]),
                "kamailio_cnxcc_dropped_calls",
                "Calls ended because their credit was used up.",
            ),
            unsigned_gauge(
                at(&["total"]),
                "kamailio_cnxcc_calls",
                "Calls under credit control; Kamailio subtracts calls that have ended.",
            ),
        ],
        ..Table::NEW
    }],
    ..Collector::opt_in("cnxcc.stats", "cnxcc", "Calls under credit control.")
};
