use crate::support::{Exporter, eventually, samples};
use std::collections::BTreeMap;
use testbed::Kamailio;

type Page = BTreeMap<String, f64>;

/// Returns the samples whose series starts with `kamailio_` and this, without that start.
fn starting<'p>(page: &'p Page, start: &str) -> Vec<(&'p str, f64)> {
    let start = format!("kamailio_{start}");
    page.iter().filter_map(|(series, value)| Some((series.strip_prefix(&start)?, *value))).collect()
}

/// Scrapes until the condition holds.
fn wait_for(exporter: &Exporter, condition: impl Fn(&Page) -> bool) -> Page {
    eventually(|| {
        let page = samples(&exporter.page());
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
        series.iter().any(|(labels, count)| labels.starts_with(&nobody) && *count > 0.0)
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
    let page = exporter.page();
    assert!(page.contains("# TYPE kamailio_script_open_total gauge\n"), "{page}");
    let info = page.lines().find(|line| line.starts_with("kamailio_build_info{")).unwrap();
    assert!(kamailio.kamcmd(&["core.runinfo"]).contains("sourceid: unknown \n"));
    assert!(info.contains("sourceid=\"unknown\""), "{info}");
}
