//! The program under attack, and the clients that must not notice.

use crate::support::client::{THIS_THREAD, processor_delay};
use crate::support::web::{Directory, TlsClient, TlsConnection, basic, connect_from};
use crate::support::{Exporter, eventually};
use fake_kamailio::Fake;
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use testbed::Prometheus;

/// A program with TLS, and its Prometheus.
pub(crate) struct Siege {
    pub(crate) directory: Directory,
    exporter: Exporter,
    prometheus: Prometheus,
    _fake: Fake,
    _alone: MutexGuard<'static, ()>,
}

/// The measurements of the clients and of the operating system during an attack.
#[derive(Debug)]
struct Figures {
    /// `up` of each scrape.
    up: Vec<f64>,
    /// The 99th percentile of `scrape_duration_seconds`.
    scrape: f64,
    /// The scrapes that needed a new connection: how long each took, or `None` for a failure.
    reconnects: Vec<Option<Duration>>,
    /// The longest time that the serving thread kept a request waiting.
    held: Duration,
    memory: u64,
    files: usize,
    calls: usize,
}

impl Siege {
    /// Starts a program with these further lines in its web configuration file.
    pub(crate) fn start(directory: Directory, rest: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let fake = Fake::start();
        let file = directory.tls("", rest);
        let exporter = Exporter::start(&["-u", &fake.unix(), "--web.config.file", &file]);
        let options = format!(
            "scheme: https, tls_config: {{ca_file: {}, server_name: localhost}}, \
             basic_auth: {{username: prometheus, password: secret}}",
            directory.path("ca.pem").display()
        );
        let prometheus = Prometheus::start_with(&[exporter.address()], INTERVAL, &options);
        let siege = Self { directory, exporter, prometheus, _fake: fake, _alone: alone };
        eventually(|| match siege.query("up") {
            up if up == [1.0] => Ok(()),
            up => Err(format!("{up:?} {}", siege.exporter.log())),
        });
        siege
    }

    /// Runs an attack and checks that it had no effect. The function attacks once, and is called again and again with the
    /// number of the thread and of the call. On a machine that is busy with other work, an attack may need some tries.
    pub(crate) fn survives(&self, name: &str, attack: impl Fn(usize, usize) + Sync) {
        let mut failures = Vec::new();
        while failures.len() < TRIES {
            let figures = self.run(&attack);
            println!("| {name} | {figures} |");
            match figures.check() {
                Ok(()) => return,
                Err(failure) => failures.push(failure),
            }
        }
        panic!("{name}: {failures:#?}\n{}", self.exporter.log());
    }

    fn run(&self, attack: &(impl Fn(usize, usize) + Sync)) -> Figures {
        let client = self.directory.tls_client();
        let (stop, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
        // Otherwise the peak would be that of all attacks so far.
        std::fs::write(format!("/proc/{}/clear_refs", self.exporter.pid()), "5").unwrap();
        thread::scope(|scope| {
            let (stop, calls) = (&stop, &calls);
            for number in 0..THREADS {
                scope.spawn(move || paced(stop, calls, |call| attack(number, call)));
            }
            let held = scope.spawn(|| self.heartbeat(&client, stop));
            let reconnects = scope.spawn(|| self.reconnect(&client, stop));
            let (end, mut files) = (Instant::now() + DURATION, 0);
            while Instant::now() < end {
                files = files.max(self.exporter.open_files());
                thread::sleep(Duration::from_millis(20));
            }
            let seconds = DURATION.as_secs();
            let up = self.query(&format!("up[{seconds}s]"));
            let scrape =
                self.query(&format!("quantile_over_time(0.99, scrape_duration_seconds[{seconds}s])"));
            stop.store(true, Ordering::Relaxed);
            Figures {
                up,
                scrape: scrape[0],
                held: held.join().unwrap(),
                reconnects: reconnects.join().unwrap(),
                memory: self.exporter.peak_memory(),
                files,
                calls: calls.load(Ordering::Relaxed),
            }
        })
    }

    /// Sends a request every few milliseconds, and returns the longest time that the serving thread kept one waiting. The
    /// time in which that thread or this one waited for a processor is not counted, because the attackers use the same
    /// processors.
    fn heartbeat(&self, client: &TlsClient, stop: &AtomicBool) -> Duration {
        let serving = self.exporter.serving_thread();
        let waited = || processor_delay(&serving) + processor_delay(THIS_THREAD);
        let (mut connection, mut longest) = (None, Duration::ZERO);
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(HEARTBEAT);
            let Some(open) = &mut connection else {
                // The first request needs a handshake, which another thread computes.
                let first = self.connection(client).and_then(|mut open| {
                    open.try_get("/-/healthy", &credentials())?;
                    Ok(open)
                });
                connection = first.ok();
                continue;
            };
            let (start, before) = (Instant::now(), waited());
            match open.try_get("/-/healthy", &credentials()) {
                Ok(200) => longest = longest.max(start.elapsed().saturating_sub(waited() - before)),
                _ => connection = None,
            }
        }
        longest
    }

