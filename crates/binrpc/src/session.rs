//! Calls and replies of one connection, without the connection: cookies, framing, pipelining.

use crate::error::{DecodeError, Error, Flaw};
use crate::value::{Members, Value};
use crate::wire::{self, Arg, Cookie, Kind, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, Nodes};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

/// The state of a connection. It turns calls into bytes to write and bytes that were read into replies, and leaves
/// writing and reading to its driver.
///
/// A driver repeats three steps: [`poll`](Self::poll) until there is no reply; write what is
/// [`outgoing`](Self::outgoing); read into [`spare`](Self::spare). It must read whenever there is something to be read,
/// for Kamailio waits only 10 ms for it. Each call has exactly one reply, unless the connection is lost first.
#[derive(Clone, Debug)]
pub struct Session {
    next: u32,
    calls_at_once: usize,
    /// Packets; invariant: `written <= released <= out.len()`.
    out: Vec<u8>,
    written: usize,
    /// Up to here the window lets them go.
    released: usize,
    queued: VecDeque<Call>,
    /// Kamailio answers in this order.
    in_flight: VecDeque<Call>,
    in_flight_bytes: usize,
    calls: usize,
    /// Invariant: `input_start <= input_end <= input.len()`; the bytes between are not consumed, the rest is memory.
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
    /// A session over a stream socket: several calls go out before the first is answered, up to
    /// [`MAX_IN_FLIGHT`] of them and [`MAX_IN_FLIGHT_BYTES`]. A request of more bytes than that goes alone.
    pub fn stream() -> Self {
        Self::new(MAX_IN_FLIGHT)
    }

    /// A session over a datagram socket: one call at a time, and [`outgoing`](Self::outgoing) is one datagram. A reply
    /// is many of them, of which only the first says so.
    pub fn datagram() -> Self {
        Self::new(1)
    }

    fn new(calls_at_once: usize) -> Self {
        Self {
            next: RandomState::new().build_hasher().finish() as u32,
            calls_at_once,
            out: Vec::new(),
            written: 0,
            released: 0,
            queued: VecDeque::new(),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            calls: 0,
            input: Vec::new(),
            input_start: 0,
            input_end: 0,
            nodes: Nodes::new(),
        }
    }

    /// Queues a call. Its reply will have the cookie that is returned.
    ///
    /// # Errors
    /// [`Error::Encode`]: nothing was queued.
    pub fn send(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.out.drain(..self.written);
        self.released -= self.written;
        self.written = 0;
        let cookie = Cookie(self.next.max(1));
        let before = self.out.len();
        wire::encode_request(cookie, method, args, &mut self.out)?;
        self.next = cookie.0.wrapping_add(1);
        self.calls += 1;
        self.queued.push_back(Call { cookie, len: self.out.len() - before });
        self.release();
        Ok(cookie)
    }

    /// The bytes that may be written now.
    pub fn outgoing(&self) -> &[u8] {
        self.out.get(self.written..self.released).unwrap_or_default()
    }

    /// The driver has written the first `n` bytes of [`outgoing`](Self::outgoing).
    pub fn sent(&mut self, n: usize) {
        self.written = self.written.saturating_add(n).min(self.released);
    }

