//! Recorded requests and replies, found by the bytes of a request.

use crate::packet::{self, Packet};
use kamailio_binrpc::wire::Kind;
use kamailio_binrpc::{Arg, Cookie, Value, wire};
use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

/// The requests and replies of one version of Kamailio.
#[derive(Clone, Debug)]
pub struct Captures {
    by_name: HashMap<String, Exchange>,
    by_request: HashMap<Vec<u8>, String>,
}

/// A request's payload and its reply.
#[derive(Clone, Debug)]
struct Exchange {
    request: Vec<u8>,
    reply: Packet,
}

impl Captures {
    /// Loads the captures of a version, such as `5.6.3` or `6.2-dev`, from the repository.
    ///
    /// # Panics
    /// If the captures cannot be read: a test without its captures must not pass.
    pub fn of(version: &str) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(version);
        Self::load(&directory)
            .unwrap_or_else(|error| panic!("cannot read captures in {}: {error}", directory.display()))
    }

    /// Loads all `NAME.req` of a directory, each with its `NAME.reply`. If several requests have the same payload, the capture
    /// with the shortest name is replayed, unless another is chosen ([`Fake::answer_with`](crate::Fake::answer_with)).
    ///
    /// # Errors
    /// A directory or file that cannot be read, a file that is not one packet, a directory without captures.
    pub fn load(directory: &Path) -> io::Result<Self> {
        let mut captures = Self { by_name: HashMap::new(), by_request: HashMap::new() };
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // The capture of a stream has several packets, and does not belong to one request.
            if let Some(name) = name.strip_suffix(".req").filter(|name| !name.starts_with("stream.")) {
                names.push(name.to_owned());
            }
        }
        names.sort_by(|a, b| a.len().cmp(&b.len()).then(a.cmp(b)));
        for name in names {
            let read = |suffix| packet::parse(&fs::read(directory.join(format!("{name}.{suffix}")))?);
            let exchange = Exchange { request: read("req")?.body, reply: read("reply")? };
            captures.by_request.entry(exchange.request.clone()).or_insert_with(|| name.clone());
            captures.by_name.insert(name, exchange);
        }
        if captures.by_name.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the directory has no captures"));
        }
        Ok(captures)
    }

    /// Chooses the capture to replay for the request for which it was recorded.
    ///
    /// # Panics
    /// If there is no such capture.
    pub(crate) fn choose(&mut self, name: &str) {
        let exchange = self.by_name.get(name).unwrap_or_else(|| panic!("there is no capture {name}"));
        self.by_request.insert(exchange.request.clone(), name.to_owned());
    }

    /// Returns the recorded reply to the payload of a request. Replies to `stats.fetch` are composed if they were not recorded.
    pub(crate) fn answer(&self, payload: &[u8], method: &str, args: &[String]) -> Option<Packet> {
        match self.by_request.get(payload) {
            Some(name) => self.by_name.get(name).map(|exchange| exchange.reply.clone()),
            None if method == "stats.fetch" => self.statistics(args),
            None => None,
        }
    }

    /// Returns the names that `system.listMethods` lists.
    pub(crate) fn methods(&self) -> Vec<String> {
        let Some(listed) = self.by_name.get("system.listMethods") else { return Vec::new() };
        let text = |value: Value<'_>| value.as_bytes().map(|name| String::from_utf8_lossy(name).into_owned());
        packet::records(&listed.reply.body, |members| {
            members.iter().filter_map(|member| text(member.value)).collect()
        })
        .unwrap_or_default()
    }

    /// Composes the reply to `stats.fetch GROUP: ...` from the reply to `stats.fetch all`.
    fn statistics(&self, groups: &[String]) -> Option<Packet> {
        let all = &self.by_name.get("stats.fetch_all")?.reply.body;
        let body = packet::records(all, |records| {
            let all: Vec<_> = records.first()?.members()?.iter().collect();
            let mut chosen = Vec::new();
            for group in groups {
                let prefix = group.strip_suffix(':').map(|group| format!("{group}."));
                for member in &all {
                    let (Some(Ok(name)), Some(value)) =
                        (member.name.map(str::from_utf8), member.value.as_bytes())
                    else {
                        continue;
                    };
                    if prefix.as_ref().map_or(name == group, |prefix| name.starts_with(prefix)) {
                        chosen.push((Some(name), Arg::Str(value)));
                    }
                }
            }
            let mut packet = Vec::new();
            wire::encode(Kind::Reply, Cookie(1), &[Arg::Struct(&chosen)], &mut packet).ok()?;
            packet::parse(&packet).ok()
        })
        .flatten()?;
        Some(body)
    }
}
