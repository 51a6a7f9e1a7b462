//! Transactions that wait for registrations (module tsilo).

use crate::collectors::schema::{Call, Collector, Cost, Table, at, size};

/// `tsilo/ts_rpc.c`, `rpc_tsilo_dump`. Without `brief` it would be the whole table.
pub(super) static DUMP: Collector = Collector {
    call: Call::Once(&["brief"]),
    tables: &[Table {
        fields: &[
            size(at(&["Size"]), "kamailio_tsilo_slots", "Slots of the table of URIs that are waited for."),
            size(at(&["Stats", "RURIs"]), "kamailio_tsilo_uris", "URIs that are waited for."),
            size(
                at(&["Stats", "Max-Slots"]),
                "kamailio_tsilo_slot_uris_max",
                "URIs in the slot that has the most.",
            ),
            size(
                at(&["Stats", "Transactions"]),
                "kamailio_tsilo_waiting_transactions",
                "Transactions that wait for a URI to register.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::Walk,
    ..Collector::opt_in("ts.dump", "tsilo", "Transactions that wait for registrations.")
};
