//! Fuzz target: a session with calls and bytes in any order, and bytes in any pieces.

use crate::input::Input;
use kamailio_binrpc::wire::{self, Cookie, MAX_IN_FLIGHT_BYTES};
use kamailio_binrpc::{Arg, DecodeError, Session};
use std::collections::HashMap;

/// Reads the input as events (calls, packets that reply to a call or to none, other bytes), and as the sizes of the pieces in
/// which the bytes arrive. Checks that the sizes do not change the outcome: at most one reply for each call, in the order of
/// the calls.
pub fn session(input: &[u8]) {
    let (pieces, script) = input.split_at(input.len().min(PIECES));
    let events = events(script);
    for datagram in [false, true] {
        // Cookies are random, and out-of-step packets can be read as cookies. Both runs use the same cookies.
        let run = Run::new(datagram);
        let whole = run.clone().play(&events, |rest| rest);
        let mut pieces = pieces.iter().cycle();
        let cut = run.play(&events, |rest| match pieces.next() {
            // Pieces of one byte, and of the sizes of a header and of a datagram.
            Some(len) if len % 4 == 0 => rest.min(1 + usize::from(len / 4 % 8)),
            Some(len) => rest.min(1 + usize::from(*len) * 40),
            None => rest,
        });
        assert_eq!(whole, cut, "the pieces make a difference");
    }
}

/// An event of a session.
enum Event<'a> {
    /// A call with an argument of this size in bytes.
    Call(usize),
    /// A packet with the cookie of a call, by index, or with an unknown cookie.
    Packet { kind: u8, call: Option<usize>, body: &'a [u8] },
    /// Other bytes.
    Bytes(&'a [u8]),
    /// The driver has written this number of bytes.
    Written(usize),
}

fn events(script: &[u8]) -> Vec<Event<'_>> {
    let mut input = Input::new(script);
    let mut events = Vec::new();
    while !input.is_empty() && events.len() < MAX_EVENTS {
        events.push(match input.byte() {
            op @ 0..=47 => Event::Call(op.into()),
            // Some arguments fill the window, and some exceed the limit of a request.
            op @ 48..=63 => Event::Call(usize::from(op - 47) * 5_000),
            64..=79 => Event::Written(input.below(1 << 16)),
            80..=87 => Event::Bytes(input.field()),
            op => {
                let call = if op < 96 { None } else { Some(input.byte().into()) };
                // Mostly replies and faults.
                let kind = if op % 8 == 0 { input.byte() >> 4 } else { 1 + op % 2 * 2 };
                Event::Packet { kind, call, body: input.field() }
            }
        });
    }
    events
}

/// The outcomes of the calls, by index and in order, and the error that ended the session.
type Outcome = (Vec<(usize, String)>, Option<DecodeError>);

#[derive(Clone)]
struct Run {
    session: Session,
    datagram: bool,
    cookies: Vec<Cookie>,
    calls: HashMap<Cookie, usize>,
    requested: usize,
    longest: usize,
    written: usize,
    outcome: Outcome,
}

impl Run {
    /// Creates a session with a first call. All cookies have four bytes, as in the packets.
    fn new(datagram: bool) -> Self {
        loop {
            let session = if datagram { Session::datagram() } else { Session::stream() };
            let (cookies, calls) = (Vec::new(), HashMap::new());
            let mut run = Self {
                session,
                datagram,
                cookies,
                calls,
                requested: 0,
                longest: 0,
                written: 0,
                outcome: (Vec::new(), None),
            };
            run.call(1);
            if run.cookies.first().is_some_and(|first| FOUR_BYTES.contains(&first.0)) {
                return run;
            }
        }
    }

