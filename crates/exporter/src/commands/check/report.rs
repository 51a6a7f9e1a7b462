//! What an examination has found.

use crate::commands::check::room::Room;
use crate::scrape::diagnosis::State;
use std::time::Duration;

/// What an examination has found.
#[derive(Debug)]
pub(super) struct Report {
    /// The Kamailio's URI.
    pub(super) target: String,
    /// Its socket's file, if it has one.
    pub(super) socket: Option<Socket>,
    /// What Kamailio says of itself.
    pub(super) kamailio: Option<Server>,
    /// How long the scrape took.
    pub(super) duration: Duration,
    /// How many series it brought, without those about the exporter.
    pub(super) series: usize,
    /// The collectors, in the order of the exposition.
    pub(super) collectors: Vec<Examined>,
    /// Why there are no metrics, in sentences.
    pub(super) problems: Vec<String>,
    /// What is or could become wrong, in sentences.
    pub(super) warnings: Vec<String>,
}

/// The file of a unix socket.
#[derive(Debug)]
pub(super) struct Socket {
    /// What it is, and whose.
    pub(super) description: String,
    /// Who is to use it.
    pub(super) user: String,
    /// Whether that is possible.
    pub(super) allowed: bool,
}

/// What Kamailio says of itself. What it does not say is not there.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// `kamailio 5.6.3 (x86_64/linux)`.
    pub(super) version: Option<String>,
    /// Since when it runs.
    pub(super) uptime: Option<Duration>,
    /// How many processes it has.
    pub(super) processes: Option<usize>,
}

/// A collector and how it fared.
#[derive(Debug)]
pub(super) struct Examined {
    /// Its name.
    pub(super) name: &'static str,
    /// The method that it calls.
    pub(super) method: &'static str,
    /// The module that has the method.
    pub(super) module: &'static str,
    /// How it fared.
    pub(super) state: State,
    /// Why, and what would change it.
    pub(super) reason: String,
    /// Its calls, made one at a time.
    pub(super) calls: Vec<Measured>,
}

/// A call and its reply.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// The method.
    pub(super) method: &'static str,
    /// The arguments.
    pub(super) arguments: Vec<String>,
    /// From the request to the end of the reply.
    pub(super) duration: Duration,
    /// The whole reply.
    pub(super) bytes: usize,
    /// What it takes of ctl's buffers.
    pub(super) room: Room,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is wrong.
    Ok,
    /// There are metrics, and something is or could become wrong.
    Warnings,
    /// There are no metrics.
    Failed,
}

impl Report {
    /// What it comes to.
    pub(super) fn verdict(&self) -> Verdict {
        match (&*self.problems, &*self.warnings) {
            ([], []) => Verdict::Ok,
            ([], _) => Verdict::Warnings,
            _ => Verdict::Failed,
        }
    }

    /// The collectors that are in a state.
    pub(super) fn in_state(&self, state: State) -> impl Iterator<Item = &Examined> {
        self.collectors.iter().filter(move |collector| collector.state == state)
    }
}
