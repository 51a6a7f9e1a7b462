//! The doctor, against a fake Kamailio.

use crate::support::{on_a_terminal, run};
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::wire::Kind;
use serde_json::Value as Json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

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

fn sentences(list: &Json) -> String {
    list.as_array().unwrap().iter().map(|sentence| sentence.as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn a_healthy_kamailio_is_exit_code_0() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    let (text, code) = check(&kamailio.unix(), &[]);
    for part in [
        &format!("Target    {}\n", kamailio.unix()),
        "Socket    a socket of ",
        " may use it\n",
        "Kamailio  kamailio 5.6.3 (x86_64/linux), up 3m 23s, 28 processes\n",
        "Scrape    6",
        "\nok      tm.stats                         1 ",
        // Nearly always 1977: the cookie is random, and may begin with bytes that are not sent.
        " B           178 B\n",
        "\nabsent  dmq.list_nodes (dmq)\n",
        " more are not selected; --json names them.\n",
        "\n\nAll is well.\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("warning") && !text.contains('\x1b'), "{text}");
}

#[test]
fn json_says_the_same() {
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
        assert_eq!((&call["reply_bytes"], &call["fullest_struct_bytes"]), (&1977.into(), &178.into()));
        assert!(call["duration_seconds"].as_f64().unwrap() > 0.0);
        let absent = collector(&report, "dmq.list_nodes");
        let reason = "Kamailio has no method dmq.list_nodes: it needs loadmodule \"dmq.so\".";
        assert_eq!((absent["state"].as_str(), absent["reason"].as_str()), (Some("absent"), Some(reason)));
        assert_eq!(collector(&report, "dlg.stats_active")["state"], "not selected");
    }
}

#[test]
fn what_failed_is_a_warning_with_its_reason() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    kamailio.answer("tls.info", Kind::Fault, b"\x20\x01\xf4\x51oops\0");
    let (report, code) = json(&kamailio.unix(), &["-m", "auto,dmq.list_nodes"]);
    assert_eq!((report["verdict"].as_str(), code), (Some("warnings"), Some(1)));
    let warnings = sentences(&report["warnings"]);
    let expected = "tls.info failed: Kamailio answered with fault 500: oops.\ndmq.list_nodes failed: Kamailio has no \
                    method dmq.list_nodes: load its module dmq, or remove dmq.list_nodes from --kamailio.methods.\n";
    assert_eq!(warnings, expected);
    assert_eq!(collector(&report, "tls.info")["state"], "failed");
    let (text, _) = check(&kamailio.unix(), &["-m", "auto,dmq.list_nodes"]);
    assert!(text.contains("\nfailed  tls.info "), "{text}");
    assert!(
        text.ends_with("remove dmq.list_nodes from --kamailio.methods.\nThere are 2 warnings.\n"),
        "{text}"
    );
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
            Some("8192 bytes, and ctl has room for 8192 unless it was given more"),
        ),
        ("dispatcher.list.1025dest", 0, Some("raise modparam(\"ctl\", \"binrpc_struct_max_body_size\", …)")),
    ] {
        kamailio.answer_with(capture);
        let (report, code) = json(&kamailio.unix(), &["-m", "dispatcher.list"]);
        let call = &collector(&report, "dispatcher.list")["calls"][0];
        assert_eq!(call["fullest_struct_bytes"], bytes, "{capture}");
        let warnings = sentences(&report["warnings"]);
        assert!(warnings.contains(warning.unwrap_or_default()), "{capture}: {warnings}");
        assert_eq!(
            (code, warnings.lines().count()),
            (Some(warning.is_some().into()), warning.iter().count())
        );
    }
}

#[test]
fn what_is_left_out_is_a_warning() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    let (report, code) = json(&kamailio.unix(), &["-m", "auto", "--collector.max-series", "3"]);
    let warnings = sentences(&report["warnings"]);
    let part = "samples are left out, because a family may have 3 of them (--collector.max-series).";
    assert!(warnings.contains(&format!("pkg.stats: 125 {part}")), "{warnings}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_connection_that_is_lost_is_a_warning() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.close_after(10);
    let (report, code) = json(&kamailio.unix(), &["-m", "tm.stats,sl.stats,core.shmmem,core.tcp_info"]);
    assert_eq!(code, Some(0), "{report}");
    kamailio.close_after(6);
    let (report, code) = json(&kamailio.unix(), &["-m", "tm.stats,sl.stats,core.shmmem,core.tcp_info"]);
    let warnings = sentences(&report["warnings"]);
    let part = "The calls could not all be made one at a time: Kamailio closed the connection";
    assert!(warnings.contains(part), "{warnings}");
    assert_eq!(code, Some(1));
}

