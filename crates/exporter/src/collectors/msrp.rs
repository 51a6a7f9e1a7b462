//! MSRP connections (module msrp).

use crate::collectors::schema::{Collector, Cost, Table, at, size};

/// `msrp/msrp_cmap.c`, `msrp_cmap_rpc_list`.
pub(super) static CMAPLIST: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["CONCOUNT"]), "kamailio_msrp_connections", "MSRP connections that are known."),
            size(at(&["MAP_SIZE"]), "kamailio_msrp_slots", "Slots of the table of MSRP connections."),
        ],
        ..Table::NEW
    }],
    none_configured: &["No Connections Map Table"],
    large: true,
    cost: Cost::Walk,
    ..Collector::opt_in("msrp.cmaplist", "msrp", "MSRP connections.")
};
