//! Pins processes to processors.

use std::process::{Command, Stdio};

/// Returns two processors for this process, as far apart as possible, because neighbours can share a core.
///
/// # Panics
/// If there is only one.
pub fn two() -> [usize; 2] {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs is mounted");
    let list =
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("procfs is mounted");
    let mut numbers = list.trim().split([',', '-']).map(|number| number.parse().expect("a processor"));
    let first = numbers.next().expect("a processor");
    let last = numbers.next_back().unwrap_or(first);
    assert!(first != last, "two processors are needed, and this process may only use number {first}");
    [first, last]
}

/// Pins a process, and its future children, to a processor.
///
/// # Panics
/// If that is not possible.
pub fn pin(pid: u32, core: usize) {
    let arguments = ["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &pid.to_string()];
    let status = Command::new("taskset").args(arguments).stdout(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("cannot run taskset of util-linux: {error}"));
    assert!(status.success(), "cannot keep process {pid} on processor {core}");
}

/// Returns the idle time of a processor since boot, in seconds.
pub fn idle(core: usize) -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").expect("procfs is mounted");
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} "))).expect("a processor");
    // "user nice system idle iowait …"
    let ticks = line.split(' ').skip(3).take(2).map(|ticks| ticks.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / TICKS
}

/// USER_HZ, which is the same everywhere (`proc(5)`).
const TICKS: f64 = 100.0;
