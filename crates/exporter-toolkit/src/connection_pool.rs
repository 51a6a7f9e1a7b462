//! The limit on connections, and the life of each.

use crate::client_address::Network;
use crate::fairness::{Eviction, KnownNetworks, Served};
use crate::sync::LockUnpoisoned as _;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The open connections. Beyond the limit, a new one evicts another ([`Eviction`]) or is refused.
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
    /// Maximum time for the TLS handshake with the headers of the first request, and for the headers of each later request.
    /// Default: 10 s.
    pub header: Duration,
    /// Maximum time between two requests. Default: 6 min, because Prometheus closes its idle connections after 5.
    pub idle: Duration,
    /// Maximum time in which a client reads nothing of a response. Default: 30 s.
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
    network: Network,
    changed: Arc<Notify>,
}

struct State {
    last_id: u64,
    /// The connections that are not evicted.
    entries: BTreeMap<u64, Entry>,
    /// All slots, including those of evicted connections whose sockets are not closed yet.
    slots: usize,
    eviction: Eviction,
    known: KnownNetworks,
    /// The bytes of responses that clients have not read.
    unread: usize,
}

struct Entry {
    phase: Phase,
    /// The number of requests in progress, more than one with HTTP/2.
    requests: usize,
    /// The best result of the requests since the connection was last idle.
    served: Served,
    unread: usize,
    changed: Arc<Notify>,
}

enum Phase {
    /// The TLS handshake or the header of a request has begun.
    Header(Instant),
    /// The last response is on its way or was read.
    Idle(Instant),
    /// A request is in progress.
    Busy,
}

impl ConnectionPool {
    pub(crate) fn new(size: usize, timeouts: Timeouts) -> Arc<Self> {
        let size = size.max(1);
        let eviction = Eviction::new(size);
        let state = State {
            last_id: 0,
            entries: BTreeMap::new(),
            slots: 0,
            known: KnownNetworks::new(eviction.max_known_networks()),
            eviction,
            unread: 0,
        };
        Arc::new(Self { size, timeouts, state: Mutex::new(state), freed: Notify::new() })
    }

    /// Returns a slot for a new connection, or `None` if the connection is refused. Waits for the sockets of evicted
    /// connections to be closed, so that the number of descriptors has a limit too.
    pub(crate) async fn enter(self: &Arc<Self>, network: Network) -> Option<Slot> {
        while self.lock().slots >= self.size + MAX_CLOSING {
            self.freed.notified().await;
        }
        let mut state = self.lock();
        let known = state.known.contains(network, Instant::now().into_std());
        if state.entries.len() >= self.size {
            let victim = state.eviction.victim(network, known)?;
            state.remove(victim);
        }
        state.last_id += 1;
        state.slots += 1;
        let (id, changed) = (state.last_id, Arc::new(Notify::new()));
        let phase = Phase::Header(Instant::now());
        state.entries.insert(
            id,
            Entry { phase, requests: 0, served: Served::No, unread: 0, changed: changed.clone() },
        );
        state.eviction.insert(id, network, known);
        Some(Slot { pool: self.clone(), id, network, changed })
    }

