//! When to push next.

use std::time::{Duration, Instant};

/// Ticks on a grid that does not drift; after a failure, pauses that grow.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    interval: Duration,
    failures: u32,
    next: Instant,
}

impl Schedule {
    /// The first push is at `start`, the others `interval` apart.
    pub(super) fn new(start: Instant, interval: Duration) -> Self {
        Self { start, interval, failures: 0, next: start }
    }

    /// When the next push is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A push ended. After a good one the next tick counts, and ticks that went by meanwhile do not. After a bad one
    /// comes a pause, twice as long as that before; of it at least half, by `random`, so that many exporters do not
    /// come back at once.
    pub(super) fn done(&mut self, now: Instant, pushed: bool, random: u64) {
        if pushed {
            self.failures = 0;
            self.next = now + self.until_tick(now);
            return;
        }
        let pause = self.interval.min(FIRST_PAUSE);
        let pause = pause.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let share = u32::try_from(random % u64::from(SHARES)).unwrap_or_default();
        self.next = now + pause / 2 + pause / 2 * share / SHARES;
    }

    fn until_tick(&self, now: Instant) -> Duration {
        let interval = self.interval.as_nanos().max(1);
        let since = now.saturating_duration_since(self.start).as_nanos() % interval;
        Duration::from_nanos(u64::try_from(interval - since).unwrap_or(u64::MAX))
    }
}

/// After the first failure: a gateway that is restarted is back by then. With a shorter interval, that.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// However long the gateway is away: what is missing at the end of an outage is at most this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Enough to get from the shortest interval to the longest pause.
const MAX_DOUBLINGS: u32 = 16;
/// How finely the random half of a pause is divided.
const SHARES: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ticks_stay_on_their_grid_and_slow_pushes_skip_some() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 15 * SECOND);
        assert_eq!(schedule.next(), start);
        for (done, next) in [(0.0, 15), (15.2, 30), (30.0, 45), (59.9, 60), (100.0, 105), (105.1, 120)] {
            schedule.done(start + Duration::from_secs_f64(done), true, 7);
            assert_eq!(schedule.next(), start + next * SECOND, "after a push that ended at {done} s");
        }
    }

    #[test]
    fn pauses_grow_to_a_minute_and_are_never_less_than_half() {
        let start = Instant::now();
        for (interval, pauses) in [
            (15, [5, 10, 20, 40, 60, 60, 60, 60, 60]),
            (3600, [5, 10, 20, 40, 60, 60, 60, 60, 60]),
            (1, [1, 2, 4, 8, 16, 32, 60, 60, 60]),
        ] {
            let (mut shortest, mut longest) =
                (Schedule::new(start, interval * SECOND), Schedule::new(start, interval * SECOND));
            for pause in pauses {
                shortest.done(start, false, 0);
                longest.done(start, false, u64::from(SHARES) - 1);
                assert_eq!(shortest.next(), start + pause * SECOND / 2);
                let longest = longest.next() - start;
                assert!(longest <= pause * SECOND && longest > pause * SECOND * 99 / 100, "{longest:?}");
            }
            for _ in 0..100 {
                shortest.done(start, false, u64::MAX);
            }
            assert!(shortest.next() <= start + LONGEST_PAUSE);
            shortest.done(start, true, 0);
            assert_eq!(shortest.next(), start + interval * SECOND, "a good push puts it back on the grid");
            shortest.done(start, false, 0);
            assert_eq!(shortest.next(), start + pauses[0] * SECOND / 2, "and the pauses begin anew");
        }
    }

    #[test]
    fn the_longest_interval_is_no_overflow() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Duration::from_secs(366 * 24 * 3600));
        schedule.done(start + SECOND, true, 0);
        assert_eq!(schedule.next(), start + Duration::from_secs(366 * 24 * 3600));
    }
}
