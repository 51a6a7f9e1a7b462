//! Registrations at the S-CSCF (module ims_usrloc_scscf).

use crate::collectors::schema::{Collector, Cost, Table, at, label, unsigned_gauge};

/// `ims_usrloc_scscf/ul_rpc.c`, `ul_rpc_dump`: one record per domain.
pub(super) static STATUS: Collector = Collector {
    tables: &[Table {
        labels: &[label("domain", &["Domain"])],
        fields: &[
            unsigned_gauge(at(&["Size"]), "kamailio_ulscscf_slots", "Slots of the table of the domain."),
            unsigned_gauge(
                at(&["Stats", "Records"]),
                "kamailio_ulscscf_records",
                "Records in the table of the domain.",
            ),
            unsigned_gauge(
                at(&["Stats", "Max-Slots"]),
                "kamailio_ulscscf_slot_records_max",
                "Records in the fullest slot of the table of the domain.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::Linear,
    several_records: true,
    ..Collector::opt_in("ulscscf.status", "ims_usrloc_scscf", "Registrations at the S-CSCF.")
};
