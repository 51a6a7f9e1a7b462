//! Starts a Prometheus of any version.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use serde_json::Value;

use crate::{Release, paths::find, service::Service};

/// A running Prometheus server, killed and removed on drop.
#[derive(Debug)]
pub struct Prometheus {
    service: Service,
}

impl Prometheus {
    /// Starts a server that scrapes `/metrics` of the targets ("host:port") in the job "testbed", and returns when the
    /// server is ready.
    #[must_use]
    pub fn start(targets: &[&str], interval: Duration) -> Self {
        Self::start_with(targets, interval, "")
    }

    /// Like [`start`](Self::start), with further options of the job in YAML's flow style: `scheme: https, basic_auth: {…}`.
    #[must_use]
    pub fn start_with(targets: &[&str], interval: Duration, options: &str) -> Self {
        Self::run(&find(PROGRAM), targets, interval, options)
    }

    /// Like [`start_with`](Self::start_with), with the server of a release.
    #[must_use]
    pub fn of(release: Release, targets: &[&str], interval: Duration, options: &str) -> Self {
        Self::run(&release.program(PROGRAM), targets, interval, options)
    }

    /// Like [`of`](Self::of), with arguments of the server.
    #[must_use]
    pub fn of_with(release: Release, targets: &[&str], interval: Duration, arguments: &[&str]) -> Self {
        Self::run_with_config(&release.program(PROGRAM), &config(targets, interval, ""), arguments)
    }

    fn run(program: &Path, targets: &[&str], interval: Duration, options: &str) -> Self {
        Self::run_with_config(program, &config(targets, interval, options), &[])
    }

    /// Starts a server with this configuration file, and returns when it is ready.
    #[must_use]
    pub fn start_with_config(config: &str) -> Self {
        Self::run_with_config(&find(PROGRAM), config, &[])
    }

    fn run_with_config(program: &Path, config: &str, arguments: &[&str]) -> Self {
        let service = Service::start(program, "/-/ready", |directory| {
            let file = directory.join("prometheus.yml");
            fs::write(&file, config).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
            let mut all = vec![
                format!("--config.file={}", file.display()),
                format!("--storage.tsdb.path={}", directory.join("data").display()),
            ];
            all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
            all
        });
        Self { service }
    }

    /// Returns the result of an instant query: `data.result` of the HTTP API's response.
    #[must_use]
    pub fn query(&self, promql: &str) -> Value {
        let mut path = String::from("/api/v1/query?query=");
        for byte in promql.bytes() {
            let _ = write!(path, "%{byte:02X}");
        }
        self.get(&path)["result"].take()
    }

    /// Returns `data` of the HTTP API's response for a path such as "/api/v1/targets".
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let body = self.service.get(path);
        let mut json: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e} in {body}"));
        assert_eq!(json["status"], "success", "{path}: {json}");
        json["data"].take()
    }

    /// Returns the log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.service.log()
    }
}

/// A configuration that scrapes these targets.
fn config(targets: &[&str], interval: Duration, options: &str) -> String {
    let ms = interval.as_millis();
    format!(
        "global: {{scrape_interval: {ms}ms, scrape_timeout: {ms}ms}}\n\
         scrape_configs: [{{job_name: testbed, static_configs: [{{targets: {targets:?}}}], {options}}}]\n"
    )
}

const PROGRAM: &str = "prometheus";
