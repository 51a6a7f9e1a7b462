use std::{fmt::Write as _, fs, time::Duration};

use serde_json::Value;

use crate::service::Service;

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
        let ms = interval.as_millis();
        let config = format!(
            "global: {{scrape_interval: {ms}ms, scrape_timeout: {ms}ms}}\n\
             scrape_configs: [{{job_name: testbed, static_configs: [{{targets: {targets:?}}}], {options}}}]\n"
        );
        let service = Service::start("prometheus", "/-/ready", |directory| {
            let file = directory.join("prometheus.yml");
            fs::write(&file, config).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
            vec![
                format!("--config.file={}", file.display()),
                format!("--storage.tsdb.path={}", directory.join("data").display()),
            ]
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
