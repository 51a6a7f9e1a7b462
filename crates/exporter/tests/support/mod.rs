//! Runs the real binary, and requests its pages.

#[path = "../../../exporter-toolkit/tests/support/client.rs"]
pub(crate) mod client;
pub(crate) mod gateway;
pub(crate) mod jsonrpc;
mod process;
#[path = "../../../exporter-toolkit/tests/support/web.rs"]
pub(crate) mod web;

pub(crate) use client::{ClientResponse, eventually};
pub(crate) use process::Process;

use rustix::process::{Pid, Signal};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A running exporter, killed on drop.
pub(crate) struct Exporter {
    process: Process,
    address: String,
}

impl Exporter {
    /// Starts an exporter on a free port, and returns when it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let process = Process::start(&[&["--web.listen-address", "127.0.0.1:0"], arguments].concat());
        process.wait_for_log("msg=\"Listening on\" address=");
        let log = process.log();
        let line = log.lines().find_map(|line| line.split_once("msg=\"Listening on\" address="));
        Self { process, address: line.unwrap().1.to_owned() }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until the log has `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        self.process.wait_for_log(text);
    }

    pub(crate) fn get(&self, path: &str) -> ClientResponse {
        self.request("GET", path, &[])
    }

    /// Returns the metrics, whose status must be 200.
    pub(crate) fn exposition(&self) -> String {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> ClientResponse {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // Longer than every wait of the tests, so that only a hung program fails.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all((request + "\r\n").as_bytes()).unwrap();
        ClientResponse::read(stream)
    }

    /// Sends the process a signal: `TERM`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits for the end of the process, and returns its exit code; `None` if a signal killed it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.process.wait()
    }

    /// Returns the anonymous memory in bytes. A debug build also maps many pages of its file.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<f64>().unwrap() * 1024.0
    }

    /// Returns the peak of the resident memory, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Returns the number of page faults so far that needed no disk.
    pub(crate) fn page_faults(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // The name in parentheses can contain blanks. After it: state, 6 numbers, the faults.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(7).unwrap().parse().unwrap()
    }

    /// Returns the path of the scheduler's statistics of the thread that serves, for [`processor_delay`].
    pub(crate) fn serving_thread(&self) -> String {
        format!("/proc/{0}/task/{0}/schedstat", self.pid())
    }

    /// Returns the number of open file descriptors.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }
}

/// Sends a process a signal: `TERM`, `INT`, `HUP`.
pub(crate) fn send_signal(pid: u32, name: &str) {
    let signal = match name {
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "HUP" => Signal::HUP,
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        _ => panic!("no test has sent {name} yet"),
    };
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Runs the binary to completion.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// Runs the binary to completion on a terminal. Returns the output, including standard error, and the exit code.
pub(crate) fn on_a_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> (String, Option<i32>) {
    let quoted = arguments.iter().map(|argument| format!(" '{argument}'")).collect::<String>();
    let line = format!("{}{quoted}", program());
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the program script, of Debian's bsdutils");
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// Returns the path of the binary: the one that the variable `EXPORTER_PROGRAM` names, or cargo's.
pub(crate) fn program() -> String {
    std::env::var(PROGRAM).unwrap_or_else(|_| env!("CARGO_BIN_EXE_kamailio_exporter").to_owned())
}

/// Copies the binary to a directory that every user may enter, because other users may have no access to the build directory.
///
/// Another process copies it: a process that another test starts meanwhile would inherit the file that is being written, and a
/// file that is open for writing cannot be executed.
pub(crate) fn copy_of_program(directory: &Path) -> PathBuf {
    std::fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    let copy = directory.join("kamailio_exporter");
    let status = Command::new("cp").arg(program()).arg(&copy).status().unwrap();
    assert!(status.success(), "cp: {status}");
    copy
}

/// Returns the bytes by which the binary may exceed limits on memory: an unoptimized program is larger from the start.
pub(crate) fn extra_memory() -> u64 {
    let optimized = std::env::var_os(PROGRAM).is_some() || !cfg!(debug_assertions);
    if optimized { 0 } else { 8 << 20 }
}

const PROGRAM: &str = "EXPORTER_PROGRAM";

/// The binary, without variables of the environment that set options.
pub(crate) fn command() -> Command {
    let mut command = Command::new(program());
    command.stdin(Stdio::null());
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAMAILIO_EXPORTER_"))
    {
        command.env_remove(name);
    }
    command
}

/// Parses the samples of an exposition: value by name and sorted labels.
pub(crate) fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line}"));
        let series = match series.split_once('{') {
            Some((name, labels)) => {
                let labels = labels.strip_suffix('}').unwrap();
                // No label value in these tests contains a comma.
                let mut labels: Vec<_> = labels.split(',').collect();
                labels.sort_unstable();
                format!("{name}{{{}}}", labels.join(","))
            }
            None => series.to_owned(),
        };
        let before = samples.insert(series, value.parse().unwrap_or_else(|_| panic!("not a number: {line}")));
        assert_eq!(before, None, "twice: {line}");
    }
    samples
}

/// The arguments for a Kamailio that does not exist.
pub(crate) const UNREACHABLE: [&str; 2] = ["-u", "unix:/nonexistent/kamailio_ctl"];
