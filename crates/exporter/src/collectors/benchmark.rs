//! Times that the configuration script takes (module benchmark).

use crate::collectors::schema::{Collector, Cost, Table, Unreadable, at, field, label, statistic};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `benchmark/benchmark.c`, `bm_rpc_timer_list`: one record a timer, in microseconds (a Kamailio that was built with
/// `BM_CLOCK_REALTIME` counts nanoseconds), the large numbers as text. What starts again with each period is left out.
pub(super) static TIMER_LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("name", &["name"])],
        fields: &[
            field(
                at(&["calls"]),
                Kind::Counter,
                "kamailio_benchmark_timer_runs",
                "How often the timer was stopped.",
                statistic,
            ),
            field(
                at(&["sum"]),
                Kind::Counter,
                "kamailio_benchmark_timer_seconds",
                "Time that was measured.",
                seconds,
            ),
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_benchmark_timer_min_seconds",
                "The least that was measured.",
                least,
            ),
            field(
                at(&["global_max"]),
                Kind::Gauge,
                "kamailio_benchmark_timer_max_seconds",
                "The most that was measured.",
                seconds,
            ),
        ],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::opt_in("benchmark.timer_list", "benchmark", "Times that the configuration script takes.")
};

fn seconds(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match statistic(value)? {
        Some(Number::Signed(microseconds)) => Ok(Some(Number::Float(microseconds as f64 / 1e6))),
        _ => Err(Unreadable),
    }
}

/// A timer that never ran has 4294967295 as its minimum (`bm_reset_timer`).
fn least(timer: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match timer.get("calls").map(statistic) {
        Some(Ok(Some(Number::Signed(0)))) => Ok(None),
        _ => seconds(timer.get("global_min").ok_or(Unreadable)?),
    }
}
