//! Rate limits by numbered pipes (module ratelimit).

use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, gauge, label, unsigned_gauge};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;

/// `ratelimit/ratelimit.c`, `rpc_stats`: one line per pipe, `PIPE[0]: 300/20 (drop rate: 1)`. An unused pipe has
/// neither requests nor a limit. The drop rate is the number of requests of an interval divided by the number that the
/// limit allows (`rl_timer_handle`), whatever the algorithm; RED accepts one of this many requests (`pipe_push`).
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        labels: &[label("pipe", &[])],
        fields: &[
            unsigned_gauge(
                Key::Custom,
                "kamailio_ratelimit_pipe_last_requests",
                "Requests to the pipe in the previous interval.",
            ),
            gauge(
                Key::Custom,
                "kamailio_ratelimit_pipe_limit",
                "Limit of the pipe: requests per second with algorithms TAILDROP and RED, CPU load in percent with \
             FEEDBACK, bytes waiting in sockets with NETWORK.",
            ),
            gauge(
                Key::Custom,
                "kamailio_ratelimit_pipe_drop_rate",
                "Drop rate of the pipe: with algorithm RED, one request in this many is accepted (0 and 1: all); with \
             algorithm NETWORK, 1 if all requests are dropped and -1 if none is.",
            ),
        ],
        ..Table::NEW
    }],
    custom_reader: Some(read),
    cost: Cost::Linear,
    several_records: true,
    ..Collector::opt_in("rl.stats", "ratelimit", "Rate limits by numbered pipe.")
};

fn read(lines: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    for line in lines {
        match pipe(line.value) {
            Some((_, [0, 0, _])) => {}
            Some((name, numbers)) => {
                for (index, number) in numbers.into_iter().enumerate() {
                    emit(index, &[("pipe", name.as_bytes())], Some(Number::Signed(number)));
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
