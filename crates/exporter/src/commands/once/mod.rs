//! Writes one exposition, to standard output or into a file for node_exporter's textfile collector.

mod replace;

use crate::collectors::catalogue::catalogue;
use crate::instance::self_metrics::{Program, samples_of};
use crate::instance::{Deadline, Instance, Settings, constant_labels};
use crate::outbound::Target;
use anyhow::Context as _;
use prometheus_exposition::{ConstantLabels, Format};
use replace::replace;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The options of `once`.
#[derive(Debug)]
pub(crate) struct Once {
    /// The settings for the scrape.
    pub settings: Settings,
    /// Labels that every sample gets.
    pub labels: ConstantLabels,
    /// The format of the exposition.
    pub format: Format,
    /// The file to replace; `None` is standard output.
    pub output: Option<PathBuf>,
}

/// The result of one scrape.
pub(crate) struct Exposition {
    pub(crate) content: Vec<u8>,
    /// Whether Kamailio responded.
    pub(crate) responded: bool,
}

impl Once {
    /// Scrapes and writes. Returns whether Kamailio responded; the log has the reason if it did not. The error is a
    /// human-readable message.
    pub(crate) async fn run(self, target: Target, timeout: Duration) -> anyhow::Result<bool> {
        let instance = Instance::without_history(target, Arc::new(self.settings));
        let exposition = expose(&instance, timeout, self.format, &self.labels).await;
        match self.output {
            Some(path) => replace(&path, &exposition.content).map_err(anyhow::Error::msg)?,
            None => {
                let mut output = std::io::stdout().lock();
                let written = output.write_all(&exposition.content).and_then(|()| output.flush());
                written.context("cannot write to standard output")?;
            }
        }
        Ok(exposition.responded)
    }
}

/// Scrapes once. The metrics of this process are left out, because the exposition is merged with that of another process.
pub(crate) async fn expose(
    instance: &Arc<Instance>,
    timeout: Duration,
    format: Format,
    labels: &ConstantLabels,
) -> Exposition {
    let scrape = instance.scrape(instance.selection().clone(), Deadline::after(timeout)).await;
    instance.counters().count_request(&scrape);
    let write = || {
        let kept_labels = (!labels.is_empty()).then(constant_labels::kept);
        let mut own = samples_of(Program { process: false, kept_labels, web_config: None });
        instance.counters().add_samples(&scrape, &mut own);
        constant_labels::add(labels, format.write(catalogue().families(), &[&scrape.samples, &own]))
    };
    let kept = constant_labels::kept();
    let mut content = write();
    if kept == 0 && constant_labels::kept() > 0 {
        // There may be no further exposition to count them in.
        content = write();
    }
    Exposition { content, responded: scrape.responded }
}
