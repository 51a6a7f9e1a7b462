//! Looks for growth of memory, files and threads: `make soak`. Two exporters are scraped repeatedly, one of a real Kamailio
//! with SIP traffic and one of a fake, with random faults of Kamailio and of clients. SCRAPES is the number of scrapes, SEED
//! that of the random faults.

use bench::process::Exporter;
use bench::settings;
use fake_kamailio::{Fake, Then, body};
use kamailio_binrpc::wire::{Arg, Kind};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use std::{fs, thread};
use testbed::Kamailio;

fn main() -> ExitCode {
    let scrapes = settings::number("SCRAPES").unwrap_or(200_000) as u64;
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_secs());
    let seed = settings::number("SEED").map_or(now, |seed| seed as u64).max(1);
    println!("{scrapes} scrapes, SEED={seed}");
    let fake = Fake::start();
    let mut kamailio = Kamailio::start();
    let _traffic = kamailio.background_traffic();
    let exporters = [fake.unix(), kamailio.unix()]
        .map(|uri| Exporter::start_with(&settings::exporter(), &["-u", &uri, "-t", "500ms"]));
    let mut random = Random(seed);
    let (mut faults, mut restarts) = (0, 0);
    let start = Instant::now();
    for fault in 0..FAULTS {
        with_fault(fault, &fake, &exporters[0]);
    }
    report_head();
    let mut states = Vec::new();
    for number in 1..=scrapes {
        // Allocators keep their peak, so the first measurement follows some faults of each kind.
        if number == (scrapes / 10).max(1) {
            states.push(report("start", &exporters));
        }
        let exporter = &exporters[(number % 2) as usize];
        if random.below(50) == 0 {
            with_fault(random.below(FAULTS), &fake, &exporters[0]);
            faults += 1;
        } else {
            expect(exporter, true);
        }
        if number % (scrapes / 10).max(1) == 0 {
            match random.below(2) {
                0 => kamailio.kill(),
                _ => kamailio.suspend(),
            }
            expect(&exporters[1], false);
            kamailio.kill();
            kamailio.restart();
            settle(&exporters[1]);
            restarts += 1;
        }
        if number == scrapes / 2 {
            states.push(report("middle", &exporters));
        }
    }
    states.push(report("end", &exporters));
    let rate = scrapes as f64 / start.elapsed().as_secs_f64();
    println!("{faults} faults, {restarts} deaths of Kamailio, {rate:.0} scrapes a second");
    let (first, last) = (&states[0], &states[2]);
    let flat = first.iter().zip(last).all(|(first, last)| {
        last.files <= first.files
            && last.threads <= first.threads
            && last.anonymous <= first.anonymous + GROWTH
    });
    println!("{}", if flat { "flat" } else { "NOT FLAT" });
    if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes a scrape with a fault; the next scrape must succeed.
fn with_fault(fault: u64, fake: &Fake, exporter: &Exporter) {
    match fault {
        0 => fake.silent(true),
        1 => fake.refuse(true),
        2 => fake.truncate("sl.stats", 3, Then::Close),
        3 => fake.garbage("sl.stats", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        4 => fake.lie("sl.stats", u32::MAX),
        5 => fake.skip("sl.stats"),
        6 => fake.postpone("sl.stats"),
        7 => fake.answer("sl.stats", Kind::Reply, &vec![3; 3_000_000]),
        8 => fake.answer("stats.fetch", Kind::Reply, &statistics(20_000)),
        9 => fake.mangle("*", Then::GoOn, |_, good| vec![good.to_vec(), good.to_vec()]),
        10 => fake.mangle("sl.stats", Then::Repeat, |_, _| vec![vec![0xa1, 0x10, 1, 0, 0x80]]),
        11 => fake.truncate("cnt.list_groups", 5, Then::Close),
        12 => fake.chop(1, Duration::from_millis(5)),
        13 => return drop(exporter.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")),
        14 => return drop(exporter.send(b"GET /metrics HT")),
        15 => return drop(exporter.send(&vec![b'x'; 1 << 20])),
        _ => return drop((0..50).map(|_| exporter.send(b"GET ")).collect::<Vec<_>>()),
    }
    let answer = get(exporter);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    fake.behave();
    expect(exporter, true);
}

/// Encodes a body of a number of statistics.
fn statistics(count: usize) -> Vec<u8> {
    let names: Vec<_> = (0..count).map(|number| format!("script.statistic{number}")).collect();
    let members: Vec<_> = names.iter().map(|name| (Some(name.as_str()), Arg::from("7"))).collect();
    body(&[Arg::Struct(&members)])
}

fn expect(exporter: &Exporter, up: bool) {
    let answer = get(exporter);
    let is_up = answer.contains("\nkamailio_up 1\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && is_up == up, "kamailio_up is not {up}: {answer}");
}

/// Requests the metrics, again if there are too many concurrent requests.
fn get(exporter: &Exporter) -> String {
    loop {
        let answer = exporter.get();
        if !answer.starts_with("HTTP/1.1 503 ") {
            return answer;
        }
    }
}

/// Waits until a started Kamailio responds in time.
fn settle(exporter: &Exporter) {
    let end = Instant::now() + Duration::from_secs(30);
    while !get(exporter).contains("\nkamailio_up 1\n") {
        assert!(Instant::now() < end, "Kamailio does not come back");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The resources of a process.
struct State {
    resident: u64,
    anonymous: u64,
    files: usize,
    threads: u64,
}

impl State {
    fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        let files = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Self { resident: value("VmRSS:"), anonymous: value("RssAnon:"), files, threads: value("Threads:") }
    }
}

fn report_head() {
    println!(
        "{:<8}{:>8}{:>14}{:>16}{:>7}{:>9}",
        "", "on", "resident KiB", "anonymous KiB", "files", "threads"
    );
}

/// Prints the resources of both processes when idle.
fn report(when: &str, exporters: &[Exporter; 2]) -> Vec<State> {
    thread::sleep(Duration::from_millis(500));
    let states = exporters.iter().zip(["fake", "real"]).map(|(exporter, on)| {
        let state = State::of(exporter.pid());
        let State { resident, anonymous, files, threads } = state;
        println!("{when:<8}{on:>8}{resident:>14}{anonymous:>16}{files:>7}{threads:>9}");
        state
    });
    states.collect()
}

/// xorshift64*, which is reproducible from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

/// Number of faults.
const FAULTS: u64 = 17;
/// Tolerated growth of anonymous memory in KiB, for fragmentation.
const GROWTH: u64 = 1024;
