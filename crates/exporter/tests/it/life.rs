use crate::support::{Exporter, UNREACHABLE, command, run};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn a_signal_stops_the_exporter_with_exit_code_0() {
    for signal in ["TERM", "INT"] {
        let mut exporter = Exporter::start(&UNREACHABLE);
        exporter.signal(signal);
        assert_eq!(exporter.wait(), Some(0), "{signal}");
        exporter.wait_for_log(&format!("msg=stopping signal=SIG{signal}"));
    }
}

#[test]
fn a_running_request_is_finished_before_the_exit() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("ctl");
    let silent = UnixListener::bind(&socket).unwrap();
    let mut exporter = Exporter::start(&["-u", socket.to_str().unwrap(), "-t", "1s"]);
    let client = std::thread::scope(|scope| {
        let request = scope.spawn(|| exporter.get("/metrics"));
        let _connection = silent.accept().unwrap();
        exporter.signal("TERM");
        request.join().unwrap()
    });
    assert_eq!(client.status, 200);
    assert!(client.text().contains("\nkamailio_up 0\n"));
    assert_eq!(exporter.wait(), Some(0));
}

#[test]
fn a_second_signal_ends_the_exporter_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("ctl");
    let silent = UnixListener::bind(&socket).unwrap();
    for signal in ["TERM", "INT"] {
        let mut exporter = Exporter::start(&["-u", socket.to_str().unwrap(), "-t", "60s"]);
        let mut client = TcpStream::connect(exporter.address()).unwrap();
        client.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let _connection = silent.accept().unwrap();
        exporter.signal("TERM");
        exporter.wait_for_log("msg=stopping signal=SIGTERM");
        exporter.signal(signal);
        assert_eq!(exporter.wait(), Some(1), "{signal}");
        exporter.wait_for_log(&format!("msg=\"exiting at once\" signal=SIG{signal}"));
    }
}

#[test]
fn sighup_does_not_stop_the_exporter() {
    let exporter = Exporter::start(&UNREACHABLE);
    exporter.signal("HUP");
    exporter.wait_for_log("signal=SIGHUP");
    assert_eq!(exporter.get("/-/healthy").status, 200);
}

#[test]
fn the_exporter_listens_without_kamailio_and_does_not_scrape_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("ctl");
    let silent = UnixListener::bind(&socket).unwrap();
    silent.set_nonblocking(true).unwrap();
    let exporter = Exporter::start(&["-u", socket.to_str().unwrap(), "-t", "200ms"]);
    assert_eq!(exporter.get("/-/ready").status, 200);
    assert!(silent.accept().is_err(), "the exporter connected without a request");
    assert!(exporter.exposition().contains("\nkamailio_exporter_total_scrapes 1\n"));
}

#[test]
fn an_invalid_command_line_is_one_error_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, part) in [
        (&["--nope"][..], "kamailio_exporter: error: unknown long flag '--nope', try --help"),
        (&["-u", "ftp://x:1"], "unix:/path, unixd:/path, tcp:host:port or udp:host:port"),
        (&["-m", "a, b"], "unknown method \"a\""),
        (&["--web.listen-address", &taken], &format!("failed to listen on {taken}: Address already in use")),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
        let log = String::from_utf8(output.stderr).unwrap();
        let errors: Vec<_> = log.lines().filter(|line| !line.contains("level=INFO")).collect();
        assert!(errors.len() == 1 && errors[0].contains(part), "{arguments:?}: {log}");
    }
}

#[test]
fn a_full_disk_changes_no_exit_code() {
    for (arguments, code) in [
        (&["--nope"][..], 1),
        (&["call", "-u", "unix:/nonexistent/ctl", "core.uptime"], 2),
        (&["check", "--user", "nobody-of-this-name"], 3),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let status = command().args(arguments).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command().arg("--help").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr).unwrap().contains("cannot write to standard output: No space left")
    );
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (argument, part) in [("--help", "--kamailio.methods"), ("--version", "kamailio_exporter, version ")] {
        let output = run(&[argument]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(part));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn the_environment_sets_flags_and_the_command_line_wins() {
    let output = command()
        .env("KAMAILIO_EXPORTER_KAMAILIO_METHODS", "from.environment")
        .env("KAMAILIO_EXPORTER_KAMAILIO_TIMEOUT", "")
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("unknown method \"from.environment\""));
    let output = command()
        .env("KAMAILIO_EXPORTER_KAMAILIO_METHODS", "auto")
        .args(["-m", "from.flag"])
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("unknown method \"from.flag\""));
}

