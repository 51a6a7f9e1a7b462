//! Runs every fault of the table over each of its transports. Each trial has its own fake Kamailio and exporter, scraped
//! three times during the fault and once after it.

use crate::jsonrpc;
use crate::kamailio::{Case, FAULTS, Fault, Served, Transport};
use crate::support::jsonrpc::Server;
use crate::support::{Exporter, extra_memory, samples};
use fake_kamailio::{Captures, Fake};
use flate2::read::GzDecoder;
use kamailio_binrpc::Target;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

#[test]
fn scrapes_end_in_time_during_each_fault_and_recover_after_it() {
    let trials: Vec<_> = FAULTS
        .iter()
        .chain(jsonrpc::FAULTS)
        .flat_map(|fault| fault.cases.iter().map(move |case| (fault, case)))
        .flat_map(|(fault, case)| case.transports.iter().map(move |transport| (fault, case, *transport)))
        .map(|(fault, case, transport)| {
            (format!("{}, over {}", fault.description, transport.name()), fault, case, transport)
        })
        .filter(|(name, ..)| is_selected(name))
        .collect();
    let (next, failures, measured) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((trial, fault, case, transport)) =
                    trials.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match in_time(fault, case, *transport) {
                        Ok(best) => measured.lock().unwrap().push((best, trial.as_str())),
                        Err(failure) => failures.lock().unwrap().push(format!("{trial}: {failure}")),
                    }
                }
            });
        }
    });
    let (failures, mut measured) = (failures.into_inner().unwrap(), measured.into_inner().unwrap());
    measured.sort_by_key(|(best, _)| std::cmp::Reverse(best.late));
    println!("{} trials\nlate, ms    memory, MiB    fault", trials.len());
    for (Measured { late, memory }, trial) in &measured {
        println!("{:>8.1}    {:>11.1}    {trial}", late.as_secs_f64() * 1e3, *memory as f64 / 1_048_576.0);
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), trials.len(), failures.join("\n\n"));
}

/// Returns whether the name of a trial contains the variable FAULT. To debug a failure, set FAULT and run only its trials.
fn is_selected(trial: &str) -> bool {
    std::env::var("FAULT").map_or(true, |part| trial.contains(&part))
}

/// The measurements of a trial.
struct Measured {
    /// The time from the deadline to the end of the slowest response.
    late: Duration,
    /// The peak memory of the exporter, in bytes.
    memory: u64,
}

/// Runs a trial, and repeats it if a response was late, because the machine may have been busy. A deadline that the exporter
/// ignores is missed in every repetition.
fn in_time(fault: &Fault, case: &Case, transport: Transport) -> Result<Measured, String> {
    let mut late = Vec::new();
    loop {
        // A panic alone would not name the fault and the transport.
        let tried = catch_unwind(|| trial(fault, case, transport));
        let measured = tried.unwrap_or_else(|_| Err("the trial panicked, see above".to_owned()))?;
        if measured.late <= SLACK {
            return Ok(measured);
        }
        late.push(measured.late);
        if late.len() == TRIES {
            return Err(format!("the responses were late by {late:?}"));
        }
    }
}

fn trial(fault: &Fault, case: &Case, transport: Transport) -> Result<Measured, String> {
    let mut peer = Peer::start(fault, transport);
    let uri = peer.uri(transport);
    let exporter = Exporter::start(&["-u", &uri, "-m", fault.methods, "-t", &format!("{}s", fault.timeout)]);
    let mut latest = Duration::ZERO;
    for number in 1..=3 {
        let start = Instant::now();
        // Prometheus requests compressed responses, people do not.
        let page = if number == 2 { compressed(&exporter) } else { page(&exporter) }?;
        latest = latest.max(start.elapsed());
        case.served.check(&page)?;
        if number == 1 {
            fault.check(&page)?;
        }
    }
    // The last log lines may still be in the pipe.
    soon(|| case.check_log(&exporter.log()))?;

    peer.listen()?;
    if let (true, Peer::Binrpc { fake: Some(fake), .. }) = (fault.until_restart, &peer) {
        fake.refuse(true);
        page(&exporter)?;
    }
    peer.behave();
    let never_broken = Exporter::start(&["-u", &healthy(transport), "-m", fault.methods]);
    let (expected, page) = (lines(&never_broken.exposition()), lines(&page(&exporter)?));
    if let Some(line) = page.symmetric_difference(&expected).next() {
        let change = if page.contains(line) { "added" } else { "missing" };
        return Err(format!("after the fault, this line is {change}: {line}"));
    }
    let memory = exporter.peak_memory();
    if memory > MAX_MEMORY + extra_memory() {
        return Err(format!("the exporter took {:.1} MiB of memory", memory as f64 / 1_048_576.0));
    }
    if exporter.log().contains("panicked") {
        return Err(exporter.log());
    }
    soon(|| match peer.open_connections() {
        0 => Ok(()),
        open => Err(format!("{open} connections to Kamailio are open")),
    })?;
    Ok(Measured { late: latest.saturating_sub(Duration::from_secs(fault.timeout)), memory })
}

