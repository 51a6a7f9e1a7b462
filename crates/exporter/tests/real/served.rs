use crate::support::{Exporter, samples};
use testbed::Kamailio;

#[test]
fn texts_are_served_as_labels() {
    let kamailio = Kamailio::start();
    kamailio.traffic();
    let arguments = ["-u", &kamailio.unix(), "-m", "all", "--kamailio.stats-groups", "all"];
    let exporter = Exporter::start(&arguments);
    let page = exporter.exposition();

    let list = kamailio.kamcmd(&["dispatcher.list"]);
    let (mut set, mut uri, mut destinations) = ("", "", 0);
    for (name, value) in list.lines().filter_map(|line| line.trim().split_once(": ")) {
        match name {
            "ID" => set = value,
            "URI" => uri = value,
            "FLAGS" => {
                destinations += 1;
                let series = |line: &&str| {
                    line.starts_with("kamailio_dispatcher_list_target{")
                        && line.contains(&format!("setid=\"{set}\""))
                        && line.contains(&format!("uri=\"{uri}\""))
                };
                assert!(page.lines().any(|line| series(&line)), "set {set}, {uri}");
            }
            _ => {}
        }
    }
    assert_eq!(page.matches("\nkamailio_dispatcher_list_target{").count(), destinations);
    assert!(list.contains("ID: 0"), "there is a set 0");

    let nodes = kamailio.kamcmd(&["dmq.list_nodes"]);
    assert_eq!(page.matches("\nkamailio_dmq_list_nodes_node{").count(), nodes.matches("host: ").count());

    let page = samples(&page);
    assert_eq!(page["kamailio_stats_fetch_value{group=\"script\",name=\"balance\"}"], -5.0);
    assert!(page["kamailio_tm_stats_codes_total{code=\"2xx\"}"] > 0.0, "there was no traffic");
}

#[test]
fn every_transport_has_the_same_families() {
    every_transport(&Kamailio::start());
}

pub(crate) fn every_transport(kamailio: &Kamailio) {
    let families = |uri: &str| {
        // The kernel reports only the peer process of unix stream sockets.
        let exporter = Exporter::start(&["-u", uri, "-m", "auto,-kernel.processes,-kernel.sockets"]);
        let page = exporter.exposition();
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
fn five_hundred_destinations_are_served_over_every_transport() {
    let kamailio = Kamailio::builder().destinations(500).start();
    for uri in [kamailio.unix(), kamailio.unixd(), kamailio.tcp(), kamailio.udp()] {
        let exporter = Exporter::start(&["-u", &uri, "-m", "dispatcher.list"]);
        let targets = exporter.exposition().matches("\nkamailio_dispatcher_list_target{").count();
        assert_eq!(targets, 500, "{uri}");
    }
}

#[test]
fn a_missing_module_is_omitted_or_reported_as_failed_if_named() {
    let kamailio = Kamailio::builder().without("dispatcher").without("dmq").without("tcp").start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let page = samples(&exporter.exposition());
    assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (1.0, 0.0));
    assert!(!page.keys().any(|series| series.contains("dispatcher") || series.contains("dmq")));
    assert!(!page.keys().any(|series| series.starts_with("kamailio_core_tcp_info")), "TCP is disabled");

    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "tm.stats,dmq.list_nodes"]);
    let page = samples(&exporter.exposition());
    assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (1.0, 1.0));
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"tm.stats\"}"], 1.0);
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"dmq.list_nodes\"}"], 0.0);
    exporter.wait_for_log("Kamailio has no method dmq.list_nodes: load its module with loadmodule");
}
