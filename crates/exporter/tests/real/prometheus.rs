use crate::support::{Exporter, eventually};
use std::time::Duration;
use testbed::{Kamailio, Prometheus, openmetrics_strict_parse, promtool_check_metrics};

#[test]
fn a_prometheus_server_scrapes_it() {
    let kamailio = Kamailio::start();
    let _traffic = kamailio.background_traffic();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let prometheus = Prometheus::start(&[exporter.address()], Duration::from_secs(1));
    let query = |promql: &str| {
        eventually(|| match prometheus.query(promql)[0]["value"][1].as_str() {
            Some(value) => Ok(value.parse::<f64>().unwrap()),
            None => Err(format!("{promql} has no result\n{}\n{}", prometheus.log(), exporter.log())),
        })
    };
    let scrapes = "count_over_time(kamailio_up[1m])";
    eventually(|| if query(scrapes) >= 5.0 { Ok(()) } else { Err("less than 5 scrapes".to_owned()) });
    for (promql, expected) in [
        ("min_over_time(up[1m])", 1.0),
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
    let target = &prometheus.get("/api/v1/targets")["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    let kind =
        &prometheus.get("/api/v1/metadata?metric=kamailio_tm_stats_codes")["kamailio_tm_stats_codes"][0];
    assert_eq!(
        kind["type"], "counter",
        "Prometheus asks for OpenMetrics, whose counters are named without _total"
    );
}

/// The names that the peer's dashboards know and promtool does not like.
pub(crate) const DROP_IN_FINDINGS: [&str; 3] =
    ["kamailio_core_shmmem_total", "kamailio_exporter_failed_scrapes", "kamailio_exporter_total_scrapes"];

#[test]
fn promtool_and_the_strict_openmetrics_parser_accept_it() {
    for (kamailio, least) in [(Kamailio::start(), 200), (Kamailio::many_modules(), 1000)] {
        kamailio.traffic();
        let arguments = ["-u", &kamailio.unix(), "-m", "all", "--kamailio.stats-groups", "all"];
        let exporter = Exporter::start(&arguments);
        let mut findings = promtool_check_metrics(&exporter.page());
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
