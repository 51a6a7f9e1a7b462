//! Chat rooms (module imc).

use crate::collectors::schema::{Collector, Cost, Table, at, label, size};

/// `imc/imc.c`, `imc_rpc_list_rooms`: one record a room.
pub(super) static LIST_ROOMS: Collector = Collector {
    tables: &[Table {
        labels: &[label("room", &["room"])],
        fields: &[size(at(&["members"]), "kamailio_imc_room_members", "Members of the chat room.")],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::Walk,
    ..Collector::opt_in("imc.list_rooms", "imc", "Chat rooms.")
};
