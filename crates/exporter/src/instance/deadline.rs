//! The time that a request allows for a scrape.

use std::time::{Duration, Instant};

/// When a scrape has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The end.
    pub(crate) at: Instant,
    /// Whether the client allows less time than a Kamailio may need, so that a timeout is not a failure of Kamailio.
    pub(crate) is_short: bool,
}

impl Deadline {
    /// Sets the deadline by the operator's timeout.
    pub fn after(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, is_short: false }
    }

    /// Sets the deadline by the time that the client allows, if it is shorter than the operator's timeout. A time that is
    /// too short for any scrape is raised.
    pub fn of_client(allowed: Duration, timeout: Duration) -> Self {
        let is_short = allowed < FAIR && allowed < timeout;
        Self { at: Instant::now() + allowed.max(MIN).min(timeout), is_short }
    }
}

/// The shortest time that a scrape gets: many times what an idle Kamailio needs.
const MIN: Duration = Duration::from_millis(50);
/// With less time than this, a timeout is not a failure of Kamailio. A Prometheus with the shortest usual timeout, one second,
/// allows this much.
const FAIR: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_only_shorten_the_deadline() {
        let second = Duration::from_secs(1);
        for (allowed, timeout, millis, is_short) in [
            (second, 5 * second, 1000, false),
            (9 * second, 5 * second, 5000, false),
            (second / 2, 5 * second, 500, false),
            (second * 499 / 1000, 5 * second, 499, true),
            (Duration::from_nanos(1), 5 * second, 50, true),
            // The operator's timeout is not a short deadline of the client.
            (second / 2, second / 5, 200, false),
            (second / 10, second / 5, 100, true),
        ] {
            let start = Instant::now();
            let deadline = Deadline::of_client(allowed, timeout);
            let expected = Duration::from_millis(millis);
            let possible = start + expected..=Instant::now() + expected;
            assert!(possible.contains(&deadline.at), "{allowed:?} {timeout:?}");
            assert_eq!(deadline.is_short, is_short, "{allowed:?} {timeout:?}");
        }
    }
}