/// The Kamailio of a trial.
enum Peer {
    /// Module ctl, or the file of a socket on which it does not listen.
    Binrpc { fake: Option<Fake>, target: Target, _stale: Option<Stale> },
    /// Module jsonrpcs.
    JsonRpc(Server),
}

impl Peer {
    /// Starts a Kamailio that misbehaves.
    fn start(fault: &Fault, transport: Transport) -> Self {
        let Some(uri) = binrpc(transport) else {
            let server = Server::start();
            (fault.inject_jsonrpc)(&server);
            return Self::JsonRpc(server);
        };
        let fake = Fake::start();
        let target: Target = uri(&fake).parse().unwrap();
        if fault.listens {
            (fault.inject)(&fake);
            return Self::Binrpc { fake: Some(fake), target, _stale: None };
        }
        drop(fake);
        let stale = Stale::leave(&target);
        Self::Binrpc { fake: None, target, _stale: Some(stale) }
    }

    fn uri(&self, transport: Transport) -> String {
        match self {
            Self::Binrpc { target, .. } => target.to_string(),
            Self::JsonRpc(server) => jsonrpc(server, transport),
        }
    }

    /// Listens, if it did not.
    fn listen(&mut self) -> Result<(), String> {
        if let Self::Binrpc { fake: fake @ None, target, .. } = self {
            let listening = Fake::listen(Captures::of("5.6.3"), std::slice::from_ref(target));
            *fake = Some(listening.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    fn behave(&self) {
        match self {
            Self::Binrpc { fake, .. } => fake.as_ref().unwrap().behave(),
            Self::JsonRpc(server) => server.behave(),
        }
    }

    fn open_connections(&self) -> usize {
        match self {
            Self::Binrpc { fake, .. } => fake.as_ref().unwrap().connections().open,
            Self::JsonRpc(server) => server.open(),
        }
    }
}

/// Returns the URI of a Kamailio without faults.
fn healthy(transport: Transport) -> String {
    static HEALTHY: LazyLock<(Fake, Server)> = LazyLock::new(|| (Fake::start(), Server::start()));
    match binrpc(transport) {
        Some(uri) => uri(&HEALTHY.0),
        None => jsonrpc(&HEALTHY.1, transport),
    }
}

/// Repeats a check until it succeeds, for at most five seconds.
fn soon(mut check: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        match check() {
            Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

/// Returns the function for the URI of a BINRPC transport.
fn binrpc(transport: Transport) -> Option<fn(&Fake) -> String> {
    match transport {
        Transport::Unix => Some(Fake::unix),
        Transport::Unixd => Some(Fake::unixd),
        Transport::Tcp => Some(Fake::tcp),
        Transport::Udp => Some(Fake::udp),
        Transport::Http | Transport::JsonRpcTcp | Transport::JsonRpcUdp => None,
    }
}

fn jsonrpc(server: &Server, transport: Transport) -> String {
    match transport {
        Transport::JsonRpcTcp => server.jsonrpc_tcp(),
        Transport::JsonRpcUdp => server.jsonrpc_udp(),
        _ => server.http(),
    }
}

fn page(exporter: &Exporter) -> Result<String, String> {
    let response = exporter.get("/metrics");
    if response.status == 200 { Ok(response.text()) } else { Err(format!("HTTP {}", response.status)) }
}

fn compressed(exporter: &Exporter) -> Result<String, String> {
    let response = exporter.request("GET", "/metrics", &[("Accept-Encoding", "gzip")]);
    if response.status != 200 {
        return Err(format!("HTTP {}", response.status));
    }
    let mut page = String::new();
    GzDecoder::new(&response.body[..]).read_to_string(&mut page).map_err(|error| error.to_string())?;
    Ok(page)
}

/// Returns the lines of an exposition that are about Kamailio, without durations.
fn lines(page: &str) -> BTreeSet<String> {
    let own = ["process_", "kamailio_exporter_", "kamailio_scrape_collector_duration_seconds"];
    let lines = page.lines().filter(|line| !own.iter().any(|own| line.starts_with(own)));
    lines.map(str::to_owned).collect()
}

impl Fault {
    fn check(&self, page: &str) -> Result<(), String> {
        for line in self.contains {
            if !page.lines().any(|found| found == *line) {
                return Err(format!("the exposition lacks {line}"));
            }
        }
        for part in self.lacks {
            if page.contains(part) {
                return Err(format!("the exposition contains {part}"));
            }
        }
        Ok(())
    }
}

impl Served {
    fn check(self, page: &str) -> Result<(), String> {
        let up = page.contains("\nkamailio_up 1\n");
        let success = "kamailio_scrape_collector_success{collector=\"";
        let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
        for line in page.lines().filter_map(|line| line.strip_prefix(success)) {
            let (collector, value) =
                line.split_once("\"} ").ok_or_else(|| format!("unexpected line: {line}"))?;
            if value == "1" {
                good.insert(collector)
            } else {
                bad.insert(collector)
            };
        }
        let set = |collectors: &[&'static str]| collectors.iter().copied().collect::<BTreeSet<_>>();
        let right = match self {
            Self::Nothing => !up && good.is_empty() && !page.contains("kamailio_core_"),
            Self::Only(expected) => up && good == set(expected),
            Self::Without(expected) => up && bad == set(expected) && good.len() >= 3,
        };
        let failed = !up || !bad.is_empty() || matches!(self, Self::Only(_));
        if right && failed == (samples(page).get("kamailio_exporter_failed_scrapes") != Some(&0.0)) {
            return Ok(());
        }
        Err(format!("kamailio_up {up}; collectors that succeeded: {good:?}, that failed: {bad:?}"))
    }
}

impl Case {
    /// Checks that the log contains the expected text, and no warning twice.
    fn check_log(&self, log: &str) -> Result<(), String> {
        let complaints: Vec<_> =
            log.lines().filter(|line| line.contains("level=WARN") || line.contains("level=ERROR")).collect();
        if self.log.is_empty() != complaints.is_empty() {
            return Err(format!("expected a warning: {}; found {complaints:?}", !self.log.is_empty()));
        }
        if !self.log.is_empty() && !complaints.iter().any(|line| line.contains(self.log)) {
            return Err(format!("{:?} is not in the log: {complaints:?}", self.log));
        }
        let mut known = BTreeSet::new();
        let message = |line: &str| line.split_once(" msg=").map(|(_, message)| message.to_owned());
        match complaints.iter().find(|line| !known.insert(message(line))) {
            Some(line) => Err(format!("the log repeats {line}")),
            None => Ok(()),
        }
    }
}

/// The file of a unix socket without a listener, as a killed Kamailio leaves it.
struct Stale(std::path::PathBuf);

impl Stale {
    fn leave(target: &Target) -> Self {
        let (Target::Unix(path) | Target::UnixDatagram(path)) = target else { return Self("".into()) };
        let directory = path.parent().unwrap();
        fs::create_dir(directory).unwrap();
        if matches!(target, Target::Unix(_)) {
            drop(UnixListener::bind(path).unwrap());
        } else {
            drop(UnixDatagram::bind(path).unwrap());
        }
        Self(directory.to_owned())
    }
}

impl Drop for Stale {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The number of concurrent trials. Most of them wait most of the time.
const AT_ONCE: usize = 12;
/// The number of attempts at a trial whose responses are late.
const TRIES: usize = 5;
/// The time allowed from the deadline to the last byte of the response.
const SLACK: Duration = Duration::from_millis(100);
/// The limit on the memory of the exporter.
const MAX_MEMORY: u64 = 32 << 20;
