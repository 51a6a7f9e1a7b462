use crate::support::{Exporter, samples};
use fake_kamailio::Fake;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// A server that gives every request this answer, as long as the test runs.
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
            // The client may have enough before the end.
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
fn a_custom_page_is_joined_to_ours() {
    let page = "# TYPE calls_total counter\n# HELP calls_total Calls of \"mine\".\ncalls_total 7 1795355190000\n\
         kamailio_up 0 1795355190000\nkamailio_tm_stats_codes_total{code=\"2xx\"} 0\nplain{x=\"1\"} -0.5\nplain{x=\"1\"} 2\n";
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "--kamailio.custom-metrics-url", &server(ok(page))]);
    let page = exporter.page();
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
fn a_custom_page_that_cannot_be_had_fails_alone() {
    let large = format!("# {}\n", "x".repeat(1000)).repeat(8 << 10);
    for (answer, reason) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..], "the answer is 404 Not Found"),
        (b"garbage\r\n\r\n", "cannot get"),
        (&ok("good 1\n<html>\n"), "1 lines of the page were left out, the first of them (no value): <html>"),
        (&ok(&large), "it has more than 4194304 bytes"),
    ] {
        let fake = Fake::start();
        let exporter =
            Exporter::start(&["-u", &fake.unix(), "--kamailio.custom-metrics-url", &server(answer)]);
        let page = exporter.page();
        assert_eq!((samples(&page)["kamailio_up"], success(&page)), (1.0, 0.0), "{reason}");
        assert!(page.contains("kamailio_tm_stats_current"));
        exporter.wait_for_log(reason);
    }
}

#[test]
fn a_custom_page_has_the_deadline_of_the_scrape() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let fake = Fake::start();
    let exporter =
        Exporter::start(&["-u", &fake.unix(), "--kamailio.custom-metrics-url", &url, "-t", "500ms"]);
    let start = Instant::now();
    let page = exporter.page();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((samples(&page)["kamailio_up"], success(&page)), (1.0, 0.0));
    exporter.wait_for_log("it did not come in time");
}

#[test]
fn a_custom_page_is_served_without_kamailio() {
    let url = server(ok("mine 1\n"));
    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl", "--kamailio.custom-metrics-url", &url]);
    let page = exporter.page();
    assert_eq!((samples(&page)["kamailio_up"], samples(&page)["mine"], success(&page)), (0.0, 1.0, 1.0));
}

#[test]
fn why_a_custom_page_failed_is_logged_without_kamailio_too() {
    let url = server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl", "--kamailio.custom-metrics-url", &url]);
    for _ in 0..2 {
        let page = exporter.page();
        assert_eq!((samples(&page)["kamailio_up"], success(&page)), (0.0, 0.0));
    }
    exporter.wait_for_log("scrape failed");
    exporter.wait_for_log("the answer is 404 Not Found");
    assert_eq!(exporter.log().matches("collector failed").count(), 1, "{}", exporter.log());
}

#[test]
fn rtpengines_page_has_a_path_of_its_own() {
    let url = server(ok("rtpengine_sessions 3\n"));
    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl", "--rtpengine.metrics-url", &url]);
    assert_eq!(exporter.get("/rtpengine").text(), "rtpengine_sessions 3\n");
    assert!(exporter.get("/").text().contains("href=\"/rtpengine\""));
    assert!(!exporter.page().contains("rtpengine_sessions"));

    let exporter =
        Exporter::start(&["-u", "unix:/nonexistent/ctl", "--rtpengine.metrics-url", "http://127.0.0.1:1/"]);
    let answer = exporter.get("/rtpengine");
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("cannot get http://127.0.0.1:1/: Connection refused"),
        "{}",
        answer.text()
    );

    let exporter = Exporter::start(&["-u", "unix:/nonexistent/ctl"]);
    assert_eq!(exporter.get("/rtpengine").status, 404);
}

#[test]
fn the_log_says_once_that_rtpengines_page_is_gone_and_that_it_is_back() {
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
    exporter.wait_for_log("rtpengine's page is there again");
    let log = exporter.log();
    assert_eq!(log.matches("no page of rtpengine").count(), 1, "{log}");
    assert_eq!(log.matches("there again").count(), 1, "{log}");
}

#[test]
fn dispatcher_sets_have_the_names_that_they_are_given() {
    let fake = Fake::start();
    let exporter = Exporter::start(&[
        "-u",
        &fake.unix(),
        "--collector.dispatcher.mapping",
        "0:carriers,1:media servers",
    ]);
    let page = samples(&exporter.page());
    assert_eq!(page["kamailio_dispatcher_set_info{name=\"carriers\",setid=\"0\"}"], 1.0);
    assert_eq!(page["kamailio_dispatcher_set_info{name=\"media servers\",setid=\"1\"}"], 1.0);
}
