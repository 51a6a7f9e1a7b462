use crate::support::{Exporter, eventually, samples};
use kamailio_exporter::internals::ALL;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;
use testbed::Kamailio;

/// Starts an exporter with all collectors except db_cluster's, whose method logs a line for each connection and is not in
/// `auto`.
fn everything(kamailio: &Kamailio) -> Exporter {
    let methods = "all,-dbcl.list_connections";
    let arguments = ["-m", methods, "--kamailio.stats-groups", "all", "--collector.dialog.profiles", "calls"];
    Exporter::start(&[&["-u", &kamailio.unix()], &arguments[..]].concat())
}

fn failed(exporter: &Exporter) -> Vec<String> {
    let page = samples(&exporter.exposition());
    let failed = page.iter().filter(|(name, value)| {
        let is_status = name.contains("_success{") || *name == "kamailio_up";
        is_status && **value != 1.0
    });
    failed.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_thousand_scrapes_leave_no_line_in_kamailios_log() {
    // Without the parts that log by themselves.
    let kamailio = Kamailio::builder().without("ping").without("dmq").config("debug=2").start();
    kamailio.traffic();
    let exporter = everything(&kamailio);
    let log = kamailio.log();
    for _ in 0..1_000 {
        exporter.exposition();
    }
    assert_eq!(failed(&exporter), [""; 0]);
    assert_eq!(kamailio.log().strip_prefix(&log), Some(""), "new lines");
}

#[test]
fn a_thousand_scrapes_of_many_modules_leave_no_line_of_the_ctl_process() {
    let kamailio = Kamailio::builder().many_modules().config("debug=2").start();
    let exporter = everything(&kamailio);
    assert_eq!(failed(&exporter), [""; 0]);
    let processes = kamailio.kamcmd(&["core.psx"]);
    let handler = processes.split('}').find(|process| process.contains("ctl handler")).unwrap();
    let pid = handler.lines().find_map(|line| line.trim().strip_prefix("PID: ")).unwrap();
    let of_handler = || kamailio.log().matches(&format!("({pid})")).count();
    let before = of_handler();
    for _ in 0..1_000 {
        exporter.exposition();
    }
    let log = kamailio.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(&format!("({pid})"))).skip(before).collect();
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn a_hundred_scrapes_leave_no_connection() {
    let kamailio = Kamailio::start();
    // kamcmd counts its own connection.
    let connections = || kamailio.kamcmd(&["ctl.connections"]).trim().to_owned();
    let exporter = everything(&kamailio);
    for _ in 0..100 {
        exporter.exposition();
        // This client disconnects without reading the response.
        let mut client = TcpStream::connect(exporter.address()).unwrap();
        client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    eventually(|| match connections().as_str() {
        "1" => Ok(()),
        open => Err(format!("{open} connections are open")),
    });
    assert_eq!(failed(&exporter), [""; 0]);
}

#[test]
fn five_thousand_destinations_are_served() {
    let kamailio = Kamailio::builder()
        .destinations(5_000)
        .config("modparam(\"ctl\", \"binrpc_struct_max_body_size\", 64)")
        .start();
    for uri in [kamailio.unix(), kamailio.tcp()] {
        let exporter = Exporter::start(&["-u", &uri]);
        let page = exporter.exposition();
        for family in ["kamailio_dispatcher_list_target{", "kamailio_dispatcher_destination_up{"] {
            let count = page.lines().filter(|line| line.starts_with(family)).count();
            assert_eq!(count, 5_000, "{family} over {uri}: {}", exporter.log());
        }
    }
}

#[test]
fn a_hundred_dialog_profiles_are_served() {
    let names: Vec<_> = (0..99).map(|number| format!("profile{number:02}")).collect();
    let list = format!("calls;{}", names.join(";"));
    let kamailio = Kamailio::builder()
        .config(&format!("modparam(\"dialog\", \"profiles_no_value\", \"{list}\")"))
        .start();
    let _calls = kamailio.calls(2);
    let log = kamailio.log();
    let uri = kamailio.unix();
    let profiles = ["calls"].into_iter().chain(names.iter().map(String::as_str));
    let profiles: Vec<_> = profiles.flat_map(|profile| ["--collector.dialog.profiles", profile]).collect();
    let exporter = Exporter::start(&[&["-u", &*uri], &profiles[..]].concat());
    assert_eq!(failed(&exporter), [""; 0]);
    let sizes = ALL.iter().find(|collector| collector.name == "dlg.profile_get_size").unwrap();
    let family = sizes.fields().next().unwrap().family.name;
    let page = samples(&exporter.exposition());
    let sizes: Vec<_> = page.iter().filter(|(name, _)| name.starts_with(&format!("{family}{{"))).collect();
    assert_eq!(sizes.len(), 100, "{sizes:?}");
    assert_eq!(sizes.iter().map(|(_, size)| **size).sum::<f64>(), 2.0, "{sizes:?}");
    let new = kamailio.log().lines().skip(log.lines().count()).any(|line| line.contains("dlg_profile"));
    assert!(!new, "{}", kamailio.log());
}

#[test]
fn three_hundred_statistics_of_the_script_come_in_batches() {
    let mut config = String::from("debug=2\n");
    for number in 0..300 {
        let _ = writeln!(
            config,
            "modparam(\"statistics\", \"variable\", \"statistic_of_the_script_{number:03}\")"
        );
    }
    let kamailio = Kamailio::builder().without("ping").without("dmq").config(&config).start();
    // The statistics do not fit into one reply, so the exporter fetches them in batches.
    assert!(kamailio.kamcmd(&["stats.fetch", "script:"]).starts_with("error: 500"));
    let exporter = everything(&kamailio);
    let log = kamailio.log();
    let text = exporter.exposition();
    assert_eq!(failed(&exporter), [""; 0]);
    let page = samples(&text);
    for number in 0..300 {
        for family in ["kamailio_stats_fetch_value", "kamailio_statistic"] {
            let name = format!("{family}{{group=\"script\",name=\"statistic_of_the_script_{number:03}\"}}");
            assert_eq!(page.get(&name), Some(&0.0), "{name}");
        }
    }
    assert_eq!(kamailio.log().strip_prefix(&log), Some(""), "new lines");
}

#[test]
fn the_first_scrape_after_a_restart_has_the_new_modules() {
    let mut kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let collectors = || {
        let page = samples(&exporter.exposition());
        assert_eq!(page["kamailio_up"], 1.0, "{}", exporter.log());
        let successes = page.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("kamailio_scrape_collector_success{collector=\"")?;
            Some((name.trim_end_matches("\"}").to_owned(), *value))
        });
        successes.collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = collectors();
    assert_eq!((before.get("dmq.list_nodes"), before.get("mqueue.get_sizes")), (Some(&1.0), None));
    // The exporter detects the restart by the start time, whose resolution is a second.
    std::thread::sleep(Duration::from_secs(1));
    let queue = "modparam(\"mqueue\", \"mqueue\", \"name=queue\")";
    kamailio.restart_with(Kamailio::builder().without("dmq").module("mqueue").config(queue));
    let after = collectors();
    assert_eq!((after.get("dmq.list_nodes"), after.get("mqueue.get_sizes")), (None, Some(&1.0)));
    assert!(after.values().all(|success| *success == 1.0), "{after:?}");
}