    /// Takes bytes that have arrived.
    pub fn receive(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let spare = self.spare();
            let (chunk, after) = rest.split_at(rest.len().min(spare.len()));
            spare.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.filled(chunk.len());
            rest = after;
        }
    }

    /// Where a driver may read to, without a copy. Any datagram fits; a stream has the less, the less has come.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.input_start == self.input_end {
            (self.input_start, self.input_end) = (0, 0);
        }
        let (least, step) = match self.calls_at_once {
            1 => (READ_SIZE, READ_SIZE),
            _ => (FIRST_READ / 4, self.input.len().clamp(FIRST_READ, READ_SIZE)),
        };
        if self.input.len() - self.input_end < least && self.input_start > 0 {
            self.input.copy_within(self.input_start..self.input_end, 0);
            (self.input_start, self.input_end) = (0, self.input_end - self.input_start);
        }
        // By bytes that came, never by a length that was declared.
        if self.input.len() - self.input_end < least {
            self.input.resize(self.input_end + step, 0);
        }
        self.input.get_mut(self.input_end..).unwrap_or_default()
    }

    /// The driver has read `n` bytes into [`spare`](Self::spare).
    pub fn filled(&mut self, n: usize) {
        self.input_end = self.input_end.saturating_add(n).min(self.input.len());
    }

    /// The next reply. None: more bytes are needed, or nothing is awaited.
    ///
    /// # Errors
    /// The stream is out of step, or is not BINRPC: it has to be closed. From then on every call gives this error.
    pub fn poll(&mut self) -> Result<Option<Reply<'_>>, DecodeError> {
        let answer = self.advance()?;
        Ok(answer.map(|answer| self.reply(answer)))
    }

    /// How many calls are not answered yet, sent or not.
    pub fn awaiting(&self) -> usize {
        self.queued.len() + self.in_flight.len()
    }

    /// Whether the last reply that is awaited has arrived, though it may not have been [polled](Self::poll). A driver of
    /// which no more is wanted may close the connection then.
    pub fn is_complete(&self) -> bool {
        let Some(last) = self.in_flight.back().filter(|_| self.queued.is_empty()) else { return false };
        let mut unread = self.input.get(self.input_start..self.input_end).unwrap_or_default();
        while let Ok(Some(header)) = wire::header(unread) {
            let Some(after) = unread.get(header.header_len + header.body_len..) else { return false };
            if header.cookie == last.cookie {
                return true;
            }
            unread = after;
        }
        false
    }

    /// How many bytes of memory it has: by the bytes that came, and by the values that were in them.
    pub fn memory(&self) -> usize {
        self.out.len() + self.input.len() + self.nodes.memory()
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// [`poll`](Self::poll) without borrowing. The answer is good until the next call of this or of `spare`.
    ///
    /// A header that is refused is never passed, so that the error is found again each time.
    pub(crate) fn advance(&mut self) -> Result<Option<Answer>, DecodeError> {
        loop {
            let unread = self.input.get(self.input_start..self.input_end).unwrap_or_default();
            let Some(header) = wire::header(unread)? else { return Ok(None) };
            if header.kind == Kind::Request {
                return Err(DecodeError(Flaw::Request));
            }
            let len = header.header_len + header.body_len;
            let Some(body) = unread.get(header.header_len..len) else { return Ok(None) };
            let awaited = self.in_flight.iter().position(|call| call.cookie == header.cookie);
            if let Some(1..) = awaited {
                let skipped = self.answered();
                return Ok(skipped.map(|cookie| Answer { cookie, packet: 0..0, content: Content::Skipped }));
            }
            let packet = self.input_start..self.input_start + len;
            self.input_start = packet.end;
            // Else it is old, foreign, or Kamailio's 0 for a request that it could not read.
            if awaited.is_some() {
                let content = match self.nodes.decode(body) {
                    Ok(()) => {
                        Content::Body { fault: header.kind == Kind::Fault, header_len: header.header_len }
                    }
                    Err(error) => Content::Broken(error),
                };
                self.answered();
                return Ok(Some(Answer { cookie: header.cookie, packet, content }));
            }
        }
    }

    pub(crate) fn reply(&self, answer: Answer) -> Reply<'_> {
        let packet = self.input.get(answer.packet).unwrap_or_default();
        let content = match answer.content {
            Content::Skipped => Records::Skipped,
            Content::Broken(error) => Records::Broken(error),
            Content::Body { fault, header_len } => {
                let records = self.nodes.members(packet.get(header_len..).unwrap_or_default());
                if fault { Records::Fault(records) } else { Records::Good(records) }
            }
        };
        Reply { cookie: answer.cookie, packet, content }
    }

    fn answered(&mut self) -> Option<Cookie> {
        let call = self.in_flight.pop_front()?;
        self.in_flight_bytes -= call.len;
        self.release();
        Some(call.cookie)
    }

    fn release(&mut self) {
        while let Some(call) = self.queued.front().copied() {
            let alone = self.in_flight.is_empty();
            let fits = self.in_flight.len() < self.calls_at_once
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

/// A reply by its place in the session.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) cookie: Cookie,
    packet: Range<usize>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Body { fault: bool, header_len: usize },
    Broken(DecodeError),
    Skipped,
}

/// What became of one call.
#[derive(Debug)]
pub struct Reply<'a> {
    cookie: Cookie,
    packet: &'a [u8],
    content: Records<'a>,
}

