//! Measures the cost of a scrape, next to the minimal cost and to other exporters: `make bench`.
//!
//! All contestants scrape one Kamailio with SIP traffic in turn, so that other load on the machine affects all of them. The
//! program reports figures next to their goals, and does not fail.

mod crowd;
mod floor;
mod instructions;
mod kernel;
mod page;
mod pipeline;
#[path = "../../crates/exporter/benches/support/mod.rs"]
mod support;

use bench::http::{AS_PROMETHEUS, Http};
use bench::process::{Exporter, cpu, ctl_process, peak_memory};
use bench::{median, percentile, settings};
use crowd::Crowd;
use floor::Floor;
use std::time::Instant;
use testbed::Kamailio;

/// The nine methods of the comparison.
const METHODS: &str = "tm.stats,sl.stats,core.shmmem,core.uptime,core.tcp_info,dispatcher.list,dlg.stats_active,dmq.list_nodes,stats.fetch";

struct Contestant {
    name: String,
    exporter: Exporter,
    binary: String,
}

fn main() {
    // A failed client must end the program.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("bench: {panic}");
        std::process::exit(1);
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = arguments.first().map_or("", String::as_str);
    match mode {
        "kernel" => return kernel::measure(),
        "pipeline" => return pipeline::measure(),
        "instructions" => return instructions::measure(std::env::var_os("REFRESH").is_some()),
        "page" => return page::measure(&settings::exporter(), settings::number("ROUNDS").unwrap_or(5)),
        "repeat" => return instructions::repeat(&arguments[1..]),
        _ => {}
    }
    let rounds = settings::number("ROUNDS").unwrap_or(5);
    let mut binaries = vec![("kamailio_exporter".to_owned(), settings::exporter())];
    for peer in std::env::var("PEERS").unwrap_or_default().split_whitespace() {
        let (name, path) = peer.split_once('=').expect("PEERS is \"name=/path name=/path\"");
        binaries.push((name.to_owned(), path.to_owned()));
    }
    let kamailio = Kamailio::start();
    let _traffic = kamailio.background_traffic();
    let mut contestants: Vec<_> = binaries
        .into_iter()
        .map(|(name, binary)| {
            let exporter = Exporter::start(&binary, &kamailio.unix(), METHODS, "all");
            Contestant { name, exporter, binary }
        })
        .collect();
    let calls: Vec<Vec<&str>> = METHODS
        .split(',')
        .map(|method| if method == "stats.fetch" { vec![method, "all"] } else { vec![method] })
        .collect();
    let calls: Vec<&[&str]> = calls.iter().map(Vec::as_slice).collect();
    let mut floor = Floor::new(kamailio.socket_path(), &calls);
    println!("nine methods on a Kamailio with SIP traffic, medians of {} turns\n", rounds * TURNS);
    row("", contestants.iter().map(|contestant| contestant.name.clone()), "goal");
    latency(&kamailio, &mut floor, &mut contestants, rounds);
    if mode == "scrapes" {
        return;
    }
    resources(&contestants, &kamailio.unix());
    concurrency(&contestants, ctl_process(&kamailio));
    large_list(&contestants);
    kernel::measure();
    page::measure(&settings::exporter(), rounds);
    pipeline::measure();
}

/// Measures p50 and processor time of a scrape, for the minimal scrape and all exporters, and the cost to Kamailio.
fn latency(kamailio: &Kamailio, floor: &mut Floor, contestants: &mut [Contestant], rounds: usize) {
    let ctl = ctl_process(kamailio);
    let mut floors: [Vec<f64>; 3] = Default::default();
    for (what, headers, goal, cpu_goal) in
        [("text", "", "<= 1.3", "<= 120"), ("OpenMetrics, gzip", AS_PROMETHEUS, "<= 1.7", "<= 250")]
    {
        let mut results: Vec<[Vec<f64>; 3]> = contestants.iter().map(|_| Default::default()).collect();
        for _ in 0..rounds {
            // Started anew, because two processes of the same program differ by several percent for as long as they run.
            let start = |contestant: &Contestant| {
                Exporter::start(&contestant.binary, &kamailio.unix(), METHODS, "all")
            };
            let exporters: Vec<_> = contestants.iter().map(start).collect();
            let connect =
                |exporter: &Exporter| Http::connect(&exporter.address, headers).expect("it listens");
            let mut clients: Vec<_> = exporters.iter().map(connect).collect();
            (0..WARM_UP).for_each(|_| clients.iter_mut().for_each(|http| assert!(http.get() > 0)));
            for turn in 0..TURNS {
                let measured = measure(std::process::id(), ctl, || {
                    floor.scrape();
                });
                push(&mut floors, measured);
                // Each contestant takes each position in turn, because the order may matter.
                for place in 0..contestants.len() {
                    let index = (turn + place) % contestants.len();
                    let measured = measure(exporters[index].pid(), ctl, || {
                        clients[index].get();
                    });
                    push(&mut results[index], measured);
                }
            }
        }
        let [base, base_cpu, base_ctl] = floors.each_mut().map(|all| median(all));
        println!(
            "  the floor: p50 {:.0} us, {:.0} us of CPU, {:.0} us of ctl's",
            base * 1e6,
            base_cpu * 1e6,
            base_ctl * 1e6
        );
        let medians: Vec<[f64; 3]> =
            results.iter_mut().map(|result| result.each_mut().map(|all| median(all))).collect();
        row(&format!("p50, {what}, us"), medians.iter().map(|m| format!("{:.0}", m[0] * 1e6)), "");
        row(&format!("p50, {what}, x floor"), medians.iter().map(|m| format!("{:.2}", m[0] / base)), goal);
        row(
            &format!("CPU, {what}, us a scrape"),
            medians.iter().map(|m| format!("{:.0}", m[1] * 1e6)),
            cpu_goal,
        );
        row(
            &format!("ctl's CPU, {what}, x floor"),
            medians.iter().map(|m| format!("{:.2}", m[2] / base_ctl)),
            "<= 1.1",
        );
    }
}

