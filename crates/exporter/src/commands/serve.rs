//! Serves the metrics over HTTP.

use crate::instance::{Instance, Settings};
use crate::outbound::Target;
use crate::outbound::allow_list::AllowList;
use crate::scrape::selection::names;
use crate::site::{self, Probes, Site};
use crate::support::{allocator, build_info, terminal};
use exporter_toolkit::{Limits, ListenAddress, Server, WebConfig};
use std::path::PathBuf;
use std::sync::Arc;

/// The options of the server.
#[derive(Debug)]
pub(crate) struct Serve {
    /// The settings for the scrapes.
    pub settings: Settings,
    /// Paths and limits of the site.
    pub site: site::Options,
    /// Addresses to listen on; if there are none, the sockets that systemd passes.
    pub listen: Vec<ListenAddress>,
    /// The web configuration file, with TLS and users.
    pub web_config: Option<PathBuf>,
    /// Whether to check the web configuration file instead of serving.
    pub checks_web_config: bool,
    /// Limits for clients.
    pub limits: Limits,
    /// The targets that may be probed; `None` disables probes.
    pub allow: Option<AllowList>,
    /// Maximum number of concurrent probes; `None` is unlimited.
    pub max_probes: Option<usize>,
}

impl Serve {
    /// Serves until a signal stops the program. The error is a human-readable message.
    pub(crate) async fn run(self, target: Target) -> anyhow::Result<()> {
        if self.checks_web_config {
            return check_web_config(self.web_config);
        }
        allocator::keep_freed();
        tracing::info!(version = build_info::info(), "Starting kamailio_exporter");
        tracing::info!(build_context = build_info::context(), "Build context");
        let methods = names(self.settings.selection.collectors().collect::<Vec<_>>().iter());
        tracing::info!(%target, methods, "Kamailio to scrape");
        let probes = self.allow.map(|allow| Probes::new(allow, &self.settings, self.max_probes));
        let instance = Instance::new(target, Arc::new(self.settings));
        let web_config = WebConfig::open(self.web_config)?;
        let stop = exporter_toolkit::signals::stop({
            let web_config = web_config.clone();
            move || {
                tracing::info!(signal = "SIGHUP", "reloading");
                // The reload logs its outcome.
                drop(web_config.reload());
            }
        })?;
        let site = Site::new(instance, web_config.clone(), self.site).with_probes(probes);
        Ok(Server::new(site, web_config, self.limits)?.serve(&self.listen, stop).await?)
    }
}

/// Checks the file and prints that it is valid. The error is a human-readable message.
fn check_web_config(path: Option<PathBuf>) -> anyhow::Result<()> {
    let text = path.as_deref().map(|path| format!("{} is valid\n", path.display())).unwrap_or_default();
    WebConfig::open(path)?;
    terminal::print(text.as_bytes()).map_err(anyhow::Error::msg)
}
