//! Calls with credit (module cnxcc).

use crate::collectors::schema::{Collector, Table, at, counter, size};

/// `cnxcc/cnxcc_mod.c`, `rpc_credit_control_stats`. A call that ends is taken off `total` too (`__delete_call`), so that
/// it is no counter.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["active"]), "kamailio_cnxcc_active_calls", "Calls with credit that are under way."),
            counter(
                at(&["dropped"]),
                "kamailio_cnxcc_dropped_calls",
                "Calls that were ended without credit left.",
            ),
            size(
                at(&["total"]),
                "kamailio_cnxcc_calls",
                "Calls with credit; those that have ended are taken off again.",
            ),
        ],
        ..Table::NEW
    }],
    ..Collector::opt_in("cnxcc.stats", "cnxcc", "Calls with credit.")
};
