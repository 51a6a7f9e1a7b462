//! `check`, against a fake Kamailio.

use crate::support::{copy_of_program, on_a_terminal, run};
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::wire::Kind;
use serde_json::Value as Json;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

fn check(uri: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let output = run(&[&["check", "-u", uri], arguments].concat());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

fn json(uri: &str, arguments: &[&str]) -> (Json, Option<i32>) {
    let (text, code) = check(uri, &[&["--json"], arguments].concat());
    (serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")), code)
}

fn collector<'j>(report: &'j Json, name: &str) -> &'j Json {
    report["collectors"].as_array().unwrap().iter().find(|collector| collector["name"] == name).unwrap()
}

fn messages(list: &Json) -> String {
    list.as_array().unwrap().iter().map(|message| message.as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn a_kamailio_without_problems_is_exit_code_0() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    let (text, code) = check(&kamailio.unix(), &[]);
    for part in [
        &format!("Target    {}\n", kamailio.unix()),
        "Socket    a socket of ",
        " can connect\n",
        "Kamailio  kamailio 5.6.3 (x86_64/linux), up 3m 23s, 28 processes\n",
        " series in ",
        "\nok      tm.stats                         1 ",
        // Nearly always 1977: the cookie is random, and may begin with bytes that are not sent.
        " B           178 B\n",
        "\nabsent  dmq.list_nodes (dmq)\n",
        " more are not selected; --json lists them.\n",
        "\n\nNo problems found.\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("warning") && !text.contains('\x1b'), "{text}");
}

#[test]
fn the_json_report_contains_the_same() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    for uri in [kamailio.unix(), kamailio.tcp()] {
        let (report, code) = json(&uri, &[]);
        assert_eq!((report["verdict"].as_str(), code), (Some("ok"), Some(0)), "{report}");
        let mut keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let known =
            ["collectors", "kamailio", "problems", "scrape", "socket", "target", "verdict", "warnings"];
        assert_eq!(keys, known);
        let server = serde_json::json!(
            { "version": "kamailio 5.6.3 (x86_64/linux)", "uptime_seconds": 203, "processes": 28 }
        );
        assert_eq!((&report["kamailio"], report["target"].as_str()), (&server, Some(uri.as_str())));
        assert!(report["scrape"]["series"].as_u64().unwrap() > 500, "{report}");
        assert_eq!(report["socket"].is_null(), uri.starts_with("tcp"), "{report}");
        let dispatcher = collector(&report, "dispatcher.list");
        let call = &dispatcher["calls"][0];
        assert_eq!(
            (dispatcher["state"].as_str(), dispatcher["module"].as_str()),
            (Some("ok"), Some("dispatcher"))
        );
        // 1977, unless the random cookie begins with bytes that are not sent.
        assert!((1974..=1977).contains(&call["reply_bytes"].as_u64().unwrap()), "{call}");
        assert_eq!(call["fullest_struct_bytes"], 178);
        assert!(call["duration_seconds"].as_f64().unwrap() > 0.0);
        let absent = collector(&report, "dmq.list_nodes");
        let reason = "Kamailio has no method dmq.list_nodes: load its module with loadmodule \"dmq.so\".";
        assert_eq!((absent["state"].as_str(), absent["reason"].as_str()), (Some("absent"), Some(reason)));
        assert_eq!(collector(&report, "dlg.stats_active")["state"], "not_selected");
    }
}

#[test]
fn a_failed_collector_is_a_warning_with_the_reason() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    kamailio.answer("tls.info", Kind::Fault, b"\x20\x01\xf4\x51oops\0");
    let (report, code) = json(&kamailio.unix(), &["-m", "auto,dmq.list_nodes"]);
    assert_eq!((report["verdict"].as_str(), code), (Some("warnings"), Some(1)));
    let warnings = messages(&report["warnings"]);
    let expected = "tls.info failed: Kamailio replied with fault 500: oops.\ndmq.list_nodes failed: Kamailio has no \
                    method dmq.list_nodes: load its module with loadmodule \"dmq.so\", or remove dmq.list_nodes from --kamailio.methods.\n";
    assert_eq!(warnings, expected);
    assert_eq!(collector(&report, "tls.info")["state"], "failed");
    let (text, _) = check(&kamailio.unix(), &["-m", "auto,dmq.list_nodes"]);
    assert!(text.contains("\nfailed  tls.info "), "{text}");
    assert!(text.ends_with("remove dmq.list_nodes from --kamailio.methods.\n2 warnings.\n"), "{text}");
}

