use crate::support::{Exporter, eventually, samples};
use std::time::Duration;
use testbed::{Kamailio, Prometheus, promtool_check_config};

/// Starts an exporter that allows probes of these targets.
fn allowing(rules: &[String]) -> Exporter {
    let rules = rules.iter().flat_map(|rule| ["--probe.allow", rule]);
    Exporter::start(&["-u", "unix:/nonexistent/ctl"].into_iter().chain(rules).collect::<Vec<_>>())
}

#[test]
fn one_exporter_probes_two_kamailios_over_every_transport() {
    let (first, second) = (Kamailio::start(), Kamailio::builder().without("dispatcher").start());
    let rules = [first.unix(), first.unixd(), first.tcp(), first.udp(), second.unix(), second.tcp()];
    let exporter = allowing(&rules);
    let probe = |target: &str| {
        let answer = exporter.get(&format!("/probe?target={target}"));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        samples(&answer.text())
    };
    let has_dispatcher = |target: &str| {
        let page = probe(target);
        assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (1.0, 0.0), "{target}");
        page.keys().any(|series| series.starts_with("kamailio_dispatcher_list_target{"))
    };
    for target in [first.unix(), first.unixd(), first.tcp(), first.udp()] {
        assert!(has_dispatcher(&target), "{target}");
    }
    for target in [second.unix(), second.tcp()] {
        assert!(!has_dispatcher(&target), "{target}");
    }
    for target in [second.unixd(), second.udp()] {
        assert_eq!(exporter.get(&format!("/probe?target={target}")).status, 403, "{target}");
    }
}

#[test]
fn a_prometheus_server_probes_with_each_relabelling_of_the_documentation() {
    let kamailio = Kamailio::start();
    let exporter = allowing(&[kamailio.tcp(), kamailio.unix()]);
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("kamailios.yml");
    std::fs::write(&list, format!("- targets: ['{}']\n  labels: {{site: berlin}}\n", kamailio.unix()))
        .unwrap();
    let (tcp, unix) = (kamailio.tcp(), kamailio.unix());
    // These files stand for the service discovery of Kubernetes.
    let pod = "{target_label: __meta_kubernetes_pod_container_port_name, replacement: binrpc}, \
               {target_label: __meta_kubernetes_namespace, replacement: sip}, \
               {target_label: __meta_kubernetes_pod_name, replacement: kamailio-0}, ";
    let from_list = format!("file_sd_configs: [{{files: ['{}']}}], ", list.display());
    let cases = [
        (vec![tcp.as_str()], "", "", format!("instance=\"{tcp}\"")),
        (vec![], from_list.as_str(), "", format!("instance=\"{unix}\",site=\"berlin\"")),
        (vec![tcp.trim_start_matches("tcp:")], "", pod, "instance=\"sip/kamailio-0\"".to_owned()),
    ];
    let page = operations();
    assert_eq!(blocks(&page).count(), cases.len());
    for (block, (targets, discovery, found, labels)) in blocks(&page).zip(cases) {
        let (_, relabelling) = block.split_once("  relabel_configs:\n").unwrap();
        let rules = relabelling.lines().map(|line| line.trim().trim_start_matches("- "));
        let mut rules: Vec<_> = rules.map(str::to_owned).collect();
        // The last address is that of the exporter.
        *rules.last_mut().unwrap() =
            format!("{{target_label: __address__, replacement: '{}'}}", exporter.address());
        let rules = rules.join(", ");
        let options = format!("metrics_path: /probe, {discovery}relabel_configs: [{found}{rules}]");
        let prometheus = Prometheus::start_with(&targets, Duration::from_secs(1), &options);
        let up = format!("kamailio_up{{{labels}}}");
        eventually(|| match prometheus.query(&up)[0]["value"][1].as_str() {
            Some("1") => Ok(()),
            other => Err(format!("{up} is {other:?}\n{}\n{}", prometheus.log(), exporter.log())),
        });
    }
}

#[test]
fn promtool_accepts_every_configuration_of_the_documentation() {
    let page = operations();
    for block in blocks(&page) {
        // Debian builds Prometheus without the service discovery of Kubernetes.
        let block = block.replace(KUBERNETES, "  static_configs: [{targets: ['10.42.0.7:2049']}]\n");
        promtool_check_config(&block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
    assert_eq!(page.matches(KUBERNETES).count(), 1);
    assert_eq!(blocks(&page).count(), 3, "static, from a file, Kubernetes");
    assert!(promtool_check_config("scrape_configs: [{job_nam: x}]").is_err());
}

fn operations() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md")).unwrap()
}

/// Returns the Prometheus configurations in the section about multiple Kamailios.
fn blocks(page: &str) -> impl Iterator<Item = &str> {
    let (_, section) = page.split_once("\n## Multiple Kamailios\n").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("scrape_configs:"))
}

const KUBERNETES: &str = "  kubernetes_sd_configs:\n  - role: pod\n    namespaces: {names: [sip]}\n";
