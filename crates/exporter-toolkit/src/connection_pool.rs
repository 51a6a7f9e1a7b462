//! The limit on connections, and which one is closed when another arrives.

use crate::sync::LockUnpoisoned as _;
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The open connections. Beyond the limit, a new connection evicts the one that has waited longest for a request, and
/// those that were never served first, so that half-open connections cannot exclude other clients.
pub(crate) struct ConnectionPool {
    size: usize,
    timeouts: Timeouts,
    state: Mutex<State>,
    freed: Notify,
}

/// Limits on slow clients.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the TLS handshake with the headers of the first request, and for the headers of each later request. Default:
    /// 10 s.
    pub header: Duration,
    /// Between two requests. Default: 6 min, because Prometheus closes its idle connections after 5.
    pub idle: Duration,
    /// For a client to read more of a response. Default: 30 s.
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(6 * 60),
            write: Duration::from_secs(30),
        }
    }
}

/// A connection's slot in the pool, until it is dropped.
pub(crate) struct Slot {
    pool: Arc<ConnectionPool>,
    id: u64,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    next: u64,
    entries: HashMap<u64, Entry>,
    /// The bytes of answers that clients have not taken.
    unread: usize,
    /// Whether it was served, since when it has waited (as a number), and which it is: the first goes first.
    waiting: BTreeSet<(bool, u64, u64)>,
}

struct Entry {
    phase: Phase,
    served: bool,
    requests: usize,
    unread: usize,
    since: u64,
    changed: Arc<Notify>,
}

enum Phase {
    /// The handshake, or a request's head, has begun.
    Header(Instant),
    /// The last answer is on its way.
    Idle(Instant),
    /// A request is answered.
    Busy,
}

impl ConnectionPool {
    pub(crate) fn new(size: usize, timeouts: Timeouts) -> Arc<Self> {
        Arc::new(Self { size: size.max(1), timeouts, state: Mutex::default(), freed: Notify::new() })
    }

