//! A token bucket: a burst, and one more event in each interval.

use crate::sync::LockUnpoisoned as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A limit on the rate of events, shared by threads. The bucket is full at the start.
///
/// ```
/// # use exporter_toolkit::rate_limit::TokenBucket;
/// # use std::time::Duration;
/// let bucket = TokenBucket::new(Duration::from_secs(1), 2);
/// assert_eq!([bucket.take(), bucket.take(), bucket.take()], [true, true, false]);
/// ```
#[derive(Debug)]
pub struct TokenBucket {
    interval: Duration,
    burst: u32,
    level: Mutex<(f64, Instant)>,
}

impl TokenBucket {
    /// Creates a bucket of `burst` tokens that gains one in each `interval`. A burst of 0 refuses every event, as
    /// `rate_limit` in Prometheus' exporter-toolkit does.
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, level: Mutex::new((f64::from(burst), Instant::now())) }
    }

    /// Takes a token, and returns whether there was one.
    pub fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut level = self.level.lock_unpoisoned();
        let gained = now.saturating_duration_since(level.1).as_secs_f64() / self.interval.as_secs_f64();
        *level = ((level.0 + gained).min(f64::from(self.burst)), now);
        if level.0 < 1.0 {
            return false;
        }
        level.0 -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_one_in_each_interval() {
        let bucket = TokenBucket::new(Duration::from_secs(1), 2);
        let start = Instant::now() + Duration::from_secs(1);
        let takes: Vec<_> = [0, 0, 0, 500, 1000, 1000, 60_000, 60_000, 60_000]
            .map(|millis| bucket.take_at(start + Duration::from_millis(millis)))
            .into();
        assert_eq!(takes, [true, true, false, false, true, false, true, true, false]);
        assert!(!TokenBucket::new(Duration::from_secs(1), 0).take_at(start + Duration::from_secs(60)));
    }
}