    fn play(mut self, events: &[Event<'_>], mut piece: impl FnMut(usize) -> usize) -> Outcome {
        let mut bytes = Vec::new();
        for event in events {
            match *event {
                Event::Packet { kind, call, body } => {
                    let call = call.and_then(|call| self.cookies.get(call % self.cookies.len()));
                    let foreign = Cookie(self.cookies.first().map_or(0, |first| first.0.wrapping_sub(1)));
                    packet(kind, *call.unwrap_or(&foreign), body, &mut bytes);
                    continue;
                }
                Event::Bytes(more) => {
                    bytes.extend_from_slice(more);
                    continue;
                }
                _ => self.arrive(&std::mem::take(&mut bytes), &mut piece),
            }
            match *event {
                Event::Call(len) => self.call(len),
                Event::Written(len) => self.write(len),
                _ => {}
            }
        }
        self.arrive(&bytes, &mut piece);
        self.outcome
    }

    fn call(&mut self, len: usize) {
        let text = vec![b'x'; len];
        let args = [Arg::Str(&text)];
        match self.session.queue("core.echo", &args) {
            Ok(cookie) => {
                assert!(cookie.0 != 0 && self.calls.insert(cookie, self.cookies.len()).is_none());
                self.cookies.push(cookie);
                let mut request = Vec::new();
                assert!(wire::encode_request(cookie, "core.echo", &args, &mut request).is_ok());
                self.requested += request.len();
                self.longest = self.longest.max(request.len());
            }
            Err(error) => assert!(len > wire::MAX_REQUEST - 64, "{error}"),
        }
        self.limits();
    }

    fn write(&mut self, len: usize) {
        let before = self.session.outgoing().len();
        self.session.sent(len);
        let after = self.session.outgoing().len();
        assert_eq!(before - after, len.min(before));
        self.written += before - after;
        self.limits();
    }

    fn limits(&self) {
        let outgoing = self.session.outgoing().len();
        assert!(self.written + outgoing <= self.requested);
        assert!(self.session.awaiting() + self.outcome.0.len() == self.cookies.len());
        if self.outcome.0.is_empty() {
            let requests = if self.datagram { 0 } else { MAX_IN_FLIGHT_BYTES };
            assert!(outgoing + self.written <= requests.max(self.longest), "the window is open too far");
        }
    }

    fn arrive(&mut self, mut bytes: &[u8], piece: &mut impl FnMut(usize) -> usize) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(piece(bytes.len()));
            bytes = rest;
            if now.len() % 2 == 0 {
                self.session.feed(now);
            } else {
                let mut left = now;
                while !left.is_empty() {
                    let spare = self.session.spare();
                    assert!(!spare.is_empty());
                    let len = left.len().min(spare.len());
                    spare[..len].copy_from_slice(&left[..len]);
                    self.session.filled(len);
                    left = &left[len..];
                }
            }
            self.poll();
        }
    }

    fn poll(&mut self) {
        loop {
            match self.session.poll() {
                Ok(None) => break,
                Ok(Some(reply)) => {
                    let call = *self.calls.get(&reply.cookie()).expect("a reply to a call");
                    let last = self.outcome.0.last().map(|(last, _)| *last);
                    assert!(
                        last.is_none_or(|last| last + 1 == call),
                        "call {call} is answered after {last:?}"
                    );
                    self.outcome.0.push((call, format!("{:?} {:?}", reply.records(), reply.packet().len())));
                }
                Err(error) => {
                    let known = self.outcome.1.get_or_insert_with(|| error.clone());
                    assert_eq!(*known, error, "the error is another one now");
                    break;
                }
            }
        }
        self.limits();
    }
}

/// Encodes a packet whose length does not depend on the cookie.
fn packet(kind: u8, cookie: Cookie, body: &[u8], out: &mut Vec<u8>) {
    out.extend([0xa1, kind << 4 | 0x07, (body.len() >> 8) as u8, body.len() as u8]);
    out.extend(cookie.0.to_be_bytes());
    out.extend_from_slice(body);
}

/// Number of piece sizes at the beginning of an input.
const PIECES: usize = 8;
/// Maximum number of calls and packets of an input.
const MAX_EVENTS: usize = 80;
/// First cookies after which all later cookies also take four bytes.
const FOUR_BYTES: std::ops::Range<u32> = 1 << 24..u32::MAX - MAX_EVENTS as u32;