/// Returns the median time from a start to the first response. Several starts, because the first one reads the program from
/// disk.
fn first_answer(contestant: &Contestant, uri: &str) -> f64 {
    let start = |_| Exporter::start(&contestant.binary, uri, METHODS, "all").first_answer.as_secs_f64();
    percentile(&mut (0..STARTS).map(start).collect::<Vec<_>>(), 50)
}

fn resources(contestants: &[Contestant], uri: &str) {
    for contestant in contestants {
        let mut http = Http::connect(&contestant.exporter.address, AS_PROMETHEUS).expect("it listens");
        (0..10_000).for_each(|_| {
            http.get();
        });
    }
    let memory =
        contestants.iter().map(|contestant| format!("{:.1}", peak_memory(contestant.exporter.pid())));
    row("peak memory after 10,000 more, MiB", memory, "<= 5");
    let size = contestants.iter().map(|contestant| {
        std::fs::metadata(&contestant.binary)
            .map_or("?".to_owned(), |file| format!("{:.1}", file.len() as f64 / 1048576.0))
    });
    row("binary, MiB", size, "<= 6");
    let start = contestants.iter().map(|contestant| format!("{:.1}", first_answer(contestant, uri) * 1e3));
    row("start to first response, ms", start, "<= 5");
}

/// Compares fifty concurrent requests with single ones, by medians over rounds.
fn concurrency(contestants: &[Contestant], ctl: u32) {
    let mut crowds: Vec<_> =
        contestants.iter().map(|contestant| Crowd::new(&contestant.exporter, ctl)).collect();
    (0..CROWDS).for_each(|_| crowds.iter_mut().for_each(Crowd::round));
    let mut line = |what, goal, decimals, of: fn(&mut Crowd<'_>) -> f64| {
        row(what, crowds.iter_mut().map(|crowd| format!("{:.*}", decimals, of(crowd))), goal);
    };
    line("p99 of one alone, us", "", 0, |crowd| median(&mut crowd.alone) * 1e6);
    line("p99 of 50 at once, us", "", 0, |crowd| median(&mut crowd.at_once) * 1e6);
    line("p99 of 50 at once, x alone", "<= 2", 2, |crowd| {
        median(&mut crowd.at_once) / median(&mut crowd.alone)
    });
    line("runs of RPCs for these 50", "", 2, |crowd| median(&mut crowd.runs));
    line("runs for 50 simultaneous requests", "1", 2, |crowd| median(&mut crowd.runs_together));
}

/// Measures the processor time of a scrape of a thousand destinations.
fn large_list(contestants: &[Contestant]) {
    let fake = fake_kamailio::Fake::start();
    fake.answer_with("dispatcher.list.1000dest");
    let costs = contestants.iter().map(|contestant| {
        let exporter = Exporter::start(&contestant.binary, &fake.unix(), "dispatcher.list", "all");
        let mut http = Http::connect(&exporter.address, "").expect("it listens");
        let turn = |_| {
            let [_, seconds, _] = measure(exporter.pid(), exporter.pid(), || {
                http.get();
            });
            seconds
        };
        format!("{:.0}", median(&mut (0..TURNS).map(turn).collect::<Vec<_>>()) * 1e6)
    });
    row("CPU, 1,000 destinations, us a scrape", costs, "<= 1000");
}

/// Scrapes for one turn. Returns the median duration, and the processor time of both processes for each scrape.
fn measure(process: u32, ctl: u32, mut scrape: impl FnMut()) -> [f64; 3] {
    // Not measured: the previous contestant has filled the processor's caches.
    (0..5).for_each(|_| scrape());
    let before = (cpu(process), cpu(ctl));
    let mut times: Vec<_> = (0..SCRAPES).map(|_| seconds(&mut scrape)).collect();
    let count = SCRAPES as f64;
    [median(&mut times), (cpu(process) - before.0) / count, (cpu(ctl) - before.1) / count]
}

fn push(rounds: &mut [Vec<f64>; 3], round: [f64; 3]) {
    rounds.iter_mut().zip(round).for_each(|(all, one)| all.push(one));
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn row(what: &str, values: impl Iterator<Item = String>, goal: &str) {
    let values: String = values.map(|value| format!("{value:>18}")).collect();
    println!("{what:<38}{values}{goal:>10}");
}

/// Rounds of fifty concurrent requests.
const CROWDS: usize = 25;
const STARTS: usize = 21;
/// Scrapes of a new process before its first turn.
const WARM_UP: usize = 100;
/// Turns of each contestant in a round. They are short, so that a machine that becomes slower does so for all contestants.
const TURNS: usize = 20;
/// Scrapes of a turn.
const SCRAPES: usize = 50;
