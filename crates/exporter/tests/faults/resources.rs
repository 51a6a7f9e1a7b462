//! The exporter with too few file descriptors or too little memory, without a log, with files that are none, with a clock that
//! jumps, and stopped by a signal.

use crate::support::{Exporter, command, eventually, program, samples, send_signal};
use fake_kamailio::Fake;
use kamailio_binrpc::wire::Kind;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An exporter that a custom command started. Killed on drop.
struct Started {
    child: Child,
    socket: PathBuf,
    _directory: TempDir,
}

impl Started {
    fn new(command: &mut Command, arguments: &[&str]) -> Self {
        // Another process could take a free TCP port before the exporter does, and the log may be closed.
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("web");
        let address = format!("unix:{}", socket.display());
        let child = command.args(["--web.listen-address", &address]).args(arguments).spawn().unwrap();
        let mut started = Self { child, socket, _directory: directory };
        eventually(|| match started.child.try_wait().unwrap() {
            Some(status) => panic!("the exporter has ended: {status}"),
            None => started.connect(),
        });
        started
    }

    fn connect(&self) -> Result<UnixStream, String> {
        let stream = UnixStream::connect(&self.socket).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Ok(stream)
    }

    fn exposition(&self) -> Result<String, String> {
        let mut stream = self.connect()?;
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).map_err(|error| error.to_string())?;
        let mut response = String::new();
        stream.read_to_string(&mut response).map_err(|error| error.to_string())?;
        Ok(response)
    }

    fn up(&self) -> Result<(), String> {
        let page = self.exposition()?;
        if page.contains("\nkamailio_up 1\n") { Ok(()) } else { Err(page) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a command that starts the exporter under a limit of the shell's `ulimit`.
fn limited(limit: &str) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, &program()]).stdin(Stdio::null());
    shell
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_scrapes() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let fake = Fake::start();
    for format in ["logfmt", "json"] {
        let mut program = command();
        program.stdout(full()).stderr(full());
        let started = Started::new(&mut program, &["-u", &fake.unix(), "--log.format", format]);
        fake.skip("tm.stats");
        started.up().unwrap();
        fake.behave();
        started.up().unwrap();
    }
}

#[test]
fn closed_standard_streams_do_not_stop_scrapes() {
    let fake = Fake::start();
    let mut shell = Command::new("sh");
    let script = "exec <&- >&- 2>&-; exec \"$0\" \"$@\"";
    shell.args(["-c", script, &program()]);
    let started = Started::new(&mut shell, &["-u", &fake.unix()]);
    fake.refuse(true);
    assert!(started.exposition().unwrap().contains("\nkamailio_up 0\n"));
    fake.behave();
    started.up().unwrap();
}

#[test]
fn a_closed_log_pipe_does_not_stop_scrapes() {
    let fake = Fake::start();
    let mut program = command();
    program.stderr(Stdio::piped());
    let mut started = Started::new(&mut program, &["-u", &fake.unix()]);
    drop(started.child.stderr.take());
    fake.refuse(true);
    assert!(started.exposition().unwrap().contains("\nkamailio_up 0\n"));
    fake.behave();
    started.up().unwrap();
}

#[test]
fn too_few_descriptors_are_logged_once_and_the_exporter_recovers() {
    let fake = Fake::start();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut program = limited("-n 24");
    program.stderr(File::create(&log).unwrap());
    let started = Started::new(&mut program, &["-u", &fake.unix()]);
    started.up().unwrap();
    let is_logged = |text: &str| {
        let log = std::fs::read_to_string(&log).unwrap();
        if log.contains(text) { Ok(()) } else { Err(format!("{text:?} is not in the log: {log}")) }
    };
    // An existing connection requests a scrape when no descriptor is left for the connection to Kamailio.
    let mut early = started.connect().unwrap();
    early.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(early.read(&mut [0; 1024]).unwrap() > 0);
    let others: Vec<_> = (0..40).map(|_| started.connect().unwrap()).collect();
    eventually(|| is_logged("failed to accept a connection"));
    early.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    early.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("\nkamailio_up 0\n"), "{page}");
    is_logged("Too many open files").unwrap();
    is_logged("LimitNOFILE=").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let lines = std::fs::read_to_string(&log).unwrap().matches("failed to accept a connection").count();
    assert_eq!(lines, 1, "the log repeats the line");
    drop(others);
    eventually(|| started.up());
}

