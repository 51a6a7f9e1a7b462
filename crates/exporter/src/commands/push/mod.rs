//! Sends the metrics to a Pushgateway, from where no Prometheus gets to.

mod gateway;
mod group;
mod schedule;

pub(crate) use gateway::{BasicAuth, Gateway};
pub(crate) use group::Group;

use crate::commands::once::expose;
use crate::instance::{Instance, Settings};
use bytes::Bytes;
use exporter_toolkit::systemd::notify;
use kamailio_binrpc::Target;
use prometheus_exposition::Format;
use schedule::Schedule;
use sd_notify::NotifyState;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// What to push, where to, and when.
#[derive(Debug)]
pub(crate) struct Push {
    /// What Kamailio is asked for.
    pub settings: Settings,
    /// Who gets it.
    pub gateway: Gateway,
    /// From one push to the next.
    pub interval: Duration,
    /// Whether the group is deleted at the end.
    pub delete_on_exit: bool,
}

impl Push {
    /// Scrapes and pushes until `stop`. Each push has a scrape of its own, so that the gateway gets the latest and
    /// nothing queues while it is down. The error is a sentence.
    pub(crate) async fn run(
        self,
        target: Target,
        timeout: Duration,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        self.gateway.check().map_err(anyhow::Error::msg)?;
        let gateway = &self.gateway;
        tracing::info!(%gateway, interval = ?self.interval, "Pushing to");
        let instance = Instance::new(target, Arc::new(self.settings));
        let mut schedule = Schedule::new(Instant::now(), self.interval);
        let mut log = Log { pushed: None };
        let mut stop = pin!(stop);
        notify(&[NotifyState::Ready]);
        loop {
            tokio::select! {
                () = sleep_until(schedule.next().into()) => {}
                () = &mut stop => break,
            }
            let exposition = tokio::select! {
                exposition = expose(&instance, timeout, FORMAT) => exposition,
                () = &mut stop => break,
            };
            let mut push = pin!(gateway.put(Bytes::from(exposition.content), FORMAT));
            let pushed = tokio::select! {
                pushed = &mut push => pushed,
                () = &mut stop => {
                    // Cut off, it could still arrive, and after the group was deleted.
                    if self.delete_on_exit {
                        let _ = tokio::time::timeout(LAST_PUSH, push).await;
                    }
                    break;
                }
            };
            log.note(&pushed);
            schedule.done(Instant::now(), pushed.is_ok(), random());
        }
        notify(&[NotifyState::Stopping]);
        if self.delete_on_exit {
            gateway.delete().await.map_err(anyhow::Error::msg)?;
            tracing::info!(%gateway, "group deleted");
        }
        Ok(())
    }
}

/// What the log has already said of the gateway.
struct Log {
    pushed: Option<bool>,
}

impl Log {
    /// Logs what has changed.
    fn note(&mut self, pushed: &Result<(), String>) {
        let before = self.pushed.replace(pushed.is_ok());
        match pushed {
            Ok(()) if before == Some(false) => tracing::info!("the gateway takes pushes again"),
            Ok(()) if before.is_none() => tracing::info!("the gateway takes pushes"),
            Err(error) if before != Some(false) => tracing::error!(error, "push failed, trying again"),
            Err(error) => tracing::debug!(error, "push failed"),
            Ok(()) => {}
        }
    }
}

/// The standard library seeds its hash tables at random, and that is random enough here.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// What every version of the Pushgateway reads.
const FORMAT: Format = Format::TEXT;
/// For a push that is under way at the end: with the time for the deletion, less than the ten seconds that containers
/// have to stop in.
const LAST_PUSH: Duration = Duration::from_secs(3);
