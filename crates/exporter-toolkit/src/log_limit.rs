//! A limit on the log lines of other crates.

use crate::rate_limit::TokenBucket;
use std::time::Duration;
use tracing::Metadata;

/// Limits the log lines of crates other than the program's own, because clients can trigger some of them: the HTTP/2
/// implementation logs a warning for each connection that resets too many streams. This crate limits its own lines.
///
/// A program calls [`admits`](Self::admits) for each event, for example where its subscriber chooses the writer.
#[derive(Debug)]
pub struct LogLimit {
    own: &'static [&'static str],
    bucket: TokenBucket,
}

impl LogLimit {
    /// Creates a limit of one line per second after a burst of 20. `own` are the names of the program's crates, with which
    /// the targets of their events begin.
    pub fn new(own: &'static [&'static str]) -> Self {
        Self { own, bucket: TokenBucket::new(Duration::from_secs(1), BURST) }
    }

    /// Returns whether an event is to be logged, and counts it.
    pub fn admits(&self, event: &Metadata<'_>) -> bool {
        self.is_own(event.target()) || self.bucket.take()
    }

    fn is_own(&self, target: &str) -> bool {
        let name = target.split_once("::").map_or(target, |(name, _)| name);
        name == env!("CARGO_CRATE_NAME") || self.own.contains(&name)
    }
}

/// Enough to identify a cause, too few to fill a disk.
const BURST: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_crates_are_recognised_by_their_whole_name() {
        let limit = LogLimit::new(&["my_exporter"]);
        for (target, own) in [
            ("my_exporter", true),
            ("my_exporter::site", true),
            ("exporter_toolkit::server", true),
            ("my_exporter_plugin::site", false),
            ("h2::proto", false),
            ("", false),
        ] {
            assert_eq!(limit.is_own(target), own, "{target}");
        }
    }
}
