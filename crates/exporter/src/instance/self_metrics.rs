//! The metrics of the exporter itself: its scrapes, its build, its process.

use crate::collectors;
use crate::collectors::catalogue::catalogue;
use crate::collectors::exporter::{
    BUILD_INFO, COLLECTOR_DURATION, COLLECTOR_SUCCESS, CPU_SECONDS, DROPPED_SAMPLES, DUPLICATE_ROWS,
    FAILED_SCRAPES, KEPT_LABELS, MAX_FDS, NETWORK_RECEIVE, NETWORK_TRANSMIT, OPEN_FDS, OwnFamily,
    RESIDENT_MEMORY, START_TIME, TOTAL_SCRAPES, UNREADABLE_VALUES, UP, VIRTUAL_MEMORY, VIRTUAL_MEMORY_MAX,
    WEB_CONFIG_SUCCESS, WEB_CONFIG_TIME,
};
use crate::scrape::Scrape;
use crate::support::build_info;
use prometheus_exposition::Labels;
use prometheus_exposition::Number;
use prometheus_exposition::Samples;
use rustix::buffer::spare_capacity;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs::{self, File};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The state of the program apart from its scrapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// Whether to add the metrics of the process.
    pub process: bool,
    /// Samples that kept their own label instead of that of `--label`; `None` without that option.
    pub kept_labels: Option<u64>,
    /// The web configuration file, if there is one: whether the last reading succeeded, and the time of the last success.
    pub web_config: Option<(bool, SystemTime)>,
}

/// The counters of an instance.
pub struct Counters {
    total_scrapes: AtomicU64,
    failed_scrapes: AtomicU64,
    /// The counters by collector, as in [`collectors::ALL`].
    omissions: Vec<OmissionCounters>,
}

#[derive(Default)]
struct OmissionCounters {
    unreadable: AtomicU64,
    duplicates: AtomicU64,
    over_limit: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        let omissions = collectors::ALL.iter().map(|_| OmissionCounters::default()).collect();
        Self { total_scrapes: AtomicU64::new(0), failed_scrapes: AtomicU64::new(0), omissions }
    }
}

impl Counters {
    /// Counts the values that a run left out: once for each run, however many requests share the run.
    pub fn count_run(&self, scrape: &Scrape) {
        for result in &scrape.results {
            if result.omissions.is_empty() {
                continue;
            }
            let omissions = &self.omissions[result.collector];
            omissions.unreadable.fetch_add(result.omissions.unreadable, Ordering::Relaxed);
            omissions.duplicates.fetch_add(result.omissions.duplicates, Ordering::Relaxed);
            omissions.over_limit.fetch_add(result.omissions.over_limit, Ordering::Relaxed);
        }
    }