#[test]
fn a_switch_in_the_environment_accepts_each_word_for_true_and_false() {
    let no_socket = "no socket activation file descriptors found";
    let no_address = "--web.listen-address \"nowhere\"";
    for (value, more, part) in [
        ("1", "", no_socket),
        ("true", "", no_socket),
        ("ON", "", no_socket),
        ("yes", "--no-web.systemd-socket", no_address),
        ("0", "", no_address),
        ("False", "", no_address),
        ("no", "--web.systemd-socket", no_socket),
        ("perhaps", "", "invalid value 'perhaps' for '--web.systemd-socket'"),
    ] {
        let mut command = command();
        command.env("KAMAILIO_EXPORTER_WEB_SYSTEMD_SOCKET", value);
        command.args(["--web.listen-address", "nowhere"]).args(Some(more).filter(|more| !more.is_empty()));
        let log = String::from_utf8(command.output().unwrap().stderr).unwrap();
        assert!(log.contains(part), "{value} {more}: {log}");
    }
    for (arguments, part) in [
        (["--web.systemd-socket", "--no-web.systemd-socket"], no_address),
        (["--no-web.systemd-socket", "--web.systemd-socket"], no_socket),
    ] {
        let output = command().args(["--web.listen-address", "nowhere"]).args(arguments).output().unwrap();
        assert!(String::from_utf8(output.stderr).unwrap().contains(part), "{arguments:?}");
    }
}

#[test]
fn the_version_variable_of_container_images_sets_no_option() {
    for value in ["2.0.0", "true"] {
        let output = command().env("KAMAILIO_EXPORTER_VERSION", value).args(["-m", "x"]).output().unwrap();
        assert!(String::from_utf8(output.stderr).unwrap().contains("unknown method \"x\""), "{value}");
    }
}

#[test]
fn arguments_can_come_from_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    writeln!(&file, "# Kamailio\n--kamailio.scrape-uri=unix:/nonexistent/from-file\n\n-t\n100ms").unwrap();
    let exporter = Exporter::start(&[&format!("@{}", file.path().display())]);
    exporter.exposition();
    exporter.wait_for_log("/nonexistent/from-file");
}

#[test]
fn json_logs_are_json() {
    let mut child = command()
        .args(["--log.format", "json", "--web.listen-address", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut log = Vec::new();
    while !String::from_utf8_lossy(&log).contains("Listening on") {
        let mut chunk = [0; 4096];
        let read = stderr.read(&mut chunk).unwrap();
        assert!(read > 0, "the exporter ended");
        log.extend_from_slice(&chunk[..read]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let line = String::from_utf8(log)
        .unwrap()
        .lines()
        .find(|line| line.contains("Listening on"))
        .unwrap()
        .to_owned();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["msg"]), (&"INFO".into(), &"Listening on".into()));
    assert!(line["source"].as_str().unwrap().starts_with("server.rs:"), "{line}");
}

#[test]
fn an_unreachable_kamailio_is_logged_once_with_the_reason() {
    let exporter = Exporter::start(&UNREACHABLE);
    for _ in 0..3 {
        let page = exporter.exposition();
        assert!(page.contains("\nkamailio_up 0\n"), "{page}");
        assert!(!page.contains("kamailio_tm_"), "{page}");
    }
    exporter.wait_for_log("There is no directory /nonexistent: start Kamailio");
    assert_eq!(exporter.log().matches("scrape failed").count(), 1);
}

#[test]
fn the_exporter_listens_on_several_addresses() {
    let exporter = Exporter::start(&["--web.listen-address", "[::1]:0", UNREACHABLE[0], UNREACHABLE[1]]);
    exporter.wait_for_log("address=[::1]:");
    let log = exporter.log();
    let second = log.split("msg=\"Listening on\" address=[::1]:").nth(1).unwrap();
    let port: u16 = second.lines().next().unwrap().parse().unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    let mut stream = TcpStream::connect(("::1", port)).unwrap();
    stream.set_read_timeout(Some(end - Instant::now())).unwrap();
    stream.write_all(b"GET /-/healthy HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("Healthy\n"), "{answer}");
}

#[test]
fn healthcheck_fails_without_a_running_exporter() {
    let mut exporter = Exporter::start(&UNREACHABLE);
    let url = format!("http://{}/-/healthy", exporter.address());
    assert!(run(&["healthcheck", &url]).status.success());
    let missing = run(&["healthcheck", &url.replace("/-/healthy", "/missing")]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("the response is 404"), "{missing:?}");
    exporter.signal("TERM");
    exporter.wait();
    assert_eq!(run(&["healthcheck", &url]).status.code(), Some(1));
    assert_eq!(run(&["healthcheck", "not a URL"]).status.code(), Some(1));
}
