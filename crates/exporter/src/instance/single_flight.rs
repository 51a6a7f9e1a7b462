//! A scrape that several requests share.

use exporter_toolkit::sync::LockUnpoisoned as _;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// The runs that are under way, each for a key. The requests that wait for a run own the run: it is
/// dropped when the last of their clients disconnects.
pub struct SingleFlight<K, T: Clone> {
    running: Mutex<Vec<Running<K, T>>>,
}

/// A run for which a request waits.
pub type Flight<T> = Shared<BoxFuture<'static, T>>;

struct Running<K, T: Clone> {
    key: K,
    start: Instant,
    deadline: Instant,
    run: WeakShared<BoxFuture<'static, T>>,
}

impl<K: PartialEq, T: Clone + Send + Sync + 'static> SingleFlight<K, T> {
    /// Joins a run of the same key that ends before the request's deadline and has at least half as much time left as the
    /// request; without one, starts a run. A short deadline therefore never truncates another request's scrape. `start` gets
    /// the number of runs that are under way.
    ///
    /// # Errors
    /// The error of `start`. Joining a run never fails.
    pub fn join<F, E>(
        &self,
        key: K,
        deadline: Instant,
        start: impl FnOnce(usize) -> Result<F, E>,
    ) -> Result<Flight<T>, E>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut running = self.list();
        let now = tokio::time::Instant::now().into_std();
        let half = deadline.saturating_duration_since(now) / 2;
        let in_time = |end: Instant| end <= deadline && end.saturating_duration_since(now) >= half;
        let fits = |running: &&Running<K, T>| running.key == key && in_time(running.deadline);
        if let Some(run) = running.iter().find(fits).and_then(|running| running.run.upgrade()) {
            return Ok(run);
        }
        let run = start(running.len())?.boxed().shared();
        if let Some(weak) = run.downgrade() {
            running.push(Running { key, start: now, deadline, run: weak });
        }
        Ok(run)
    }

    /// Returns whether a run of the key is under way.
    pub fn is_running(&self, key: &K) -> bool {
        self.list().iter().any(|running| running.key == *key)
    }

    /// Returns when the oldest of the runs that are under way was started.
    pub fn oldest_start(&self) -> Option<Instant> {
        self.list().iter().map(|running| running.start).min()
    }

    /// Returns the number of runs that are under way.
    pub fn active(&self) -> usize {
        self.list().len()
    }

    /// Locks the list and removes the runs that have ended. No code that holds the lock can panic and leave the list half
    /// changed.
    fn list(&self) -> MutexGuard<'_, Vec<Running<K, T>>> {
        let mut running = self.running.lock_unpoisoned();
        running.retain(|running| running.run.upgrade().is_some_and(|run| run.peek().is_none()));
        running
    }
}

impl<K, T: Clone> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::time::Duration;
    use tokio::sync::oneshot;

    /// Runs that the test ends. The result of a run is its number.
    #[derive(Default)]
    struct Runs {
        flights: SingleFlight<&'static str, usize>,
        ends: Vec<oneshot::Sender<()>>,
    }

    impl Runs {
        /// Requests a run of this key that ends in `seconds` seconds. Returns the run, and the number of runs before it if
        /// one was started.
        fn join(&mut self, key: &'static str, seconds: u64) -> (Flight<usize>, Option<usize>) {
            let deadline = tokio::time::Instant::now().into_std() + Duration::from_secs(seconds);
            let (number, mut active) = (self.ends.len(), None);
            let ends = &mut self.ends;
            let start = |running| {
                active = Some(running);
                let (end, ended) = oneshot::channel();
                ends.push(end);
                Ok::<_, Infallible>(async move {
                    let _ = ended.await;
                    number
                })
            };
            let Ok(flight) = self.flights.join(key, deadline, start);
            (flight, active)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_joins_a_run_of_its_key_that_has_half_of_its_time_and_no_more() {
        let mut runs = Runs::default();
        let (first, started) = runs.join("a", 10);
        assert_eq!(started, Some(0));
        for (key, seconds, expected) in
            [("a", 10, None), ("a", 20, None), ("a", 21, Some(1)), ("a", 9, Some(1)), ("b", 10, Some(1))]
        {
            let (flight, started) = runs.join(key, seconds);
            assert_eq!(started, expected, "{key} {seconds}");
            // A run that was started here has no other owner.
            assert!(flight.ptr_eq(&first) == expected.is_none(), "{key} {seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_runs_that_have_not_ended_and_have_an_owner_are_running() {
        let mut runs = Runs::default();
        let state = |runs: &Runs| {
            let flights = &runs.flights;
            (flights.active(), flights.is_running(&"a"), flights.is_running(&"b"))
        };
        assert_eq!(state(&runs), (0, false, false));
        let (a, _) = runs.join("a", 10);
        assert_eq!(state(&runs), (1, true, false));
        let (b, started) = runs.join("b", 10);
        assert_eq!((started, state(&runs)), (Some(1), (2, true, true)));
        runs.ends.remove(0).send(()).unwrap();
        assert_eq!((a.clone().await, state(&runs)), (0, (1, false, true)), "the owner of a has its result");
        drop(b);
        assert_eq!(state(&runs), (0, false, false));
        drop(a);
        assert_eq!(runs.join("a", 10).1, Some(0), "an ended run is not joined");
    }

    #[tokio::test]
    async fn a_run_that_cannot_start_leaves_nothing_behind() {
        let flights = SingleFlight::<_, ()>::default();
        let refused = flights.join("a", Instant::now(), |_| Err::<std::future::Ready<()>, _>("busy"));
        assert_eq!((refused.err(), flights.active()), (Some("busy"), 0));
    }
}
