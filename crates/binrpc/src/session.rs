//! The state of a connection without the connection: cookies, framing, pipelining.

use crate::error::{DecodeError, Error, Flaw};
use crate::reply::{self, Reply};
use crate::target::Target;
use crate::wire::{self, Arg, Cookie, Kind, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, Nodes};
use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

/// The protocol state of a connection. A session turns calls into bytes and received bytes into replies, and performs no
/// I/O: a driver such as [`Client`](crate::Client) writes and reads for the session.
///
/// A driver repeats three steps: [`poll`](Self::poll) until no reply is left; write [`outgoing`](Self::outgoing) and report
/// how much was [`sent`](Self::sent); read into [`spare`](Self::spare) and report how much was [`filled`](Self::filled).
/// A driver must read whenever the socket is readable, even while writing, because Kamailio drops the rest of a reply that
/// is not read within 10 ms. Each call yields exactly one reply, unless the connection is lost first.
///
/// ```
/// use kamailio_binrpc::Session;
/// use std::io::{self, Read, Write};
///
/// /// Makes one call over any stream that blocks, and returns the packet of the reply.
/// fn call(stream: &mut (impl Read + Write), method: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
///     let mut session = Session::stream();
///     session.queue(method, &[])?;
///     loop {
///         if let Some(reply) = session.poll()? {
///             return Ok(reply.packet().to_vec());
///         }
///         let written = session.outgoing().len();
///         stream.write_all(session.outgoing())?;
///         session.sent(written);
///         let read = stream.read(session.spare())?;
///         if read == 0 {
///             return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
///         }
///         session.filled(read);
///     }
/// }
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/stand_in.rs")); }
/// # let kamailio_binrpc::Target::Tcp(endpoint) = support::stand_in() else { unreachable!() };
/// # let mut stream = std::net::TcpStream::connect((endpoint.host(), endpoint.port())).unwrap();
/// # assert_eq!(call(&mut stream, "core.version").unwrap()[0], 0xa1);
/// ```
#[derive(Clone)]
pub struct Session {
    next: u32,
    max_in_flight: usize,
    /// Requests. Invariant: `written <= released <= out.len()`.
    out: Vec<u8>,
    written: usize,
    /// The window is open for the requests before this index.
    released: usize,
    queued: VecDeque<Call>,
    /// Kamailio replies in this order.
    in_flight: VecDeque<Call>,
    in_flight_bytes: usize,
    calls: usize,
    /// Invariant: `input_start <= input_end <= input.len()`. The bytes between both are unread, all others are spare.
    input: Vec<u8>,
    input_start: usize,
    input_end: usize,
    nodes: Nodes,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    cookie: Cookie,
    len: usize,
}

impl Session {
    /// Creates a session over the kind of socket that the target has.
    pub fn of(target: &Target) -> Self {
        match target {
            Target::Unix(_) | Target::Tcp(_) => Self::stream(),
            Target::UnixDatagram(_) | Target::Udp(_) => Self::datagram(),
        }
    }

    /// Creates a session over a stream socket. Up to [`MAX_IN_FLIGHT`] calls and [`MAX_IN_FLIGHT_BYTES`] bytes of requests
    /// await their replies at the same time; a larger request is sent alone.
    pub fn stream() -> Self {
        Self::new(MAX_IN_FLIGHT)
    }

    /// Creates a session over a UDP socket or a unix datagram socket. Calls are sent one at a time, and
    /// [`outgoing`](Self::outgoing) is one datagram. A reply is several datagrams, of which only the first has a header.
    pub fn datagram() -> Self {
        Self::new(1)
    }

    fn new(max_in_flight: usize) -> Self {
        Self {
            next: RandomState::new().build_hasher().finish() as u32,
            max_in_flight,
            out: Vec::new(),
            written: 0,
            released: 0,
            queued: VecDeque::with_capacity(TYPICAL_CALLS),
            in_flight: VecDeque::with_capacity(TYPICAL_CALLS),
            in_flight_bytes: 0,
            calls: 0,
            input: Vec::new(),
            input_start: 0,
            input_end: 0,
            nodes: Nodes::new(),
        }
    }

