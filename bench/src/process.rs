//! An exporter's process, and what processes cost.

use crate::http::Http;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running exporter, killed on drop.
pub(crate) struct Exporter {
    child: Child,
    /// `host:port`.
    pub(crate) address: String,
    /// From its start to its first answer.
    pub(crate) first_answer: Duration,
}

impl Exporter {
    /// Starts a binary that has the peer's flags.
    pub(crate) fn start(binary: &str, uri: &str, methods: &str, groups: &str) -> Self {
        Self::start_with(binary, &["-u", uri, "-m", methods, "--kamailio.stats-groups", groups])
    }

    /// Starts a binary with these flags.
    pub(crate) fn start_with(binary: &str, arguments: &[&str]) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let start = Instant::now();
        let child = Command::new(binary)
            .args(arguments)
            .args(["--web.listen-address", &address])
            // Ours answers 40 at once unless it is told otherwise; the others have no limit.
            .env("KAMAILIO_EXPORTER_WEB_MAX_REQUESTS", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {binary}: {error}"));
        let first_answer = loop {
            if let Ok(mut http) = Http::connect(&address, "") {
                http.get();
                break start.elapsed();
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{binary} does not listen");
        };
        Self { child, address, first_answer }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds of processor time that a process has used: nanoseconds of its main thread and its other threads.
pub(crate) fn cpu(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let schedstat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// The most memory that a process has had, in MiB.
pub(crate) fn peak_memory(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}
