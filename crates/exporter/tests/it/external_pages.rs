use crate::support::{Exporter, samples};
use fake_kamailio::Fake;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Starts a server that gives every request the same response as long as the test runs.
fn server(answer: impl Into<Vec<u8>>) -> String {
    serve(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
}

fn serve(listener: TcpListener, answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines();
            head.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            // The client may disconnect before the end.
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://{address}/metrics")
}

fn ok(page: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{page}", page.len())
        .into()
}

fn success(page: &str) -> f64 {
    samples(page)["kamailio_scrape_collector_success{collector=\"custom\"}"]
}

#[test]
fn an_external_page_is_merged_into_the_exposition() {
    let page = "# TYPE calls_total counter\n# HELP calls_total Calls of \"mine\".\ncalls_total 7 1795355190000\n\
         kamailio_up 0 1795355190000\nkamailio_tm_stats_codes_total{code=\"2xx\"} 0\nplain{x=\"1\"} -0.5\nplain{x=\"1\"} 2\n";
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "--kamailio.custom-metrics-url", &server(ok(page))]);
    let page = exporter.exposition();
    assert!(
        page.contains("# HELP calls_total Calls of \"mine\".\n# TYPE calls_total counter\ncalls_total 7\n"),
        "{page}"
    );
    assert!(page.contains("\nplain{x=\"1\"} -0.5\n"), "{page}");
    let values = samples(&page);
    assert_eq!((values["kamailio_up"], success(&page)), (1.0, 1.0));
    assert_eq!(values["kamailio_exporter_duplicate_rows_total{collector=\"custom\"}"], 3.0);
    let openmetrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
    let page = exporter.request("GET", "/metrics", &openmetrics).text();
    assert!(
        page.contains("# HELP calls Calls of \\\"mine\\\".\n# TYPE calls counter\ncalls_total 7\n"),
        "{page}"
    );
}

#[test]
fn every_sample_of_a_large_external_page_gets_the_labels() {
    let page: String = (0..40_000).map(|number| format!("large{{number=\"{number}\"}} 1\n")).collect();
    let url = server(ok(&page));
    let limits = ["--collector.max-series", "100000", "--label", "site=berlin"];
    let arguments = [&["-u", "unix:/nonexistent/ctl", "--kamailio.custom-metrics-url", &url], &limits[..]];
    let exporter = Exporter::start(&arguments.concat());
    let page = exporter.exposition();
    let samples: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples.iter().filter(|line| line.starts_with("large{")).count(), 40_000);
    for sample in samples {
        assert!(sample.contains("{site=\"berlin\""), "{sample}");
    }
}

#[test]
fn an_unavailable_external_page_fails_only_its_collector() {
    let large = format!("# {}\n", "x".repeat(1000)).repeat(8 << 10);
    for (answer, reason) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..], "the response is 404 Not Found"),
        (b"garbage\r\n\r\n", "cannot fetch"),
        (&ok("good 1\n<html>\n"), "unreadable lines: 1, the first of them (no value): <html>"),
        (&ok(&large), "the response has more than 4194304 bytes"),
    ] {
        let fake = Fake::start();
        let exporter =
            Exporter::start(&["-u", &fake.unix(), "--kamailio.custom-metrics-url", &server(answer)]);
        let page = exporter.exposition();
        assert_eq!((samples(&page)["kamailio_up"], success(&page)), (1.0, 0.0), "{reason}");
        assert!(page.contains("kamailio_tm_stats_current"));
        exporter.wait_for_log(reason);
    }
}

#[test]
fn an_external_page_has_the_deadline_of_the_scrape() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let fake = Fake::start();
    let exporter =
        Exporter::start(&["-u", &fake.unix(), "--kamailio.custom-metrics-url", &url, "-t", "500ms"]);
    let start = Instant::now();
    let page = exporter.exposition();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((samples(&page)["kamailio_up"], success(&page)), (1.0, 0.0));
    exporter.wait_for_log("no response before the deadline");
}

#[test]
fn an_external_page_is_served_without_kamailio() {
    let url = server(ok("mine 1\n"));
    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl", "--kamailio.custom-metrics-url", &url]);
    let page = exporter.exposition();
    assert_eq!((samples(&page)["kamailio_up"], samples(&page)["mine"], success(&page)), (0.0, 1.0, 1.0));
}

#[test]
fn the_failure_of_an_external_page_is_logged_without_kamailio() {
    let url = server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl", "--kamailio.custom-metrics-url", &url]);
    for _ in 0..2 {
        let page = exporter.exposition();
        assert_eq!((samples(&page)["kamailio_up"], success(&page)), (0.0, 0.0));
    }
    exporter.wait_for_log("scrape failed");
    exporter.wait_for_log("the response is 404 Not Found");
    assert_eq!(exporter.log().matches("collector failed").count(), 1, "{}", exporter.log());
}

