//! How long a client waits.

use std::fmt;
use std::time::{Duration, Instant};

/// How long a client waits for Kamailio. Methods that take a timeout accept a [`Duration`] or an [`Instant`].
///
/// ```
/// use kamailio_binrpc::Timeout;
/// use std::time::{Duration, Instant};
///
/// // For clients that live long: each operation may take two seconds, and an idle client never expires.
/// assert_eq!(Timeout::from(Duration::from_secs(2)), Timeout::PerCall(Duration::from_secs(2)));
///
/// // For a series of calls that must be over at a point in time.
/// let end = Instant::now() + Duration::from_secs(2);
/// assert_eq!(Timeout::from(end), Timeout::Deadline(end));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// The time limit for connecting and for each later `call` and `receive`, counted from the start of that operation.
    PerCall(Duration),
    /// The point in time at which everything must be over, from connecting to the last reply.
    Deadline(Instant),
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self::PerCall(duration)
    }
}

impl From<Instant> for Timeout {
    fn from(deadline: Instant) -> Self {
        Self::Deadline(deadline)
    }
}

impl Timeout {
    /// The limit of an operation that begins now.
    pub(crate) fn begin(self) -> Limit {
        let end = match self {
            Self::PerCall(duration) => {
                let now = Instant::now();
                now.checked_add(duration).unwrap_or(now + FOREVER)
            }
            Self::Deadline(deadline) => deadline,
        };
        Limit { timeout: self, end }
    }
}

/// The limit of one operation. `Display` prints which limit has passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    timeout: Timeout,
    pub(crate) end: Instant,
}

impl Limit {
    pub(crate) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timeout {
            Timeout::PerCall(duration) => write!(f, "the timeout of {duration:?} passed"),
            Timeout::Deadline(_) => f.write_str("the deadline passed"),
        }
    }
}

/// Replaces durations that would end after the last representable `Instant`.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_begins_with_the_operation_and_a_deadline_does_not() {
        let before = Instant::now();
        let limit = Timeout::PerCall(Duration::from_secs(60)).begin();
        assert!(limit.end >= before + Duration::from_secs(60) && !limit.left().is_zero());
        assert!(limit.left() > Duration::from_secs(30));
        assert!(Timeout::Deadline(before).begin().left().is_zero());
        assert_eq!(Timeout::Deadline(before).begin().end, before);
    }

    #[test]
    fn a_timeout_may_exceed_the_range_of_instant() {
        let day = Duration::from_secs(86_400);
        assert!(Timeout::PerCall(Duration::MAX).begin().left() > 300 * day);
    }
}
