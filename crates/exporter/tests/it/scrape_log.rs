use crate::scrape::{start, success};
use crate::sharing::scrape_with_deadline;
use crate::support::{Exporter, eventually, samples};
use fake_kamailio::{Captures, Fake, Then, body};
use kamailio_binrpc::wire::Kind;
use kamailio_binrpc::{Arg, Target};
use std::os::unix::net::UnixListener;
use std::time::Duration;

#[test]
fn dropped_samples_are_logged_once() {
    let fake = Fake::start();
    let row = [(Some("2xx"), Arg::Int(3)), (Some("2xx"), Arg::Int(4))];
    fake.answer("sl.stats", Kind::Reply, &body(&[Arg::Struct(&row)]));
    let exporter = start(&fake, &[]);
    let page = exporter.exposition();
    assert_eq!(samples(&page)["kamailio_sl_stats_codes_total{code=\"2xx\"}"], 3.0);
    assert_eq!(samples(&page)["kamailio_exporter_duplicate_rows_total{collector=\"sl.stats\"}"], 1.0);
    assert_eq!(success(&page, "sl.stats"), 1.0);
    exporter.exposition();
    assert_eq!(exporter.log().matches("duplicate samples dropped").count(), 1);
}

#[test]
fn the_start_and_the_end_of_a_failure_are_logged() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    fake.skip("tm.stats");
    (0..3).for_each(|_| drop(exporter.exposition()));
    fake.behave();
    (0..3).for_each(|_| drop(exporter.exposition()));
    exporter.wait_for_log("collector recovered");
    let log = exporter.log();
    let line = |message| format!("msg=\"{message}\" target={} collector=tm.stats", fake.unix());
    assert!(log.contains("collector=tm.stats failed_for="), "{log}");
    assert_eq!(log.matches(&line("collector failed")).count(), 1, "{log}");
    assert_eq!(log.matches(&line("collector recovered")).count(), 1, "{log}");
}

#[test]
fn collectors_that_fail_for_one_reason_share_a_line() {
    let fake = Fake::start();
    let exporter =
        Exporter::start(&["-u", &fake.unix(), "-m", "tm.stats,sl.stats,core.shmmem,tls.info,core.tcp_info"]);
    drop(exporter.exposition());
    for method in ["tm.stats", "sl.stats", "tls.info"] {
        fake.answer(method, Kind::Fault, &body(&[Arg::Int(500), "busy".into()]));
    }
    fake.answer("core.tcp_info", Kind::Fault, &body(&[Arg::Int(500), "locked".into()]));
    (0..3).for_each(|_| drop(exporter.exposition()));
    exporter.wait_for_log("collector failed");
    let log = exporter.log();
    let line = log.lines().find(|line| line.contains("msg=\"collectors failed\"")).unwrap();
    assert!(line.contains(" count=3 collectors=tm.stats,sl.stats,tls.info error="), "{line}");
    assert!(line.contains("busy"), "{line}");
    assert!(log.contains("collector=core.tcp_info error=") && log.contains("locked"), "{log}");
    assert_eq!(log.matches("failed\" target").count(), 2, "{log}");
    fake.behave();
    ["tm.stats", "sl.stats", "tls.info", "core.tcp_info"]
        .into_iter()
        .for_each(|method| fake.answer_with(method));
    (0..3).for_each(|_| drop(exporter.exposition()));
    exporter.wait_for_log("recovered");
    let log = exporter.log();
    assert!(log.contains("count=4 collectors=tm.stats,sl.stats,core.tcp_info,tls.info failed_for="), "{log}");
    assert_eq!(log.matches("recovered").count(), 1, "{log}");
}

#[test]
fn a_kamailio_that_cannot_be_seen_is_one_line_however_requests_select() {
    // The process at the other end of the socket is this one, and not one of those that the captures list.
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix()]);
    for path in ["/metrics", "/metrics?collect[]=tm.stats", "/metrics", "/metrics?collect[]=kernel.processes"]
    {
        let page = exporter.get(path).text();
        assert_eq!(page.contains("kamailio_processes_visible 0\n"), !path.contains("tm.stats"), "{path}");
        assert!(page.contains("kamailio_exporter_failed_scrapes 0\n"), "{page}");
    }
    exporter.wait_for_log("not visible");
    let log = exporter.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("visible")).collect();
    assert_eq!(lines.iter().filter(|line| line.contains("collectors=kernel.processes")).count(), 1, "{log}");
}

#[test]
fn a_collector_that_cannot_be_scraped_fails_with_the_reason() {
    let fake = Fake::start();
    let here = "the collector needs a Kamailio on the same machine";
    let missing = |name| format!("Kamailio has no method {name}: load its module with loadmodule");
    fake.answer("system.listMethods", Kind::Reply, &body(&["core.uptime".into()]));
    for (uri, name, reason) in [
        (fake.tcp(), "kernel.processes", here.to_owned()),
        (fake.tcp(), "dmq.list_nodes", missing("dmq.list_nodes")),
        (fake.unix(), "dmq.list_nodes", missing("dmq.list_nodes")),
        (fake.unix(), "kernel.processes", "This Kamailio has no method core.psa: remove".to_owned()),
    ] {
        let exporter = Exporter::start(&["-u", &uri, "-m", name]);
        assert_eq!(success(&exporter.exposition(), name), 0.0, "{uri} {name}");
        exporter.wait_for_log("collector failed");
        let log = exporter.log();
        assert!(log.contains(&reason), "{uri} {name}: {log}");
    }
}

