use crate::support::{Exporter, samples};
use std::collections::BTreeMap;
use testbed::Kamailio;

type Samples = BTreeMap<String, f64>;

/// A line of kamcmd's output: how deep it is, its name, and its value if it has one.
struct Line {
    depth: usize,
    name: String,
    value: String,
}

fn lines(text: &str) -> Vec<Line> {
    let lines = text.lines().filter(|line| line.contains(": "));
    lines
        .map(|line| {
            let depth = line.len() - line.trim_start_matches('\t').len();
            let (name, value) = line.trim().split_once(": ").unwrap();
            Line { depth, name: name.to_owned(), value: value.to_owned() }
        })
        .collect()
}

/// The series that each numeric leaf of a flat reply has to be.
fn flat(method: &str, text: &str) -> Vec<(String, f64)> {
    let prefix = format!("kamailio_{}", method.replace('.', "_"));
    let counters = ["tm.stats", "core.uptime"].contains(&method);
    let gauges = ["current", "waiting"];
    let numbers =
        lines(text).into_iter().filter_map(|line| Some((line.value.parse::<f64>().ok()?, line.name)));
    numbers
        .map(|(value, name)| {
            let is_code = name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'x');
            let series = if is_code {
                format!("{prefix}_codes_total{{code=\"{name}\"}}")
            } else if counters && !gauges.contains(&name.as_str()) {
                format!("{prefix}_{name}_total")
            } else {
                format!("{prefix}_{name}")
            };
            (series, value)
        })
        .collect()
}

fn dispatcher(text: &str) -> Vec<(String, f64)> {
    let (mut set, mut uri, mut series) = (String::new(), String::new(), Vec::new());
    for line in lines(text) {
        match line.name.as_str() {
            "ID" => set = line.value,
            "URI" => uri = line.value,
            "FLAGS" => {
                let flags = line.value;
                let labels = format!("flags=\"{flags}\",setid=\"{set}\",uri=\"{uri}\"");
                series.push((format!("kamailio_dispatcher_list_target{{{labels}}}"), 1.0));
            }
            _ => {}
        }
    }
    series
}

fn nodes(text: &str) -> Vec<(String, f64)> {
    let lines = lines(text);
    assert!(lines.iter().all(|line| line.depth == 1));
    let nodes = lines.chunk_by(|_, next| next.name != "host");
    nodes
        .map(|node| {
            let value = |name: &str| &node.iter().find(|line| line.name == name).unwrap().value;
            let labels =
                ["host", "local", "port", "status"].map(|name| format!("{name}=\"{}\"", value(name)));
            (format!("kamailio_dmq_list_nodes_node{{{}}}", labels.join(",")), 1.0)
        })
        .collect()
}

/// A statistic is a signed long that Kamailio prints as unsigned.
fn statistics(text: &str) -> Vec<(String, f64)> {
    let statistics = lines(text).into_iter().map(|line| {
        let (group, name) = line.name.split_once('.').unwrap();
        let value = line.value.parse::<u64>().unwrap().cast_signed();
        (format!("kamailio_stats_fetch_value{{group=\"{group}\",name=\"{name}\"}}"), value as f64)
    });
    statistics.collect()
}

/// Takes the page between two of kamcmd's answers; where these differ, either value will do.
fn compare(
    kamailio: &Kamailio,
    exporter: &Exporter,
    call: &[&str],
    read: impl Fn(&str) -> Vec<(String, f64)>,
) -> usize {
    let before = read(&kamailio.kamcmd(call));
    let page: Samples = samples(&exporter.page());
    let after = read(&kamailio.kamcmd(call));
    assert!(!before.is_empty(), "{call:?} prints no numbers");
    let names = |series: &[(String, f64)]| series.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "{call:?}");
    for ((series, low), (_, high)) in before.iter().zip(&after) {
        let served =
            page.get(series).unwrap_or_else(|| panic!("{series} is not served, kamcmd prints {low}"));
        let (low, high) = (low.min(*high), low.max(*high));
        assert!(
            low <= *served && *served <= high,
            "{series}: served {served}, kamcmd prints {low} to {high}"
        );
    }
    before.len()
}

#[test]
fn every_value_that_kamcmd_prints_is_served() {
    let kamailio = Kamailio::start();
    kamailio.traffic();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "all", "--kamailio.stats-groups", "all"]);
    for method in ["tm.stats", "sl.stats", "core.shmmem", "core.tcp_info", "dlg.stats_active"] {
        compare(&kamailio, &exporter, &[method], |text| flat(method, text));
    }
    compare(&kamailio, &exporter, &["core.uptime"], |text| flat("core.uptime", text));
    // The peer has no metric for the bytes that wait unencrypted, and its names are the ones to keep.
    compare(&kamailio, &exporter, &["tls.info"], |text| {
        let series = flat("tls.info", text).into_iter();
        series.filter(|(name, _)| name != "kamailio_tls_info_clear_text_write_queued_bytes").collect()
    });
    compare(&kamailio, &exporter, &["dispatcher.list"], dispatcher);
    compare(&kamailio, &exporter, &["dmq.list_nodes"], nodes);
    let count = compare(&kamailio, &exporter, &["stats.fetch", "all"], statistics);
    assert!(count > 100, "only {count} statistics");

    let page = samples(&exporter.page());
    assert_eq!(page["kamailio_stats_fetch_value{group=\"script\",name=\"balance\"}"], -5.0);
    assert!(page["kamailio_tm_stats_codes_total{code=\"2xx\"}"] > 0.0, "there was no traffic");
    let failed: Vec<_> =
        page.iter().filter(|(name, value)| name.contains("_success{") && **value != 1.0).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(page.iter().filter(|(name, _)| name.contains("unreadable")).all(|(_, value)| *value == 0.0));
}

#[test]
fn every_transport_brings_the_same_families() {
    let kamailio = Kamailio::start();
    let families = |uri: &str| {
        let exporter = Exporter::start(&["-u", uri]);
        let page = exporter.page();
        assert!(page.contains("\nkamailio_up 1\n"), "{uri}: {page}");
        let lines = page.lines().filter(|line| line.starts_with("# TYPE "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let unix = families(&kamailio.unix());
    for uri in [kamailio.unixd(), kamailio.tcp(), kamailio.udp()] {
        assert_eq!(families(&uri), unix, "{uri}");
    }
}

#[test]
fn five_hundred_destinations_come_over_every_transport() {
    let kamailio = Kamailio::builder().destinations(500).start();
    for uri in [kamailio.unix(), kamailio.unixd(), kamailio.tcp(), kamailio.udp()] {
        let exporter = Exporter::start(&["-u", &uri, "-m", "dispatcher.list"]);
        let targets = exporter.page().matches("\nkamailio_dispatcher_list_target{").count();
        assert_eq!(targets, 500, "{uri}");
    }
}

#[test]
fn what_is_not_loaded_is_left_out_or_named_as_failed() {
    let kamailio = Kamailio::builder().without("dispatcher").without("dmq").without("tcp").start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let page = samples(&exporter.page());
    assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (1.0, 0.0));
    assert!(!page.keys().any(|series| series.contains("dispatcher") || series.contains("dmq")));
    assert!(!page.keys().any(|series| series.starts_with("kamailio_core_tcp_info")), "TCP is disabled");

    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "tm.stats,dmq.list_nodes"]);
    let page = samples(&exporter.page());
    assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (1.0, 1.0));
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"tm.stats\"}"], 1.0);
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"dmq.list_nodes\"}"], 0.0);
    exporter.wait_for_log("Kamailio has no method dmq.list_nodes: load its module dmq");
}
