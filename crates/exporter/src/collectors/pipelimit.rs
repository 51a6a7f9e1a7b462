//! Rate limits by named pipes (module pipelimit).

use crate::collectors::schema::{Collector, Cost, Table, at, gauge, label, unsigned_gauge};

/// `pipelimit/pl_ht.c`, `rpc_pl_list`: one record per pipe. The counters restart at 0 in each interval.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"]), label("algorithm", &["algorithm"])],
        fields: &[
            gauge(
                at(&["limit"]),
                "kamailio_pipelimit_pipe_limit",
                "Limit of the pipe: requests per interval with algorithms TAILDROP and RED, CPU load in percent with \
             FEEDBACK, bytes waiting in sockets with NETWORK.",
            ),
            unsigned_gauge(
                at(&["counter"]),
                "kamailio_pipelimit_pipe_current_requests",
                "Requests to the pipe in the current interval so far.",
            ),
            unsigned_gauge(
                at(&["last_counter"]),
                "kamailio_pipelimit_pipe_last_requests",
                "Requests to the pipe in the previous interval.",
            ),
            unsigned_gauge(
                at(&["unused_intervals"]),
                "kamailio_pipelimit_pipe_unused_intervals",
                "Consecutive intervals without a request to the pipe; counted only with the parameter clean_unused.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::Linear,
    ..Collector::new("pl.list", "pipelimit", "Rate limits by named pipe.")
};
