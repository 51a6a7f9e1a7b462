//! Runs the same tests with the Kamailio of each release of Debian.

use crate::oracle::{Tally, compare_release};
use crate::support::{Exporter, eventually, run};
use crate::wanted::page;
use crate::{life, served};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::OnceLock;
use testbed::{Kamailio, Release};

/// Returns the findings of the comparison with kamcmd, which two tests share, or `None` if the release is not available.
pub(crate) fn compared(release: Release) -> Option<&'static Tally> {
    static TALLIES: [OnceLock<Tally>; 4] = [const { OnceLock::new() }; 4];
    release.is_available().then(|| TALLIES[release as usize].get_or_init(|| compare_release(release)))
}

fn start(release: Release) -> Option<Kamailio> {
    release.is_available().then(|| Kamailio::builder().release(release).start())
}

fn life_and_transports(release: Release) {
    if let Some(kamailio) = start(release) {
        served::every_transport(&kamailio);
        life::three_hundred_scrapes(&kamailio);
        life::killed_and_restarted(kamailio);
    }
}

/// Checks that types and labels of the Go exporter's families equal those with 5.6, which `tests/it/go_exporter.rs` checks.
fn drop_in_families(release: Release) {
    let families = |kamailio: &Kamailio| {
        kamailio.traffic();
        let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", DROP_IN]);
        let text = exporter.exposition();
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(str::to_owned);
        let labels = page(&text).into_iter().map(|(family, samples)| {
            let names = samples.into_iter().flat_map(|sample| sample.labels).map(|(name, _)| name);
            format!("{family} {:?}", names.collect::<BTreeSet<_>>())
        });
        types.chain(labels).collect::<BTreeSet<_>>()
    };
    if let (Some(kamailio), Some(bookworm)) = (start(release), start(Release::Bookworm)) {
        assert_eq!(families(&kamailio), families(&bookworm));
    }
}

fn once_and_check(release: Release) {
    if !release.is_available() {
        return;
    }
    let builder = || Kamailio::builder().release(release);
    for kamailio in [builder().start(), builder().many_modules().start()] {
        for command in ["once", "check"] {
            let output = run(&[command, "-u", &kamailio.unix(), "-m", "all"]);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{command}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

/// `dispatcher.oclist` is called for each set, and there since 6.0.
#[test]
fn a_set_that_is_added_by_a_reload_has_its_overload_control() {
    for release in [Release::Trixie, Release::Sid].into_iter().filter(|release| release.is_available()) {
        let kamailio = Kamailio::builder().release(release).destinations(3).start();
        let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "auto,dispatcher.oclist"]);
        let sets = || {
            let page = page(&exporter.exposition());
            let samples = page.get("kamailio_dispatcher_destination_overload_rate").into_iter().flatten();
            let set = |sample: &crate::wanted::Sample| {
                sample.labels.iter().find(|(name, _)| name == "setid").unwrap().1.clone()
            };
            let mut sets: Vec<_> = samples.map(set).collect();
            sets.sort_unstable();
            sets
        };
        assert_eq!(sets(), ["1", "1", "1"], "{release:?}");
        let list = kamailio.socket_path().with_file_name("dispatcher.list");
        let mut destinations = fs::read_to_string(&list).unwrap();
        writeln!(destinations, "17 sip:{}:30017", kamailio.ip()).unwrap();
        fs::write(&list, destinations).unwrap();
        assert!(kamailio.kamcmd(&["dispatcher.reload"]).contains("Ok"), "{release:?}");
        // The listing is part of the first scrape, the calls for each set follow in the second.
        sets();
        assert_eq!(sets(), ["1", "1", "1", "17"], "{release:?}");
    }
}

/// `OCMIN` and `OCMAX` are in the list of destinations since 6.0.
#[test]
fn limits_of_overload_control_are_those_of_the_destination() {
    for release in [Release::Trixie, Release::Sid].into_iter().filter(|release| release.is_available()) {
        let kamailio = Kamailio::builder().release(release).destinations(1).start();
        let list = kamailio.socket_path().with_file_name("dispatcher.list");
        let destination = format!("5 sip:{}:30005 0 0 ocmin=13;ocmax=67;weight=21\n", kamailio.ip());
        fs::write(&list, destination).unwrap();
        assert!(kamailio.kamcmd(&["dispatcher.reload"]).contains("Ok"), "{release:?}");
        let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "auto,dispatcher.oclist"]);
        let page = page(&exporter.exposition());
        for (name, expected) in [
            ("ocmin", 13.0),
            ("ocmax", 67.0),
            ("weight", 21.0),
            ("overload_rate_min", 13.0),
            ("overload_rate_max", 67.0),
        ] {
            let samples = &page[&format!("kamailio_dispatcher_destination_{name}")];
            let values: Vec<_> = samples.iter().map(|sample| sample.value).collect();
            assert_eq!(values, [expected], "{release:?}: {name}");
        }
    }
}

/// `PROBING_COUNT` is in the list of destinations since 6.1.
#[test]
fn probes_that_fail_are_counted_up_to_the_threshold() {
    if !Release::Sid.is_available() {
        return;
    }
    let threshold = "modparam(\"dispatcher\", \"ds_probing_threshold\", 77)";
    let kamailio = Kamailio::builder().release(Release::Sid).config(threshold).start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let nobody = format!("{}:25099", kamailio.ip());
    let counted = || -> f64 {
        let list = kamailio.kamcmd(&["dispatcher.list"]);
        let destination = list.split("URI: ").find(|part| part.contains(&nobody)).unwrap();
        let count = destination.lines().find_map(|line| line.trim().strip_prefix("PROBING_COUNT: "));
        count.unwrap().parse().unwrap()
    };
    eventually(|| {
        let (before, page, after) = (counted(), page(&exporter.exposition()), counted());
        let samples = &page["kamailio_dispatcher_destination_probing_count"];
        let is_it =
            |sample: &&crate::wanted::Sample| sample.labels.iter().any(|(_, uri)| uri.contains(&nobody));
        let served = samples.iter().find(is_it).unwrap().value;
        if before != after || before == 0.0 {
            return Err(format!("{before}, {served}, {after}"));
        }
        assert_eq!(served, before);
        Ok(())
    });
}

const DROP_IN: &str = "tm.stats,sl.stats,core.shmmem,core.uptime,core.tcp_info,dispatcher.list,tls.info,dlg.stats_active,\
                       dmq.list_nodes,stats.fetch";

macro_rules! on_each_release {
    ($($module:ident: $release:ident),+) => {$(
        mod $module {
            use testbed::Release::$release;

            #[test]
            fn every_number_that_kamcmd_prints_is_served() {
                super::compared($release);
            }

            #[test]
            fn every_transport_a_restart_and_three_hundred_scrapes() {
                super::life_and_transports($release);
            }

            #[test]
            fn the_go_exporters_families_are_served() {
                super::drop_in_families($release);
            }

            #[test]
            fn once_and_check_succeed() {
                super::once_and_check($release);
            }
        }
    )+};
}

on_each_release!(bullseye: Bullseye, trixie: Trixie, sid: Sid);

/// In most cases the release of this machine, with which the other tests of this program run.
mod bookworm {
    use testbed::Release::Bookworm;

    #[test]
    fn every_number_that_kamcmd_prints_is_served() {
        super::compared(Bookworm);
    }

    #[test]
    fn once_and_check_succeed() {
        super::once_and_check(Bookworm);
    }
}
