//! States of the peers that call and register (module peerstate).

use crate::collectors::schema::{Collector, Cost, Table, at, size};

/// `peerstate/peerstate_mod.c`, `rpc_stats`, since Kamailio 6.1.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["total_peers"]), "kamailio_peerstate_peers", "Peers whose state is known."),
            size(at(&["incall_peers"]), "kamailio_peerstate_incall_peers", "Peers that are in a call."),
            size(
                at(&["registered_peers"]),
                "kamailio_peerstate_registered_peers",
                "Peers that are registered.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    since: Some("6.1"),
    cost: Cost::Walk,
    ..Collector::opt_in("peerstate.stats", "peerstate", "States of peers.")
};
