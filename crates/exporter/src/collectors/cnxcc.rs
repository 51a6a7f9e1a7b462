//! Calls with credit (module cnxcc).

use crate::collector::{Collector, Table, at, counter, size};

/// `cnxcc/cnxcc_rpc.c`, `rpc_credit_control_stats`.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["active"]), "kamailio_cnxcc_active_calls", "Calls with credit that are under way."),
            counter(
                at(&["dropped"]),
                "kamailio_cnxcc_dropped_calls",
                "Calls that were ended without credit left.",
            ),
            counter(at(&["total"]), "kamailio_cnxcc_calls", "Calls with credit."),
        ],
        ..Table::NEW
    }],
    ..Collector::opt_in("cnxcc.stats", "cnxcc", "Calls with credit.")
};
