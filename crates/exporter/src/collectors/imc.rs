//! Chat rooms (module imc).

use crate::collectors::schema::{Collector, Cost, Table, at, label, unsigned_gauge};

/// `imc/imc.c`, `imc_rpc_list_rooms`: one record per room.
pub(super) static LIST_ROOMS: Collector = Collector {
    tables: &[Table {
        labels: &[label("room", &["room"])],
        fields: &[unsigned_gauge(at(&["members"]), "kamailio_imc_room_members", "Members of the chat room.")],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in("imc.list_rooms", "imc", "Chat rooms.")
};
