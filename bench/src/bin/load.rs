//! Measures what one scrape per second costs a Kamailio at its capacity limit: `make bench-load`.
//!
//! Kamailio has a core of its own, and gets as many calls as it can handle. sipp and the exporter have another core. Completed
//! calls are counted for some seconds with scrapes and for some without, in turn; ROUNDS is the number of such pairs. The
//! processor time that ctl uses is lost to calls, so it predicts the ratio with less noise than the number of calls.

use bench::process::{Exporter, cpu, ctl_process};
use bench::{cores, median, settings};
use kamailio_binrpc::{Arg, Client, Value};
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Kamailio, Traffic};

fn main() {
    let rounds = settings::number("ROUNDS").unwrap_or(20).max(LEAST_ROUNDS);
    let [core, others] = cores::two();
    cores::pin(std::process::id(), others);
    // Without background work.
    let kamailio = Kamailio::builder().without("ping").without("dmq").memory(MEMORY).config(CONFIG).start();
    kamailio.processes().into_iter().for_each(|pid| cores::pin(pid, core));
    let exporter = Exporter::start_with(&settings::exporter(), &["-u", &kamailio.unix()]);
    let bench = Bench { core, ctl: ctl_process(&kamailio), load: kamailio.load(CALLS), kamailio, exporter };
    thread::sleep(TURN);
    let start = Sip::of(&bench.kamailio);
    let pairs: Vec<[Counts; 2]> = (0..rounds)
        .map(|round| {
            // The order alternates, so that a trend favours neither.
            let first = round % 2 == 0;
            let mut pair = [bench.turn(first), bench.turn(!first)];
            if first {
                pair.reverse();
            }
            pair
        })
        .collect();
    let end = Sip::of(&bench.kamailio);
    report(&pairs);
    let (requests, new) = (end.requests - start.requests, end.transactions - start.transactions);
    // The counters are not read at the same instant.
    println!("requests that came more than once: {:.0} of {requests:.0}", (requests - new).max(0.0));
}

struct Bench {
    core: usize,
    ctl: u32,
    // Dropped in this order: the callers first.
    load: Traffic,
    exporter: Exporter,
    kamailio: Kamailio,
}

/// Counters; seconds are processor time.
struct Counts {
    calls: f64,
    kamailio: f64,
    /// Seconds of Kamailio's core.
    idle: f64,
    ctl: f64,
    sipp: f64,
}