    /// A entry, at once unless every connection has a request under way.
    pub(crate) async fn enter(self: &Arc<Self>) -> Slot {
        loop {
            if let Some(slot) = self.try_enter() {
                return slot;
            }
            self.freed.notified().await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.lock();
        if state.entries.len() >= self.size {
            let (.., longest) = *state.waiting.first()?;
            state.remove(longest);
        }
        let id = state.number();
        let changed = Arc::new(Notify::new());
        let entry = Entry {
            phase: Phase::Header(Instant::now()),
            served: false,
            requests: 0,
            unread: 0,
            since: id,
            changed: changed.clone(),
        };
        state.waiting.insert((false, id, id));
        state.entries.insert(id, entry);
        Some(Slot { pool: self.clone(), id, changed })
    }

    /// Ends the connections on which a request is not yet complete: no answer is lost.
    pub(crate) fn close_incomplete(&self) {
        let mut state = self.lock();
        let heads = state.entries.iter().filter(|(_, entry)| matches!(entry.phase, Phase::Header(_)));
        for id in heads.map(|(id, _)| *id).collect::<Vec<_>>() {
            state.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock_unpoisoned()
    }
}

impl Slot {
    pub(crate) fn timeouts(&self) -> Timeouts {
        self.pool.timeouts
    }

    /// Bytes have come: of a request, if none is under way.
    pub(crate) fn bytes_arrived(&self) {
        if let Some(entry) = self.pool.lock().entries.get_mut(&self.id)
            && matches!(entry.phase, Phase::Idle(_))
        {
            entry.phase = Phase::Header(Instant::now());
            entry.changed.notify_one();
        }
    }

    /// A request is complete.
    pub(crate) fn request_begins(&self) {
        let mut state = self.pool.lock();
        let State { entries, waiting, .. } = &mut *state;
        if let Some(entry) = entries.get_mut(&self.id) {
            entry.requests += 1;
            entry.phase = Phase::Busy;
            waiting.remove(&(entry.served, entry.since, self.id));
        }
    }

    /// An answer is ready; `served` if it is what a client with all rights gets.
    pub(crate) fn request_ends(&self, served: bool) {
        let mut state = self.pool.lock();
        let since = state.number();
        let State { entries, waiting, .. } = &mut *state;
        if let Some(entry) = entries.get_mut(&self.id) {
            entry.requests = entry.requests.saturating_sub(1);
            entry.served |= served;
            if entry.requests == 0 {
                entry.since = since;
                entry.phase = Phase::Idle(Instant::now());
                waiting.insert((entry.served, since, self.id));
                entry.changed.notify_one();
                self.pool.freed.notify_one();
            }
        }
    }

    /// The answer's bytes, which count as unread until they are dropped. If there are too many of all answers, those go
    /// whose clients have had theirs for the longest time.
    pub(crate) fn track(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let len = bytes.len();
        let mut state = self.pool.lock();
        let Some(entry) = state.entries.get_mut(&self.id) else { return Bytes::new() };
        entry.unread += len;
        state.unread += len;
        while state.unread > MAX_UNREAD {
            let holds = |id: &u64| state.entries.get(id).is_some_and(|entry| entry.unread > 0);
            let slowest = state
                .waiting
                .iter()
                .map(|(.., id)| *id)
                .filter(holds)
                .min_by_key(|id| state.entries.get(id).map_or(u64::MAX, |entry| entry.since));
            match slowest {
                Some(slowest) if slowest != self.id => state.remove(slowest),
                _ => break,
            }
        }
        drop(state);
        Bytes::from_owner(Unread { bytes, slot: self.clone() })
    }

    /// Returns when the connection has to end, with the reason.
    pub(crate) async fn closed(&self) -> &'static str {
        let Timeouts { header, idle, .. } = self.pool.timeouts;
        loop {
            let (deadline, reason) = match self.pool.lock().entries.get(&self.id).map(|entry| &entry.phase) {
                None => return "evicted: connection limit reached",
                Some(Phase::Busy) => (None, ""),
                Some(Phase::Header(since)) => (since.checked_add(header), "request timed out"),
                Some(Phase::Idle(since)) => (since.checked_add(idle), "idle timeout"),
            };
            match deadline {
                Some(deadline) if deadline <= Instant::now() => return reason,
                Some(deadline) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(deadline) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }
}

/// Bytes of an answer.
struct Unread {
    bytes: Bytes,
    slot: Arc<Slot>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let mut state = self.slot.pool.lock();
        if let Some(entry) = state.entries.get_mut(&self.slot.id) {
            entry.unread -= self.bytes.len();
            state.unread -= self.bytes.len();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.lock().remove(self.id);
        self.pool.freed.notify_one();
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn remove(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.waiting.remove(&(entry.served, entry.since, id));
            self.unread -= entry.unread;
            entry.changed.notify_one();
        }
    }
}

/// Of answers, in bytes: enough for many that are taken at their client's pace, too few to fill the memory.
const MAX_UNREAD: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const TIMEOUTS: Timeouts = Timeouts {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(300),
        write: Duration::from_secs(30),
    };

    fn is_closed(slot: &Slot) -> bool {
        slot.closed().now_or_never().is_some()
    }

    #[tokio::test]
    async fn who_was_never_served_goes_first_and_who_is_busy_never() {
        let pool = ConnectionPool::new(3, TIMEOUTS);
        let served = pool.enter().await;
        served.request_begins();
        served.request_ends(true);
        let (old, new) = (pool.enter().await, pool.enter().await);
        let fourth = pool.enter().await;
        assert_eq!([&served, &old, &new, &fourth].map(is_closed), [false, true, false, false]);
        for slot in [&new, &fourth] {
            slot.request_begins();
        }
        let fifth = pool.enter().await;
        assert_eq!([&served, &new, &fourth, &fifth].map(is_closed), [true, false, false, false]);
        fifth.request_begins();
        assert!(pool.enter().now_or_never().is_none(), "a busy connection went");
        drop(new);
        assert!(pool.enter().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_waits_outside_comes_in_when_an_answer_is_ready() {
        let pool = ConnectionPool::new(1, TIMEOUTS);
        let busy = pool.enter().await;
        busy.request_begins();
        let mut waits = std::pin::pin!(pool.enter());
        assert!((&mut waits).now_or_never().is_none());
        busy.request_ends(true);
        assert!((&mut waits).now_or_never().is_some() && is_closed(&busy));
    }

    #[tokio::test]
    async fn answers_that_nobody_takes_make_pool_for_others() {
        let pool = ConnectionPool::new(20, TIMEOUTS);
        let answer = |slot: &Arc<Slot>| {
            slot.request_begins();
            let held = slot.track(Bytes::from(vec![0; 1 << 20]));
            slot.request_ends(true);
            held
        };
        let mut slots = Vec::new();
        for _ in 0..10 {
            let slot = Arc::new(pool.enter().await);
            let held = answer(&slot);
            slots.push((slot, held));
        }
        let over: Vec<_> = slots.iter().map(|(slot, _)| is_closed(slot)).collect();
        assert_eq!(over.iter().filter(|over| **over).count(), 2, "{over:?}");
        assert!(over[0] && over[1], "{over:?}");
        assert_eq!(pool.lock().unread, 8 << 20);
        slots.clear();
        let state = pool.lock();
        assert_eq!((state.unread, state.entries.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_and_a_silence_have_their_times() {
        let pool = ConnectionPool::new(3, TIMEOUTS);
        let start = Instant::now();
        let slot = pool.enter().await;
        assert_eq!(slot.closed().await, "request timed out");
        assert_eq!(start.elapsed().as_secs(), 10);
        let slot = pool.enter().await;
        slot.request_begins();
        assert!(tokio::time::timeout(Duration::from_secs(3600), slot.closed()).await.is_err(), "it was busy");
        slot.request_ends(true);
        let start = Instant::now();
        assert_eq!(slot.closed().await, "idle timeout");
        assert_eq!(start.elapsed().as_secs(), 300);
        let slot = pool.enter().await;
        slot.request_begins();
        slot.request_ends(true);
        tokio::time::sleep(Duration::from_secs(200)).await;
        slot.bytes_arrived();
        let start = Instant::now();
        assert_eq!(slot.closed().await, "request timed out");
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}
