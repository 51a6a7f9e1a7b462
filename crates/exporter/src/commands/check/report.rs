//! The findings of a check.

use super::reply_size::ReplySize;
use crate::scrape::diagnosis::CollectorState;
use std::time::Duration;

/// The findings of a check.
#[derive(Debug)]
pub(super) struct Report {
    /// Kamailio's URI.
    pub(super) target: String,
    /// The unix socket, if the target is one and the file exists.
    pub(super) socket: Option<Socket>,
    /// Information that Kamailio reports about itself; `None` if it did not respond.
    pub(super) kamailio: Option<Server>,
    /// Duration of the scrape.
    pub(super) duration: Duration,
    /// Number of series of the scrape, without those about the exporter.
    pub(super) series: usize,
    /// All collectors, in the order of the exposition.
    pub(super) collectors: Vec<CollectorReport>,
    /// Reasons why the exporter cannot scrape, as human-readable messages.
    pub(super) problems: Vec<String>,
    /// Problems that concern some metrics, or are likely to occur, as human-readable messages.
    pub(super) warnings: Vec<String>,
}

/// A unix socket.
#[derive(Debug)]
pub(super) struct Socket {
    /// Owner, group and mode.
    pub(super) description: String,
    /// The user whose access was checked.
    pub(super) user: String,
    /// Whether that user can connect.
    pub(super) allowed: bool,
}

/// Information that Kamailio reports about itself.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// Name, version and platform, for example `kamailio 5.6.3 (x86_64/linux)`.
    pub(super) version: Option<String>,
    /// Time since the start.
    pub(super) uptime: Option<Duration>,
    /// Number of processes.
    pub(super) processes: Option<usize>,
}

/// A collector and its state.
#[derive(Debug)]
pub(super) struct CollectorReport {
    /// The collector's name.
    pub(super) name: &'static str,
    /// The method that it calls.
    pub(super) method: &'static str,
    /// The Kamailio module that provides the method.
    pub(super) module: &'static str,
    /// The outcome of the scrape.
    pub(super) state: CollectorState,
    /// The reason for the state, and how to change it.
    pub(super) reason: String,
    /// The collector's calls, made one at a time.
    pub(super) calls: Vec<MeasuredCall>,
}

/// A call and its reply.
#[derive(Clone, Debug)]
pub(super) struct MeasuredCall {
    /// The method.
    pub(super) method: &'static str,
    /// The arguments.
    pub(super) arguments: Vec<String>,
    /// Time from the request to the end of the reply.
    pub(super) duration: Duration,
    /// Size of the reply packet.
    pub(super) bytes: usize,
    /// How much of the buffers of module ctl the reply occupies.
    pub(super) size: ReplySize,
}

/// The overall result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There are no problems and no warnings.
    Ok,
    /// The exporter can scrape, and there are warnings.
    Warnings,
    /// The exporter cannot scrape.
    Failed,
}

impl Report {
    /// Returns the overall result.
    pub(super) fn verdict(&self) -> Verdict {
        match (&*self.problems, &*self.warnings) {
            ([], []) => Verdict::Ok,
            ([], _) => Verdict::Warnings,
            _ => Verdict::Failed,
        }
    }

    /// The collectors in a state.
    pub(super) fn in_state(&self, state: CollectorState) -> impl Iterator<Item = &CollectorReport> {
        self.collectors.iter().filter(move |collector| collector.state == state)
    }
}
