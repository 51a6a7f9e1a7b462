//! The behaviour of the server: replies, and faults on demand.

use crate::captures::Captures;
use crate::packet::{self, Packet};
use kamailio_binrpc::wire::Kind;
use kamailio_binrpc::{Arg, Cookie, Value, wire};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// The event after a truncated or mangled reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next reply, as when Kamailio drops the rest of a reply that the client reads too slowly.
    GoOn,
    /// The end of the connection.
    Close,
    /// The same bytes again and again, until the client disconnects or the server behaves.
    Repeat,
}

/// The datagrams sent in place of a reply. On a stream they are written one after the other.
type Mangle = dyn Fn(Cookie, &[u8]) -> Vec<Vec<u8>> + Send + Sync;

/// A function that mangles a reply.
#[derive(Clone)]
pub(crate) struct Mangled {
    pub(crate) then: Then,
    pub(crate) make: Arc<Mangle>,
}

/// The captures, and the deviations that a test demands. The method [`ANY`] stands for every method that is not named.
pub(crate) struct Script {
    pub(crate) captures: Captures,
    pub(crate) refuse: bool,
    pub(crate) silent: bool,
    pub(crate) delay: Duration,
    pub(crate) delays: HashMap<String, Duration>,
    pub(crate) chop: Option<(usize, Duration)>,
    pub(crate) skipped: HashSet<String>,
    pub(crate) truncated: HashMap<String, (usize, Then)>,
    pub(crate) declared: HashMap<String, u32>,
    pub(crate) mangled: HashMap<String, Mangled>,
    pub(crate) postponed: HashSet<String>,
    pub(crate) greeting: Vec<u8>,
    pub(crate) overridden: HashMap<String, Packet>,
    pub(crate) removed: HashSet<String>,
    pub(crate) close_after: Option<usize>,
}

/// The bytes to write, and when.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    pub(crate) delay: Duration,
    pub(crate) bytes: Vec<u8>,
    pub(crate) datagrams: Vec<usize>,
    pub(crate) chop: Option<(usize, Duration)>,
    pub(crate) close: bool,
    /// The bytes to repeat after the reply.
    pub(crate) repeat: Vec<u8>,
    /// Whether to send the next reply first.
    pub(crate) postponed: bool,
}

impl Script {
    pub(crate) fn new(captures: Captures) -> Self {
        Self {
            captures,
            refuse: false,
            silent: false,
            delay: Duration::ZERO,
            delays: HashMap::new(),
            chop: None,
            skipped: HashSet::new(),
            truncated: HashMap::new(),
            declared: HashMap::new(),
            mangled: HashMap::new(),
            postponed: HashSet::new(),
            greeting: Vec::new(),
            overridden: HashMap::new(),
            removed: HashSet::new(),
            close_after: None,
        }
    }

    /// Returns the reaction to a call, after `answered` replies on the same connection.
    pub(crate) fn react(
        &self,
        cookie: Cookie,
        payload: &[u8],
        method: &str,
        args: &[String],
        answered: usize,
    ) -> Reaction {
        if self.silent || is_in(&self.skipped, method) {
            return Reaction::default();
        }
        let packet = self.answer(payload, method, args);
        let declared = get(&self.declared, method).copied().unwrap_or(packet.body.len() as u32);
        let (mut bytes, header_len) = packet.bytes(cookie, declared);
        let mut datagrams = crate::chunks::datagrams(header_len, &packet.body);
        let mut close = self.close_after.is_some_and(|most| answered + 1 >= most);
        let mut repeat = Vec::new();
        if let Some(Mangled { then, make }) = get(&self.mangled, method) {
            let pieces = make(cookie, &bytes);
            // The largest datagram.
            datagrams = pieces.iter().flat_map(|piece| piece.chunks(MOST_BYTES).map(<[u8]>::len)).collect();
            bytes = pieces.concat();
            close |= *then == Then::Close;
            if *then == Then::Repeat {
                repeat = pieces.last().cloned().unwrap_or_default();
            }
        }
        if let Some((len, then)) = get(&self.truncated, method) {
            bytes.truncate(*len);
            close |= *then == Then::Close;
        }
        let delay = get(&self.delays, method).copied().unwrap_or(self.delay);
        let postponed = is_in(&self.postponed, method);
        Reaction { delay, bytes, datagrams, chop: self.chop, close, repeat, postponed }
    }

    /// Returns whether bytes are to be repeated.
    pub(crate) fn repeats(&self) -> bool {
        self.mangled.values().any(|mangled| mangled.then == Then::Repeat)
    }

    fn answer(&self, payload: &[u8], method: &str, args: &[String]) -> Packet {
        if let Some(packet) = get(&self.overridden, method) {
            return packet.clone();
        }
        if method == "system.listMethods" && !self.removed.is_empty() {
            return self.listed();
        }
        let known =
            if self.removed.contains(method) { None } else { self.captures.answer(payload, method, args) };
        known.unwrap_or_else(|| Packet::fault(500, &format!("command {method} not found")))
    }

    fn listed(&self) -> Packet {
        let methods = self.captures.methods();
        let kept: Vec<Arg<'_>> = methods
            .iter()
            .filter(|name| !self.removed.contains(*name))
            .map(|name| name.as_str().into())
            .collect();
        let mut bytes = Vec::new();
        wire::encode(Kind::Reply, Cookie(1), &kept, &mut bytes)
            .ok()
            .and_then(|()| packet::parse(&bytes).ok())
            .unwrap_or_else(|| Packet::fault(500, "the list of methods is too long"))
    }
}

/// Returns method and arguments of a request as text; `None` if there is no method.
pub(crate) fn call(payload: &[u8]) -> Option<(String, Vec<String>)> {
    packet::records(payload, |records| {
        let mut texts = records.iter().map(|record| match record.value {
            Value::Str(bytes) | Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::Int(int) => int.as_i64().to_string(),
            Value::Double(double) => double.as_f64().map(|number| number.to_string()).unwrap_or_default(),
            Value::Struct(_) => "{}".to_owned(),
            Value::Array(_) => "[]".to_owned(),
        });
        Some((texts.next()?, texts.collect()))
    })
    .flatten()
}

/// Returns the entry for a method, or else that for every method.
fn get<'m, T>(map: &'m HashMap<String, T>, method: &str) -> Option<&'m T> {
    map.get(method).or_else(|| map.get(ANY))
}

fn is_in(set: &HashSet<String>, method: &str) -> bool {
    set.contains(method) || set.contains(ANY)
}

/// Stands for every method.
const ANY: &str = "*";
/// The largest datagram, which unix and UDP sockets accept.
const MOST_BYTES: usize = 60_000;
