//! Starts an Alertmanager.

use std::fs;

use serde_json::Value;

use crate::{paths::find, service::Service};

/// A running Alertmanager without a cluster, killed and removed on drop. It notifies no one.
#[derive(Debug)]
pub struct Alertmanager {
    service: Service,
}

impl Alertmanager {
    /// Starts an Alertmanager, and returns when it is ready.
    #[must_use]
    pub fn start() -> Self {
        let service = Service::start(&find("prometheus-alertmanager"), "/-/ready", |directory| {
            let file = directory.join("alertmanager.yml");
            fs::write(&file, CONFIG).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
            vec![
                format!("--config.file={}", file.display()),
                format!("--storage.path={}", directory.join("data").display()),
                "--cluster.listen-address=".to_owned(),
            ]
        });
        Self { service }
    }

    /// Returns "host:port", for the configuration of Prometheus.
    #[must_use]
    pub fn address(&self) -> String {
        self.service.address()
    }

    /// Returns the alerts that are firing, as the API lists them.
    #[must_use]
    pub fn alerts(&self) -> Vec<Value> {
        let body = self.service.get("/api/v2/alerts");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("Alertmanager's alerts: {e} in {body}"))
    }
}

const CONFIG: &str = "{route: {receiver: none}, receivers: [{name: none}]}";
