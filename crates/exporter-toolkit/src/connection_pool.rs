//! ConnectionPool for connections: how many there may be, and which has to go when another comes.

use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The connections that there are. A new one takes the place of that which has waited longest for a request, first of
/// those that were never served, so that no number of half-open ones keeps anybody out.
pub(crate) struct ConnectionPool {
    size: usize,
    timeouts: Timeouts,
    places: Mutex<Places>,
    left: Notify,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a TLS handshake and the head of the first request, and for the head of each later one.
    pub header: Duration,
    /// Without a request.
    pub idle: Duration,
    /// To take some of an answer.
    pub write: Duration,
}

/// A connection's place, until it is dropped.
pub(crate) struct Seat {
    pool: Arc<ConnectionPool>,
    id: u64,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Places {
    next: u64,
    taken: HashMap<u64, Place>,
    /// The bytes of answers that clients have not taken.
    untaken: usize,
    /// Whether it was served, since when it has waited (as a number), and which it is: the first goes first.
    waiting: BTreeSet<(bool, u64, u64)>,
}

struct Place {
    phase: Phase,
    served: bool,
    requests: usize,
    untaken: usize,
    since: u64,
    changed: Arc<Notify>,
}

enum Phase {
    /// The handshake, or a request's head, has begun.
    Head(Instant),
    /// The last answer is on its way.
    Idle(Instant),
    /// A request is answered.
    Busy,
}

impl ConnectionPool {
    pub(crate) fn new(size: usize, timeouts: Timeouts) -> Arc<Self> {
        Arc::new(Self { size: size.max(1), timeouts, places: Mutex::default(), left: Notify::new() })
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// A place, at once unless every connection has a request under way.
    pub(crate) async fn enter(self: &Arc<Self>) -> Seat {
        loop {
            if let Some(seat) = self.try_enter() {
                return seat;
            }
            self.left.notified().await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Seat> {
        let mut places = self.lock();
        if places.taken.len() >= self.size {
            let (.., longest) = *places.waiting.first()?;
            places.remove(longest);
        }
        let id = places.number();
        let changed = Arc::new(Notify::new());
        let place = Place {
            phase: Phase::Head(Instant::now()),
            served: false,
            requests: 0,
            untaken: 0,
            since: id,
            changed: changed.clone(),
        };
        places.waiting.insert((false, id, id));
        places.taken.insert(id, place);
        Some(Seat { pool: self.clone(), id, changed })
    }

    /// Ends the connections on which a request is not yet complete: no answer is lost.
    pub(crate) fn dismiss(&self) {
        let mut places = self.lock();
        let heads = places.taken.iter().filter(|(_, place)| matches!(place.phase, Phase::Head(_)));
        for id in heads.map(|(id, _)| *id).collect::<Vec<_>>() {
            places.remove(id);
        }
    }

    /// No code that holds the lock can panic and leave it half changed.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Bytes have come: of a request, if none is under way.
    pub(crate) fn hears(&self) {
        if let Some(place) = self.pool.lock().taken.get_mut(&self.id)
            && matches!(place.phase, Phase::Idle(_))
        {
            place.phase = Phase::Head(Instant::now());
            place.changed.notify_one();
        }
    }

    /// A request is complete.
    pub(crate) fn begins(&self) {
        let mut places = self.pool.lock();
        let Places { taken, waiting, .. } = &mut *places;
        if let Some(place) = taken.get_mut(&self.id) {
            place.requests += 1;
            place.phase = Phase::Busy;
            waiting.remove(&(place.served, place.since, self.id));
        }
    }

    /// An answer is ready; `served` if it is what a client with all rights gets.
    pub(crate) fn ends(&self, served: bool) {
        let mut places = self.pool.lock();
        let since = places.number();
        let Places { taken, waiting, .. } = &mut *places;
        if let Some(place) = taken.get_mut(&self.id) {
            place.requests = place.requests.saturating_sub(1);
            place.served |= served;
            if place.requests == 0 {
                place.since = since;
                place.phase = Phase::Idle(Instant::now());
                waiting.insert((place.served, since, self.id));
                place.changed.notify_one();
                self.pool.left.notify_one();
            }
        }
    }

    /// The answer's bytes, which count as untaken until they are dropped. If there are too many of all answers, those go
    /// whose clients have had theirs for the longest time.
    pub(crate) fn holds(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let len = bytes.len();
        let mut places = self.pool.lock();
        let Some(place) = places.taken.get_mut(&self.id) else { return Bytes::new() };
        place.untaken += len;
        places.untaken += len;
        while places.untaken > MAX_UNTAKEN {
            let holds = |id: &u64| places.taken.get(id).is_some_and(|place| place.untaken > 0);
            let slowest = places
                .waiting
                .iter()
                .map(|(.., id)| *id)
                .filter(holds)
                .min_by_key(|id| places.taken.get(id).map_or(u64::MAX, |place| place.since));
            match slowest {
                Some(slowest) if slowest != self.id => places.remove(slowest),
                _ => break,
            }
        }
        drop(places);
        Bytes::from_owner(Held { bytes, seat: self.clone() })
    }

    /// Returns when the connection has to end, with the reason.
    pub(crate) async fn over(&self) -> &'static str {
        let Timeouts { header, idle, .. } = self.pool.timeouts;
        loop {
            let (deadline, reason) = match self.pool.lock().taken.get(&self.id).map(|place| &place.phase) {
                None => return "others need the place",
                Some(Phase::Busy) => (None, ""),
                Some(Phase::Head(since)) => (since.checked_add(header), "the request took too long"),
                Some(Phase::Idle(since)) => (since.checked_add(idle), "no request came"),
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
struct Held {
    bytes: Bytes,
    seat: Arc<Seat>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut places = self.seat.pool.lock();
        if let Some(place) = places.taken.get_mut(&self.seat.id) {
            place.untaken -= self.bytes.len();
            places.untaken -= self.bytes.len();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pool.lock().remove(self.id);
        self.pool.left.notify_one();
    }
}

impl Places {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn remove(&mut self, id: u64) {
        if let Some(place) = self.taken.remove(&id) {
            self.waiting.remove(&(place.served, place.since, id));
            self.untaken -= place.untaken;
            place.changed.notify_one();
        }
    }
}

/// Of answers, in bytes: enough for many that are taken at their client's pace, too few to fill the memory.
const MAX_UNTAKEN: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const TIMEOUTS: Timeouts = Timeouts {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(300),
        write: Duration::from_secs(30),
    };

    fn is_over(seat: &Seat) -> bool {
        seat.over().now_or_never().is_some()
    }

    #[tokio::test]
    async fn who_was_never_served_goes_first_and_who_is_busy_never() {
        let room = ConnectionPool::new(3, TIMEOUTS);
        let served = room.enter().await;
        served.begins();
        served.ends(true);
        let (old, new) = (room.enter().await, room.enter().await);
        let fourth = room.enter().await;
        assert_eq!([&served, &old, &new, &fourth].map(is_over), [false, true, false, false]);
        for seat in [&new, &fourth] {
            seat.begins();
        }
        let fifth = room.enter().await;
        assert_eq!([&served, &new, &fourth, &fifth].map(is_over), [true, false, false, false]);
        fifth.begins();
        assert!(room.enter().now_or_never().is_none(), "a busy connection went");
        drop(new);
        assert!(room.enter().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_waits_outside_comes_in_when_an_answer_is_ready() {
        let room = ConnectionPool::new(1, TIMEOUTS);
        let busy = room.enter().await;
        busy.begins();
        let mut waits = std::pin::pin!(room.enter());
        assert!((&mut waits).now_or_never().is_none());
        busy.ends(true);
        assert!((&mut waits).now_or_never().is_some() && is_over(&busy));
    }

    #[tokio::test]
    async fn answers_that_nobody_takes_make_room_for_others() {
        let room = ConnectionPool::new(20, TIMEOUTS);
        let answer = |seat: &Arc<Seat>| {
            seat.begins();
            let held = seat.holds(Bytes::from(vec![0; 1 << 20]));
            seat.ends(true);
            held
        };
        let mut seats = Vec::new();
        for _ in 0..10 {
            let seat = Arc::new(room.enter().await);
            let held = answer(&seat);
            seats.push((seat, held));
        }
        let over: Vec<_> = seats.iter().map(|(seat, _)| is_over(seat)).collect();
        assert_eq!(over.iter().filter(|over| **over).count(), 2, "{over:?}");
        assert!(over[0] && over[1], "{over:?}");
        assert_eq!(room.lock().untaken, 8 << 20);
        seats.clear();
        let places = room.lock();
        assert_eq!((places.untaken, places.taken.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_and_a_silence_have_their_times() {
        let room = ConnectionPool::new(3, TIMEOUTS);
        let start = Instant::now();
        let seat = room.enter().await;
        assert_eq!(seat.over().await, "the request took too long");
        assert_eq!(start.elapsed().as_secs(), 10);
        let seat = room.enter().await;
        seat.begins();
        assert!(tokio::time::timeout(Duration::from_secs(3600), seat.over()).await.is_err(), "it was busy");
        seat.ends(true);
        let start = Instant::now();
        assert_eq!(seat.over().await, "no request came");
        assert_eq!(start.elapsed().as_secs(), 300);
        let seat = room.enter().await;
        seat.begins();
        seat.ends(true);
        tokio::time::sleep(Duration::from_secs(200)).await;
        seat.hears();
        let start = Instant::now();
        assert_eq!(seat.over().await, "the request took too long");
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}
