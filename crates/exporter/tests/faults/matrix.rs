//! The faults of the table over their transports, all at the same time: each with a fake Kamailio and a program of its
//! own, scraped twice with the fault and once after it.

use crate::kamailio::{Case, FAULTS, Fault, Served, Transport};
use crate::support::{Exporter, samples};
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Target;
use std::collections::BTreeSet;
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
    let (next, failures, latest) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Duration::ZERO));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((fault, case, transport)) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // It has a transport and a name, which a panic has not.
                    let tried = catch_unwind(|| trial(fault, case, *transport));
                    match tried.unwrap_or_else(|_| Err("it panicked, see above".to_owned())) {
                        Ok(time) if fault.timeout == "1s" => {
                            let mut latest = latest.lock().unwrap();
                            *latest = time.max(*latest);
                        }
                        Ok(_) => {}
                        Err(failure) => {
                            let (what, over) = (fault.what, transport.name());
                            failures.lock().unwrap().push(format!("{what}, over {over}: {failure}"));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} trials; the latest answer came after {:?}", trials.len(), latest.into_inner().unwrap());
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), trials.len(), failures.join("\n\n"));
}

/// FAULT is a part of what is tried, for who looks for a failure.
fn wanted(fault: &Fault) -> bool {
    std::env::var("FAULT").map_or(true, |part| fault.what.contains(&part))
}

/// How long the scrapes with the fault took.
fn trial(fault: &Fault, case: &Case, transport: Transport) -> Result<Duration, String> {
    let mut fake = Some(Fake::start());
    let uri = uri(fake.as_ref().unwrap(), transport);
    let mut stale = None;
    if fault.listens {
        (fault.how)(fake.as_ref().unwrap());
    } else {
        fake = None;
        stale = Some(Stale::leave(&uri.parse().unwrap()));
    }
    let exporter = Exporter::start(&["-u", &uri, "-m", fault.methods, "-t", fault.timeout]);
    let mut latest = Duration::ZERO;
    for number in 1..=2 {
        let start = Instant::now();
        let page = page(&exporter)?;
        latest = latest.max(start.elapsed());
        case.served.check(&page)?;
        if number == 1 {
            fault.check(&page)?;
        }
    }
    if fault.timeout == "1s" && latest > DEADLINE + SLACK {
        return Err(format!("an answer came after {latest:?}"));
    }
    // What it says last may still be on its way.
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
    // An unoptimized program is larger from the start.
    let memory = exporter.peak_memory().saturating_sub(never_broken.peak_memory()) + USUAL_MEMORY;
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
    Ok(latest)
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

/// What a page says of Kamailio, without what takes more or less time.
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
    /// What is wrong is said, and nothing is said twice.
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
        let folder = path.parent().unwrap();
        fs::create_dir(folder).unwrap();
        if matches!(target, Target::Unix(_)) {
            drop(UnixListener::bind(path).unwrap());
        } else {
            drop(UnixDatagram::bind(path).unwrap());
        }
        Self(folder.to_owned())
    }
}

impl Drop for Stale {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Trials, most of which wait most of the time.
const AT_ONCE: usize = 12;
/// The timeout of the programs.
const DEADLINE: Duration = Duration::from_secs(1);
/// An answer that misses the deadline misses it by more than a busy machine delays it.
const SLACK: Duration = Duration::from_secs(4);
const MOST_MEMORY: u64 = 32 << 20;
/// What the released program takes without faults.
const USUAL_MEMORY: u64 = 13 << 19;
