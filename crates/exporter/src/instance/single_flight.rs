//! A scrape that several requests share.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
    /// request; without one, starts a run. So a short deadline never truncates another request's scrape.
    pub fn join<F>(&self, key: K, deadline: Instant, start: impl FnOnce() -> F) -> Flight<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut running = self.list();
        running.retain(|running| running.run.upgrade().is_some_and(|run| run.peek().is_none()));
        let now = tokio::time::Instant::now().into_std();
        let half = deadline.saturating_duration_since(now) / 2;
        let in_time = |end: Instant| end <= deadline && end.saturating_duration_since(now) >= half;
        let fits = |running: &&Running<K, T>| running.key == key && in_time(running.deadline);
        if let Some(run) = running.iter().find(fits).and_then(|running| running.run.upgrade()) {
            return run;
        }
        let run = start().boxed().shared();
        if let Some(weak) = run.downgrade() {
            running.push(Running { key, deadline, run: weak });
        }
        run
    }

    /// Returns the number of runs in the list. Runs that have ended are removed when the next request comes.
    pub fn remembered(&self) -> usize {
        self.list().len()
    }

    /// No code that holds the lock can panic and leave the list half changed.
    fn list(&self) -> MutexGuard<'_, Vec<Running<K, T>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, T: Clone> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}
