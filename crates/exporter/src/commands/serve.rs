//! Serves the metrics over HTTP.

use crate::instance::{Instance, Settings};
use crate::outbound::allow_list::AllowList;
use crate::site::{self, Probes, Site};
use crate::support::build_info;
use exporter_toolkit::{Limits, ListenAddress, Server, WebConfig};
use kamailio_binrpc::Target;
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
        tracing::info!(version = build_info::info(), "Starting kamailio_exporter");
        tracing::info!(build_context = build_info::context(), "Build context");
        let probes = self.allow.map(|allow| Probes::new(allow, &self.settings, self.max_probes));
        let instance = Instance::new(target, Arc::new(self.settings));
        let web_config = WebConfig::open(self.web_config).map_err(anyhow::Error::msg)?;
        let stop = exporter_toolkit::signals::stop({
            let web_config = web_config.clone();
            move || {
                tracing::info!(signal = "SIGHUP", "reloading");
                // The reload logs its outcome.
                drop(web_config.reload());
            }
        })?;
        let site = Site::new(instance, web_config.clone(), self.site).with_probes(probes);
        Server::new(site, web_config, self.limits)?.serve(&self.listen, stop).await
    }
}
