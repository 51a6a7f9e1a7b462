//! Addresses that send too much (module pike).

use crate::collectors::schema::{Collector, Cost, Table, at, size};

/// `pike/pike_rpc.c`, `pike_top`: without an argument those that are `HOT`.
pub(super) static TOP: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["number_of_rows"]), "kamailio_pike_hot_addresses", "Addresses over the limit."),
            size(
                at(&["max_hits"]),
                "kamailio_pike_max_hits",
                "Requests in an interval that an address may send.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::Walk,
    ..Collector::opt_in("pike.top", "pike", "Addresses that send too much.")
};
