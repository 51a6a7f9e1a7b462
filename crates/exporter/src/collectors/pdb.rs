//! Number portability queries (module pdb).

use crate::collectors::schema::{Collector, Table, at, unsigned_gauge};

/// `pdb/pdb.c`, `pdb_rpc_status`.
pub(super) static STATUS: Collector = Collector {
    tables: &[Table {
        fields: &[unsigned_gauge(
            at(&["active"]),
            "kamailio_pdb_active",
            "1 if number portability queries are enabled, 0 otherwise.",
        )],
        ..Table::NEW
    }],
    ..Collector::opt_in("pdb.status", "pdb", "Number portability queries.")
};
