use crate::support::{Exporter, eventually, samples};
use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::time::Duration;
use testbed::{Kamailio, Prometheus, Release, openmetrics_strict_parse, promtool_check_metrics};

#[test]
fn a_prometheus_server_scrapes_the_exporter() {
    scrapes(Prometheus::start, "underscores");
}

#[test]
fn a_prometheus_3_server_scrapes_the_exporter() {
    if Release::Sid.is_available() {
        scrapes(|targets, interval| Prometheus::of(Release::Sid, targets, interval, ""), "allow-utf-8");
    }
}

#[test]
fn a_prometheus_server_chooses_the_escaping_of_names() {
    if !Release::Sid.is_available() {
        return;
    }
    let kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    for (scheme, expected) in [("underscores", "underscores"), ("values", "values"), ("dots", "underscores")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let targets = [exporter.address(), &listener.local_addr().unwrap().to_string()];
        let options = format!("metric_name_validation_scheme: legacy, metric_name_escaping_scheme: {scheme}");
        let prometheus = Prometheus::of(Release::Sid, &targets, Duration::from_secs(1), &options);
        assert_negotiates(&exporter, &request_headers(&listener), expected);
        // A scheme that would change names of letters, digits and underscores is not used.
        eventually(|| match prometheus.query("kamailio_up")[0]["value"][1].as_str() {
            Some("1") => Ok(()),
            other => Err(format!("{scheme}: kamailio_up is {other:?}\n{}", prometheus.log())),
        });
    }
}

/// Without created timestamps, what Kamailio counted before the first scrape would be no increase.
#[test]
fn what_was_counted_before_the_first_scrape_is_an_increase() {
    if !Release::Sid.is_available() {
        return;
    }
    const FEATURE: &str = "--enable-feature=created-timestamp-zero-ingestion";
    let mut kamailio = Kamailio::start();
    let arguments = ["-u", &kamailio.unix(), "-m", "sl.stats,core.uptime", "--web.enable-created-timestamps"];
    let exporter = Exporter::start(&arguments);
    kamailio.traffic();
    let served =
        |exporter: &Exporter| samples(&exporter.exposition())["kamailio_sl_stats_codes_total{code=\"200\"}"];
    let first = served(&exporter);
    assert!(first > 0.0);
    let start = |arguments: &[&str]| {
        Prometheus::of_with(Release::Sid, &[exporter.address()], Duration::from_secs(1), arguments)
    };
    let (with, without) = (start(&[FEATURE]), start(&[]));
    let value = |prometheus: &Prometheus, promql: &str| {
        let text = prometheus.query(promql)[0]["value"][1].as_str().map(str::to_owned);
        text.and_then(|text| text.parse::<f64>().ok())
    };
    let series = "kamailio_sl_stats_codes_total{code=\"200\"}";
    let reaches = |promql: &str, least: f64| {
        eventually(|| match value(&with, promql) {
            Some(value) if value >= least => Ok(()),
            other => {
                let found = with.query(&format!("{series}[10m]"));
                Err(format!("{promql} is {other:?}, and not {least}: {found}"))
            }
        });
    };
    reaches(&format!("increase({series}[10m])"), first * 0.9);
    // The restarted Kamailio counts more than before until it is scraped, so that the counter does not go down.
    exporter.signal("STOP");
    // The start is a whole second, which must be later than the last scrape, also a failed one.
    std::thread::sleep(Duration::from_secs(3));
    kamailio.restart();
    kamailio.traffic();
    kamailio.traffic();
    exporter.signal("CONT");
    let second = served(&exporter);
    assert!(second >= first, "{second} after {first}");
    reaches(&format!("increase({series}[10m])"), (first + second) * 0.9);
    let increase = value(&without, &format!("increase({series}[10m])")).unwrap_or_default();
    assert!(increase < second * 0.9, "{increase} without the feature");
    // It stores them as series, which is why they are not served by default.
    assert!(
        value(&without, "count({__name__=~\"kamailio_sl_stats_codes_created\"})")
            .is_some_and(|count| count > 10.0)
    );
    assert_eq!(value(&with, "count({__name__=~\"kamailio_sl_stats_codes_created\"})"), None);
}

