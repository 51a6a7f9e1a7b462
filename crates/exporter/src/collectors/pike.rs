//! IP addresses that send too many requests (module pike).

use crate::collectors::schema::{Collector, Cost, Table, at, unsigned_gauge};

/// `pike/pike_rpc.c`, `pike_top`: without an argument, the addresses in state `HOT`.
pub(super) static TOP: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                at(&["number_of_rows"]),
                "kamailio_pike_hot_addresses",
                "IP addresses above the request limit.",
            ),
            unsigned_gauge(
                at(&["max_hits"]),
                "kamailio_pike_max_hits",
                "Maximum number of requests that an IP address may send per interval.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in("pike.top", "pike", "IP addresses that send too many requests.")
};
