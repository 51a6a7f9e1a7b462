use crate::support::{Exporter, samples};
use testbed::{Kamailio, openmetrics_strict_parse};

const XHTTP_PROM: &str = r#"
loadmodule "xhttp.so"
loadmodule "xhttp_prom.so"
modparam("xhttp_prom", "xhttp_prom_stats", "core:")
modparam("xhttp_prom", "prom_counter", "name=calls_seen_total;")
modparam("xhttp_prom", "prom_histogram", "name=setup_seconds;label=kind;buckets=0.1:1;")
event_route[xhttp:request] {
    prom_counter_inc("calls_seen_total", "2");
    prom_histogram_observe("setup_seconds", "0.5", "sip");
    if (prom_check_uri()) { prom_dispatch(); exit; }
    xhttp_reply("404", "none", "text/plain", "");
}
"#;

#[test]
fn the_page_of_xhttp_prom_is_joined_to_ours() {
    let kamailio = Kamailio::builder().config(XHTTP_PROM).start();
    let url = format!("http://{}:25060/metrics", kamailio.ip());
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "--kamailio.custom-metrics-url", &url]);
    exporter.exposition();
    let page = exporter.exposition();
    let values = samples(&page);
    assert_eq!(
        values["kamailio_scrape_collector_success{collector=\"custom\"}"],
        1.0,
        "{}\n{}",
        exporter.log(),
        kamailio.log()
    );
    assert_eq!(values["kamailio_calls_seen_total"], 4.0, "{page}");
    assert_eq!(values["kamailio_setup_seconds_bucket{kind=\"sip\",le=\"1.000000\"}"], 2.0);
    assert!(values.contains_key("kamailio_core_rcv_requests"), "{page}");
    let openmetrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
    openmetrics_strict_parse(&exporter.request("GET", "/metrics", &openmetrics).text()).unwrap();
}

#[test]
fn the_page_of_rtpengine_is_served_unchanged() {
    let kamailio = Kamailio::many_modules();
    let url = kamailio.rtpengine_metrics_url();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "--rtpengine.metrics-url", &url]);
    let answer = exporter.get("/rtpengine");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().lines().any(|line| line.starts_with("rtpengine_sessions{")), "{}", answer.text());
}
