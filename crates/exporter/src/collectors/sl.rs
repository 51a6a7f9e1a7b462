//! Replies sent without a transaction (module sl).

use crate::collectors::schema::{Collector, Cost, Key, Table, counter};

/// `sl/sl_stats.c`, `rpc_stats`: ints up to 5.6, doubles since 5.7.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[counter(
            Key::Matching(reply_code),
            "kamailio_sl_stats_codes",
            "Replies sent without a transaction, by code; a class counts the codes that have no counter of their \
             own.",
        )],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    counts_from_start: true,
    ..Collector::new("sl.stats", "sl", "Replies sent without a transaction.")
};

/// Matches reply codes and classes: three characters, each a digit or `x`.
pub(super) fn reply_code(name: &[u8]) -> Option<[(&'static str, &[u8]); 2]> {
    let is_code = name.len() == 3 && name.iter().all(|byte| byte.is_ascii_digit() || *byte == b'x');
    is_code.then_some([("code", name), ("", b"")])
}
