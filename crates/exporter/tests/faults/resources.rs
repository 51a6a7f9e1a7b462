//! Too few descriptors, too little memory, nowhere to log to, a clock that jumps, a process that is stopped.

use crate::support::{Exporter, command, eventually, samples, send_signal};
use fake_kamailio::Fake;
use kamailio_binrpc::wire::Kind;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that is started in another way than most, killed on drop.
struct Started {
    child: Child,
    address: String,
}

impl Started {
    fn new(command: &mut Command, arguments: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let child = command.args(["--web.listen-address", &address]).args(arguments).spawn().unwrap();
        let mut started = Self { child, address };
        eventually(|| match started.child.try_wait().unwrap() {
            Some(status) => panic!("it has ended: {status}"),
            None => TcpStream::connect(&started.address).map_err(|error| error.to_string()),
        });
        started
    }

    fn page(&self) -> Result<String, String> {
        let mut stream = TcpStream::connect(&self.address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).map_err(|error| error.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        Ok(answer)
    }

    fn up(&self) -> Result<(), String> {
        let page = self.page()?;
        if page.contains("\nkamailio_up 1\n") { Ok(()) } else { Err(page) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under a limit of the shell's `ulimit`.
fn limited(limit: &str) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_kamailio_exporter")]).stdin(Stdio::null());
    shell
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
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
fn closed_standard_streams_stop_nothing() {
    let fake = Fake::start();
    let mut shell = Command::new("sh");
    let script = "exec <&- >&- 2>&-; exec \"$0\" \"$@\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_kamailio_exporter")]);
    let started = Started::new(&mut shell, &["-u", &fake.unix()]);
    fake.refuse(true);
    assert!(started.page().unwrap().contains("\nkamailio_up 0\n"));
    fake.behave();
    started.up().unwrap();
}

#[test]
fn a_reader_of_the_log_that_has_gone_stops_nothing() {
    let fake = Fake::start();
    let mut program = command();
    program.stderr(Stdio::piped());
    let mut started = Started::new(&mut program, &["-u", &fake.unix()]);
    drop(started.child.stderr.take());
    fake.refuse(true);
    assert!(started.page().unwrap().contains("\nkamailio_up 0\n"));
    fake.behave();
    started.up().unwrap();
}

#[test]
fn too_few_descriptors_are_told_of_and_get_over() {
    let fake = Fake::start();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut program = limited("-n 24");
    program.stderr(File::create(&log).unwrap());
    let started = Started::new(&mut program, &["-u", &fake.unix()]);
    started.up().unwrap();
    let said = |text: &str| {
        let log = std::fs::read_to_string(&log).unwrap();
        if log.contains(text) { Ok(()) } else { Err(format!("no {text:?} in {log}")) }
    };
    // One that is connected before asks when no descriptor is left for its scrape.
    let mut early = TcpStream::connect(&started.address).unwrap();
    early.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    early.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(early.read(&mut [0; 1024]).unwrap() > 0);
    let others: Vec<_> = (0..40).map(|_| TcpStream::connect(&started.address).unwrap()).collect();
    eventually(|| said("failed to accept a connection"));
    early.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    early.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("\nkamailio_up 0\n"), "{page}");
    said("Too many open files").unwrap();
    said("LimitNOFILE=").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let lines = std::fs::read_to_string(&log).unwrap().matches("failed to accept a connection").count();
    assert_eq!(lines, 1, "it is told again and again");
    drop(others);
    eventually(|| started.up());
}

#[test]
fn with_little_memory_it_serves_and_without_it_ends_with_a_sentence() {
    let fake = Fake::start();
    // 64 MiB of address space are twice what it may take at its worst.
    let started = Started::new(&mut limited("-v 65536"), &["-u", &fake.unix()]);
    started.up().unwrap();
    fake.answer_with("dispatcher.list.1000dest");
    (0..3).for_each(|_| started.up().unwrap());
    let status = std::fs::read_to_string(format!("/proc/{}/status", started.child.id())).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    drop(started);

    // The service manager has to start the program again: the program has nothing to release.
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    fake.answer("tm.stats", Kind::Reply, &vec![0; 6 << 20]);
    let mut program = limited(&format!("-v {}", size + 2048));
    program.stderr(File::create(&log).unwrap());
    let mut started = Started::new(&mut program, &["-u", &fake.unix(), "-t", "20s"]);
    let _ = started.page();
    let status = eventually(|| started.child.try_wait().unwrap().ok_or_else(|| "it goes on".to_owned()));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(!status.success() && log.contains("memory allocation of "), "{status}: {log}");
}

#[test]
fn a_process_that_was_stopped_goes_on() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "1s"]);
    assert_eq!(samples(&exporter.page())["kamailio_up"], 1.0);
    fake.delay_method("core.uptime", Duration::from_millis(300));
    std::thread::scope(|scope| {
        let under_way = scope.spawn(|| exporter.get("/metrics").status);
        eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no run".to_owned()) });
        send_signal(exporter.pid(), "STOP");
        let waiting: Vec<_> = (0..20).map(|_| scope.spawn(|| exporter.get("/metrics").status)).collect();
        // Longer than all time-outs but that of an idle connection.
        std::thread::sleep(Duration::from_secs(30));
        let early = under_way.is_finished() || waiting.iter().any(|client| client.is_finished());
        assert!(!early, "it has not been stopped");
        send_signal(exporter.pid(), "CONT");
        assert_eq!(under_way.join().unwrap(), 200);
        assert!(waiting.into_iter().all(|client| client.join().unwrap() == 200));
    });
    fake.behave();
    assert_eq!(samples(&exporter.page())["kamailio_up"], 1.0);
}

/// The clock that a step changes is read through the C library, where it can be put before it.
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
            eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no run".to_owned()) });
            step(seconds);
            under_way.join().unwrap().unwrap();
        });
        let start = Instant::now();
        fake.silent(true);
        assert!(started.page().unwrap().contains("\nkamailio_up 0\n"));
        fake.silent(false);
        let waited = start.elapsed();
        assert!((1.9..8.0).contains(&waited.as_secs_f64()), "{waited:?}");
        let log = std::fs::read_to_string(&log).unwrap();
        assert!(log.contains(year), "the clock has not jumped: {log}");
    }
    started.up().unwrap();
}

/// `clock_gettime` with the seconds of a file added to the time of day.
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
