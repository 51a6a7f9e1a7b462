use std::path::Path;

use crate::service::Service;

/// A running Pushgateway without persistence, killed and removed on drop.
#[derive(Debug)]
pub struct Pushgateway {
    service: Service,
}

impl Pushgateway {
    /// Starts one and returns when it is ready.
    #[must_use]
    pub fn start() -> Self {
        // Debian's has a file for all that run on the machine.
        let in_memory = |_: &Path| vec!["--persistence.file=".to_owned()];
        Self { service: Service::start("prometheus-pushgateway", "/-/ready", in_memory) }
    }

    /// "host:port", for Prometheus' targets.
    #[must_use]
    pub fn address(&self) -> String {
        self.service.address()
    }

    /// Its page of metrics: what was pushed, and its own.
    #[must_use]
    pub fn page(&self) -> String {
        self.service.get("/metrics")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.service.log()
    }
}