    /// Queues a call, and returns the cookie that the reply will have.
    ///
    /// # Errors
    /// [`Error::Encode`] if the call cannot be encoded. Nothing is queued then.
    pub fn queue(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.out.drain(..self.written);
        self.released -= self.written;
        self.written = 0;
        if self.out.is_empty() {
            self.out.reserve(FIRST_WRITE);
        }
        let cookie = Cookie(self.next.max(1));
        let before = self.out.len();
        wire::encode_request(cookie, method, args, &mut self.out)?;
        self.next = cookie.0.wrapping_add(1);
        self.calls += 1;
        self.queued.push_back(Call { cookie, len: self.out.len() - before });
        self.release();
        Ok(cookie)
    }

    /// Returns the bytes to write now.
    pub fn outgoing(&self) -> &[u8] {
        self.out.get(self.written..self.released).unwrap_or_default()
    }

    /// Records that the driver has written the first `n` bytes of [`outgoing`](Self::outgoing).
    pub fn sent(&mut self, n: usize) {
        self.written = self.written.saturating_add(n).min(self.released);
    }

    /// Adds received bytes. [`spare`](Self::spare) and [`filled`](Self::filled) save this copy.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let spare = self.spare();
            let (chunk, after) = rest.split_at(rest.len().min(spare.len()));
            spare.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.filled(chunk.len());
            rest = after;
        }
    }

    /// Returns memory that a driver may read into, never empty. The memory for a stream grows with the bytes received. A
    /// session over datagrams has space for the largest datagram of UDP, and for the largest that a unix socket sends with
    /// Linux' default limit.
    pub fn spare(&mut self) -> &mut [u8] {
        let (least, step) = self.compact(Vec::len);
        // The memory grows by the bytes that were received, never by a length that the peer declares.
        if self.input.len() - self.input_end < least {
            self.input.resize(self.input_end + step, 0);
        }
        self.input.get_mut(self.input_end..).unwrap_or_default()
    }

    /// Returns a vector that a driver may append to, up to its capacity, which is never used up. Unlike [`spare`](Self::spare),
    /// this method writes nothing to memory that the driver does not read into.
    #[cfg(feature = "tokio")]
    pub(crate) fn spare_capacity(&mut self) -> &mut Vec<u8> {
        let (least, step) = self.compact(Vec::capacity);
        self.input.truncate(self.input_end);
        if self.input.capacity() - self.input_end < least {
            self.input.reserve(step);
        }
        &mut self.input
    }

    /// Records that the driver has appended to [`spare_capacity`](Self::spare_capacity).
    #[cfg(feature = "tokio")]
    pub(crate) fn appended(&mut self) {
        self.input_end = self.input.len();
    }

    /// Moves the unread bytes to the beginning if too little of the input's `size` is spare. Returns how much has to be spare,
    /// and by how much the input grows otherwise.
    fn compact(&mut self, size: fn(&Vec<u8>) -> usize) -> (usize, usize) {
        if self.input_start == self.input_end {
            (self.input_start, self.input_end) = (0, 0);
        }
        let (least, step) = match self.max_in_flight {
            1 => (MAX_DATAGRAM, MAX_DATAGRAM),
            _ => (FIRST_READ / 4, self.input.len().clamp(FIRST_READ, READ_SIZE)),
        };
        if size(&self.input) - self.input_end < least && self.input_start > 0 {
            self.input.copy_within(self.input_start..self.input_end, 0);
            (self.input_start, self.input_end) = (0, self.input_end - self.input_start);
        }
        (least, step)
    }

    /// Records that the driver has read `n` bytes into the beginning of [`spare`](Self::spare).
    pub fn filled(&mut self, n: usize) {
        self.input_end = self.input_end.saturating_add(n).min(self.input.len());
    }

    /// Returns the next reply, or `None` if more bytes are needed or no call awaits a reply.
    ///
    /// # Errors
    /// The peer does not speak BINRPC, or the stream is out of step. The connection must be closed: every later call
    /// returns the same error.
    pub fn poll(&mut self) -> Result<Option<Reply<'_>>, DecodeError> {
        let outcome = self.advance()?;
        Ok(outcome.map(|outcome| self.reply(outcome)))
    }

    /// Returns the number of calls whose reply [`poll`](Self::poll) has not returned yet, including calls that were not
    /// sent yet.
    pub fn awaiting(&self) -> usize {
        self.queued.len() + self.in_flight.len()
    }

    /// Returns whether the reply to every queued call has been received, including replies that [`poll`](Self::poll) has
    /// not returned yet. A driver that will make no more calls may close the connection then.
    pub fn has_all_replies(&self) -> bool {
        let Some(last) = self.in_flight.back() else { return true };
        if !self.queued.is_empty() {
            return false;
        }
        let mut unread = self.unread();
        while let Ok(Some(header)) = wire::header(unread) {
            let Some(after) = unread.get(header.header_len + header.body_len..) else { return false };
            if header.cookie == last.cookie {
                return true;
            }
            unread = after;
        }
        false
    }

    /// Returns the number of bytes of memory that the session holds, for callers with a memory budget. The number grows with
    /// the bytes received and the values decoded. A session keeps what its largest reply needed.
    pub fn memory(&self) -> usize {
        self.out.capacity() + self.input.capacity() + self.nodes.memory()
    }

    /// Returns whether both sessions are for streams, or both for datagrams.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_same_transport(&self, other: &Self) -> bool {
        self.max_in_flight == other.max_in_flight
    }

    /// The number of calls queued so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// [`poll`](Self::poll) without a borrow. The outcome is valid until the next call of this method or of `spare`.
    ///
    /// A header that is refused stays unread, so that the same error is found again.
    pub(crate) fn advance(&mut self) -> Result<Option<Outcome>, DecodeError> {
        loop {
            // Not the method, which would borrow `nodes` too.
            let unread = self.input.get(self.input_start..self.input_end).unwrap_or_default();
            let Some(header) = wire::header(unread)? else { return Ok(None) };
            if header.kind == Kind::Request {
                return Err(DecodeError(Flaw::Request));
            }
            let len = header.header_len + header.body_len;
            let Some(body) = unread.get(header.header_len..len) else { return Ok(None) };
            let awaited = self.in_flight.iter().position(|call| call.cookie == header.cookie);
            if let Some(1..) = awaited {
                let skipped = self.complete_first();
                return Ok(skipped.map(|cookie| Outcome { cookie, packet: 0..0, content: Content::Skipped }));
            }
            let packet = self.input_start..self.input_start + len;
            let content = awaited.map(|_| match self.nodes.decode(body) {
                Ok(()) => Content::Body { fault: header.kind == Kind::Fault, header_len: header.header_len },
                Err(error) => Content::Undecodable(error),
            });
            self.input_start = packet.end;
            // A packet that no call awaits is a late duplicate, or has the cookie 0: Kamailio could not read a request.
            if let Some(content) = content {
                self.complete_first();
                return Ok(Some(Outcome { cookie: header.cookie, packet, content }));
            }
        }
    }

    pub(crate) fn reply(&self, outcome: Outcome) -> Reply<'_> {
        let packet = self.input.get(outcome.packet).unwrap_or_default();
        let content = match outcome.content {
            Content::Skipped => reply::Content::Skipped,
            Content::Undecodable(error) => reply::Content::Undecodable(error),
            Content::Body { fault, header_len } => {
                let records = self.nodes.members(packet.get(header_len..).unwrap_or_default());
                if fault { reply::Content::Fault(records) } else { reply::Content::Records(records) }
            }
        };
        Reply::new(outcome.cookie, packet, content)
    }

    fn unread(&self) -> &[u8] {
        self.input.get(self.input_start..self.input_end).unwrap_or_default()
    }

    /// Removes the oldest call in flight, and lets the next calls be sent.
    fn complete_first(&mut self) -> Option<Cookie> {
        let call = self.in_flight.pop_front()?;
        self.in_flight_bytes -= call.len;
        self.release();
        Some(call.cookie)
    }

    fn release(&mut self) {
        while let Some(call) = self.queued.front().copied() {
            let alone = self.in_flight.is_empty();
            let fits = self.in_flight.len() < self.max_in_flight
                && self.in_flight_bytes + call.len <= MAX_IN_FLIGHT_BYTES;
            if !(alone || fits) {
                break;
            }
            self.queued.pop_front();
            self.released += call.len;
            self.in_flight_bytes += call.len;
            self.in_flight.push_back(call);
        }
    }
}

