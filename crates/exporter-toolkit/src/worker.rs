//! A thread for the work that would hold up the serving thread: hashes of passwords, and handshakes.

use crate::client_address::Network;
use crate::fairness::Turns;
use crate::sync::LockUnpoisoned as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A thread that works for networks in turn. The thread starts with the first job.
pub(crate) struct Worker {
    name: &'static str,
    /// The rest of the thread after each job, as a multiple of the duration of the job.
    rest: u32,
    shared: Arc<Shared>,
}

/// The properties of a client on which its turn depends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) network: Network,
    /// Whether the network was served recently.
    pub(crate) known: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    jobs: Turns<Job>,
    started: bool,
    ended: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Worker {
    /// Creates a worker with a queue of at most `capacity` jobs, and `per_network` of each network.
    pub(crate) fn new(name: &'static str, per_network: usize, capacity: usize, rest: u32) -> Self {
        let jobs = Turns::new(per_network, capacity);
        let state = Mutex::new(State { jobs, started: false, ended: false });
        Self { name, rest, shared: Arc::new(Shared { state, changed: Condvar::new() }) }
    }

    /// Queues a job. The receiver fails if the job was not accepted, or is displaced by that of another network.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        // A client that has gone needs no result.
        let job = move || {
            if !sender.is_closed() {
                drop(sender.send(work()))
            }
        };
        let mut state = self.shared.state.lock_unpoisoned();
        if state.started || self.start() {
            state.started = true;
            state.jobs.push(turn.network, turn.known, Box::new(job));
        }
        drop(state);
        // If the lock were held, the thread would wake up only to wait for it.
        self.shared.changed.notify_one();
        receiver
    }

    fn start(&self) -> bool {
        let (shared, rest) = (self.shared.clone(), self.rest);
        let thread = std::thread::Builder::new().name(self.name.to_owned()).stack_size(STACK);
        match thread.spawn(move || shared.work(rest)) {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(%error, thread = self.name, "failed to start a thread");
                false
            }
        }
    }
}

impl Shared {
    fn work(&self, rest: u32) {
        while let Some(job) = self.next() {
            let start = Instant::now();
            // The job's receiver fails, and other jobs go on.
            let _ = catch_unwind(AssertUnwindSafe(job));
            std::thread::sleep((start.elapsed() * rest).min(MAX_REST));
        }
    }

    /// Waits for the next job; `None` at the end of the worker.
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock_unpoisoned();
        loop {
            if state.ended {
                return None;
            }
            if let Some(job) = state.jobs.pop() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.state.lock_unpoisoned().ended = true;
        self.shared.changed.notify_one();
    }
}

/// Twice what a handshake needs in a debug build.
const STACK: usize = 1 << 20;
/// Maximum rest: after a single bcrypt hash of the highest cost, the rest would otherwise last for days.
const MAX_REST: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(network: u32) -> Turn {
        Turn { network: Network::Vsock(network), known: false }
    }

    #[tokio::test]
    async fn networks_take_turns_and_excess_jobs_fail() {
        let worker = Worker::new("test", 2, 10, 0);
        let (unblock, blocked) = std::sync::mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let first = worker.run(turn(1), move || (started.send(()), blocked.recv()));
        running.await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let record = |network, name: &'static str| {
            let order = order.clone();
            worker.run(turn(network), move || order.lock().unwrap().push(name))
        };
        let jobs = [record(1, "a1"), record(1, "a2"), record(1, "a3"), record(2, "b1")];
        let cancelled = record(3, "c1");
        drop(cancelled);
        drop(unblock);
        assert!(first.await.is_ok());
        let [a1, a2, a3, b1] = jobs;
        assert!(a1.await.is_ok() && a2.await.is_ok() && b1.await.is_ok());
        assert!(a3.await.is_err(), "one network has queued more than its share");
        assert_eq!(*order.lock().unwrap(), ["a1", "b1", "a2"]);
    }

    #[tokio::test]
    async fn the_thread_ends_with_the_worker() {
        let worker = Worker::new("test", 2, 10, 0);
        assert_eq!(worker.run(turn(1), || 5).await, Ok(5));
        let shared = Arc::downgrade(&worker.shared);
        drop(worker);
        let end = Instant::now() + Duration::from_secs(30);
        while shared.strong_count() > 0 {
            assert!(Instant::now() < end, "the thread still has the queue");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_panic_fails_one_job_only() {
        let worker = Worker::new("test", 2, 10, 0);
        assert!(worker.run(turn(1), || panic!("of the test")).await.is_err());
        assert_eq!(worker.run(turn(1), || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn the_worker_rests_after_each_job() {
        let worker = Worker::new("test", 2, 10, 1);
        let busy = |millis| move || std::thread::sleep(Duration::from_millis(millis));
        let start = Instant::now();
        worker.run(turn(1), busy(50)).await.unwrap();
        worker.run(turn(1), busy(0)).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
    }
}