/// Each file is read again for each scrape, or when it has changed.
#[test]
fn files_that_become_a_pipe_a_device_a_directory_or_huge_stop_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let [file, log] = ["file", "log"].map(|name| directory.path().join(name));
    let named = file.to_str().unwrap();
    let fake = Fake::start();
    let (kamailio, json_rpc) = (fake.unix(), "https://127.0.0.1:1/RPC");
    for (name, arguments) in [
        ("certificates of Kamailio", &["-u", &kamailio, "--kamailio.tls-certificates", named][..]),
        (
            "password",
            &[
                "-u",
                json_rpc,
                "--kamailio.basic-auth.username",
                "a",
                "--kamailio.basic-auth.password-file",
                named,
            ],
        ),
        ("authority", &["-u", json_rpc, "--kamailio.tls.ca-file", named]),
        (
            "client certificate",
            &["-u", json_rpc, "--kamailio.tls.cert-file", named, "--kamailio.tls.key-file", named],
        ),
        ("authorities of the system", &["-u", json_rpc]),
    ] {
        let mut program = command();
        program.env("SSL_CERT_FILE", &file).stderr(File::create(&log).unwrap());
        std::fs::write(&file, "").unwrap();
        let mut started = Started::new(&mut program, arguments);
        for kind in ["fifo", "device", "directory", "huge"] {
            if file.is_dir() { std::fs::remove_dir(&file) } else { std::fs::remove_file(&file) }.unwrap();
            match kind {
                "fifo" => assert!(Command::new("mkfifo").arg(&file).status().unwrap().success()),
                "device" => std::os::unix::fs::symlink("/dev/zero", &file).unwrap(),
                "directory" => std::fs::create_dir(&file).unwrap(),
                _ => File::create(&file).unwrap().set_len(300 << 20).unwrap(),
            }
            let page = started.exposition().unwrap();
            let failed = ["\nkamailio_up 0\n", "success{collector=\"tls.certificates\"} 0\n"];
            assert!(failed.iter().any(|failed| page.contains(failed)), "{name} as {kind}: {page}");
        }
        send_signal(started.child.id(), "TERM");
        eventually(|| started.child.try_wait().unwrap().ok_or_else(|| format!("{name}: still running")));
        let log = std::fs::read_to_string(&log).unwrap();
        for error in ["not a regular file", "longer than the limit of "] {
            assert!(log.contains(error), "{name}: no {error:?} in {log}");
        }
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn the_exporter_works_with_64_mib_and_ends_with_a_message_when_memory_runs_out() {
    let fake = Fake::start();
    // The address space may be twice as large as the most memory that the exporter may take.
    let started = Started::new(&mut limited("-v 65536"), &["-u", &fake.unix()]);
    started.up().unwrap();
    fake.answer_with("dispatcher.list.1000dest");
    (0..3).for_each(|_| started.up().unwrap());
    let status = std::fs::read_to_string(format!("/proc/{}/status", started.child.id())).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    drop(started);

    // The exporter aborts, and the service manager restarts it.
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    fake.answer("tm.stats", Kind::Reply, &vec![0; 6 << 20]);
    let mut program = limited(&format!("-v {}", size + 2048));
    program.stderr(File::create(&log).unwrap());
    let mut started = Started::new(&mut program, &["-u", &fake.unix(), "-t", "20s"]);
    let _ = started.exposition();
    let status = eventually(|| {
        started.child.try_wait().unwrap().ok_or_else(|| "the exporter is still running".to_owned())
    });
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(!status.success() && log.contains("memory allocation of "), "{status}: {log}");
}

#[test]
fn a_stopped_process_continues() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "1s"]);
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0);
    fake.delay_method("core.uptime", Duration::from_millis(300));
    std::thread::scope(|scope| {
        let under_way = scope.spawn(|| exporter.get("/metrics").status);
        eventually(|| {
            if fake.connections().open == 1 { Ok(()) } else { Err("no scrape has started".to_owned()) }
        });
        send_signal(exporter.pid(), "STOP");
        let waiting: Vec<_> = (0..20).map(|_| scope.spawn(|| exporter.get("/metrics").status)).collect();
        // Longer than every timeout except that of an idle connection.
        std::thread::sleep(Duration::from_secs(30));
        let early = under_way.is_finished() || waiting.iter().any(|client| client.is_finished());
        assert!(!early, "the exporter was not stopped");
        send_signal(exporter.pid(), "CONT");
        assert_eq!(under_way.join().unwrap(), 200);
        assert!(waiting.into_iter().all(|client| client.join().unwrap() == 200));
    });
    fake.behave();
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0);
}

/// The test preloads a `clock_gettime` that adds an offset, because the program reads the time of day through the C library.
#[test]
fn a_clock_that_jumps_changes_no_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let (source, library) = (directory.path().join("clock.c"), directory.path().join("clock.so"));
    let offset = directory.path().join("offset");
    std::fs::write(&source, CLOCK).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(compiled.unwrap().success());
    let step = |seconds: i64| std::fs::write(&offset, format!("{seconds}\n")).unwrap();
    step(0);
    let log = directory.path().join("log");
    let fake = Fake::start();
    let mut program = command();
    program.env("LD_PRELOAD", &library).env("CLOCK_OFFSET", &offset).stderr(File::create(&log).unwrap());
    let started = Started::new(&mut program, &["-u", &fake.unix(), "-t", "2s"]);
    started.up().unwrap();
    fake.delay_method("core.uptime", Duration::from_millis(800));
    for (seconds, year) in [(3_600 * 24 * 365 * 20, "time=204"), (-3_600 * 24 * 365 * 20, "time=200")] {
        std::thread::scope(|scope| {
            let under_way = scope.spawn(|| started.up());
            eventually(|| {
                if fake.connections().open == 1 { Ok(()) } else { Err("no scrape has started".to_owned()) }
            });
            step(seconds);
            under_way.join().unwrap().unwrap();
        });
        let start = Instant::now();
        fake.silent(true);
        assert!(started.exposition().unwrap().contains("\nkamailio_up 0\n"));
        fake.silent(false);
        let waited = start.elapsed();
        assert!((1.9..8.0).contains(&waited.as_secs_f64()), "{waited:?}");
        let log = std::fs::read_to_string(&log).unwrap();
        assert!(log.contains(year), "the clock did not jump: {log}");
    }
    started.up().unwrap();
}

/// A `clock_gettime` that adds the number of seconds in a file to the time of day.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
	long result = syscall(SYS_clock_gettime, clock, time);
	if (clock == CLOCK_REALTIME && result == 0) {
		long long offset = 0;
		FILE *file = fopen(getenv("CLOCK_OFFSET"), "r");
		if (file) {
			if (fscanf(file, "%lld", &offset) == 1)
				time->tv_sec += offset;
			fclose(file);
		}
	}
	return result;
}
"#;