fn scrapes(start: impl Fn(&[&str], Duration) -> Prometheus, escaping: &str) {
    let kamailio = Kamailio::start();
    let _traffic = kamailio.background_traffic();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    // A second target records the request headers of this server.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let recorder = listener.local_addr().unwrap().to_string();
    let prometheus = start(&[exporter.address(), &recorder], Duration::from_secs(1));
    assert_negotiates(&exporter, &request_headers(&listener), escaping);
    drop(listener);
    let query = |promql: &str| {
        eventually(|| match prometheus.query(promql)[0]["value"][1].as_str() {
            Some(value) => Ok(value.parse::<f64>().unwrap()),
            None => Err(format!("{promql} has no result\n{}\n{}", prometheus.log(), exporter.log())),
        })
    };
    let scrapes = "count_over_time(kamailio_up[1m])";
    eventually(|| if query(scrapes) >= 5.0 { Ok(()) } else { Err("less than 5 scrapes".to_owned()) });
    let up = format!("min_over_time(up{{instance=\"{}\"}}[1m])", exporter.address());
    for (promql, expected) in [
        (up.as_str(), 1.0),
        ("min_over_time(kamailio_up[1m])", 1.0),
        ("kamailio_exporter_failed_scrapes", 0.0),
        ("sum(kamailio_scrape_collector_success == 0) or vector(0)", 0.0),
        ("kamailio_stats_fetch_value{group=\"script\",name=\"balance\"}", -5.0),
        ("count(kamailio_dispatcher_list_target{setid=\"0\"})", 1.0),
    ] {
        assert_eq!(query(promql), expected, "{promql}");
    }
    assert!(query("kamailio_core_uptime_uptime_total") > 0.0);
    assert!(query("sum(rate(kamailio_tm_stats_codes_total[1m]))") > 0.0, "there is traffic");
    assert!(query("process_resident_memory_bytes") > 1e6);
    let targets = prometheus.get("/api/v1/targets");
    let mut targets = targets["activeTargets"].as_array().unwrap().iter();
    let target = targets.find(|target| target["labels"]["instance"] == exporter.address()).unwrap();
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    assert_metadata(&exporter, &prometheus.get("/api/v1/metadata"));
}

/// Returns the headers of the next request, and closes the connection.
fn request_headers(listener: &TcpListener) -> Vec<(String, String)> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap).skip(1);
    let headers = lines.take_while(|line| !line.is_empty());
    headers.map(|line| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap()).collect()
}

/// Checks that the Accept header of the server selects OpenMetrics with this escaping scheme.
fn assert_negotiates(exporter: &Exporter, headers: &[(String, String)], escaping: &str) {
    let (_, accept) = headers.iter().find(|(name, _)| name == "Accept").unwrap();
    let answer = exporter.request("GET", "/metrics", &[("Accept", accept)]);
    let expected = format!("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={escaping}");
    assert_eq!(answer.headers["content-type"], expected, "{accept}");
    openmetrics_strict_parse(&answer.text()).unwrap();
}

/// Checks that the metadata of Prometheus has the type and help of each family.
fn assert_metadata(exporter: &Exporter, metadata: &Json) {
    let openmetrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
    let page = exporter.request("GET", "/metrics", &openmetrics).text();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let mut families = 0;
    for (family, kind) in types {
        let help = page
            .lines()
            .find_map(|line| line.strip_prefix("# HELP ")?.strip_prefix(family)?.strip_prefix(' '));
        let found = &metadata[family][0];
        assert_eq!((found["type"].as_str(), found["help"].as_str()), (Some(kind), help), "{family}: {found}");
        families += 1;
    }
    assert!(families > 100, "only {families} families");
}

/// Findings of promtool about names that are kept for the dashboards of the Go exporter.
pub(crate) const DROP_IN_FINDINGS: [&str; 3] =
    ["kamailio_core_shmmem_total", "kamailio_exporter_failed_scrapes", "kamailio_exporter_total_scrapes"];

#[test]
fn promtool_and_the_strict_openmetrics_parser_accept_the_exposition() {
    for (kamailio, least) in [(Kamailio::start(), 200), (Kamailio::many_modules(), 1000)] {
        kamailio.traffic();
        let arguments = ["-u", &kamailio.unix(), "-m", "all", "--kamailio.stats-groups", "all"];
        let exporter = Exporter::start(&arguments);
        let mut findings = promtool_check_metrics(&exporter.exposition());
        findings.sort_unstable();
        assert_eq!(findings.len(), DROP_IN_FINDINGS.len(), "{findings:?}");
        for (finding, name) in findings.iter().zip(DROP_IN_FINDINGS) {
            assert!(finding.contains(name) && finding.contains("_total"), "{finding}");
        }

        let openmetrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
        let answer = exporter.request("GET", "/metrics", &openmetrics);
        let samples = openmetrics_strict_parse(&answer.text()).unwrap();
        assert!(samples > least, "only {samples} samples");
    }
}
