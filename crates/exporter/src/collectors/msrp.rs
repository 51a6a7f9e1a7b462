//! MSRP connections (module msrp).

use crate::collectors::schema::{Collector, Cost, Table, at, unsigned_gauge};

/// `msrp/msrp_cmap.c`, `msrp_cmap_rpc_list`.
pub(super) static CMAPLIST: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                at(&["CONCOUNT"]),
                "kamailio_msrp_connections",
                "MSRP connections in the connection table.",
            ),
            unsigned_gauge(at(&["MAP_SIZE"]), "kamailio_msrp_slots", "Slots of the MSRP connection table."),
        ],
        ..Table::NEW
    }],
    empty_faults: &["No Connections Map Table"],
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in("msrp.cmaplist", "msrp", "MSRP connections.")
};
