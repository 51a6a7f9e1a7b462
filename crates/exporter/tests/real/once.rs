use crate::support::{run, samples};
use std::collections::BTreeMap;
use std::path::Path;
use testbed::{Kamailio, Service, openmetrics_strict_parse, promtool_check_metrics};

fn once(kamailio: &Kamailio, arguments: &[&str]) -> String {
    let output = run(&[&["once", "-u", &kamailio.unix()], arguments].concat());
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn promtool_and_the_openmetrics_parser_accept_the_output() {
    let kamailio = Kamailio::start();
    kamailio.traffic();
    let mut findings = promtool_check_metrics(&once(&kamailio, &["-m", "all"]));
    findings.sort_unstable();
    assert_eq!(findings.len(), super::prometheus::DROP_IN_FINDINGS.len(), "{findings:?}");
    let samples = openmetrics_strict_parse(&once(&kamailio, &["--format", "openmetrics"])).unwrap();
    assert!(samples > 100, "only {samples} samples");
}

#[test]
fn node_exporter_exposes_the_file() {
    let mut kamailio = Kamailio::start();
    kamailio.traffic();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kamailio.prom");
    let output = ["-o", file.to_str().unwrap()];
    once(&kamailio, &output);
    let node = Service::node_exporter(directory.path());
    let page = served(&node);
    let written = samples(&std::fs::read_to_string(&file).unwrap());
    assert!(written.len() > 100);
    for (series, value) in &written {
        assert_eq!(page.get(series), Some(value), "{series}\n{}", node.log());
    }
    assert_eq!(page["node_textfile_scrape_error"], 0.0, "{}", node.log());
    let page = node.exposition();
    assert!(page.contains("# TYPE kamailio_tm_stats_codes_total counter\n"), "{page}");

    kamailio.kill();
    let output = run(&[&["once", "-u", &kamailio.unix()][..], &output].concat());
    assert_eq!(output.status.code(), Some(1));
    let page = served(&node);
    assert_eq!((page["kamailio_up"], page["node_textfile_scrape_error"]), (0.0, 0.0), "{}", node.log());
    assert!(!page.contains_key("kamailio_core_uptime_uptime_total"));
}

#[test]
fn node_exporter_does_not_read_openmetrics() {
    let kamailio = Kamailio::start();
    let directory = tempfile::tempdir().unwrap();
    let (file, page) = (directory.path().join("kamailio.prom"), directory.path().join("page"));
    let openmetrics = |path: &Path| {
        run(&["once", "-u", &kamailio.unix(), "--format", "openmetrics", "-o", path.to_str().unwrap()])
    };
    // once refuses the name of such a file.
    assert_eq!(openmetrics(&file).status.code(), Some(1));
    assert_eq!(openmetrics(&page).status.code(), Some(0));
    std::fs::rename(&page, &file).unwrap();
    let node = Service::node_exporter(directory.path());
    assert_eq!(samples(&node.exposition())["node_textfile_scrape_error"], 1.0, "{}", node.log());
    assert!(node.log().contains("unknown metric type"), "{}", node.log());
}

/// The samples of node_exporter without empty labels, which it adds so that all series of a family have the same labels.
fn served(node: &Service) -> BTreeMap<String, f64> {
    let without_empty = |series: &str| match series.split_once('{') {
        Some((name, labels)) => {
            let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.ends_with("=\"\""));
            format!("{name}{{{}}}", labels.collect::<Vec<_>>().join(","))
        }
        None => series.to_owned(),
    };
    samples(&node.exposition()).iter().map(|(series, value)| (without_empty(series), *value)).collect()
}
