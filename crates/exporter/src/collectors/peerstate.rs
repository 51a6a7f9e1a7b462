//! Call and registration states of peers (module peerstate).

use crate::collectors::schema::{Collector, Cost, Table, at, unsigned_gauge};

/// `peerstate/peerstate_mod.c`, `rpc_stats`, since Kamailio 6.1.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(at(&["total_peers"]), "kamailio_peerstate_peers", "Peers whose state is known."),
            unsigned_gauge(at(&["incall_peers"]), "kamailio_peerstate_incall_peers", "Peers in a call."),
            unsigned_gauge(
                at(&["registered_peers"]),
                "kamailio_peerstate_registered_peers",
                "Registered peers.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    since: Some("6.1"),
    cost: Cost::LockedWalk,
    ..Collector::opt_in("peerstate.stats", "peerstate", "Call and registration states of peers.")
};
