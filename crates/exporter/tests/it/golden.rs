use crate::replay::answer_uncaptured;
use crate::support::Exporter;
use fake_kamailio::{Captures, Fake};
use std::path::PathBuf;

/// Returns whether a line is the same in every run and on every machine. The start time of Kamailio depends on the clock and
/// has its own tests.
pub(crate) fn is_stable(line: &str) -> bool {
    let volatile = [
        "process_",
        "kamailio_exporter_build_info{",
        "kamailio_scrape_collector_duration_seconds{",
        "kamailio_start_time_seconds ",
    ];
    !volatile.iter().any(|start| line.starts_with(start))
}

fn check(version: &str, file: &str, accept: &str) {
    let fake = Fake::replay(Captures::of(version));
    answer_uncaptured(&fake);
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "all", "--kamailio.stats-groups", "all"]);
    let answer = exporter.request("GET", "/metrics", &[("Accept", accept)]);
    let page: String =
        answer.text().lines().filter(|line| is_stable(line)).map(|line| line.to_owned() + "\n").collect();
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = golden.lines().zip(page.lines()).find(|(golden, line)| golden != line);
    assert!(golden == page, "{file}: first difference {lines:?}; BLESS=1 accepts the current output");
}

#[test]
fn expositions_of_the_captures_equal_the_golden_files() {
    for version in ["5.6.3", "6.2-dev"] {
        check(version, &format!("{version}.txt"), "text/plain");
        check(version, &format!("{version}.openmetrics"), "application/openmetrics-text;version=1.0.0");
    }
}
