use crate::support::{Exporter, eventually, samples};
use std::time::{Duration, Instant};
use testbed::Kamailio;

fn up(exporter: &Exporter) -> f64 {
    samples(&exporter.exposition())["kamailio_up"]
}

/// Returns the number of open files once the connection of the last request is closed.
fn idle_open_files(exporter: &Exporter) -> usize {
    let counts = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(20));
        exporter.open_files()
    });
    counts.take(10).min().unwrap()
}

#[test]
fn scrapes_recover_after_kamailio_was_killed_and_restarted() {
    killed_and_restarted(Kamailio::start());
}

pub(crate) fn killed_and_restarted(mut kamailio: Kamailio) {
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    assert_eq!(up(&exporter), 1.0);
    let open_files = idle_open_files(&exporter);

    kamailio.kill();
    assert_eq!(up(&exporter), 0.0);
    exporter.wait_for_log("Start Kamailio, which is not running or was killed: the socket exists");

    kamailio.restart();
    eventually(|| if up(&exporter) == 1.0 { Ok(()) } else { Err("still down".to_owned()) });
    let log = exporter.log();
    let messages = ["msg=\"scrape succeeded\"", "msg=\"scrape recovered\""];
    assert_eq!(messages.map(|message| log.matches(message).count()), [1, 1], "{log}");
    assert_eq!(idle_open_files(&exporter), open_files);
}

#[test]
fn each_restart_changes_the_start_time() {
    let mut kamailio = Kamailio::start();
    let exporters = [kamailio.unix(), kamailio.tcp()].map(|uri| Exporter::start(&["-u", &uri]));
    let started = |exporter: &Exporter| -> f64 {
        let mut start = None;
        eventually(|| {
            start = samples(&exporter.exposition()).get("kamailio_start_time_seconds").copied();
            start.map(|_| ()).ok_or_else(|| "no start time".to_owned())
        });
        start.unwrap()
    };
    let mut starts = Vec::new();
    for restart in 0..3 {
        if restart > 0 {
            kamailio.kill();
            kamailio.restart();
        }
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let start = started(&exporters[0]);
        assert!((-20.0..=2.0).contains(&(start - now)), "{start} is not near {now}");
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(430));
            assert!(exporters.iter().all(|exporter| started(exporter) == start), "not the same as {start}");
        }
        starts.push(start);
    }
    println!("{starts:?}");
    assert!(starts.is_sorted_by(|a, b| a < b), "{starts:?}");
}

#[test]
fn all_statistics_are_served_for_structs_of_any_size() {
    for kibibytes in [5, 3, 1] {
        let config = format!("modparam(\"ctl\", \"binrpc_struct_max_body_size\", {kibibytes})\n");
        let kamailio = Kamailio::builder().config(&config).start();
        let errors = || {
            let log = kamailio.log();
            log.lines().filter(|line| line.contains("ERROR") && line.contains("ctl")).count()
        };
        let exporter = Exporter::start(&["-u", &kamailio.unix(), "--kamailio.stats-groups", "all"]);
        let mut counts = Vec::new();
        for _ in 0..4 {
            let page = samples(&exporter.exposition());
            assert_eq!(page["kamailio_exporter_failed_scrapes"], 0.0, "{kibibytes} KiB: {}", exporter.log());
            let statistics = page.keys().filter(|series| series.starts_with("kamailio_stats_fetch_value{"));
            counts.push((statistics.count(), errors()));
        }
        println!("{kibibytes} KiB: {counts:?} statistics and errors");
        assert!(counts[0].0 > 100, "{counts:?}");
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        assert!(exporter.log().matches("statistics fetched in small parts").count() <= 1);
    }
}

#[test]
fn three_hundred_scrapes_leave_no_connection_behind() {
    three_hundred_scrapes(&Kamailio::start());
}

pub(crate) fn three_hundred_scrapes(kamailio: &Kamailio) {
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    exporter.exposition();
    let open_files = idle_open_files(&exporter);
    for _ in 0..300 {
        exporter.exposition();
    }
    let page = samples(&exporter.exposition());
    assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (1.0, 0.0));
    assert_eq!(idle_open_files(&exporter), open_files);
    // Kamailio notices the end of a connection with a delay.
    eventually(|| match kamailio.kamcmd(&["ctl.connections"]).trim() {
        "1" => Ok(()),
        other => Err(format!("{other} connections instead of kamcmd's own")),
    });
    let errors: Vec<_> = kamailio
        .log()
        .lines()
        .filter(|l| l.contains("ERROR") && l.contains("ctl"))
        .map(str::to_owned)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_scrape_of_a_suspended_kamailio_takes_no_longer_than_the_timeout() {
    let kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-t", "500ms"]);
    assert_eq!(up(&exporter), 1.0);
    kamailio.suspend();
    let start = Instant::now();
    assert_eq!(up(&exporter), 0.0);
    let waited = start.elapsed();
    kamailio.resume();
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
    exporter.wait_for_log("Check that Kamailio is not stopped or still starting");
    eventually(|| if up(&exporter) == 1.0 { Ok(()) } else { Err("still down".to_owned()) });
}

#[test]
fn in_steady_state_a_scrape_is_one_connection_without_a_fault() {
    let kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "all", "--kamailio.stats-groups", "all"]);
    for _ in 0..50 {
        exporter.exposition();
    }
    let log = kamailio.log();
    let complaints: Vec<_> =
        log.lines().filter(|line| line.contains("ctl") || line.contains("stats")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    let is_failure = |line: &str| line.contains("collector failed") || line.contains("collectors failed");
    assert!(!exporter.log().lines().any(is_failure), "{}", exporter.log());
}
