//! Registrations with an S-CSCF (module ims_usrloc_scscf).

use crate::collectors::schema::{Collector, Cost, Table, at, label, size};

/// `ims_usrloc_scscf/ul_rpc.c`, `ul_rpc_dump`: one record a domain.
pub(super) static STATUS: Collector = Collector {
    tables: &[Table {
        labels: &[label("domain", &["Domain"])],
        fields: &[
            size(at(&["Size"]), "kamailio_ulscscf_slots", "Slots of the domain's table."),
            size(at(&["Stats", "Records"]), "kamailio_ulscscf_records", "Records in the domain's table."),
            size(
                at(&["Stats", "Max-Slots"]),
                "kamailio_ulscscf_slot_records_max",
                "Records in the slot that has the most.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::List,
    ..Collector::opt_in("ulscscf.status", "ims_usrloc_scscf", "Registrations with an S-CSCF.")
};