#[test]
fn a_reply_near_the_limits_of_ctl_is_a_warning() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    for (capture, bytes, warning) in [
        ("dispatcher.list.50dest", 400, None),
        (
            "dispatcher.list.1000dest",
            8_000,
            Some("set modparam(\"ctl\", \"binrpc_struct_max_body_size\", 16), in KiB"),
        ),
        (
            "dispatcher.list.1024dest",
            8_192,
            Some("has 8192 bytes, and the default limit of module ctl is 8192"),
        ),
        ("dispatcher.list.1025dest", 0, Some("raise modparam(\"ctl\", \"binrpc_struct_max_body_size\", …)")),
    ] {
        kamailio.answer_with(capture);
        let (report, code) = json(&kamailio.unix(), &["-m", "dispatcher.list"]);
        let call = &collector(&report, "dispatcher.list")["calls"][0];
        assert_eq!(call["fullest_struct_bytes"], bytes, "{capture}");
        let warnings = messages(&report["warnings"]);
        assert!(warnings.contains(warning.unwrap_or_default()), "{capture}: {warnings}");
        assert_eq!(
            (code, warnings.lines().count()),
            (Some(warning.is_some().into()), warning.iter().count())
        );
    }
}

#[test]
fn dropped_samples_are_a_warning() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    let (report, code) = json(&kamailio.unix(), &["-m", "auto", "--collector.max-series", "3"]);
    let warnings = messages(&report["warnings"]);
    let part = "samples dropped, because --collector.max-series limits a metric to 3.";
    assert!(warnings.contains(&format!("pkg.stats: 125 {part}")), "{warnings}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_lost_connection_is_a_warning() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.close_after(10);
    let (report, code) = json(&kamailio.unix(), &["-m", "tm.stats,sl.stats,core.shmmem,core.tcp_info"]);
    assert_eq!(code, Some(0), "{report}");
    kamailio.close_after(6);
    let (report, code) = json(&kamailio.unix(), &["-m", "tm.stats,sl.stats,core.shmmem,core.tcp_info"]);
    let warnings = messages(&report["warnings"]);
    let part = "Not every call could be measured: Kamailio closed the connection";
    assert!(warnings.contains(part), "{warnings}");
    assert_eq!(code, Some(1));
}