#[test]
fn rtpengines_page_has_a_path_of_its_own() {
    let url = server(ok("rtpengine_sessions 3\n"));
    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl", "--rtpengine.metrics-url", &url]);
    assert_eq!(exporter.get("/rtpengine").text(), "rtpengine_sessions 3\n");
    assert!(exporter.get("/").text().contains("href=\"/rtpengine\""));
    assert!(!exporter.exposition().contains("rtpengine_sessions"));

    let exporter =
        Exporter::start(&["-u", "unix:/nonexistent/ctl", "--rtpengine.metrics-url", "http://127.0.0.1:1/"]);
    let answer = exporter.get("/rtpengine");
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("cannot fetch http://127.0.0.1:1/: Connection refused"),
        "{}",
        answer.text()
    );

    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl"]);
    assert_eq!(exporter.get("/rtpengine").status, 404);
}

#[test]
fn rtpengines_page_cannot_run_scripts() {
    let served = |content_type: &str| {
        let page = "<script>alert(1)</script>";
        let response = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{page}",
            page.len()
        );
        let url = server(response);
        Exporter::start(&["-u", "unix:/nonexistent/ctl", "--rtpengine.metrics-url", &url]).get("/rtpengine")
    };
    let text = "text/plain; version=0.0.4; charset=utf-8";
    for (declared, expected) in [
        ("text/html", text),
        ("image/svg+xml; charset=utf-8", text),
        ("TEXT/Plain;version=0.0.4", "TEXT/Plain;version=0.0.4"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0"),
    ] {
        let answer = served(declared);
        assert_eq!((answer.status, answer.header("content-type")), (200, expected), "{declared}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
}

#[test]
fn requests_for_rtpengines_page_share_a_fetch() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let limits = ["--web.max-requests", "1", "--rtpengine.metrics-url", &url];
    let exporter = Exporter::start(&[&["-u", "unix:/nonexistent/ctl"], &limits[..]].concat());
    std::thread::scope(|scope| {
        let requests: Vec<_> = (0..30).map(|_| scope.spawn(|| exporter.get("/rtpengine"))).collect();
        let (mut stream, _) = listener.accept().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        stream.write_all(&ok("rtpengine_sessions 3\n")).unwrap();
        for request in requests {
            let answer = request.join().unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (200, "rtpengine_sessions 3\n"));
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "the exporter fetched the page twice");
    });
}

#[test]
fn an_outage_of_rtpengines_page_and_its_end_are_logged_once() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let url = format!("http://{address}/");
    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl", "--rtpengine.metrics-url", &url]);
    for _ in 0..3 {
        assert_eq!(exporter.get("/rtpengine").status, 502);
    }
    serve(TcpListener::bind(address).unwrap(), ok("rtpengine_sessions 3\n"));
    for _ in 0..3 {
        assert_eq!(exporter.get("/rtpengine").status, 200);
    }
    exporter.wait_for_log("rtpengine metrics recovered");
    let log = exporter.log();
    assert_eq!(log.matches("rtpengine metrics unavailable").count(), 1, "{log}");
    assert_eq!(log.matches("rtpengine metrics recovered").count(), 1, "{log}");
}

/// Serves a page that takes longer than a client in a scrape_with_deadline waits, and not as long as Prometheus does.
fn slow() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(700));
                let _ = stream.write_all(&ok("jobs 3\n"));
            });
        }
    });
    format!("http://{address}/metrics")
}

#[test]
fn a_page_that_only_its_client_cuts_short_is_not_a_failure() {
    let (fake, url) = (Fake::start(), slow());
    let kamailio = fake.unix();
    let exporter = Exporter::start(&[
        "-u",
        &kamailio,
        "--kamailio.custom-metrics-url",
        &url,
        "--rtpengine.metrics-url",
        &url,
    ]);
    for timeout in ["0.000001", "0.02", "0.3"] {
        let headers = [("X-Prometheus-Scrape-Timeout-Seconds", timeout)];
        assert_eq!(exporter.request("GET", "/rtpengine", &headers).status, 502);
        let page = exporter.request("GET", "/metrics", &headers).text();
        assert_eq!(
            (success(&page), samples(&page)["kamailio_exporter_failed_scrapes"]),
            (0.0, 0.0),
            "{timeout}"
        );
    }
    assert_eq!(exporter.get("/rtpengine").status, 200);
    let page = exporter.exposition();
    assert_eq!(success(&page), 1.0);
    let took = samples(&page)["kamailio_scrape_collector_duration_seconds{collector=\"custom\"}"];
    assert!((0.7..10.0).contains(&took), "{took} s");
    let log = exporter.log();
    assert!(!log.contains("level=WARN") && !log.contains("recovered"), "{log}");
    // Without Kamailio, the scrape is a failure.
    fake.refuse(true);
    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "0.02")];
    let page = exporter.request("GET", "/metrics", &headers).text();
    assert_eq!(samples(&page)["kamailio_exporter_failed_scrapes"], 1.0, "{page}");
}

#[test]
fn dispatcher_sets_have_the_configured_names() {
    let fake = Fake::start();
    let exporter = Exporter::start(&[
        "-u",
        &fake.unix(),
        "--collector.dispatcher.mapping",
        "0:carriers",
        "--collector.dispatcher.mapping",
        "1:media servers",
    ]);
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_dispatcher_set_info{name=\"carriers\",setid=\"0\"}"], 1.0);
    assert_eq!(page["kamailio_dispatcher_set_info{name=\"media servers\",setid=\"1\"}"], 1.0);
}