#[test]
fn a_hung_method_is_one_line_for_all_collectors_behind_it() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "1s"]);
    drop(exporter.exposition());
    fake.delay_method("tm.stats", Duration::from_secs(60));
    (0..2).for_each(|_| drop(exporter.exposition()));
    exporter.wait_for_log("collectors failed");
    let log = exporter.log();
    assert_eq!(log.matches("level=WARN").count(), 1, "{log}");
    let count = log.split(" count=").nth(1).unwrap().split(' ').next().unwrap();
    assert!(count.parse::<u32>().unwrap() > 10, "{log}");
}

#[test]
fn another_reason_of_a_failure_is_logged() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("ctl");
    let exporter = Exporter::start(&["-u", socket.to_str().unwrap(), "-t", "1s"]);
    let scrape = || (0..3).for_each(|_| assert_eq!(samples(&exporter.exposition())["kamailio_up"], 0.0));
    scrape();
    exporter.wait_for_log("No such file");
    // A socket that a killed process left behind.
    drop(UnixListener::bind(&socket).unwrap());
    scrape();
    exporter.wait_for_log("Connection refused");
    std::fs::remove_file(&socket).unwrap();
    let silent = UnixListener::bind(&socket).unwrap();
    scrape();
    exporter.wait_for_log("the deadline passed");
    assert_eq!(exporter.log().matches("scrape failed").count(), 3, "{}", exporter.log());
    drop(silent);
    std::fs::remove_file(&socket).unwrap();
    let target: Target = format!("unix:{}", socket.display()).parse().unwrap();
    let fake = Fake::listen(Captures::of("5.6.3"), &[target]).unwrap();
    (0..2).for_each(|_| assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0));
    exporter.wait_for_log("scrape recovered");
    let log = exporter.log();
    let failed_for = log.split("failed_for=").nth(1).unwrap().split('s').next().unwrap();
    assert!((1..60).contains(&failed_for.parse::<u32>().unwrap()), "{log}");
    let exporter = Exporter::start(&["-u", socket.to_str().unwrap(), "-m", "tm.stats,sl.stats"]);
    for (code, reason) in
        [(500, "no memory"), (500, "no memory"), (501, "busy"), (502, "busy"), (500, "no memory")]
    {
        fake.answer("tm.stats", Kind::Fault, &body(&[Arg::Int(code), reason.into()]));
        exporter.exposition();
    }
    // The reason of the last line is that of the first.
    let log = eventually(|| match exporter.log() {
        log if log.matches("500: no memory").count() > 1 => Ok(log),
        log => Err(log),
    });
    let lines = ["500: no memory", "501: busy"].map(|reason| log.matches(reason).count());
    assert_eq!((lines, log.matches("collector failed").count()), ([2, 1], 3), "{log}");
}

#[test]
fn clients_cannot_fill_the_log() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    for _ in 0..200 {
        fake.refuse(true);
        scrape_with_deadline(&exporter, "0.001");
        fake.refuse(false);
        exporter.exposition();
    }
    exporter.wait_for_log("scrape failed");
    let log = exporter.log();
    let lines = log.matches("scrape failed").count() + log.matches("scrape recovered").count();
    assert!((2..150).contains(&lines), "{lines} lines");
}

#[test]
fn outages_and_recoveries_are_logged_alternately() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    for _ in 0..3 {
        let up = || (0..2).for_each(|_| assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0));
        up();
        // Kamailio answers, but its start time is missing.
        fake.skip("core.uptime");
        up();
        fake.behave();
        up();
        fake.refuse(true);
        (0..2).for_each(|_| assert_eq!(samples(&exporter.exposition())["kamailio_up"], 0.0));
        fake.refuse(false);
    }
    exporter.exposition();
    exporter.wait_for_log("scrape failed");
    let log = exporter.log();
    let messages = ["scrape succeeded", "scrape failed", "scrape recovered"];
    assert_eq!(messages.map(|message| log.matches(message).count()), [1, 3, 3], "{log}");
}

#[test]
fn a_connection_lost_during_the_discovery_is_a_failed_scrape() {
    let fake = Fake::start();
    fake.truncate("cnt.list_groups", 6, Then::Close);
    let exporter = start(&fake, &[]);
    (0..3).for_each(|_| drop(exporter.exposition()));
    let page = samples(&exporter.exposition());
    assert_eq!(
        (page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]),
        (1.0, 4.0),
        "a reply has come"
    );
    exporter.wait_for_log("Kamailio closed the connection with 1 of 2 replies outstanding");
    assert_eq!(exporter.log().matches("scrape failed").count(), 1, "{}", exporter.log());
    fake.behave();
    assert_eq!(success(&exporter.exposition(), "tm.stats"), 1.0);
}
