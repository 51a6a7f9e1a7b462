//! Rate limits by numbered pipes (module ratelimit).

use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, gauge, label, size};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;

/// `ratelimit/ratelimit.c`, `rpc_stats`: a line a pipe, `PIPE[0]: 300/20 (drop rate: 1)`. Those that are not used have
/// neither requests nor a limit. The drop rate is the requests of an interval by those that the limit allows in it
/// (`rl_timer_handle`), whatever the algorithm; RED lets one of so many through (`pipe_push`).
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        labels: &[label("pipe", &[])],
        fields: &[
            size(
                Key::Mapped,
                "kamailio_ratelimit_pipe_last_requests",
                "Requests to the pipe in the last interval.",
            ),
            gauge(
                Key::Mapped,
                "kamailio_ratelimit_pipe_limit",
                "The pipe's limit: requests a second with algorithms TAILDROP and RED, load of the CPU in per \
                 cent with FEEDBACK, bytes that wait in sockets with NETWORK.",
            ),
            gauge(
                Key::Mapped,
                "kamailio_ratelimit_pipe_drop_rate",
                "Algorithm RED lets one of so many requests through, and all if it is 0 or 1; with algorithm \
                 NETWORK, 1 if all requests are dropped and -1 if none are.",
            ),
        ],
        ..Table::NEW
    }],
    map: Some(read),
    cost: Cost::List,
    ..Collector::opt_in("rl.stats", "ratelimit", "Rate limits by pipe.")
};

fn read(lines: Members<'_>, emit: &mut Emit<'_>) {
    for line in lines {
        match pipe(line.value) {
            Some((_, [0, 0, _])) => {}
            Some((name, numbers)) => {
                for (place, number) in numbers.into_iter().enumerate() {
                    emit(place, &[("pipe", name.as_bytes())], Some(Number::Signed(number)));
                }
            }
            None => emit(0, &[], None),
        }
    }
}

fn pipe(line: Value<'_>) -> Option<(&str, [i64; 3])> {
    let rest = std::str::from_utf8(line.as_bytes()?).ok()?.strip_prefix("PIPE[")?;
    let (name, rest) = rest.split_once("]: ")?;
    let (requests, rest) = rest.split_once('/')?;
    let (limit, rest) = rest.split_once(" (drop rate: ")?;
    let drop_rate = rest.strip_suffix(')')?;
    Some((name, [requests.parse().ok()?, limit.parse().ok()?, drop_rate.parse().ok()?]))
}
