use crate::support::{Exporter, UNREACHABLE, samples};
use fake_kamailio::Fake;
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn each_path_responds_with_its_page() {
    let exporter = Exporter::start(&UNREACHABLE);
    for (path, status, content_type, part) in [
        ("/", 200, "text/html; charset=UTF-8", "Kamailio exporter</a></h1>"),
        (
            "/metrics",
            200,
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            "kamailio_up 0\n",
        ),
        ("/-/healthy", 200, "text/plain; charset=utf-8", "Healthy\n"),
        ("/-/ready", 200, "text/plain; charset=utf-8", "Ready\n"),
        ("/nope", 404, "text/plain; charset=utf-8", "404 page not found\n"),
        ("/metrics/", 404, "text/plain; charset=utf-8", "404 page not found\n"),
    ] {
        let answer = exporter.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (status, content_type), "{path}");
        assert!(answer.text().contains(part), "{path}: {}", answer.text());
    }
}

#[test]
fn every_link_of_the_status_page_works() {
    let exporter = Exporter::start(&["--web.telemetry-path", "/other", UNREACHABLE[0], UNREACHABLE[1]]);
    let page = exporter.get("/").text();
    let links: Vec<_> = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.contains(&"/other"), "{links:?}");
    for link in links {
        assert_eq!(exporter.get(link).status, 200, "{link}");
    }
    assert_eq!(exporter.get("/metrics").status, 404);
}

#[test]
fn only_get_and_head_are_allowed() {
    let exporter = Exporter::start(&UNREACHABLE);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        for path in ["/metrics", "/", "/-/healthy"] {
            let answer = exporter.request(method, path, &[]);
            assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method} {path}");
        }
    }
    let head = exporter.request("HEAD", "/metrics", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert_eq!(samples(&exporter.exposition())["kamailio_exporter_total_scrapes"], 1.0, "HEAD has scraped");
}

#[test]
fn openmetrics_and_gzip_are_negotiated() {
    let exporter = Exporter::start(&UNREACHABLE);
    let answer = exporter.request(
        "GET",
        "/metrics",
        &[("Accept", "application/openmetrics-text;version=1.0.0"), ("Accept-Encoding", "gzip")],
    );
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0;"));
    let mut page = String::new();
    GzDecoder::new(&answer.body[..]).read_to_string(&mut page).unwrap();
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    assert!(page.contains("\n# TYPE kamailio_exporter_total_scrapes unknown\n"), "{page}");
}

#[test]
fn bad_requests_are_refused_with_a_reason() {
    let exporter = Exporter::start(&["-m", "tm.stats", UNREACHABLE[0], UNREACHABLE[1]]);
    for (query, part) in [
        ("?collect[]=nope", "missing collector: nope"),
        ("?collect[]=tls.info", "disabled collector: tls.info"),
        (
            "?collect%5B%5D=tm.stats&exclude[]=tm.stats",
            "Combined collect and exclude queries are not allowed.",
        ),
    ] {
        let answer = exporter.get(&format!("/metrics{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(part), "{query}: {}", answer.text());
    }
    let answer = exporter.request("GET", "/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "soon")]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("not a number of seconds above 0: \"soon\""), "{}", answer.text());
}

#[test]
fn requests_to_a_proxy_are_refused() {
    let exporter = Exporter::start(&UNREACHABLE);
    for request in ["CONNECT localhost:443", "GET localhost:443", "CONNECT [::1]:9494", "OPTIONS *"] {
        let mut stream = TcpStream::connect(exporter.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 400", "{request}");
    }
}

#[test]
fn request_headers_that_are_too_long_are_refused() {
    let exporter = Exporter::start(&UNREACHABLE);
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    // The exporter may respond and close the connection before it has read all request headers.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(exporter.get("/-/healthy").status, 200);
}

#[test]
fn half_open_connections_do_not_stop_a_scrape() {
    let exporter = Exporter::start(&UNREACHABLE);
    let half_open: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(exporter.address()).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    assert!(exporter.exposition().contains("kamailio_up"));
    drop(half_open);
}

#[test]
fn openmetrics_has_created_timestamps_if_they_are_enabled() {
    let fake = Fake::start();
    let page = |arguments: &[&str], accept: &str| {
        let exporter = Exporter::start(&[&["-u", &fake.unix()], arguments].concat());
        exporter.request("GET", "/metrics", &[("Accept", accept)]).text()
    };
    let (flag, openmetrics) =
        (["--web.enable-created-timestamps"], "application/openmetrics-text;version=1.0.0");
    let text = page(&flag, openmetrics);
    let start = samples(&text)["kamailio_start_time_seconds"];
    assert_eq!(samples(&text)["kamailio_sl_stats_codes_created{code=\"200\"}"], start);
    assert_eq!(samples(&text)["kamailio_core_uptime_uptime_created"], start);
    let created: BTreeSet<_> =
        text.lines().filter_map(|line| line.split(['{', ' ']).next()?.strip_suffix("_created")).collect();
    let mine = |name: &&str| {
        ["kamailio_tm_stats_", "kamailio_sl_stats_", "kamailio_core_uptime_"]
            .iter()
            .any(|own| name.starts_with(own))
    };
    assert!(created.len() > 5 && created.iter().all(mine), "cnt.reset resets the others: {created:?}");
    for without in [page(&[], openmetrics), page(&flag, "text/plain")] {
        let names = samples(&without)
            .into_keys()
            .filter(|series| series.split('{').next().unwrap().ends_with("_created"));
        assert_eq!(names.collect::<Vec<_>>(), [""; 0]);
    }
}