impl Bench {
    /// Returns the rates per second.
    fn turn(&self, scraped: bool) -> Counts {
        let (start, before) = (Instant::now(), self.counts());
        for second in 1..=TURN.as_secs() {
            if scraped {
                let answer = self.exporter.get();
                assert!(answer.contains("\nkamailio_up 1\n"), "{answer}");
            }
            thread::sleep((start + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
        }
        let (seconds, after) = (start.elapsed().as_secs_f64(), self.counts());
        let rate = |of: fn(&Counts) -> f64| (of(&after) - of(&before)) / seconds;
        Counts {
            calls: rate(|counts| counts.calls),
            kamailio: rate(|counts| counts.kamailio),
            idle: rate(|counts| counts.idle),
            ctl: rate(|counts| counts.ctl),
            sipp: rate(|counts| counts.sipp),
        }
    }

    /// Since the start.
    fn counts(&self) -> Counts {
        let sum = |processes: Vec<u32>| processes.into_iter().map(cpu).sum();
        Counts {
            calls: Sip::of(&self.kamailio).completed,
            kamailio: sum(self.kamailio.processes()),
            idle: cores::idle(self.core),
            ctl: cpu(self.ctl),
            sipp: sum(self.load.processes()),
        }
    }
}

fn report(pairs: &[[Counts; 2]]) {
    println!("{} pairs of turns of {TURN:?} each, {CALLS} calls at a time\n", pairs.len());
    println!("{:<46}{:>12}{:>16}", "medians", "no scrapes", "one a second");
    let row = |what: &str, times: f64, of: fn(&Counts) -> f64| {
        let medians =
            [0, 1].map(|which| median(&mut pairs.iter().map(|pair| of(&pair[which])).collect::<Vec<_>>()));
        println!("{what:<46}{:>12.1}{:>16.1}", medians[0] * times, medians[1] * times);
        medians
    };
    row("calls completed a second", 1.0, |turn| turn.calls);
    row("calls completed a second of Kamailio's CPU", 1.0, |turn| turn.calls / turn.kamailio);
    let [busy, _] = row("Kamailio, % of its core", 100.0, |turn| turn.kamailio);
    row("idle, % of Kamailio's core", 100.0, |turn| turn.idle);
    row("sipp, % of its core", 100.0, |turn| turn.sipp);
    let ctl = row("ctl's CPU, us a second", 1e6, |turn| turn.ctl);
    for (what, which) in [("without", 0), ("with", 1)] {
        let mut rates: Vec<_> = pairs.iter().map(|pair| pair[which].calls).collect();
        rates.sort_by(f64::total_cmp);
        let rates: Vec<_> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        println!("calls a second {what}: {}", rates.join(" "));
    }
    println!("\nwith / without, of the turns of a pair");
    ratio("calls a second", pairs, |turn| turn.calls);
    ratio("calls a second of Kamailio's CPU", pairs, |turn| turn.calls / turn.kamailio);
    let cost = ctl[1] - ctl[0];
    println!("expected of ctl's {:.0} us a scrape: {:.4}", cost * 1e6, 1.0 - cost / busy);
    if busy < AT_THE_LIMIT {
        let busy = busy * 100.0;
        println!("NOT AT THE LIMIT: Kamailio used only {busy:.1}% of its core; try a quiet machine");
    }
}

/// Prints the median of the ratios, its confidence interval of 95% (binomial), and the spread of the ratios.
fn ratio(what: &str, pairs: &[[Counts; 2]], of: fn(&Counts) -> f64) {
    let mut ratios: Vec<_> = pairs.iter().map(|[without, with]| of(with) / of(without)).collect();
    let (half, last, count) = (median(&mut ratios), ratios.len() - 1, ratios.len() as f64);
    let rank = (count / 2.0 - 0.98 * count.sqrt()).max(0.0) as usize;
    println!(
        "{what}: {half:.4}, between {:.4} and {:.4} with 95%; the pairs from {:.4} to {:.4}",
        ratios[rank],
        ratios[last - rank],
        ratios[0],
        ratios[last]
    );
}

/// Kamailio's counters, read with pipelined calls and so at nearly the same instant.
struct Sip {
    completed: f64,
    /// INVITE and BYE requests, and their transactions.
    requests: f64,
    transactions: f64,
}

impl Sip {
    fn of(kamailio: &Kamailio) -> Self {
        let target = kamailio.unix().parse().expect("a target");
        let mut client = Client::connect(&target, Instant::now() + ANSWER).expect("Kamailio is there");
        let requests = ["core:rcv_requests_invite", "core:rcv_requests_bye"];
        client.queue("tm.stats", &[]).expect("a short request");
        client.queue("stats.fetch", &requests.map(Arg::from)).expect("a short request");
        let mut values = |names: [&str; 2]| {
            let reply = client.receive().expect("Kamailio answers").expect("a reply to each");
            let record = reply.records().expect("no fault").first().expect("a record");
            names.map(|name| number(record.get(&name.replace(':', "."))))
        };
        let [successes, transactions] = values(["2xx", "total"]);
        let [invites, byes] = values(requests);
        // A call has two transactions with 2xx: INVITE and BYE.
        Self { completed: successes / 2.0, requests: invites + byes, transactions }
    }
}

/// Parses a statistic, which is a string.
fn number(value: Option<Value<'_>>) -> f64 {
    let text = value.and_then(Value::as_bytes).map(String::from_utf8_lossy);
    let number = text.map_or_else(|| value.and_then(Value::as_u64), |text| text.parse().ok());
    number.expect("a number") as f64
}

/// Keeps ended transactions for one second instead of five, to reduce the memory in use and the noise.
const CONFIG: &str = "debug=-1\nchildren=1\nmodparam(\"tm\", \"wt_timer\", 1000)";
/// MiB. A few thousand calls per second need a hundred.
const MEMORY: u32 = 512;
/// Enough to keep Kamailio busy although sipp starts calls every 10 ms only; few enough for the buffers of its socket.
const CALLS: u32 = 120;
/// Minimum and maximum of six values enclose the median with a probability of 97%, those of five with 94%.
const LEAST_ROUNDS: usize = 6;
/// Whole seconds.
const TURN: Duration = Duration::from_secs(3);
/// The time that a busy Kamailio may take to respond.
const ANSWER: Duration = Duration::from_secs(10);
/// Kamailio's share of its core.
const AT_THE_LIMIT: f64 = 0.95;
