//! Which targets others may have scraped. What is connected to is what was checked: a name is looked up once, and a
//! file is opened before it is looked at.

mod pattern;
mod reach;
mod rule;

pub(crate) use reach::Lookup;

use kamailio_binrpc::{Endpoint, Target};
use pattern::components;
use rule::{Place, Rule, Transport};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The targets that the operator allows, by the rules of `--probe.allow`. Without any rule, none is.
pub struct AllowList {
    rules: Vec<Rule>,
    lookup: Lookup,
    /// A look-up cannot be stopped, so that one nobody waits for any more still counts.
    lookups: Arc<Semaphore>,
}

impl AllowList {
    /// Reads rules. The error is a sentence with the rule in it.
    ///
    /// | rule | allows |
    /// |---|---|
    /// | `unix:/run/*/ctl`, `unixd:/run/*/ctl` | sockets whose path matches; `*` is anything but a `/` |
    /// | `tcp:10.0.0.0/8:2049`, `tcp:[2001:db8::]/32:2049`, `tcp:10.0.0.1:2049` | addresses |
    /// | `tcp:*.example.org:2049`, `tcp:sip1.example.org:2049` | names; `*` is anything |
    ///
    /// `udp:` is as `tcp:`. The port is a number, a range (`2049-2059`) or `*`.
    pub fn parse<'r>(rules: impl IntoIterator<Item = &'r str>) -> Result<Self, String> {
        let rule = |text: &str| text.trim().parse().map_err(|error| format!("\"{text}\": {error}"));
        let rules = rules.into_iter().map(rule).collect::<Result<_, _>>()?;
        Ok(Self { rules, lookup: Lookup::system(), lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) })
    }

    /// The same with another way to find the addresses of a name.
    pub fn with_lookup(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    /// Whether a rule is for this target. It depends on nothing but the target and the rules. What the target leads to
    /// is looked at by [`connect`](Self::connect).
    pub fn names(&self, target: &Target) -> bool {
        match target {
            Target::Unix(path) | Target::UnixDatagram(path) => path
                .to_str()
                .and_then(components)
                .is_some_and(|path| self.paths(target).any(|pattern| pattern.matches(&path))),
            Target::Tcp(endpoint) | Target::Udp(endpoint) => match endpoint.host().parse::<IpAddr>() {
                Ok(address) => self.has_address(target, endpoint.port(), address.to_canonical()),
                Err(_) => self.naming(target, endpoint).next().is_some(),
            },
        }
    }

    /// The path rules of the target's transport.
    fn paths(&self, target: &Target) -> impl Iterator<Item = &pattern::PathPattern> {
        self.places(target).filter_map(|place| match place {
            Place::Path(pattern) => Some(pattern),
            Place::Network(..) | Place::Name(..) => None,
        })
    }

    /// The address rules of the target's transport that are for this port.
    fn networks(&self, target: &Target, port: u16) -> impl Iterator<Item = &rule::Network> {
        self.places(target).filter_map(move |place| match place {
            Place::Network(network, ports) if ports.contains(&port) => Some(network),
            _ => None,
        })
    }

    /// The name rules that are for this endpoint.
    fn naming(&self, target: &Target, endpoint: &Endpoint) -> impl Iterator<Item = &pattern::NamePattern> {
        self.places(target).filter_map(move |place| match place {
            Place::Name(pattern, ports) if ports.contains(&endpoint.port()) => {
                Some(pattern).filter(|pattern| pattern.matches(endpoint.host()))
            }
            _ => None,
        })
    }

    fn has_address(&self, target: &Target, port: u16, address: IpAddr) -> bool {
        self.networks(target, port).any(|network| network.contains(address))
    }

    fn places(&self, target: &Target) -> impl Iterator<Item = &Place> {
        let transport = Transport::of(target);
        self.rules.iter().filter(move |rule| rule.transport == transport).map(|rule| &rule.place)
    }
}

impl std::fmt::Debug for AllowList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AllowList").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Each is a thread that waits, for half a minute if no name server answers. The runtime has 512 of them, and the rest
/// of the program needs some.
const MAX_LOOKUPS: usize = 200;
