//! Pushes the metrics to a Pushgateway, from networks that Prometheus cannot reach.

mod gateway;
mod group;
mod schedule;

pub(crate) use gateway::Gateway;
pub(crate) use group::Group;

use crate::commands::once::expose;
use crate::instance::{Instance, Settings};
use crate::outbound::Target;
use bytes::Bytes;
use exporter_toolkit::systemd::{notify_ready, notify_stopping};
use prometheus_exposition::{ConstantLabels, Format};
use schedule::Schedule;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// The options of `push`.
#[derive(Debug)]
pub(crate) struct Push {
    /// The settings for the scrapes.
    pub settings: Settings,
    /// The Pushgateway.
    pub gateway: Gateway,
    /// Labels that every sample gets, apart from those of the group.
    pub labels: ConstantLabels,
    /// The time from one push to the next.
    pub interval: Duration,
    /// Whether to delete the group at the Pushgateway on exit.
    pub delete_on_exit: bool,
}

impl Push {
    /// Scrapes and pushes until `stop` resolves. Each push has a scrape of its own: the gateway gets the latest values, and
    /// nothing is queued while the gateway is down. The error is a human-readable message.
    pub(crate) async fn run(
        self,
        target: Target,
        timeout: Duration,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        self.gateway.check().map_err(anyhow::Error::msg)?;
        let gateway = &self.gateway;
        tracing::info!(%gateway, interval = ?self.interval, "pushing started");
        let instance = Instance::without_history(target, Arc::new(self.settings));
        let mut schedule = Schedule::new(Instant::now(), self.interval);
        let mut outcome = OutcomeLog::default();
        let mut stop = pin!(stop);
        notify_ready();
        loop {
            tokio::select! {
                () = sleep_until(schedule.next().into()) => {}
                () = &mut stop => break,
            }
            let exposition = tokio::select! {
                exposition = expose(&instance, timeout, FORMAT, &self.labels) => exposition,
                () = &mut stop => break,
            };
            let mut push = pin!(gateway.put(Bytes::from(exposition.content), FORMAT));
            let pushed = tokio::select! {
                pushed = &mut push => pushed,
                () = &mut stop => {
                    // An aborted push could still be executed, after the deletion of the group.
                    if self.delete_on_exit {
                        let _ = tokio::time::timeout(LAST_PUSH, push).await;
                    }
                    break;
                }
            };
            outcome.log(&pushed);
            schedule.done(Instant::now(), pushed.is_ok(), random());
        }
        notify_stopping();
        if self.delete_on_exit {
            gateway.delete().await.map_err(anyhow::Error::msg)?;
            tracing::info!(%gateway, "group deleted");
        }
        Ok(())
    }
}

/// Logs outcomes of pushes when they change.
#[derive(Default)]
struct OutcomeLog {
    last: Option<bool>,
}

impl OutcomeLog {
    fn log(&mut self, pushed: &Result<(), String>) {
        let before = self.last.replace(pushed.is_ok());
        match pushed {
            Ok(()) if before == Some(false) => tracing::info!("push succeeded after failures"),
            Ok(()) if before.is_none() => tracing::info!("first push succeeded"),
            Err(error) if before != Some(false) => tracing::error!(error, "push failed, will retry"),
            Err(error) => tracing::debug!(error, "push failed"),
            Ok(()) => {}
        }
    }
}

/// A random number, from the seed of the standard library's hash tables.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// The format that every version of the Pushgateway reads.
const FORMAT: Format = Format::TEXT;
/// The time for a push that is in progress on exit. Together with the time for the deletion, this is less than the ten
/// seconds after which container runtimes kill a process.
const LAST_PUSH: Duration = Duration::from_secs(3);
