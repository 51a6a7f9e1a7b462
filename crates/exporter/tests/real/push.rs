use crate::support::{Process, eventually, samples};
use std::time::Duration;
use testbed::{Kamailio, Prometheus, Service};

fn push(gateway: &Service, kamailio: &Kamailio, arguments: &[&str]) -> Process {
    let url = format!("http://{}", gateway.address());
    let common = ["push", "--gateway", &url, "--interval", "1s", "-u", &kamailio.unix()];
    Process::start(&[&common[..], arguments].concat())
}

#[test]
fn prometheus_scrapes_the_pushed_metrics_from_the_gateway() {
    let kamailio = Kamailio::start();
    let gateway = Service::pushgateway();
    let group = ["--instance", "sip/1", "--grouping", "site=Nový Jičín, 1", "--grouping", "none="];
    let mut process = push(&gateway, &kamailio, &[&group[..], &["-m", "all", "--delete-on-exit"]].concat());
    process.wait_for_log("first push succeeded");
    let prometheus =
        Prometheus::start_with(&[&gateway.address()], Duration::from_secs(1), "honor_labels: true");
    let query = |promql: &str| {
        eventually(|| match prometheus.query(promql)[0]["value"][1].as_str() {
            Some(value) => Ok(value.parse::<f64>().unwrap()),
            None => Err(format!("{promql} has no result\n{}\n{}", prometheus.log(), process.log())),
        })
    };
    let group = "instance=\"sip/1\", job=\"kamailio\", none=\"\", site=\"Nový Jičín, 1\"";
    for (promql, expected) in [
        (format!("kamailio_up{{{group}}}"), 1.0),
        (format!("kamailio_stats_fetch_value{{group=\"script\", name=\"balance\", {group}}}"), -5.0),
        (format!("count(kamailio_dispatcher_list_target{{setid=\"0\", {group}}})"), 1.0),
        (format!("push_failure_time_seconds{{{group}}}"), 0.0),
        (format!("count({{__name__=~\"process_.*\", {group}}}) or vector(0)"), 0.0),
    ] {
        assert_eq!(query(&promql), expected, "{promql}");
    }
    let before = query(&format!("kamailio_core_uptime_uptime_total{{{group}}}"));
    eventually(|| match query(&format!("kamailio_core_uptime_uptime_total{{{group}}}")) {
        now if now > before => Ok(()),
        now => Err(format!("{now} has not changed")),
    });
    assert!(
        !gateway.log().contains("level=warn") && !gateway.log().contains("level=error"),
        "{}",
        gateway.log()
    );

    process.signal("TERM");
    assert_eq!(process.wait(), Some(0), "{}", process.log());
    assert!(!gateway.exposition().contains("kamailio"), "{}", gateway.exposition());
}

#[test]
fn an_unreachable_kamailio_leaves_only_up_0_at_the_gateway() {
    let mut kamailio = Kamailio::start();
    let gateway = Service::pushgateway();
    let group = ["--instance", "sip/1", "--grouping", "site=Nový Jičín; 1"];
    let mut process = push(&gateway, &kamailio, &group);
    let up = |expected: f64| {
        eventually(|| {
            let page = samples(&gateway.exposition());
            match page.get(UP) {
                Some(up) if *up == expected => Ok(page),
                up => Err(format!("{up:?}\n{}\n{}", process.log(), gateway.log())),
            }
        })
    };
    let uptime = UP.replace("kamailio_up", "kamailio_core_uptime_uptime_total");
    assert!(up(1.0).contains_key(&uptime));
    kamailio.kill();
    assert!(!up(0.0).contains_key(&uptime));
    kamailio.restart();
    assert!(up(1.0).contains_key(&uptime));

    process.signal("TERM");
    assert_eq!(process.wait(), Some(0));
    assert!(samples(&gateway.exposition()).contains_key(UP), "the group is kept without --delete-on-exit");
}

const UP: &str = "kamailio_up{instance=\"sip/1\",job=\"kamailio\",site=\"Nový Jičín; 1\"}";