    /// Closes the connections whose request is not complete. No response is lost.
    pub(crate) fn close_incomplete(&self) {
        let mut state = self.lock();
        let incomplete = state.entries.iter().filter(|(_, entry)| matches!(entry.phase, Phase::Header(_)));
        for id in incomplete.map(|(id, _)| *id).collect::<Vec<_>>() {
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

    /// Returns whether the client's network was served recently.
    pub(crate) fn is_known(&self) -> bool {
        self.pool.lock().known.contains(self.network, Instant::now().into_std())
    }

    /// Records that bytes have arrived; they belong to a request header unless a request is in progress.
    pub(crate) fn bytes_arrived(&self) {
        if let Some(entry) = self.pool.lock().entries.get_mut(&self.id)
            && matches!(entry.phase, Phase::Idle(_))
        {
            entry.phase = Phase::Header(Instant::now());
            entry.changed.notify_one();
        }
    }

    /// Records that the header of a request is complete. The connection can still be evicted.
    pub(crate) fn request_begins(&self) {
        if let Some(entry) = self.pool.lock().entries.get_mut(&self.id) {
            entry.requests += 1;
            entry.phase = Phase::Busy;
        }
    }

    /// Records that the request was admitted.
    pub(crate) fn request_admitted(&self) {
        self.pool.lock().eviction.request_admitted(self.id);
    }

    /// Records that the response is ready, or that the request was cancelled.
    pub(crate) fn request_ends(&self, served: Served) {
        let mut state = self.pool.lock();
        let now = Instant::now();
        if served > Served::No {
            state.known.record(self.network, now.into_std());
        }
        let Some(entry) = state.entries.get_mut(&self.id) else { return };
        entry.requests = entry.requests.saturating_sub(1);
        entry.served = entry.served.max(served);
        if entry.requests == 0 {
            let served = std::mem::replace(&mut entry.served, Served::No);
            entry.phase = Phase::Idle(now);
            entry.changed.notify_one();
            let known = state.known.contains(self.network, now.into_std());
            state.eviction.request_ended(self.id, served, known);
        }
    }

    /// Counts the bytes of a response as unread until they are dropped. If all responses together exceed the limit, closes
    /// the other connections whose unread responses are oldest, unless a request is in progress on them.
    pub(crate) fn track(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let len = bytes.len();
        let mut state = self.pool.lock();
        let Some(entry) = state.entries.get_mut(&self.id) else { return Bytes::new() };
        entry.unread += len;
        state.unread += len;
        while state.unread > MAX_UNREAD {
            let reading = state.entries.iter().filter_map(|(id, entry)| match entry.phase {
                Phase::Header(since) | Phase::Idle(since) if entry.unread > 0 => Some((since, *id)),
                _ => None,
            });
            match reading.min() {
                Some((_, slowest)) if slowest != self.id => state.remove(slowest),
                _ => break,
            }
        }
        drop(state);
        Bytes::from_owner(Unread { bytes, slot: self.clone() })
    }

    /// Returns when the connection has to be closed, with the reason.
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

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.remove(self.id);
        state.slots -= 1;
        // The worker of the handshakes can be the last to hold a slot. If it notified while holding the lock, the serving
        // thread would wake up only to wait for the lock.
        drop(state);
        self.pool.freed.notify_one();
    }
}

/// The bytes of a response.
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

impl State {
    fn remove(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.eviction.remove(id);
            self.unread -= entry.unread;
            entry.changed.notify_one();
        }
    }
}