/// The numbers, without the bytes, which may be megabytes.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("calls", &self.calls)
            .field("awaiting", &self.awaiting())
            .field("outgoing", &self.outgoing().len())
            .field("unread", &self.unread().len())
            .field("memory", &self.memory())
            .finish()
    }
}

/// A reply, by its position in the session.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) cookie: Cookie,
    packet: Range<usize>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Body { fault: bool, header_len: usize },
    Undecodable(DecodeError),
    Skipped,
}

/// Bytes of the largest datagram: a unix socket's send buffer has 212,992 by default (`net.core.wmem_default`), a datagram
/// of UDP at most 65,507.
const MAX_DATAGRAM: usize = 208 << 10;
/// Calls that most connections make, and the bytes of their requests: their memory is allocated at once.
const TYPICAL_CALLS: usize = 16;
const FIRST_WRITE: usize = TYPICAL_CALLS * 32;
/// Bytes to read at once: 64 KiB of a stream are worth a system call.
const READ_SIZE: usize = 64 << 10;
/// Bytes to read first from a stream. The replies of most connections fit, and memory that is not used is not zeroed.
const FIRST_READ: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_wrap_around_zero() {
        let mut session = Session { next: u32::MAX - 1, ..Session::stream() };
        let queued = [(); 4].map(|()| session.queue("core.uptime", &[]).unwrap().0);
        assert_eq!(queued, [u32::MAX - 1, u32::MAX, 1, 2]);
    }

    #[test]
    fn a_call_that_is_complete_gives_its_bytes_in_flight_to_others() {
        let mut session = Session::stream();
        let argument = [b'x'; MAX_IN_FLIGHT_BYTES / 4];
        let request = |session: &mut Session| session.queue("m", &[Arg::Bytes(&argument)]).unwrap();
        let mut in_flight = VecDeque::new();
        for count in 0..20 {
            while session.in_flight.len() + session.queued.len() < 5 {
                in_flight.push_back(request(&mut session));
            }
            assert_eq!((session.in_flight.len(), session.queued.len()), (3, 2), "after {count} replies");
            session.sent(usize::MAX);
            let mut packet = Vec::new();
            wire::encode(Kind::Reply, in_flight.pop_front().unwrap(), &[], &mut packet).unwrap();
            session.feed(&packet);
            session.poll().unwrap().unwrap();
        }
    }

    #[test]
    fn memory_is_reused() {
        let mut session = Session::stream();
        let zeros = [Arg::Int(0); 50_000];
        // The input is never empty, because half of a reply always stays behind.
        let mut rest = Vec::new();
        for _ in 0..60 {
            let cookie = session.queue("core.uptime", &[]).unwrap();
            session.sent(usize::MAX);
            let mut packet = Vec::new();
            wire::encode(Kind::Reply, cookie, &zeros, &mut packet).unwrap();
            let half = packet.split_off(packet.len() / 2);
            session.feed(&rest);
            session.feed(&packet);
            assert_eq!(session.poll().unwrap().is_some(), !rest.is_empty());
            rest = half;
        }
        assert!(session.input.len() <= 4 * READ_SIZE, "{} bytes", session.input.len());
        assert!(session.out.len() <= 100, "{} bytes", session.out.len());
    }

    #[test]
    fn the_bytes_of_a_session_and_of_a_reply_are_not_printed() {
        let mut session = Session::stream();
        let cookie = session.queue("core.echo", &[]).unwrap();
        session.feed(&[0xa1, 0x13, 4]);
        session.feed(&cookie.0.to_be_bytes());
        session.feed(b"\x31hi\0");
        let reply = format!("{:?}", session.poll().unwrap().unwrap());
        assert!(reply.ends_with(r#"bytes: 11, content: Records([Str("hi")]) }"#), "{reply}");
        let printed = format!("{session:?}");
        assert!(printed.starts_with("Session { calls: 1, awaiting: 0, outgoing: "), "{printed}");
        assert!(printed.len() < 100, "{printed}");
    }

    #[test]
    fn the_memory_of_a_stream_grows_when_little_is_spare() {
        let mut session = Session::stream();
        assert_eq!(session.spare().len(), FIRST_READ);
        session.filled(FIRST_READ - FIRST_READ / 4);
        assert_eq!(session.spare().len(), FIRST_READ / 4, "a quarter is enough");
        session.filled(1);
        assert_eq!(session.spare().len(), FIRST_READ);
        assert_eq!(Session::datagram().spare().len(), MAX_DATAGRAM, "any datagram fits");
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn spare_capacity_is_that_of_the_spare_memory() {
        let mut session = Session::stream();
        let spare = |session: &mut Session| {
            let buffer = session.spare_capacity();
            buffer.capacity() - buffer.len()
        };
        let append = |session: &mut Session, len| {
            session.spare_capacity().extend(std::iter::repeat_n(0xa1, len));
            session.appended();
        };
        assert_eq!(spare(&mut session), FIRST_READ);
        append(&mut session, FIRST_READ - FIRST_READ / 4);
        assert_eq!(spare(&mut session), FIRST_READ / 4, "a quarter is enough");
        append(&mut session, 1);
        assert!((FIRST_READ..2 * FIRST_READ).contains(&spare(&mut session)));
        assert_eq!(session.unread().len(), FIRST_READ - FIRST_READ / 4 + 1);
        let (room, memory) = (spare(&mut session), session.memory());
        append(&mut session, room - 1);
        session.input_start = session.input_end - 10;
        assert_eq!(spare(&mut session), memory - 10, "moved to the beginning, and not grown");
        assert_eq!((session.unread(), session.memory()), (&[0xa1; 10][..], memory));
        let datagram = spare(&mut Session::datagram());
        assert!(datagram >= MAX_DATAGRAM, "{datagram}");
    }

    #[test]
    fn the_memory_of_replies_that_were_polled_is_spare() {
        let mut session = Session::stream();
        let cookie = session.queue("core.uptime", &[]).unwrap();
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, cookie, &[Arg::Bytes(&[7; 1_000])], &mut packet).unwrap();
        packet.resize(FIRST_READ - FIRST_READ / 4, 0xa1);
        session.feed(&packet);
        session.poll().unwrap().unwrap();
        assert_eq!(session.spare().len(), FIRST_READ / 4, "a quarter is enough");
        session.filled(1);
        let unread = session.unread().len();
        assert_eq!(session.spare().len(), FIRST_READ - unread, "moved to the beginning, and not grown");
        assert_eq!(session.unread().len(), unread);
    }

    #[test]
    fn memory_is_requests_input_and_table() {
        let mut session = Session::stream();
        assert_eq!(session.memory(), 0);
        let cookie = session.queue("core.uptime", &[]).unwrap();
        let requests = session.memory();
        assert!((session.outgoing().len()..=FIRST_WRITE).contains(&requests), "{requests}");
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, cookie, &[Arg::Int(7); 100], &mut packet).unwrap();
        session.feed(&packet);
        assert_eq!(session.memory(), requests + FIRST_READ);
        session.poll().unwrap().unwrap();
        let table = session.memory() - requests - FIRST_READ;
        assert_eq!(table, session.nodes.memory());
        assert!((100 * 24..100 * 100).contains(&table), "{table}");
    }
}
