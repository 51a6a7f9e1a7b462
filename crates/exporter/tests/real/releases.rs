//! The Kamailio of each release of Debian does what the machine's own does.

use crate::oracle::{Tally, compare_release};
use crate::support::run;
use crate::{life, served};
use std::sync::OnceLock;
use testbed::{Kamailio, Release};

/// What the comparison with kamcmd found, which two tests need; none if the release is not available.
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
            fn once_and_check_succeed() {
                super::once_and_check($release);
            }
        }
    )+};
}

on_each_release!(bullseye: Bullseye, bookworm: Bookworm, trixie: Trixie, sid: Sid);
