//! Number portability (module pdb).

use crate::collectors::schema::{Collector, Table, at, size};

/// `pdb/pdb.c`, `pdb_rpc_status`.
pub(super) static STATUS: Collector = Collector {
    tables: &[Table {
        fields: &[size(
            at(&["active"]),
            "kamailio_pdb_active",
            "1 if the carriers of numbers are asked for.",
        )],
        ..Table::NEW
    }],
    ..Collector::opt_in("pdb.status", "pdb", "Number portability.")
};
