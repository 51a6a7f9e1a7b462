//! The files of /proc about one process.
//!
//! Only files that every user may read are opened, and none for which the kernel waits for the process: `cmdline`, `smaps` and
//! `maps` take its memory lock.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A process, by its open files. Such a file belongs to one process permanently: when the process has ended, reading fails, even
/// if another process has the same ID by then.
pub(super) struct Process {
    pub(super) pid: u32,
    stat: File,
    /// The file with the CPU time of the first thread, read in a third of the time of `stat`; `None` if the kernel does not
    /// provide the file.
    schedstat: Option<File>,
    /// The limit of open file descriptors. It is read once, because the file has all sixteen limits and Kamailio sets its
    /// limits before it forks.
    pub(super) max_fds: Option<u64>,
    /// The values of `stat` when it was last read, and the newest CPU time.
    pub(super) values: Stat,
    /// The other values that are not read at each scrape; `None` before the first time.
    pub(super) details: Option<Details>,
}

/// The fields of `stat` that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The parent's process ID.
    pub(super) parent: u32,
    /// CPU time in user and kernel mode, in nanoseconds.
    pub(super) cpu: u64,
    /// Number of threads.
    pub(super) threads: u64,
    /// The time of the start after the boot, in clock ticks.
    pub(super) start: u64,
    /// Resident memory, in pages.
    pub(super) resident: u64,
}

/// The values that take longest to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// Resident anonymous memory, in bytes.
    pub(super) private: Option<u64>,
    /// Voluntary and involuntary context switches.
    pub(super) switches: Option<[u64; 2]>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u64>,
}

impl Process {
    /// Opens the files of a process, and reads it for the first time. Returns `None` if there is no such process, or this user
    /// may not see it.
    pub(super) fn open(pid: u32, buffer: &mut Buffer) -> Option<Self> {
        let open = |name: &str| File::open(format!("/proc/{pid}/{name}")).ok();
        let file = open("stat")?;
        let values = stat(read(&file, buffer)?)?;
        let max_fds = open("limits").and_then(|file| max_fds(read(&file, buffer)?));
        let opened = Self { pid, stat: file, schedstat: open("schedstat"), max_fds, values, details: None };
        opened.read(true, buffer)
    }

    /// Reads the CPU time, and all other values if they are due. Returns `None` if the process has ended.
    pub(super) fn read(mut self, is_due: bool, buffer: &mut Buffer) -> Option<Self> {
        if is_due {
            self.read_details(buffer);
        }
        // Last: as long as this succeeds, the ID was not free to be used again, and the details are of the same process.
        match &self.schedstat {
            Some(file) if !is_due && self.values.threads == 1 => {
                self.advance(number(read(file, buffer)?)?);
            }
            _ => {
                let cpu = self.values.cpu;
                self.values = stat(read(&self.stat, buffer)?)?;
                self.advance(cpu);
            }
        }
        Some(self)
    }

    /// Raises the CPU time to this value, if the value is larger: `stat` counts whole clock ticks, and a counter must not decrease.
    fn advance(&mut self, cpu: u64) {
        self.values.cpu = self.values.cpu.max(cpu);
    }

    fn read_details(&mut self, buffer: &mut Buffer) {
        let file = File::open(format!("/proc/{}/status", self.pid));
        let status = file.ok().and_then(|file| read(&file, buffer)).unwrap_or_default();
        // In the order of the file, in one pass.
        let mut lines = status.lines();
        let mut field = |name: &str| lines.find_map(|line| number(line.strip_prefix(name)?));
        let kilobytes = field("RssAnon:");
        let switches = [field("voluntary_ctxt_switches:"), field("nonvoluntary_ctxt_switches:")];
        self.details = Some(Details {
            private: kilobytes.and_then(|kilobytes| kilobytes.checked_mul(1024)),
            switches: if let [Some(voluntary), Some(not)] = switches { Some([voluntary, not]) } else { None },
            open_fds: open_fds(self.pid),
        });
    }
}

/// The memory that files are read into.
pub(super) type Buffer = [u8; MAX_FILE];

/// Reads a file with one system call. A file that does not fit is cut off, so that its last fields are missing.
fn read<'b>(file: &File, buffer: &'b mut [u8]) -> Option<&'b str> {
    let length = file.read_at(buffer, 0).ok()?;
    // The name of a process may be anything.
    match std::str::from_utf8(&buffer[..length]) {
        Ok(text) => Some(text),
        Err(error) => {
            let invalid = error.valid_up_to();
            let end = buffer[invalid..length].iter().rposition(|byte| !byte.is_ascii())? + 1;
            std::str::from_utf8(&buffer[invalid + end..length]).ok()
        }
    }
}

