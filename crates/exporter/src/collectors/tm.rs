//! Transactions (module tm).

use super::sl::reply_code;
use crate::collectors::schema::{Collector, Cost, Key, Table, at, counter, size};

/// `tm/t_stats.c`, `tm_rpc_stats`: sums over the processes, cast to the protocol's ints.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["current"]), "kamailio_tm_stats_current", "Transactions in memory."),
            size(
                at(&["waiting"]),
                "kamailio_tm_stats_waiting",
                "Transactions in memory that wait for their end.",
            ),
            counter(at(&["total"]), "kamailio_tm_stats_total", "Transactions since the start."),
            counter(
                at(&["total_local"]),
                "kamailio_tm_stats_total_local",
                "Transactions since the start that Kamailio began itself.",
            ),
            counter(
                at(&["rpl_received"]),
                "kamailio_tm_stats_rpl_received",
                "Replies that reached a transaction.",
            ),
            counter(
                at(&["rpl_generated"]),
                "kamailio_tm_stats_rpl_generated",
                "Replies that Kamailio made itself.",
            ),
            counter(at(&["rpl_sent"]), "kamailio_tm_stats_rpl_sent", "Replies sent by transactions."),
            counter(
                Key::Each(reply_code),
                "kamailio_tm_stats_codes",
                "Transactions by the class of their final reply.",
            ),
            counter(
                at(&["created"]),
                "kamailio_tm_stats_created",
                "Transactions that memory was allocated for.",
            ),
            counter(at(&["freed"]), "kamailio_tm_stats_freed", "Transactions whose memory was freed."),
            counter(
                at(&["delayed_free"]),
                "kamailio_tm_stats_delayed_free",
                "Transactions whose memory was still in use when it was to be freed, and was freed later.",
            ),
        ],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::new("tm.stats", "tm", "Transactions, and the replies they ended with.")
};
