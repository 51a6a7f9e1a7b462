//! Benchmark timers of the configuration script (module benchmark).

use crate::collectors::schema::{Collector, Cost, Table, Unreadable, at, divided, field, label, statistic};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `benchmark/benchmark.c`, `bm_rpc_timer_list`: one record per timer, in microseconds, with large numbers as text. A
/// Kamailio built with `BM_CLOCK_REALTIME` counts nanoseconds. Values of the current period are left out, because they
/// restart with each period.
pub(super) static TIMER_LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"])],
        fields: &[
            field(
                at(&["calls"]),
                Kind::Counter,
                "kamailio_benchmark_timer_runs",
                "Completed measurements of the timer.",
                statistic,
            ),
            field(
                at(&["sum"]),
                Kind::Counter,
                "kamailio_benchmark_timer_seconds",
                "Total time measured by the timer, in seconds.",
                seconds,
            ),
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_benchmark_timer_min_seconds",
                "Shortest time measured by the timer, in seconds.",
                shortest,
            ),
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_benchmark_timer_max_seconds",
                "Longest time measured by the timer, in seconds.",
                longest,
            ),
        ],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::opt_in(
        "benchmark.timer_list",
        "benchmark",
        "Execution times measured by benchmark timers of the configuration script.",
    )
};

fn seconds(microseconds: Value<'_>) -> Result<Option<Number>, Unreadable> {
    divided(microseconds, 1e6)
}

/// A timer that never ran has the minimum 4294967295 and the maximum 0 (`bm_reset_timer`).
fn shortest(timer: Value<'_>) -> Result<Option<Number>, Unreadable> {
    if_it_ran(timer, "global_min")
}

fn longest(timer: Value<'_>) -> Result<Option<Number>, Unreadable> {
    if_it_ran(timer, "global_max")
}

fn if_it_ran(timer: Value<'_>, name: &str) -> Result<Option<Number>, Unreadable> {
    match timer.get("calls").map(statistic) {
        Some(Ok(Some(Number::Signed(0)))) => Ok(None),
        _ => timer.get(name).map_or(Ok(None), seconds),
    }
}
