//! The faults of the table over their transports, all at the same time: each with a fake Kamailio and a program of its
//! own, scraped three times with the fault and once after it.

use crate::kamailio::{Case, FAULTS, Fault, Served, Transport};
use crate::support::{Exporter, samples};
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
fn whatever_kamailio_does_a_scrape_is_answered_and_true_and_the_next_one_is_right() {
    let trials: Vec<_> = FAULTS
        .iter()
        .flat_map(|fault| fault.cases.iter().map(move |case| (fault, case)))
        .flat_map(|(fault, case)| case.over.iter().map(move |transport| (fault, case, *transport)))
        .filter(|(fault, ..)| wanted(fault))
        .collect();
    let (next, failures, measured) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((fault, case, transport)) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (what, over) = (fault.what, transport.name());
                    match in_time(fault, case, *transport) {
                        Ok(best) => measured.lock().unwrap().push((best, format!("{what}, over {over}"))),
                        Err(failure) => {
                            failures.lock().unwrap().push(format!("{what}, over {over}: {failure}"))
                        }
                    }
                }
            });
        }
    });
    let (failures, mut measured) = (failures.into_inner().unwrap(), measured.into_inner().unwrap());
    measured.sort_by_key(|(best, _)| std::cmp::Reverse(best.late));
    println!("late, ms    memory, MiB    of {} trials", trials.len());
    for (Measured { late, memory }, what) in &measured {
        println!("{:>8.1}    {:>11.1}    {what}", late.as_secs_f64() * 1e3, *memory as f64 / 1_048_576.0);
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), trials.len(), failures.join("\n\n"));
}

/// FAULT is a part of what is tried, for who looks for a failure.
fn wanted(fault: &Fault) -> bool {
    std::env::var("FAULT").map_or(true, |part| fault.what.contains(&part))
}

/// The measurements of a trial.
struct Measured {
    /// How long after the deadline the later one of the answers came.
    late: Duration,
    /// The most memory that the program has had.
    memory: u64,
}

/// A trial, again if it was late, for the machine may have been busy: an answer that misses the deadline misses it each
/// time.
fn in_time(fault: &Fault, case: &Case, transport: Transport) -> Result<Measured, String> {
    let mut late = Vec::new();
    loop {
        // It has a transport and a name, which a panic has not.
        let tried = catch_unwind(|| trial(fault, case, transport));
        let measured = tried.unwrap_or_else(|_| Err("it panicked, see above".to_owned()))?;
        if measured.late <= SLACK {
            return Ok(measured);
        }
        late.push(measured.late);
        if late.len() == TRIES {
            return Err(format!("the answers came late, by {late:?}"));
        }
    }
}

fn trial(fault: &Fault, case: &Case, transport: Transport) -> Result<Measured, String> {
    let mut fake = Some(Fake::start());
    let uri = uri(fake.as_ref().unwrap(), transport);
    let mut stale = None;
    if fault.listens {
        (fault.how)(fake.as_ref().unwrap());
    } else {
        fake = None;
        stale = Some(Stale::leave(&uri.parse().unwrap()));
    }
    let exporter = Exporter::start(&["-u", &uri, "-m", fault.methods, "-t", &format!("{}s", fault.timeout)]);
    let mut latest = Duration::ZERO;
    for number in 1..=3 {
        let start = Instant::now();
        // As people ask, and as Prometheus does.
        let page = if number == 2 { compressed(&exporter) } else { page(&exporter) }?;
        latest = latest.max(start.elapsed());
        case.served.check(&page)?;
        if number == 1 {
            fault.check(&page)?;
        }
    }
    // The last log lines may still be in the pipe.
    soon(|| case.check_log(&exporter.log()))?;

    let target: Target = uri.parse().unwrap();
    let fake = match fake {
        Some(fake) => fake,
        None => Fake::listen(Captures::of("5.6.3"), &[target]).map_err(|error| error.to_string())?,
    };
    if fault.until_restart {
        fake.refuse(true);
        page(&exporter)?;
    }
    fake.behave();
    let never_broken = Exporter::start(&["-u", &HEALTHY.unix(), "-m", fault.methods]);
    let (expected, page) = (lines(&never_broken.page()), lines(&page(&exporter)?));
    if let Some(line) = page.symmetric_difference(&expected).next() {
        let with = if page.contains(line) { "only now" } else { "no longer" };
        return Err(format!("after it this is {with} on the page: {line}"));
    }
    let memory = exporter.peak_memory();
    if memory > MOST_MEMORY {
        return Err(format!("{:.1} MiB of memory", memory as f64 / 1_048_576.0));
    }
    if exporter.log().contains("panicked") {
        return Err(exporter.log());
    }
    soon(|| match fake.connections().open {
        0 => Ok(()),
        open => Err(format!("{open} connections to Kamailio are open")),
    })?;
    drop(stale);
    Ok(Measured { late: latest.saturating_sub(Duration::from_secs(fault.timeout)), memory })
}