#[test]
fn an_unreachable_kamailio_is_exit_code_2_with_the_reason() {
    let kamailio = Fake::start();
    kamailio.silent(true);
    let directory = tempfile::tempdir().unwrap();
    let dead = directory.path().join("ctl");
    drop(UnixListener::bind(&dead).unwrap());
    let datagrams = format!("{}/ctld", directory.path().display());
    let _bound = UnixDatagram::bind(&datagrams).unwrap();
    let stream = kamailio.unix().split_off("unix:".len());
    for (uri, parts) in [
        (
            format!("unix:{datagrams}"),
            ["Protocol wrong type", &*format!("use the address unixd:{datagrams}, or ")],
        ),
        (format!("unixd:{stream}"), ["Protocol wrong type", &*format!("use the address unix:{stream}.")]),
        (
            format!("jsonrpc+unix:{stream}"),
            ["Protocol wrong type", &*format!("use the address unix:{stream}.")],
        ),
        (kamailio.unix(), ["the deadline passed with ", "Kamailio is not stopped or still starting"]),
        (
            "unix:/nonexistent/ctl".to_owned(),
            ["cannot connect to unix:/nonexistent/ctl", "There is no directory"],
        ),
        (format!("unix:{}", dead.display()), ["cannot connect to unix:", "but no process listens on it"]),
    ] {
        let (text, code) = check(&uri, &["-t", "300ms"]);
        assert_eq!(code, Some(2), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert!(text.ends_with("\nThe exporter cannot scrape this Kamailio.\n"), "{text}");
        let (report, code) = json(&uri, &["-t", "300ms"]);
        assert_eq!((report["verdict"].as_str(), code), (Some("failed"), Some(2)));
        assert_eq!(collector(&report, "tm.stats")["state"], "unknown");
        assert!(messages(&report["problems"]).contains(parts[1]));
    }
}

#[test]
fn a_user_without_access_is_exit_code_2_even_if_the_current_user_can_scrape() {
    let kamailio = Fake::start();
    let uri = kamailio.unix();
    let socket = Path::new(uri.strip_prefix("unix:").unwrap());
    let set = |mode| fs::set_permissions(socket, fs::Permissions::from_mode(mode)).unwrap();
    // If the tests ran as nobody, they could not have created the socket.
    set(0o600);
    let (report, code) = json(&uri, &["--user", "nobody"]);
    assert_eq!((report["verdict"].as_str(), code), (Some("failed"), Some(2)));
    assert_eq!((&report["socket"]["user"], &report["socket"]["allowed"]), (&"nobody".into(), &false.into()));
    let problems = messages(&report["problems"]);
    assert!(
        problems.starts_with("The user nobody cannot connect to the socket. The socket belongs to "),
        "{problems}"
    );
    assert!(problems.contains("with mode 0600: set modparam(\"ctl\", \"mode\", 0660), and "));
    assert_eq!(collector(&report, "tm.stats")["state"], "ok", "the current user can scrape");
    set(0o666);
    let (text, code) = check(&uri, &["--user", "nobody"]);
    assert!(text.contains("; user nobody can connect\n"), "{text}");
    assert_eq!(code, Some(0));
    let output = run(&["check", "-u", &uri, "--user", "no such user"]);
    assert_eq!(output.status.code(), Some(3));
    let message = "--user \"no such user\": there is no such user in /etc/passwd";
    assert!(String::from_utf8_lossy(&output.stderr).contains(message));
}

#[test]
fn missing_access_of_the_current_user_is_explained() {
    let kamailio = Fake::start();
    let uri = kamailio.unix();
    fs::set_permissions(uri.strip_prefix("unix:").unwrap(), fs::Permissions::from_mode(0o000)).unwrap();
    let output = without_rights(&["check", "-u", &uri]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("with mode 0000; ") && text.contains(" cannot connect\n"), "{text}");
    assert!(text.contains("Permission denied") && text.contains("usermod -aG GROUP"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}

/// Runs the program as another user than root, because root ignores file modes.
fn without_rights(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(copy_of_program(directory.path()));
    if rustix::process::geteuid().is_root() {
        command.uid(65_534);
    }
    command.args(arguments).output().unwrap()
}

#[test]
fn colours_and_progress_appear_on_terminals_only() {
    let kamailio = Fake::start();
    let arguments = ["check", "-u", &kamailio.unix(), "-m", "tm.stats,sl.stats"];
    let (screen, code) = on_a_terminal(&arguments, &[]);
    assert_eq!(code, Some(0), "{screen}");
    for part in
        ["\r\x1b[Kcall 3 of 3", "\x1b[32mok      \x1b[0mtm.stats", "\x1b[32mNo problems found.\x1b[0m"]
    {
        assert!(screen.contains(part), "{part:?}: {screen:?}");
    }
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (screen, _) = on_a_terminal(&arguments, &[environment]);
        assert!(screen.contains("\nok      tm.stats") && !screen.contains("\x1b[32m"), "{screen:?}");
    }
    let (piped, _) = check(&kamailio.unix(), &["-m", "tm.stats,sl.stats"]);
    assert!(!piped.contains('\x1b') && !piped.contains('\r'), "{piped:?}");
}

/// The output and the exit code of the plugin.
fn plugin(uri: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let output = run(&[&["check", "--nagios", "-u", uri], arguments].concat());
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn nagios_reads_status_and_performance_data_from_the_first_line() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    let (text, code) = plugin(&kamailio.unix(), &["-t", "3s"]);
    assert_eq!((text.lines().count(), code), (1, Some(0)), "{text}");
    let (status, data) = text.trim_end().split_once(" | ").unwrap();
    assert!(status.starts_with("KAMAILIO OK - kamailio 5.6.3 (x86_64/linux), "), "{status}");
    let data: Vec<_> = data.split(' ').collect();
    assert!(data[0].starts_with("time=0.") && data[0].ends_with("s;1.5;3;0"), "{data:?}");
    let series: u64 = data[1].strip_prefix("series=").unwrap().strip_suffix(";;;0").unwrap().parse().unwrap();
    assert!(series > 500, "{data:?}");
    assert_eq!(data[2..], ["failed_collectors=0;0;;0", "processes=28;;;0", "uptime=203s;;;0"]);

    kamailio.answer("tls.info", Kind::Fault, b"\x20\x01\xf4\x51a|b\n\0");
    kamailio.answer("core.psx", Kind::Reply, b"\x10\x01");
    let (text, code) = plugin(&kamailio.unix(), &[]);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("KAMAILIO WARNING - 1 warning, kamailio 5.6.3"), "{text}");
    assert!(lines[0].contains(" failed_collectors=1;0;;0 processes=1;;;0 "), "{text}");
    assert_eq!(
        (&lines[1..], code),
        (&["tls.info failed: Kamailio replied with fault 500: a/b\\n."][..], Some(1))
    );
    let (text, _) = check(&kamailio.unix(), &[]);
    assert!(text.contains(", 1 process\n") && text.ends_with("\n1 warning.\n"), "{text}");

    let (text, code) = plugin("unix:/nonexistent/ctl", &[]);
    assert!(text.starts_with("KAMAILIO CRITICAL - cannot connect to unix:/nonexistent/ctl: "), "{text}");
    assert!(text.lines().next().unwrap().contains(" | time=0.") && text.contains(" series=0;;;0"), "{text}");
    assert_eq!((text.lines().count(), code), (2, Some(2)));
}

#[test]
fn nagios_gets_status_unknown_if_the_check_cannot_run() {
    for (arguments, message) in [
        (&["--user", "no such user"][..], "--user \"no such user\": there is no such user in /etc/passwd"),
        (&["--nope"], "unknown long flag '--nope'"),
        (&["-t", "5"], "--kamailio.timeout \"5\": the unit is missing"),
        (&["--json"], "--json and --nagios"),
    ] {
        let (text, code) = plugin("unix:/nonexistent/ctl", arguments);
        assert!(text.starts_with(&format!("KAMAILIO UNKNOWN - {message}")), "{text}");
        assert_eq!((text.lines().count(), code), (1, Some(3)), "{text}");
    }
    // Without --nagios the message has the form of other commands, with the same exit code.
    let output = run(&["check", "--nope"]);
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&b""[..], Some(3)));
}

#[test]
fn a_socket_that_is_not_that_of_ctl_is_among_the_reasons() {
    let (sip, tls) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let uri = |listener: &TcpListener| format!("tcp:{}", listener.local_addr().unwrap());
    let (sip_uri, tls_uri) = (uri(&sip), uri(&tls));
    // The alert of a TLS server for a request that is not TLS.
    let alert = thread::spawn(move || {
        let (mut client, _) = tls.accept().unwrap();
        client.write_all(&[0x15, 3, 3, 0, 2, 2, 10]).unwrap();
        client
    });
    for (uri, timeout, part) in [
        (sip_uri, "200ms", "that this is a port of its module ctl: `kamcmd ctl.listen` lists the ports"),
        (
            tls_uri,
            "20s",
            "Check that the address is a BINRPC socket of Kamailio's module ctl: `kamcmd ctl.listen` lists them",
        ),
    ] {
        let (text, code) = check(&uri, &["-t", timeout]);
        assert!(text.contains(part), "{uri}: {text}");
        assert_eq!(code, Some(2));
    }
    drop(alert.join());
}