/// Maximum number of evicted connections whose sockets are still open.
const MAX_CLOSING: usize = 16;
/// Maximum number of bytes of responses that clients have not read: enough for many slow readers, too few to fill the
/// memory.
const MAX_UNREAD: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn pool(size: usize) -> Arc<ConnectionPool> {
        ConnectionPool::new(size, Timeouts::default())
    }

    fn enter(pool: &Arc<ConnectionPool>, network: u32) -> Option<Slot> {
        pool.enter(Network::Vsock(network)).now_or_never().expect("it waits")
    }

    fn is_closed(slot: &Slot) -> bool {
        slot.closed().now_or_never().is_some()
    }

    fn serve(slot: &Slot, served: Served) {
        slot.request_begins();
        slot.request_admitted();
        slot.request_ends(served);
    }

    #[tokio::test]
    async fn connections_that_were_never_served_are_evicted_first_and_busy_ones_never() {
        let pool = pool(3);
        let served = enter(&pool, 1).unwrap();
        serve(&served, Served::Anonymous);
        let (old, new) = (enter(&pool, 1).unwrap(), enter(&pool, 1).unwrap());
        let fourth = enter(&pool, 1).unwrap();
        assert_eq!([&served, &old, &new, &fourth].map(is_closed), [false, true, false, false]);
        for slot in [&served, &new, &fourth] {
            slot.request_begins();
            slot.request_admitted();
        }
        assert!(enter(&pool, 1).is_none(), "a busy connection was evicted by one of its own network");
        served.request_ends(Served::No);
        let fifth = enter(&pool, 1).unwrap();
        assert_eq!([&served, &new, &fourth, &fifth].map(is_closed), [true, false, false, false]);
        drop(new);
        assert!(enter(&pool, 1).is_some());
    }

    #[tokio::test]
    async fn a_password_check_does_not_protect_a_connection() {
        let pool = pool(2);
        let (checked, admitted) = (enter(&pool, 1).unwrap(), enter(&pool, 1).unwrap());
        checked.request_begins();
        admitted.request_begins();
        admitted.request_admitted();
        let _third = enter(&pool, 1).unwrap();
        assert!(is_closed(&checked) && !is_closed(&admitted));
    }

    #[tokio::test]
    async fn a_flood_from_one_network_evicts_only_its_own_connections() {
        let pool = pool(4);
        let slow = enter(&pool, 2).unwrap();
        let mut flood = Vec::new();
        for _ in 0..20 {
            flood.extend(enter(&pool, 1));
            flood.retain(|slot| !is_closed(slot));
        }
        assert_eq!((is_closed(&slow), flood.len()), (false, 3));
    }

    #[tokio::test]
    async fn an_authenticated_connection_survives_a_flood_from_many_networks() {
        let pool = pool(8);
        let known = enter(&pool, 0).unwrap();
        serve(&known, Served::Authenticated);
        let mut flood = Vec::new();
        for network in 1..20 {
            flood.push(enter(&pool, network));
            flood.retain(|slot| slot.as_ref().is_some_and(|slot| !is_closed(slot)));
        }
        assert!(!is_closed(&known));
        // A new connection of its network is protected as well, from before its first request.
        drop(known);
        let again = enter(&pool, 0).unwrap();
        for network in 20..40 {
            flood.push(enter(&pool, network));
            flood.retain(|slot| slot.as_ref().is_some_and(|slot| !is_closed(slot)));
        }
        assert!(again.is_known() && !is_closed(&again));
    }

    #[tokio::test]
    async fn open_sockets_of_evicted_connections_count_towards_the_limit() {
        let pool = pool(2);
        let mut slots: Vec<_> = (0..2 + MAX_CLOSING as u32).filter_map(|_| enter(&pool, 1)).collect();
        assert_eq!(slots.len(), 2 + MAX_CLOSING);
        assert!(pool.enter(Network::Vsock(1)).now_or_never().is_none());
        slots.remove(0);
        assert!(pool.enter(Network::Vsock(1)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn responses_that_are_not_read_are_dropped_for_others() {
        let pool = pool(20);
        let respond = |slot: &Arc<Slot>| {
            slot.request_begins();
            let bytes = slot.track(Bytes::from(vec![0; 1 << 20]));
            slot.request_ends(Served::Anonymous);
            bytes
        };
        let mut slots = Vec::new();
        for _ in 0..10 {
            let slot = Arc::new(enter(&pool, 1).unwrap());
            let bytes = respond(&slot);
            slots.push((slot, bytes));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let closed: Vec<_> = slots.iter().map(|(slot, _)| is_closed(slot)).collect();
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 2, "{closed:?}");
        assert!(closed[0] && closed[1], "{closed:?}");
        assert_eq!(pool.lock().unread, 8 << 20);
        slots.clear();
        let state = pool.lock();
        assert_eq!((state.unread, state.entries.len(), state.slots), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_and_an_idle_connection_have_timeouts() {
        let pool = pool(3);
        let start = Instant::now();
        let slot = enter(&pool, 1).unwrap();
        assert_eq!(slot.closed().await, "request timed out");
        assert_eq!(start.elapsed().as_secs(), 10);
        let slot = enter(&pool, 1).unwrap();
        slot.request_begins();
        assert!(tokio::time::timeout(Duration::from_secs(3600), slot.closed()).await.is_err(), "it was busy");
        slot.request_ends(Served::Anonymous);
        let start = Instant::now();
        assert_eq!(slot.closed().await, "idle timeout");
        assert_eq!(start.elapsed().as_secs(), 360);
        let slot = enter(&pool, 1).unwrap();
        serve(&slot, Served::Anonymous);
        tokio::time::sleep(Duration::from_secs(200)).await;
        slot.bytes_arrived();
        let start = Instant::now();
        assert_eq!(slot.closed().await, "request timed out");
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}