/// Waits a while for something to hold.
fn soon(mut holds: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        match holds() {
            Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

fn uri(fake: &Fake, transport: Transport) -> String {
    match transport {
        Transport::Unix => fake.unix(),
        Transport::Unixd => fake.unixd(),
        Transport::Tcp => fake.tcp(),
        Transport::Udp => fake.udp(),
    }
}

fn page(exporter: &Exporter) -> Result<String, String> {
    let answer = exporter.get("/metrics");
    if answer.status == 200 { Ok(answer.text()) } else { Err(format!("HTTP {}", answer.status)) }
}

fn compressed(exporter: &Exporter) -> Result<String, String> {
    let answer = exporter.request("GET", "/metrics", &[("Accept-Encoding", "gzip")]);
    if answer.status != 200 {
        return Err(format!("HTTP {}", answer.status));
    }
    let mut page = String::new();
    GzDecoder::new(&answer.body[..]).read_to_string(&mut page).map_err(|error| error.to_string())?;
    Ok(page)
}

/// The samples of an exposition about Kamailio, without durations.
fn lines(page: &str) -> BTreeSet<String> {
    let own = ["process_", "kamailio_exporter_", "kamailio_scrape_collector_duration_seconds"];
    let lines = page.lines().filter(|line| !own.iter().any(|own| line.starts_with(own)));
    lines.map(str::to_owned).collect()
}

/// A Kamailio that never does anything wrong.
static HEALTHY: LazyLock<Fake> = LazyLock::new(Fake::start);

impl Fault {
    fn check(&self, page: &str) -> Result<(), String> {
        for line in self.shows {
            if !page.lines().any(|found| found == *line) {
                return Err(format!("the page lacks {line}"));
            }
        }
        for part in self.hides {
            if page.contains(part) {
                return Err(format!("{part} is on the page"));
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
            let (collector, value) = line.split_once("\"} ").ok_or_else(|| format!("odd: {line}"))?;
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
        Err(format!("kamailio_up {up}, good are {good:?}, bad are {bad:?}"))
    }
}

impl Case {
    /// The log has the reason, and no line twice.
    fn check_log(&self, log: &str) -> Result<(), String> {
        let complaints: Vec<_> =
            log.lines().filter(|line| line.contains("level=WARN") || line.contains("level=ERROR")).collect();
        if self.said.is_empty() != complaints.is_empty() {
            return Err(format!("the log has {complaints:?}"));
        }
        if !self.said.is_empty() && !complaints.iter().any(|line| line.contains(self.said)) {
            return Err(format!("{:?} is not in the log: {complaints:?}", self.said));
        }
        let mut known = BTreeSet::new();
        let message = |line: &str| line.split_once(" msg=").map(|(_, message)| message.to_owned());
        match complaints.iter().find(|line| !known.insert(message(line))) {
            Some(line) => Err(format!("it is in the log twice: {line}")),
            None => Ok(()),
        }
    }
}

/// A unix socket that was left by a Kamailio that was killed.
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

/// Trials, most of which wait most of the time.
const AT_ONCE: usize = 12;
/// How often a trial is made that is late each time.
const TRIES: usize = 5;
/// From the deadline to the answer's last byte.
const SLACK: Duration = Duration::from_millis(100);
/// The limit for the optimised program. One that is not optimised is larger from the start.
const MOST_MEMORY: u64 = if cfg!(debug_assertions) { 40 << 20 } else { 32 << 20 };