    /// Counts a request that got this scrape.
    pub fn count_request(&self, scrape: &Scrape) {
        self.total_scrapes.fetch_add(1, Ordering::Relaxed);
        if scrape.failed() {
            self.failed_scrapes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds the samples about this scrape and the scrapes before it.
    pub fn add_samples(&self, scrape: &Scrape, samples: &mut Samples) {
        let own =
            [&COLLECTOR_SUCCESS, &COLLECTOR_DURATION, &UNREADABLE_VALUES, &DUPLICATE_ROWS, &DROPPED_SAMPLES];
        let own = own.map(|family| catalogue().own(family));
        let load = |counter: &AtomicU64| Number::Unsigned(counter.load(Ordering::Relaxed));
        one(samples, &UP, Number::Unsigned(scrape.responded.into()));
        one(samples, &TOTAL_SCRAPES, load(&self.total_scrapes));
        one(samples, &FAILED_SCRAPES, load(&self.failed_scrapes));
        for result in &scrape.results {
            let collector = samples.labels([("collector", collectors::ALL[result.collector].name)]);
            let omissions = &self.omissions[result.collector];
            let values = [
                Number::Unsigned(result.failure.is_none().into()),
                Number::Float(result.duration.as_secs_f64()),
                load(&omissions.unreadable),
                load(&omissions.duplicates),
                load(&omissions.over_limit),
            ];
            for (family, value) in own.into_iter().zip(values) {
                samples.push(family, collector, value);
            }
        }
    }
}

/// Returns the samples about the program, with capacity for those about a scrape.
pub(crate) fn samples_of(program: Program) -> Samples {
    let mut samples = Samples::with_capacity(usize::MAX, TYPICAL);
    let build = samples.labels([
        ("branch", build_info::BRANCH),
        ("goarch", build_info::ARCHITECTURE),
        ("goos", build_info::OS),
        ("goversion", build_info::COMPILER),
        ("revision", build_info::REVISION),
        ("version", build_info::VERSION),
    ]);
    samples.push(catalogue().own(&BUILD_INFO), build, Number::Unsigned(1));
    if let Some((successful, time)) = program.web_config {
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        one(&mut samples, &WEB_CONFIG_SUCCESS, Number::Unsigned(successful.into()));
        one(&mut samples, &WEB_CONFIG_TIME, Number::Float(time.as_secs_f64()));
    }
    if let Some(kept) = program.kept_labels {
        one(&mut samples, &KEPT_LABELS, Number::Unsigned(kept));
    }
    if program.process {
        process(&mut samples);
    }
    samples
}

fn one(samples: &mut Samples, family: &OwnFamily, value: Number) {
    samples.push(catalogue().own(family), Labels::NONE, value);
}

/// Adds the nine `process_` metrics that Prometheus' client libraries have. A metric that the system does not provide is
/// left out.
fn process(samples: &mut Samples) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds since the start, far below 2^52")]
    one(samples, &CPU_SECONDS, Number::Float(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9));
    one(samples, &MAX_FDS, limit(Resource::Nofile));
    if let Some(open) = open_files() {
        one(samples, &OPEN_FDS, Number::Unsigned(open));
    }
    if let Some((virtual_memory, resident)) = memory() {
        one(samples, &RESIDENT_MEMORY, Number::Unsigned(resident));
        one(samples, &VIRTUAL_MEMORY, Number::Unsigned(virtual_memory));
    }
    one(samples, &VIRTUAL_MEMORY_MAX, limit(Resource::As));
    if let Some(start) = start_time() {
        one(samples, &START_TIME, Number::Float(start));
    }
    if let Some((received, transmitted)) = network() {
        one(samples, &NETWORK_RECEIVE, Number::Unsigned(received));
        one(samples, &NETWORK_TRANSMIT, Number::Unsigned(transmitted));
    }
}

/// Returns a limit; without one, the largest number, as the client libraries do.
fn limit(resource: Resource) -> Number {
    Number::Unsigned(getrlimit(resource).current.unwrap_or(u64::MAX))
}

/// Returns the number of open files: the size of the directory since Linux 6.2. Before, the size is 0 and the entries are
/// counted.
fn open_files() -> Option<u64> {
    static DIRECTORY: LazyLock<Option<File>> = LazyLock::new(|| File::open("/proc/self/fd").ok());
    match DIRECTORY.as_ref()?.metadata().ok()?.len() {
        // Reading opens the directory itself.
        0 => Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

/// Returns the bytes of virtual and of resident memory, which `/proc/self/statm` has in pages.
fn memory() -> Option<(u64, u64)> {
    static STATM: LazyLock<Option<File>> = LazyLock::new(|| File::open("/proc/self/statm").ok());
    let statm = read(STATM.as_ref()?, 128)?;
    let page = rustix::param::page_size() as u64;
    let mut pages = statm.split(' ').map(|pages| pages.parse::<u64>().ok()?.checked_mul(page));
    Some((pages.next()??, pages.next()??))
}

/// Returns the start of the process in seconds since 1970: the time of the boot, and the ticks after it (field 22 of
/// `/proc/self/stat`).
fn start_time() -> Option<f64> {
    static START: LazyLock<Option<f64>> = LazyLock::new(|| {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name in parentheses, which may have blanks.
        let ticks: f64 = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()?;
        let kernel = fs::read_to_string("/proc/stat").ok()?;
        let boot: f64 = kernel.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
        #[expect(clippy::cast_precision_loss, reason = "100 on every Linux")]
        Some(boot + ticks / rustix::param::clock_ticks_per_second() as f64)
    });
    *START
}

/// Returns the bytes that this network namespace has received and sent over IP. No other file has them.
fn network() -> Option<(u64, u64)> {
    static NETSTAT: LazyLock<Option<File>> = LazyLock::new(|| File::open("/proc/self/net/netstat").ok());
    let netstat = read(NETSTAT.as_ref()?, 16 * 1024)?;
    // From the end, because these lines are the last of a long file.
    let mut lines = netstat.lines().rev().filter_map(|line| line.strip_prefix("IpExt: "));
    let (values, names) = (lines.next()?.split(' '), lines.next()?.split(' '));
    let value = |wanted| names.clone().zip(values.clone()).find(|(name, _)| *name == wanted)?.1.parse().ok();
    Some((value("InOctets")?, value("OutOctets")?))
}

/// Reads at most `limit` bytes of a file of /proc with one system call. The files stay open: for a file that was just opened,
/// the kernel starts with one page of memory, and prints a larger file such as netstat a second time.
fn read(file: &File, limit: usize) -> Option<String> {
    let mut bytes = Vec::with_capacity(limit);
    rustix::io::pread(file, spare_capacity(&mut bytes), 0).ok()?;
    String::from_utf8(bytes).ok()
}

/// Samples about the program, and about a scrape with a dozen collectors.
const TYPICAL: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::exporter;

    #[test]
    fn the_system_provides_all_process_metrics() {
        let mut samples = Samples::new(usize::MAX);
        process(&mut samples);
        for family in exporter::FAMILIES.iter().filter(|family| family.name.starts_with("process_")) {
            let values: Vec<_> = samples.family(catalogue().id(family)).map(|(_, value)| value).collect();
            assert_eq!(values.len(), 1, "{}", family.name);
        }
        let (virtual_memory, resident) = memory().unwrap();
        assert!(resident > 100_000 && virtual_memory >= resident, "{virtual_memory} {resident}");
        let age = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - start_time().unwrap();
        assert!((-2.0..3600.0).contains(&age), "this test process is {age} s old");
    }

    #[test]
    fn files_that_stay_open_show_current_values() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (received, transmitted) = network().unwrap();
        let open = open_files().unwrap();
        assert_eq!(socket.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap(), 1000);
        let more: Vec<_> = (0..100).map(|_| File::open("/proc/self/statm").unwrap()).collect();
        let now = network().unwrap();
        assert!(now.0 >= received + 1000 && now.1 >= transmitted + 1000, "{received} {transmitted} {now:?}");
        assert!(open_files().unwrap() >= open + 50, "{} more than {open}", more.len());
    }
}