    /// Scrapes over a new connection each time, as Prometheus does after it was restarted.
    fn reconnect(&self, client: &TlsClient, stop: &AtomicBool) -> Vec<Option<Duration>> {
        let mut scrapes = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let start = Instant::now();
            let status =
                self.connection(client).and_then(|mut open| open.try_get("/metrics", &credentials()));
            scrapes.push(matches!(status, Ok(200)).then(|| start.elapsed()));
            thread::sleep(Duration::from_millis(500));
        }
        scrapes
    }

    /// Connects from the address of Prometheus.
    fn connection(&self, client: &TlsClient) -> io::Result<TlsConnection> {
        let stream = connect_from(Ipv4Addr::LOCALHOST.into(), self.exporter.address())?;
        stream.set_read_timeout(Some(INTERVAL))?;
        Ok(client.over(stream))
    }

    /// Connects from one of many addresses.
    pub(crate) fn connect(&self, attacker: usize) -> io::Result<TcpStream> {
        let [.., high, low] = u32::try_from(attacker).unwrap().to_be_bytes();
        connect_from(IpAddr::from([127, 66, high, low]), self.exporter.address())
    }

    /// Returns the values of a query.
    fn query(&self, promql: &str) -> Vec<f64> {
        let number = |pair: &serde_json::Value| pair[1].as_str().unwrap().parse().unwrap();
        match &self.prometheus.query(promql)[0] {
            series if series["values"].is_array() => {
                series["values"].as_array().unwrap().iter().map(number).collect()
            }
            series if series["value"].is_array() => vec![number(&series["value"])],
            _ => Vec::new(),
        }
    }
}

impl Figures {
    fn check(&self) -> Result<(), String> {
        let mut failures = Vec::new();
        let mut check = |holds: bool, failure: &str| {
            if !holds {
                failures.push(failure.to_owned());
            }
        };
        check(self.up.len() as u64 >= DURATION.as_secs() - 1 && self.up.iter().all(|up| *up == 1.0), "up");
        check(self.scrape < 0.5, "scrape_duration_seconds");
        check(!self.reconnects.windows(2).any(|two| two == [None, None]), "two scrapes in a row");
        check(self.held < MAX_HELD, "the serving thread was held");
        check(self.memory < MAX_MEMORY, "memory");
        check(self.files < MAX_FILES, "descriptors");
        if failures.is_empty() { Ok(()) } else { Err(format!("{failures:?}: {self:?}")) }
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lost = self.reconnects.iter().filter(|scrape| scrape.is_none()).count();
        let slowest = self.reconnects.iter().flatten().max().copied().unwrap_or_default();
        write!(
            f,
            "{:.0} | {:.2} | {:.0} ms | {:.0} ms, {lost} of {} lost | {:.0} ms | {:.0} MiB | {}",
            self.calls as f64 / DURATION.as_secs_f64(),
            self.up.iter().sum::<f64>() / self.up.len() as f64,
            self.scrape * 1e3,
            slowest.as_secs_f64() * 1e3,
            self.reconnects.len(),
            self.held.as_secs_f64() * 1e3,
            self.memory as f64 / 1_048_576.0,
            self.files
        )
    }
}

/// Calls a function at a limited rate until the end, and counts the calls.
fn paced(stop: &AtomicBool, calls: &AtomicUsize, attack: impl Fn(usize)) {
    let start = Instant::now();
    for call in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        attack(call);
        calls.fetch_add(1, Ordering::Relaxed);
        let due = start + CALL * u32::try_from(call).unwrap();
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn credentials() -> String {
    basic("prometheus", "secret")
}

const TRIES: usize = 3;
const INTERVAL: Duration = Duration::from_secs(1);
/// How long an attack lasts.
const DURATION: Duration = Duration::from_secs(7);
const HEARTBEAT: Duration = Duration::from_millis(5);
const THREADS: usize = 2;
/// Interval between the attacks of a thread: the two threads make 4,000 attacks a second. At a higher rate, the kernel itself
/// would drop connections of other clients.
const CALL: Duration = Duration::from_micros(500);
const MAX_HELD: Duration = Duration::from_millis(50);
const MAX_MEMORY: u64 = 64 << 20;
/// 256 connections, 16 that are being closed, and the program's own.
const MAX_FILES: usize = 300;