#[test]
fn without_kamailio_it_is_exit_code_2_and_says_why() {
    let kamailio = Fake::start();
    kamailio.silent(true);
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("ctl");
    drop(UnixListener::bind(&dead).unwrap());
    for (uri, parts) in [
        (kamailio.unix(), ["the deadline passed with ", "Kamailio is stopped or still starting"]),
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
        assert!(sentences(&report["problems"]).contains(parts[1]));
    }
}

#[test]
fn a_user_who_is_not_let_in_is_exit_code_2_though_another_may_scrape() {
    let kamailio = Fake::start();
    let uri = kamailio.unix();
    let socket = Path::new(uri.strip_prefix("unix:").unwrap());
    let set = |mode| fs::set_permissions(socket, fs::Permissions::from_mode(mode)).unwrap();
    // Who runs the tests is not this user, or could not have made the socket.
    set(0o600);
    let (report, code) = json(&uri, &["--user", "nobody"]);
    assert_eq!((report["verdict"].as_str(), code), (Some("failed"), Some(2)));
    assert_eq!((&report["socket"]["user"], &report["socket"]["allowed"]), (&"nobody".into(), &false.into()));
    let problems = sentences(&report["problems"]);
    assert!(problems.starts_with("nobody may not use the socket. The socket is a socket of "), "{problems}");
    assert!(problems.contains("with mode 0600: set modparam(\"ctl\", \"mode\", 0660), and "));
    assert_eq!(collector(&report, "tm.stats")["state"], "ok", "who asks may scrape");
    set(0o666);
    let (text, code) = check(&uri, &["--user", "nobody"]);
    assert!(text.contains("; nobody may use it\n"), "{text}");
    assert_eq!(code, Some(0));
    let output = run(&["check", "-u", &uri, "--user", "no such user"]);
    assert_eq!(output.status.code(), Some(2));
    let sentence = "there is no user \"no such user\" in /etc/passwd, which --user names";
    assert!(String::from_utf8_lossy(&output.stderr).contains(sentence));
}

#[test]
fn who_is_not_let_in_himself_is_told_so() {
    let kamailio = Fake::start();
    let uri = kamailio.unix();
    fs::set_permissions(uri.strip_prefix("unix:").unwrap(), fs::Permissions::from_mode(0o000)).unwrap();
    let output = without_rights(&["check", "-u", &uri]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("with mode 0000; ") && text.contains(" may not use it\n"), "{text}");
    assert!(text.contains("Permission denied") && text.contains("usermod -aG GROUP"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}

/// SingleFlight the program as somebody who is not root, to whom modes mean nothing.
fn without_rights(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("kamailio_exporter");
    // Where it was built others may have no access.
    fs::copy(env!("CARGO_BIN_EXE_kamailio_exporter"), &program).unwrap();
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(65_534);
    }
    command.args(arguments).output().unwrap()
}

#[test]
fn colours_and_progress_are_for_terminals() {
    let kamailio = Fake::start();
    let arguments = ["check", "-u", &kamailio.unix(), "-m", "tm.stats,sl.stats"];
    let (screen, code) = on_a_terminal(&arguments, &[]);
    assert_eq!(code, Some(0), "{screen}");
    for part in ["\r\x1b[Kcall 3 of 3", "\x1b[32mok      \x1b[0mtm.stats", "\x1b[32mAll is well.\x1b[0m"] {
        assert!(screen.contains(part), "{part:?}: {screen:?}");
    }
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (screen, _) = on_a_terminal(&arguments, &[environment]);
        assert!(screen.contains("\nok      tm.stats") && !screen.contains("\x1b[32m"), "{screen:?}");
    }
    let (piped, _) = check(&kamailio.unix(), &["-m", "tm.stats,sl.stats"]);
    assert!(!piped.contains('\x1b') && !piped.contains('\r'), "{piped:?}");
}
