//! The process of an exporter, and the resources of processes.

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
    /// Time from the start to the first response.
    pub first_answer: Duration,
}

impl Exporter {
    /// Starts a binary with the flags that all exporters share.
    pub fn start(binary: &str, uri: &str, methods: &str, groups: &str) -> Self {
        let mut command = Command::new(binary);
        command.args(["-u", uri, "-m", methods, "--kamailio.stats-groups", groups]);
        // Only our exporter limits concurrent requests and reads this variable.
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

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as "STOP".
    pub fn signal(&self, name: &str) {
        let script = format!("kill -s {name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &script]).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot {script}");
    }

    /// Opens a connection and sends these bytes. The exporter can close the connection before it has received all of them.
    pub fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        let _ = stream.write_all(bytes);
        stream
    }

    /// Requests the metrics over a new connection. Returns the response with its headers.
    pub fn get(&self) -> String {
        let mut stream = self.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // The process can have ended already.
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

/// Returns the processor time of a process in seconds, with the resolution of nanoseconds.
pub fn cpu(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let schedstat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// Returns the number of write calls of a process. Module ctl makes one call for each reply.
pub fn writes(pid: u32) -> f64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("a process of this user");
    let line = io.lines().find_map(|line| line.strip_prefix("syscw: ")).expect("its writes");
    line.parse().expect("a number")
}

/// Returns the peak of the resident memory of a process, in MiB.
pub fn peak_memory(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}
