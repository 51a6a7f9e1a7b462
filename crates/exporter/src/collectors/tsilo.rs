//! Transactions waiting for registrations (module tsilo).

use crate::collectors::schema::{Call, Collector, Cost, Table, at, unsigned_gauge};

/// `tsilo/ts_rpc.c`, `rpc_tsilo_dump`. Without the argument `brief`, the reply would be the whole table.
pub(super) static DUMP: Collector = Collector {
    call: Call::Once(&["brief"]),
    tables: &[Table {
        fields: &[
            unsigned_gauge(at(&["Size"]), "kamailio_tsilo_slots", "Slots of the table of awaited URIs."),
            unsigned_gauge(
                at(&["Stats", "RURIs"]),
                "kamailio_tsilo_uris",
                "URIs that transactions are waiting for to be registered.",
            ),
            unsigned_gauge(
                at(&["Stats", "Max-Slots"]),
                "kamailio_tsilo_slot_uris_max",
                "URIs in the fullest slot of the table of awaited URIs.",
            ),
            unsigned_gauge(
                at(&["Stats", "Transactions"]),
                "kamailio_tsilo_waiting_transactions",
                "Transactions waiting for a URI to be registered.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in("ts.dump", "tsilo", "Transactions waiting for registrations.")
};
