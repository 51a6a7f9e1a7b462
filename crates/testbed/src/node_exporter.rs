use std::path::Path;

use crate::service::Service;

/// A running node_exporter with the textfile collector alone, killed and removed on drop.
#[derive(Debug)]
pub struct NodeExporter {
    service: Service,
}

impl NodeExporter {
    /// Starts one that reads the `*.prom` files of a folder, and returns when it is ready.
    #[must_use]
    pub fn start(textfiles: &Path) -> Self {
        let service = Service::start("prometheus-node-exporter", "/", |_| {
            vec![
                "--collector.disable-defaults".to_owned(),
                "--collector.textfile".to_owned(),
                format!("--collector.textfile.directory={}", textfiles.display()),
            ]
        });
        Self { service }
    }

    /// Its page of metrics: those of the files, and its own.
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
