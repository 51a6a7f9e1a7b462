use crate::support::Exporter;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Alertmanager, Kamailio, Prometheus};

/// Kamailio, exporter, Prometheus and Alertmanager, with the rules of the mixin sped up by [`SPEED`]: five minutes in a rule
/// are five seconds here, so Prometheus scrapes and evaluates every second.
pub(crate) struct Lab {
    pub(crate) kamailio: Kamailio,
    pub(crate) prometheus: Prometheus,
    alertmanager: Alertmanager,
    _exporter: Exporter,
    _rules: tempfile::TempDir,
}

pub(crate) type Alerts = BTreeSet<String>;

impl Lab {
    pub(crate) fn start(kamailio: Kamailio) -> Self {
        let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "all"]);
        let alertmanager = Alertmanager::start();
        let rules = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for name in ["rules.yaml", "alerts.yaml"] {
            let file = rules.path().join(name);
            fs::write(&file, hasten(&read(&format!("mixin/{name}")))).unwrap();
            files.push(file.display().to_string());
        }
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: {files:?}\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: [{:?}]}}]}}]}}\n\
             scrape_configs: [{{job_name: kamailio, static_configs: [{{targets: [{:?}], labels: {{cluster: lab}}}}]}}]\n",
            alertmanager.address(),
            exporter.address(),
        );
        let prometheus = Prometheus::start_with_config(&config);
        Self { kamailio, prometheus, alertmanager, _exporter: exporter, _rules: rules }
    }

    /// Returns the alerts that are firing in Alertmanager: their names, and labels that distinguish alerts of the same name.
    pub(crate) fn firing(&self) -> Alerts {
        let alerts = self.alertmanager.alerts();
        alerts.iter().map(|alert| self.describe(&alert["labels"])).collect()
    }

    /// Returns the alerts that are pending in Prometheus, described as the firing ones are.
    fn pending(&self) -> Alerts {
        let data = self.prometheus.get("/api/v1/alerts");
        let alerts = data["alerts"].as_array().unwrap();
        let pending = alerts.iter().filter(|alert| alert["state"] == "pending");
        pending.map(|alert| self.describe(&alert["labels"])).collect()
    }

    fn describe(&self, labels: &Value) -> String {
        let ip = self.kamailio.ip().to_string();
        let mut text = labels["alertname"].as_str().unwrap().to_owned();
        for (name, value) in labels.as_object().unwrap() {
            if !COMMON.contains(&name.as_str()) {
                write!(text, " {name}={}", value.as_str().unwrap().replace(&ip, "IP")).unwrap();
            }
        }
        text
    }

    /// Waits until all `expected` alerts fire. Fails if an alert fires that is neither `expected` nor in `also`.
    pub(crate) fn see(&self, expected: &Alerts, also: &Alerts) {
        let mut seen = Alerts::new();
        self.wait("these alerts to fire", |lab| {
            seen.extend(lab.firing());
            let others: Vec<_> = seen.difference(expected).filter(|alert| !also.contains(*alert)).collect();
            assert!(others.is_empty(), "unexpected alerts fire: {others:#?}");
            expected.difference(&seen).cloned().collect()
        });
    }

    /// Waits until exactly these alerts have been firing for a while, and no other is pending: it would fire in a later step.
    pub(crate) fn settle(&self, alerts: &Alerts) {
        let mut since = None;
        self.wait("only these alerts to fire or to be pending", |lab| {
            let firing = lab.firing();
            let pending: Alerts = lab.pending().difference(alerts).cloned().collect();
            if firing != *alerts || !pending.is_empty() {
                since = None;
                return firing.symmetric_difference(alerts).cloned().chain(pending).collect();
            }
            let since = *since.get_or_insert_with(Instant::now);
            if since.elapsed() < CALM { Alerts::from(["(for a while)".to_owned()]) } else { Alerts::new() }
        });
    }

    /// Waits until `missing` returns no alerts.
    fn wait(&self, what: &str, mut missing: impl FnMut(&Self) -> Alerts) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let missing = missing(self);
            if missing.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "waited for {what}: {missing:#?}\n{}", self.prometheus.log());
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Parses alerts: names and labels.
pub(crate) fn alerts(list: &[&str]) -> Alerts {
    list.iter().map(|&alert| alert.to_owned()).collect()
}

/// Reads a file of the repository.
pub(crate) fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// Returns the files of a directory of the repository.
pub(crate) fn files(path: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Divides the durations of rules or of an expression by [`SPEED`]: ranges, offsets, and how long an alert is pending.
pub(crate) fn hasten(rules: &str) -> String {
    let mut fast = String::new();
    let mut rest = rules;
    while let Some((at, prefix)) = BEFORE_DURATIONS.iter().filter_map(|p| Some((rest.find(p)?, p))).min() {
        let (before, after) = rest.split_at(at + prefix.len());
        fast.push_str(before);
        rest = after;
        // A bracket opens a range or is part of a regular expression.
        if let Some((seconds, after)) = duration(rest) {
            write!(fast, "{}ms", seconds * 1000 / SPEED).unwrap();
            rest = after;
        }
    }
    fast + rest
}

/// Parses a duration at the start of the text. Returns its seconds and the rest.
fn duration(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text.as_bytes()[digits] {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        b'w' => 604_800,
        _ => return None,
    };
    Some((number * unit, &text[digits + 1..]))
}

const BEFORE_DURATIONS: [&str; 4] = ["[", "offset ", "for: \"", "interval: \""];
const SPEED: u64 = 60;

/// The labels that all alerts have.
const COMMON: [&str; 5] = ["alertname", "cluster", "instance", "job", "severity"];

/// Alerts are pending for at most ten seconds here, or a minute for trends. The rest is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Long enough for a false alert to fire.
const CALM: Duration = Duration::from_secs(3);
