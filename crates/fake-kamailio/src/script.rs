//! What is answered to a call, and how badly.

use crate::captures::Captures;
use crate::packet::{self, Packet};
use kamailio_binrpc::wire::Kind;
use kamailio_binrpc::{Arg, Cookie, Value, wire};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What happens after a reply that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next reply follows, as when Kamailio dropped the rest of one that the client was slow to take.
    GoOn,
    /// The connection is closed.
    Close,
}

/// The captures and all that a test wants to be otherwise.
#[derive(Debug)]
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
    pub(crate) garbage: HashMap<String, Vec<u8>>,
    pub(crate) overridden: HashMap<String, Packet>,
    pub(crate) removed: HashSet<String>,
    pub(crate) close_after: Option<usize>,
}

/// What to write, and what to do around it.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    pub(crate) delay: Duration,
    pub(crate) bytes: Vec<u8>,
    pub(crate) datagrams: Vec<usize>,
    pub(crate) chop: Option<(usize, Duration)>,
    pub(crate) close: bool,
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
            garbage: HashMap::new(),
            overridden: HashMap::new(),
            removed: HashSet::new(),
            close_after: None,
        }
    }

    /// The reaction to a call; `answered` replies went out on its connection before.
    pub(crate) fn react(
        &self,
        cookie: Cookie,
        payload: &[u8],
        method: &str,
        args: &[String],
        answered: usize,
    ) -> Reaction {
        if self.silent || self.skipped.contains(method) {
            return Reaction::default();
        }
        let packet = self.answer(payload, method, args);
        let declared = self.declared.get(method).copied().unwrap_or(packet.body.len() as u32);
        let (mut bytes, header_len) = packet.bytes(cookie, declared);
        let mut datagrams = crate::chunks::datagrams(header_len, &packet.body);
        if let Some(garbage) = self.garbage.get(method) {
            (bytes, datagrams) = (garbage.clone(), vec![garbage.len()]);
        }
        let mut close = self.close_after.is_some_and(|most| answered + 1 >= most);
        if let Some((len, then)) = self.truncated.get(method) {
            bytes.truncate(*len);
            close |= *then == Then::Close;
        }
        let delay = self.delays.get(method).copied().unwrap_or(self.delay);
        Reaction { delay, bytes, datagrams, chop: self.chop, close }
    }

    fn answer(&self, payload: &[u8], method: &str, args: &[String]) -> Packet {
        if let Some(packet) = self.overridden.get(method) {
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

/// Method and arguments of a request, as text. None if it has no method.
pub(crate) fn call(payload: &[u8]) -> Option<(String, Vec<String>)> {
    packet::records(payload, |records| {
        let mut texts = records.iter().map(|record| match record.value {
            Value::Str(bytes) | Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::Int(int) => int.signed().to_string(),
            Value::Double(double) => double.value().map(|number| number.to_string()).unwrap_or_default(),
            Value::Struct(_) => "{}".to_owned(),
            Value::Array(_) => "[]".to_owned(),
        });
        Some((texts.next()?, texts.collect()))
    })
    .flatten()
}