#[derive(Debug)]
enum Records<'a> {
    Good(Members<'a>),
    Fault(Members<'a>),
    Broken(DecodeError),
    Skipped,
}

impl<'a> Reply<'a> {
    /// The cookie of the call.
    pub fn cookie(&self) -> Cookie {
        self.cookie
    }

    /// The records. There may be none: a list without entries is an empty reply.
    ///
    /// # Errors
    /// [`Error::Fault`] if Kamailio refused, which the type of the packet says and not the code; [`Error::NoReply`] if
    /// it skipped the call; [`Error::Decode`] if the body makes no sense. The session goes on after each of them.
    pub fn records(&self) -> Result<Members<'a>, Error> {
        match &self.content {
            Records::Good(records) => Ok(*records),
            Records::Fault(records) => Err(fault(*records)),
            Records::Broken(error) => Err(Error::Decode(error.clone())),
            Records::Skipped => Err(Error::NoReply),
        }
    }

    /// The bytes as they came, header included, datagrams put together. None if the call was skipped.
    pub fn packet(&self) -> &'a [u8] {
        self.packet
    }
}

/// `ctl/binrpc_run.c`, `rpc_fault`: a code and a reason. Neither is taken for granted.
fn fault(records: Members<'_>) -> Error {
    let mut values = records.iter().map(|member| member.value);
    let code = values.next().and_then(Value::signed).unwrap_or(0);
    let reason = match values.next() {
        Some(Value::Str(text) | Value::Bytes(text)) => {
            String::from_utf8_lossy(text.get(..MAX_REASON).unwrap_or(text)).into_owned()
        }
        Some(Value::Int(int)) => int.signed().to_string(),
        Some(Value::Double(double)) => double.value().map(|number| number.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    Error::Fault { code: i32::try_from(code).unwrap_or(0), reason }
}

/// Any datagram fits, and 64 KiB of a stream are worth a system call.
const READ_SIZE: usize = 64 << 10;
/// Of a stream: the replies of most connections fit, and what is not needed need not be cleared.
const FIRST_READ: usize = 16 << 10;
/// Bytes of a fault's reason: all that Kamailio sends (`ctl/binrpc_run.c`, `MAX_FAULT_LEN`).
const MAX_REASON: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_wrap_over_zero() {
        let mut session = Session { next: u32::MAX - 1, ..Session::stream() };
        let sent = [(); 4].map(|()| session.send("core.uptime", &[]).unwrap().0);
        assert_eq!(sent, [u32::MAX - 1, u32::MAX, 1, 2]);
    }

    #[test]
    fn memory_is_used_again() {
        let mut session = Session::stream();
        let zeros = [Arg::Int(0); 50_000];
        // It is never empty: half of a reply always stays behind.
        let mut rest = Vec::new();
        for _ in 0..500 {
            let cookie = session.send("core.uptime", &[]).unwrap();
            session.sent(usize::MAX);
            let mut packet = Vec::new();
            wire::encode(Kind::Reply, cookie, &zeros, &mut packet).unwrap();
            let half = packet.split_off(packet.len() / 2);
            session.receive(&rest);
            session.receive(&packet);
            assert_eq!(session.poll().unwrap().is_some(), !rest.is_empty());
            rest = half;
        }
        assert!(session.input.len() <= 4 * READ_SIZE, "{} bytes", session.input.len());
        assert!(session.out.len() <= 100, "{} bytes", session.out.len());
    }
}
