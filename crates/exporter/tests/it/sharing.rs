use crate::scrape::{start, success};
use crate::support::{Exporter, eventually, samples};
use fake_kamailio::Fake;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn the_shorter_of_prometheus_timeout_and_ours_is_the_deadline() {
    let fake = Fake::start();
    fake.delay_method("stats.fetch", Duration::from_secs(30));
    for (timeout, header) in [("30s", "1.5"), ("1s", "30")] {
        let exporter = start(&fake, &["-t", timeout]);
        let start = Instant::now();
        let answer = exporter.request("GET", "/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", header)]);
        assert_eq!(success(&answer.text(), "stats.fetch"), 0.0);
        assert!(start.elapsed() < Duration::from_secs(10), "{timeout} {header}: {:?}", start.elapsed());
    }
}

#[test]
fn concurrent_scrapes_share_a_run() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    exporter.exposition();
    fake.delay_method("stats.fetch", Duration::from_secs(1));
    let before = fake.connections().accepted;
    let pages: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20).map(|_| scope.spawn(|| exporter.exposition())).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(fake.connections().accepted - before, 1);
    assert_eq!(samples(&pages[0])["kamailio_up"], 1.0);
    // Shared responses are equal. In separate ones, processor time and the number of scrapes would differ.
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
    assert_eq!(samples(&exporter.exposition())["kamailio_exporter_total_scrapes"], 22.0);
}

#[test]
fn another_selection_or_an_earlier_deadline_is_another_run() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    exporter.exposition();
    fake.delay_method("core.uptime", Duration::from_secs(2));
    std::thread::scope(|scope| {
        scope.spawn(|| exporter.exposition());
        eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no run".to_owned()) });
        scope.spawn(|| exporter.get("/metrics?collect[]=tls.info"));
        scope.spawn(|| exporter.request("GET", "/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "1")]));
        eventually(|| if fake.connections().open == 3 { Ok(()) } else { Err("they share a run".to_owned()) });
    });
}

#[test]
fn each_selection_has_its_own_calls() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    let calls = |path: &str| {
        let made = fake.calls().len();
        assert_eq!(exporter.get(path).status, 200);
        fake.calls()[made..].join(",")
    };
    calls("/metrics");
    let all = calls("/metrics");
    for name in ["sl.stats", "tls.info"] {
        assert_eq!(calls(&format!("/metrics?collect[]={name}")), format!("core.uptime,{name}"));
        assert_eq!(calls("/metrics"), all);
    }
}

#[test]
fn a_scrape_ends_when_its_only_client_disconnects() {
    let fake = Fake::start();
    fake.silent(true);
    let exporter = start(&fake, &["-t", "60s"]);
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no run".to_owned()) });
    drop(client);
    eventually(|| if fake.connections().open == 0 { Ok(()) } else { Err("the run goes on".to_owned()) });
}

#[test]
fn a_shared_scrape_continues_when_one_client_disconnects() {
    let fake = Fake::start();
    let exporter = start(&fake, &["-t", "60s"]);
    exporter.exposition();
    fake.delay_method("stats.fetch", Duration::from_secs(2));
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no run".to_owned()) });
    std::thread::scope(|scope| {
        let other = scope.spawn(|| exporter.exposition());
        std::thread::sleep(Duration::from_millis(300));
        drop(client);
        assert!(success(&other.join().unwrap(), "stats.fetch") == 1.0);
    });
    assert_eq!(fake.connections().accepted, 2);
}

#[test]
fn only_requests_that_need_a_scrape_of_their_own_are_limited() {
    let fake = Fake::start();
    fake.silent(true);
    let exporter = start(&fake, &["-t", "2s", "--web.max-requests", "1"]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| exporter.exposition());
        eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no run".to_owned()) });
        let joined: Vec<_> = (0..5).map(|_| scope.spawn(|| exporter.get("/metrics"))).collect();
        let answer = exporter.get("/metrics?collect[]=sl.stats");
        assert_eq!(answer.status, 503);
        assert_eq!(answer.text(), "Limit of concurrent requests reached (1), try again later.\n");
        assert_eq!(exporter.get("/").status, 200);
        let page = first.join().unwrap();
        for joined in joined {
            let joined = joined.join().unwrap();
            assert_eq!((joined.status, joined.text() == page), (200, true), "{}", joined.text());
        }
        assert_eq!(fake.connections().accepted, 1);
    });
}

/// Requests the metrics and allows less time than Kamailio needs now.
pub(crate) fn scrape_with_deadline(exporter: &Exporter, timeout: &str) -> String {
    let response = exporter.request("GET", "/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", timeout)]);
    assert_eq!(response.status, 200);
    response.text()
}

#[test]
fn capabilities_are_kept_when_a_client_allows_too_little_time() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    for _ in 0..5 {
        assert!(exporter.exposition().contains("\nkamailio_up 1\n"));
        fake.silent(true);
        assert!(scrape_with_deadline(&exporter, "0.0002").contains("\nkamailio_up 0\n"));
        fake.silent(false);
    }
    assert_eq!(fake.count("system.listMethods"), 1);
}

#[test]
fn a_scrape_that_only_its_client_cuts_short_is_not_a_failure() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    exporter.exposition();
    fake.delay_method("sl.stats", Duration::from_millis(700));
    for timeout in ["0.0000007", "0.02", "0.11", "0.8"] {
        let page = samples(&scrape_with_deadline(&exporter, timeout));
        assert_eq!(page["kamailio_scrape_collector_success{collector=\"stats.fetch\"}"], 0.0, "{timeout}");
        assert_eq!(page["kamailio_exporter_failed_scrapes"], 0.0, "{timeout}");
    }
    let page = samples(&exporter.exposition());
    assert_eq!(
        (page["kamailio_exporter_failed_scrapes"], page["kamailio_exporter_total_scrapes"]),
        (0.0, 6.0)
    );
    // With an ordinary timeout, or without Kamailio, the scrape is a failure.
    assert_eq!(samples(&scrape_with_deadline(&exporter, "1.1"))["kamailio_exporter_failed_scrapes"], 1.0);
    let log = exporter.log();
    assert_eq!(
        (log.matches("scrape failed").count(), log.matches("collectors failed").count()),
        (0, 1),
        "{log}"
    );
    assert!(log.contains(" count=8 collectors="), "{log}");
    fake.refuse(true);
    assert_eq!(samples(&scrape_with_deadline(&exporter, "0.02"))["kamailio_exporter_failed_scrapes"], 2.0);
    exporter.wait_for_log("scrape failed");
}

#[test]
fn a_client_gets_at_least_the_time_that_a_scrape_needs() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    exporter.exposition();
    let complete = |page: String| {
        samples(&page)["kamailio_exporter_failed_scrapes"] == 0.0 && success(&page, "stats.fetch") == 1.0
    };
    assert!(
        (0..10).any(|_| complete(scrape_with_deadline(&exporter, "0.000000001"))),
        "the deadline is not raised"
    );
}
