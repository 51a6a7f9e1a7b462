//! Schedules the pushes.

use std::time::{Duration, Instant};

/// Fixed ticks that do not drift; after failures, growing pauses.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    interval: Duration,
    failures: u32,
    next: Instant,
}

impl Schedule {
    /// Schedules the first push at `start`, and the others `interval` apart.
    pub(super) fn new(start: Instant, interval: Duration) -> Self {
        Self { start, interval, failures: 0, next: start }
    }

    /// Returns the time of the next push.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Schedules the push after one that has ended. After a success this is the next tick; ticks that passed meanwhile are
    /// skipped. After a failure it is a pause of twice the length of the last one. `random` shortens a pause by up to half,
    /// so that many exporters do not retry at the same time.
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

/// The pause after the first failure, unless the interval is shorter. A gateway that is restarted is back by then.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause, and so the longest gap after the end of an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Enough to reach the longest pause from the shortest interval.
const MAX_DOUBLINGS: u32 = 16;
/// The number of steps of the random half of a pause.
const SHARES: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ticks_do_not_drift_and_slow_pushes_skip_some() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 15 * SECOND);
        assert_eq!(schedule.next(), start);
        for (done, next) in [(0.0, 15), (15.2, 30), (30.0, 45), (59.9, 60), (100.0, 105), (105.1, 120)] {
            schedule.done(start + Duration::from_secs_f64(done), true, 7);
            assert_eq!(schedule.next(), start + next * SECOND, "after a push that ended at {done} s");
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_are_shortened_by_half_at_most() {
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
            assert_eq!(shortest.next(), start + interval * SECOND, "a success returns to the ticks");
            shortest.done(start, false, 0);
            assert_eq!(shortest.next(), start + pauses[0] * SECOND / 2, "pauses start over");
        }
    }

    #[test]
    fn an_interval_of_zero_does_not_divide_by_zero() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Duration::ZERO);
        schedule.done(start + SECOND, true, 0);
        assert_eq!(schedule.next(), start + SECOND + Duration::from_nanos(1));
    }

    #[test]
    fn the_longest_interval_does_not_overflow() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Duration::from_secs(366 * 24 * 3600));
        schedule.done(start + SECOND, true, 0);
        assert_eq!(schedule.next(), start + Duration::from_secs(366 * 24 * 3600));
    }
}
