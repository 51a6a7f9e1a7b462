//! Serves the metrics over HTTP until the program is stopped.

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
    /// What Kamailio is asked for.
    pub settings: Settings,
    /// The pages.
    pub site: site::Options,
    /// Where to listen; nothing is where systemd says.
    pub listen: Vec<ListenAddress>,
    /// The web configuration file, for TLS and authentication.
    pub web_config: Option<PathBuf>,
    /// What clients may take.
    pub limits: Limits,
    /// The targets that may be probed; `None` if there is no page for that.
    pub allow: Option<AllowList>,
    /// How many probes may be under way at once; `None` is any number.
    pub max_probes: Option<usize>,
}

impl Serve {
    /// Serves until a signal to stop.
    pub(crate) async fn run(self, target: Target) -> anyhow::Result<()> {
        tracing::info!(version = build_info::info(), "Starting kamailio_exporter");
        tracing::info!(build_context = build_info::context(), "Build context");
        let probes = self.allow.map(|allow| Probes::new(allow, &self.settings, self.max_probes));
        let instance = Instance::new(target, Arc::new(self.settings));
        let web_config = WebConfig::open(self.web_config)?;
        let stop = exporter_toolkit::signals::stop({
            let web_config = web_config.clone();
            move || {
                tracing::info!(signal = "SIGHUP", "reloading");
                // Whether it worked is in the log already.
                drop(web_config.reload());
            }
        })?;
        let site = Site::new(instance, web_config.clone(), self.site).with_probes(probes);
        Ok(Server::new(site, web_config, self.limits)?.serve(&self.listen, stop).await?)
    }
}