fn stat(text: &str) -> Option<Stat> {
    // The name is in parentheses and may contain some; all other fields are numbers, but for the state.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(1);
    let mut field = |index: usize| fields.nth(index)?.parse::<u64>().ok();
    let parent = field(0)?.try_into().ok()?;
    let (user, system) = (field(9)?, field(0)?);
    let (threads, start, resident) = (field(4)?, field(1)?, field(1)?);
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let cpu = user.checked_add(system)?.checked_mul(tick)?;
    Some(Stat { parent, cpu, threads, start, resident })
}

/// Returns the soft limit; a process without one has the largest number, as in the client libraries of Prometheus.
fn max_fds(limits: &str) -> Option<u64> {
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    if limit.trim_start().starts_with("unlimited") { Some(u64::MAX) } else { number(limit) }
}

fn number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Returns the number of open file descriptors: the size of the directory since Linux 6.2, which every user may see. Before,
/// the size is 0, and the entries are counted if this user may list them.
fn open_fds(pid: u32) -> Option<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/fd"));
    match fs::metadata(&path).ok()?.len() {
        0 => count_entries(&path),
        count => Some(count),
    }
}

fn count_entries(directory: &Path) -> Option<u64> {
    let count = fs::read_dir(directory).ok()?.take(MAX_COUNTED + 1).count();
    (count <= MAX_COUNTED).then_some(count as u64)
}

/// Bytes of a file: `status` has 1.5 KiB, and more only with hundreds of groups or CPUs.
pub(super) const MAX_FILE: usize = 8 * 1024;
/// Entries of a directory that are counted, in some 4 ms.
const MAX_COUNTED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::super::processes::tests::Workers;
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let fields =
            " S 41 7 7 0 -1 4194560 100 0 0 0 123 456 0 0 20 0 3 0 98765 4096000 321 18446744073709551615 1";
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        let expected = Some(Stat { parent: 41, cpu: 579 * tick, threads: 3, start: 98765, resident: 321 });
        for name in ["kamailio", "a) S 1 (b", "", "x y"] {
            assert_eq!(stat(&format!("77 ({name}){fields}")), expected, "{name}");
        }
        for text in ["", "77 (kamailio", "77 (kamailio)", "77 (kamailio) S 41 7 7", &format!("7 {fields}")] {
            assert_eq!(stat(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_is_not_text_hides_no_field() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stat");
        fs::write(&path, b"77 (\xff\xfek) S 41").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(read(&File::open(path).unwrap(), &mut buffer), Some("k) S 41"));
    }

    #[test]
    fn the_cpu_time_of_one_thread_is_that_of_the_scheduler() {
        let idle = Workers::start(&["exec sleep 60"]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("schedstat");
        fs::write(&path, "123456789012 34 5\n").unwrap();
        let mut buffer = [0; MAX_FILE];
        let mut cpu = |is_due, threads| {
            let mut process = Process::open(idle.pids()[0], &mut buffer).unwrap();
            process.schedstat = File::open(&path).ok();
            process.values.threads = threads;
            process.read(is_due, &mut buffer).unwrap().values.cpu
        };
        assert_eq!(cpu(false, 1), 123_456_789_012);
        for (is_due, threads) in [(true, 1), (false, 2)] {
            assert!(
                cpu(is_due, threads) < 1_000_000_000,
                "{is_due}, {threads}: the time is that of /proc/PID/stat"
            );
        }
    }

    #[test]
    fn a_cpu_time_never_decreases() {
        let busy = Workers::start(&["while :; do :; done"]);
        let mut buffer = [0; MAX_FILE];
        let mut process = Process::open(busy.pids()[0], &mut buffer).unwrap();
        let mut times = Vec::new();
        for turn in 0..400 {
            // From a file with nanoseconds, and from one with clock ticks.
            process = process.read(turn % 2 == 0, &mut buffer).unwrap();
            times.push(process.values.cpu);
            std::thread::sleep(std::time::Duration::from_micros(300));
        }
        drop(busy);
        assert!(times.is_sorted() && times.first() < times.last(), "{times:?}");
        assert!(process.read(false, &mut buffer).is_none(), "it has ended");
    }

    #[test]
    fn the_entries_of_a_directory_are_counted_up_to_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(count_entries(directory.path()), Some(0));
        for index in 0..MAX_COUNTED {
            File::create(directory.path().join(index.to_string())).unwrap();
        }
        assert_eq!(count_entries(directory.path()), Some(MAX_COUNTED as u64));
        File::create(directory.path().join("another")).unwrap();
        assert_eq!(count_entries(directory.path()), None);
        assert_eq!(count_entries(&directory.path().join("none")), None);
    }

    #[test]
    fn a_limit_is_a_number_or_unlimited() {
        let limits = |value: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax open files            {value}     524288     files\n"
            )
        };
        assert_eq!(max_fds(&limits("1024")), Some(1024));
        assert_eq!(max_fds(&limits("unlimited")), Some(u64::MAX));
        assert_eq!(max_fds("Max processes   3  4  processes\n"), None);
    }
}
