//! A scrape that several requests share.

use exporter_toolkit::sync::LockUnpoisoned as _;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// The runs that are under way, each for a key. The requests that wait for a run own it: the last of them to go away ends
/// the run.
pub struct SingleFlight<K, T: Clone> {
    running: Mutex<Vec<Running<K, T>>>,
}

/// A run, as a request waits for it.
pub type Flight<T> = Shared<BoxFuture<'static, T>>;

struct Running<K, T: Clone> {
    key: K,
    deadline: Instant,
    run: WeakShared<BoxFuture<'static, T>>,
}

impl<K: PartialEq, T: Clone + Send + Sync + 'static> SingleFlight<K, T> {
    /// Joins a run of the same key that ends before the request's deadline and has at least half as much time left as the
    /// request; without one, starts a run. So a short deadline never truncates another request's scrape. `start` gets the
    /// number of runs that are under way.
    ///
    /// # Errors
    /// That of `start`. Joining a run never fails.
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
            running.push(Running { key, deadline, run: weak });
        }
        Ok(run)
    }

    /// Returns whether a run of the key is under way.
    pub fn is_running(&self, key: &K) -> bool {
        self.list().iter().any(|running| running.key == *key)
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
