//! Rate limits by named pipes (module pipelimit).

use crate::collectors::schema::{Collector, Cost, Table, at, gauge, label, size};

/// `pipelimit/pl_ht.c`, `rpc_pl_list`: one record a pipe. The counters start again at 0 in each interval.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"]), label("algorithm", &["algorithm"])],
        fields: &[
            gauge(
                at(&["limit"]),
                "kamailio_pipelimit_pipe_limit",
                "The pipe's limit: requests in an interval with algorithms TAILDROP and RED, load of the CPU in \
                 per cent with FEEDBACK, bytes that wait in sockets with NETWORK.",
            ),
            size(
                at(&["counter"]),
                "kamailio_pipelimit_pipe_current_requests",
                "Requests to the pipe in this interval so far.",
            ),
            size(
                at(&["last_counter"]),
                "kamailio_pipelimit_pipe_last_requests",
                "Requests to the pipe in the last interval.",
            ),
            size(
                at(&["unused_intervals"]),
                "kamailio_pipelimit_pipe_unused_intervals",
                "Intervals in a row without a request to the pipe, counted with the parameter clean_unused only.",
            ),
        ],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::List,
    ..Collector::new("pl.list", "pipelimit", "Rate limits by pipe.")
};
