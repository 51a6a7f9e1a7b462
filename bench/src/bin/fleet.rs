//! Measures the cost of probing a thousand Kamailios with one exporter: `make bench-fleet`.
//!
//! Every target is probed every 15 s, evenly distributed, as Prometheus does. A tenth of the targets hang, a twentieth refuse
//! the connection, and the others replay captures; half of each kind are unix sockets, half TCP.

use bench::http::{AS_PROMETHEUS, Http};
use bench::process::{Exporter, cpu, peak_memory};
use bench::settings;
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Target;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn main() {
    // A failed client must end the program.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("fleet: {panic}");
        let _ = std::fs::remove_dir_all(directory());
        std::process::exit(1);
    }));
    let (targets, seconds) =
        (settings::number("TARGETS").unwrap_or(1000), settings::number("SECONDS").unwrap_or(120));
    let fleet = Fleet::start(targets);
    let first = &fleet.targets[HUNG + 1].1.to_string();
    let (sockets, ports) =
        (format!("unix:{}/*", fleet.directory.display()), format!("tcp:{NETWORK}.0.0/16:{PORT}"));
    // There are more clients than the default limit of concurrent requests.
    let flags = ["-u", first, "--probe.allow", &sockets, "--probe.allow", &ports, "--web.max-requests", "0"];
    let exporter = Exporter::start_with(&settings::exporter(), &flags);
    let (files, before, start) = (open_files(exporter.pid()), cpu(exporter.pid()), Instant::now());
    let memory = peak_memory(exporter.pid());
    let probed = probe(&fleet, &exporter.address, start, Duration::from_secs(seconds as u64));
    let used = (cpu(exporter.pid()) - before) / start.elapsed().as_secs_f64();
    let mut times = probed.healthy;
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN) * 1e3;
    let last = times.last().copied().unwrap_or(f64::NAN) * 1e3;
    println!(
        "{targets} targets, one probe of each every {} s for {seconds} s: {} of healthy ones, {} of others\n",
        INTERVAL.as_secs(),
        times.len(),
        probed.others
    );
    row("p50 of a healthy one, ms", at(0.5), "");
    row("p99 of a healthy one, ms", at(0.99), "<= 50");
    row("the longest of a healthy one, ms", last, "");
    row("answers of healthy ones without metrics", probed.empty as f64, "0");
    row("CPU, % of a core", used * 100.0, "<= 10");
    row(
        "CPU, us a probe",
        used * start.elapsed().as_secs_f64() * 1e6 / (times.len() + probed.others) as f64,
        "",
    );
    row("peak memory before, MiB", memory, "");
    row("peak memory, MiB", peak_memory(exporter.pid()), "<= 48");
    row("file descriptors before", files as f64, "");
    row("file descriptors after", settled(exporter.pid(), files) as f64, "the same");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Healthy,
    Hung,
    Refusing,
}

/// The Kamailios, removed on drop.
struct Fleet {
    targets: Vec<(Kind, Target)>,
    directory: PathBuf,
    _healthy: Fake,
    _hung: Fake,
}

impl Fleet {
    fn start(count: usize) -> Self {
        let directory = directory();
        // A killed process with the same id may have left one.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("a new directory");
        let target = |number: usize| {
            let kind = match number % GROUP {
                0 => Kind::Refusing,
                1..=HUNG => Kind::Hung,
                _ => Kind::Healthy,
            };
            // Unix sockets and TCP ports alternate within each kind.
            let uri = if (number / GROUP + number).is_multiple_of(2) {
                format!("unix:{}/{number}", directory.display())
            } else {
                format!("tcp:{NETWORK}.{}.{}:{PORT}", number / 250, number % 250 + 1)
            };
            (kind, uri.parse::<Target>().expect("a target"))
        };
        let targets: Vec<_> = (0..count.max(GROUP)).map(target).collect();
        let listen = |kind| {
            let sockets = targets.iter().filter(|(of, _)| *of == kind).map(|(_, target)| target.clone());
            Fake::listen(Captures::of("5.6.3"), &sockets.collect::<Vec<_>>()).expect("free sockets")
        };
        let (healthy, hung) = (listen(Kind::Healthy), listen(Kind::Hung));
        hung.silent(true);
        Self { targets, directory, _healthy: healthy, _hung: hung }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The results of all probes.
#[derive(Default)]
struct Probed {
    /// Seconds from the scheduled time of a probe to its response.
    healthy: Vec<f64>,
    empty: usize,
    others: usize,
}

fn probe(fleet: &Fleet, address: &str, start: Instant, time: Duration) -> Probed {
    let headers = format!("{AS_PROMETHEUS}X-Prometheus-Scrape-Timeout-Seconds: 10\r\n");
    let (next, probed, idle) = (AtomicUsize::new(0), Mutex::new(Probed::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let due = INTERVAL.mul_f64(number as f64 / fleet.targets.len() as f64);
                    if due >= time {
                        return;
                    }
                    std::thread::sleep((start + due).saturating_duration_since(Instant::now()));
                    let (kind, target) = &fleet.targets[number % fleet.targets.len()];
                    // Connections are kept alive; the most recently used one is used next.
                    let kept = idle.lock().expect("no panic").pop();
                    let mut http =
                        kept.unwrap_or_else(|| Http::connect(address, &headers).expect("it listens"));
                    let size = http.get_page(&format!("/probe?target={target}"));
                    let took = (start + due).elapsed().as_secs_f64();
                    idle.lock().expect("no panic").push(http);
                    let mut probed = probed.lock().expect("no panic");
                    if *kind == Kind::Healthy {
                        probed.healthy.push(took);
                        probed.empty += usize::from(size < LEAST);
                    } else {
                        assert!(size < LEAST, "metrics of {target}, which gives none");
                        probed.others += 1;
                    }
                }
            });
        }
    });
    probed.into_inner().expect("no panic")
}

/// The directory for the sockets.
fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("fleet-{}", std::process::id()))
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").count()
}

/// Returns the number of descriptors after closed connections are gone, or after five seconds.
fn settled(pid: u32, before: usize) -> usize {
    let end = Instant::now() + Duration::from_secs(5);
    while open_files(pid) > before && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    open_files(pid)
}

fn row(what: &str, value: f64, goal: &str) {
    println!("{what:<42}{value:>10.1}{goal:>12}");
}

/// A common scrape_interval of Prometheus.
const INTERVAL: Duration = Duration::from_secs(15);
/// In each group, one target refuses connections and the next two hang.
const GROUP: usize = 20;
const HUNG: usize = 2;
/// More than the number of hung probes at a time.
const CLIENTS: usize = 128;
/// Smaller than the compressed metrics of a Kamailio, larger than a response without them.
const LEAST: usize = 3000;
const NETWORK: &str = "127.20";
const PORT: u16 = 20490;
