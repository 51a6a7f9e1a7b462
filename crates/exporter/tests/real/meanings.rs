use crate::support::{Exporter, eventually, samples};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use testbed::Kamailio;

type Page = BTreeMap<String, f64>;

/// Returns the samples whose series starts with `kamailio_` and `start`, without this prefix.
fn starting<'p>(page: &'p Page, start: &str) -> Vec<(&'p str, f64)> {
    let start = format!("kamailio_{start}");
    page.iter().filter_map(|(series, value)| Some((series.strip_prefix(&start)?, *value))).collect()
}

/// Scrapes until the condition holds.
fn wait_for(exporter: &Exporter, condition: impl Fn(&Page) -> bool) -> Page {
    eventually(|| {
        let page = samples(&exporter.exposition());
        if condition(&page) { Ok(page) } else { Err(format!("not yet: {page:#?}")) }
    })
}

#[test]
fn a_destination_that_never_answered_has_no_latency() {
    let kamailio = Kamailio::start();
    kamailio.callee();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let nobody = format!("setid=\"1\",uri=\"sip:{}:25099\"", kamailio.ip());
    let timeouts = |page: &Page| {
        let series = starting(page, "dispatcher_destination_timeouts_total{");
        series.iter().any(|(labels, count)| labels.contains(&nobody) && *count > 0.0)
    };
    let page = wait_for(&exporter, timeouts);
    let latencies = starting(&page, "dispatcher_destination_latency_");
    assert!(latencies.iter().all(|(series, _)| !series.contains(&nobody)), "{latencies:?}");
    let served: BTreeMap<_, f64> =
        latencies.into_iter().fold(BTreeMap::new(), |mut sums, (series, value)| {
            *sums.entry(series.split_once('{').unwrap().1.to_owned()).or_default() += value;
            sums
        });
    assert!(served.values().all(|sum| *sum > 0.0), "{served:?}");
}

#[test]
fn an_account_that_is_registered_is_never_counted_as_inactive() {
    let kamailio = Kamailio::many_modules();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "auto,uac.reg_dump"]);
    let registered =
        |page: &Page| starting(page, "uac_registration_up{").iter().map(|(_, up)| up).sum::<f64>() == 1.0;
    let page = wait_for(&exporter, registered);
    assert_eq!(page["kamailio_uac_registrations"], 2.0);
    assert!(starting(&page, "uac_registrations_active").is_empty());
    assert!(kamailio.kamcmd(&["stats.fetch", "uac.regactive"]).contains("uac.regactive"));
    let remaining = starting(&page, "uac_registration_remaining_seconds{");
    assert!(
        !remaining.is_empty() && remaining.iter().all(|(_, seconds)| seconds.abs() < 1e6),
        "{remaining:?}"
    );
}

#[test]
fn a_script_total_below_zero_is_a_gauge_and_labels_are_trimmed() {
    let lines = "modparam(\"statistics\", \"variable\", \"open_total\")\n\
                 event_route[tm:local-request] { update_stat(\"open_total\", \"-13\"); }";
    let kamailio = Kamailio::builder().config(lines).start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let page = wait_for(&exporter, |page| page["kamailio_script_open_total"] < 0.0);
    assert_eq!(page["kamailio_script_open_total"] % 13.0, 0.0);
    let page = exporter.exposition();
    assert!(page.contains("# TYPE kamailio_script_open_total gauge\n"), "{page}");
    let info = page.lines().find(|line| line.starts_with("kamailio_build_info{")).unwrap();
    assert!(kamailio.kamcmd(&["core.runinfo"]).contains("sourceid: unknown \n"));
    assert!(info.contains("sourceid=\"unknown\""), "{info}");
}

