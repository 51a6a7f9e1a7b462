//! An exporter's process, and what processes cost.

use crate::http::Http;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testbed::Kamailio;

/// A running exporter, killed on drop.
#[derive(Debug)]
pub struct Exporter {
    child: Child,
    /// `host:port`.
    pub address: String,
    /// From its start to its first answer.
    pub first_answer: Duration,
}

impl Exporter {
    /// Starts a binary that has the peer's flags.
    pub fn start(binary: &str, uri: &str, methods: &str, groups: &str) -> Self {
        let mut command = Command::new(binary);
        command.args(["-u", uri, "-m", methods, "--kamailio.stats-groups", groups]);
        // Ours answers 40 at once unless it is told otherwise; the others have no limit, and no such flag.
        Self::run(command.env("KAMAILIO_EXPORTER_WEB_MAX_REQUESTS", "0"))
    }

    /// Starts a binary with these flags.
    pub fn start_with(binary: &str, arguments: &[&str]) -> Self {
        Self::run(Command::new(binary).args(arguments))
    }

    fn run(command: &mut Command) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        command.args(["--web.listen-address", &address]).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut exporter = Self { child, address, first_answer: Duration::ZERO };
        loop {
            if let Ok(mut http) = Http::connect(&exporter.address, "") {
                http.get();
                exporter.first_answer = start.elapsed();
                return exporter;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{command:?} does not listen");
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as "STOP".
    pub fn signal(&self, name: &str) {
        let script = format!("kill -s {name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &script]).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot {script}");
    }

    /// A connection of its own that these bytes were sent on. It may have been closed before all of them were.
    pub fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        let _ = stream.write_all(bytes);
        stream
    }

    /// The answer to a request for the metrics, headers and body, on a connection of its own.
    pub fn get(&self) -> String {
        let mut stream = self.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process of module ctl.
pub fn ctl_process(kamailio: &Kamailio) -> u32 {
    let processes = kamailio.kamcmd(&["core.psa"]);
    let mut pid = 0;
    for line in processes.lines().map(str::trim) {
        if let Some(found) = line.strip_prefix("PID: ").or_else(|| line.strip_prefix("pid: ")) {
            pid = found.parse().expect("a number");
        } else if line.to_ascii_lowercase().contains("ctl handler") {
            return pid;
        }
    }
    panic!("no ctl handler among the processes: {processes}");
}

/// Seconds of processor time that a process has used: nanoseconds of its main thread and its other threads.
pub fn cpu(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let schedstat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// How often a process has written, to files and, not with `send`, to sockets: ctl writes a reply at a time.
pub fn writes(pid: u32) -> f64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("a process of this user");
    let line = io.lines().find_map(|line| line.strip_prefix("syscw: ")).expect("its writes");
    line.parse().expect("a number")
}

/// The most memory that a process has had, in MiB.
pub fn peak_memory(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}