#[test]
fn the_attributes_of_a_destination_join_its_values() {
    let kamailio = Kamailio::builder().many_modules().start();
    let arguments = ["-u", &kamailio.unix(), "--collector.dispatcher.attributes", "place,weight"];
    let exporter = Exporter::start(&arguments);
    let page = samples(&exporter.exposition());
    let key = |labels: &str| {
        let labels = labels.trim_end_matches('}').split(',');
        let key = labels.filter(|label| {
            ["duid", "index", "setid", "uri"].contains(&label.split('=').next().unwrap_or_default())
        });
        key.map(str::to_owned).collect::<Vec<_>>()
    };
    let info = starting(&page, "dispatcher_destination_info{");
    let keys = |samples: &[(&str, f64)]| samples.iter().map(|(labels, _)| key(labels)).collect::<Vec<_>>();
    assert_eq!(keys(&info), keys(&starting(&page, "dispatcher_destination_up{")));
    let list = kamailio.kamcmd(&["dispatcher.list"]);
    assert!(list.contains("place=far") && info.len() == list.matches("URI: ").count());
    let far: Vec<_> = info.iter().filter(|(labels, _)| labels.contains("place=\"far\"")).collect();
    assert!(
        far.len() == 1 && far[0].0.contains("duid=\"gw2\"") && far[0].0.contains("weight=\"30\""),
        "{far:?}"
    );
    assert!(!info.iter().any(|(labels, _)| labels.contains("attributes=")), "{info:?}");
}

#[test]
fn a_changed_configuration_file_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hashed.cfg");
    std::fs::write(&file, "one").unwrap();
    let lines =
        format!("loadmodule \"cfgutils.so\"\nmodparam(\"cfgutils\", \"hash_file\", \"{}\")", file.display());
    let kamailio = Kamailio::builder().config(&lines).start();
    let methods = "cfgutils.check_config_hash,core.modules,core.sockets_list";
    let certificate = kamailio.socket_path().with_file_name("tls.crt").display().to_string();
    let arguments = ["-u", &kamailio.unix(), "-m", methods, "--kamailio.tls-certificates", &certificate];
    let exporter = Exporter::start(&arguments);
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_config_unchanged"], 1.0);
    let expiry = starting(&page, "tls_certificate_not_after_timestamp_seconds{");
    let seconds = |text: &str| {
        let end = Command::new("date").args(["+%s", "-d", text]).output().unwrap().stdout;
        String::from_utf8(end).unwrap().trim().parse::<f64>().unwrap()
    };
    let end = Command::new("openssl").args(["x509", "-noout", "-enddate", "-in", &certificate]).output();
    let end = String::from_utf8(end.unwrap().stdout).unwrap();
    assert_eq!(
        expiry,
        [(
            &*format!("file=\"{certificate}\",subject=\"CN=localhost\"}}"),
            seconds(end.trim().trim_start_matches("notAfter="))
        )]
    );
    let modules = kamailio.kamcmd(&["core.modules"]);
    assert_eq!(page["kamailio_modules"], modules.split_whitespace().count() as f64, "{modules}");
    let list = kamailio.kamcmd(&["core.sockets_list"]);
    let sockets = list.split("socket: {").skip(1).map(|socket| {
        let member = |name: &str| {
            let value = socket.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            format!("{name}=\"{}\"", value.unwrap())
        };
        ["address", "port", "proto"].map(member).join(",") + "}"
    });
    let served: BTreeSet<_> =
        starting(&page, "socket_info{").into_iter().map(|(labels, _)| labels.to_owned()).collect();
    assert_eq!(served, sockets.collect());
    std::fs::write(&file, "two").unwrap();
    assert_eq!(samples(&exporter.exposition())["kamailio_config_unchanged"], 0.0);
}

#[test]
fn all_values_of_a_profile_are_those_that_kamcmd_counts() {
    let kamailio = Kamailio::start();
    kamailio.callee();
    let _calls = kamailio.calls(7);
    let arguments = ["-u", &kamailio.unix(), "-m", "tm.stats", "--collector.dialog.profiles"];
    let exporter = Exporter::start(&[&arguments[..], &["caller:*"]].concat());
    let total =
        |page: &Page| starting(page, "dialog_profile_dialogs{").iter().map(|(_, count)| count).sum::<f64>();
    let page = wait_for(&exporter, |page| total(page) == 7.0);
    for (labels, count) in starting(&page, "dialog_profile_dialogs{") {
        let value = labels.split("value=\"").nth(1).unwrap().trim_end_matches("\"}");
        let size = kamailio.kamcmd(&["dlg.profile_get_size", "caller", &format!("s:{value}")]);
        assert_eq!(size.trim(), count.to_string(), "{labels}");
    }
}
