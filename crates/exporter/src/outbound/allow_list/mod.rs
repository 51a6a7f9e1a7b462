//! The targets that clients may probe.
//!
//! The exporter connects to exactly what it checked: it looks a name up once and connects to the addresses it found, and
//! it opens a socket's file before it checks where the path leads.

mod connect;
mod lookup;
mod pattern;
mod remote_address;
mod rule;

pub(crate) use lookup::Lookup;

use super::target::{Access, Target};
use ipnet::IpNet;
use kamailio_binrpc::{Endpoint, Family, Target as Address};
use lookup::Resolver;
use pattern::{NamePattern, PathPattern, components};
use rule::{Pattern, Rule};
use std::net::IpAddr;
use std::sync::Arc;

/// The targets that the operator allows, by the rules of `--probe.allow`. Without a rule, no target is allowed.
pub struct AllowList {
    rules: Vec<Rule>,
    resolver: Resolver,
    /// The access to HTTP targets: with the credentials, and without.
    access: [Arc<Access>; 2],
}

impl AllowList {
    /// Parses rules. The error is a human-readable message that quotes the rule.
    ///
    /// | rule | allows |
    /// |---|---|
    /// | `unix:/run/*/ctl`, `unixd:/run/*/ctl` | sockets whose path matches; `*` matches anything but a `/` |
    /// | `tcp:10.0.0.0/8:2049`, `tcp:[2001:db8::]/32:2049`, `tcp:10.0.0.1:2049` | addresses |
    /// | `tcp:*.example.org:2049`, `tcp:sip1.example.org:2049` | host names; `*` matches anything |
    /// | `http://10.0.0.0/8:5060/RPC`, `https://credentials@*.example.org/RPC` | URLs; `*` matches anything but a `/` in a path |
    ///
    /// `udp:` works like `tcp:`, and `jsonrpc+unix:`, `jsonrpc+tcp:` and `jsonrpc+udp:` like the same without `jsonrpc+`. The
    /// credentials for HTTP are sent to the targets of rules that have `credentials@` before the host. The port is a number,
    /// a range (`2049-2059`) or `*`. Rules have the spellings that targets have: `/path`, `unix:///path`, `tcp://…`, `tcp4:`,
    /// and `tcp:2049` for localhost.
    pub fn parse<'r>(rules: impl IntoIterator<Item = &'r str>) -> Result<Self, String> {
        let rule = |text: &str| text.trim().parse().map_err(|error| format!("\"{text}\": {error}"));
        let rules = rules.into_iter().map(rule).collect::<Result<_, _>>()?;
        Ok(Self { rules, resolver: Resolver::new(Lookup::system()), access: Default::default() })
    }

    /// Sets the credentials for HTTP targets of rules with `credentials@`, and the authorities that certificates are verified
    /// with.
    pub(crate) fn with_access(self, access: Arc<Access>) -> Self {
        let without = Arc::new(access.without_credentials());
        Self { access: [access, without], ..self }
    }

    /// Returns the target with the credentials that its rule allows; `None` if no rule allows the target.
    pub(crate) fn authorize(&self, target: &Target) -> Option<Target> {
        let named = match target.address() {
            Address::Tcp(endpoint) | Address::Udp(endpoint) => {
                self.rules(target).any(|rule| rule.credentials && rule.names(endpoint))
            }
            Address::Unix(_) | Address::UnixDatagram(_) => false,
        };
        let [with, without] = &self.access;
        self.matches(target).then(|| target.clone().with_access(if named { with } else { without }))
    }

    /// Replaces the way in which host names are looked up.
    pub fn with_lookup(self, lookup: Lookup) -> Self {
        Self { resolver: Resolver::new(lookup), ..self }
    }

    /// Returns whether a rule matches the target as it is written. [`connect`](Self::connect) checks what the target
    /// leads to.
    pub fn matches(&self, target: &Target) -> bool {
        match target.address() {
            Address::Unix(path) | Address::UnixDatagram(path) => path
                .to_str()
                .and_then(components)
                .is_some_and(|path| self.path_patterns(target).any(|pattern| pattern.matches(&path))),
            Address::Tcp(endpoint) | Address::Udp(endpoint) => match endpoint.host().parse::<IpAddr>() {
                Ok(address) => self.contains(target, endpoint.port(), address.to_canonical()),
                Err(_) => self.name_rules(target, endpoint).next().is_some(),
            },
        }
    }

    /// Returns whether a rule matches this target and no other.
    pub(crate) fn spells_out(&self, target: &Target) -> bool {
        let matches = |rule: &Rule| match target.address() {
            Address::Unix(path) | Address::UnixDatagram(path) => {
                let path = path.to_str().and_then(components);
                matches!((&rule.pattern, path), (Pattern::Path(pattern), Some(path)) if pattern.matches(&path))
            }
            Address::Tcp(endpoint) | Address::Udp(endpoint) => rule.names(endpoint),
        };
        self.rules(target).any(|rule| rule.is_literal() && matches(rule))
    }

    /// The path patterns for the target's transport.
    fn path_patterns(&self, target: &Target) -> impl Iterator<Item = &PathPattern> {
        self.rules(target).filter_map(|rule| match &rule.pattern {
            Pattern::Path(pattern) => Some(pattern),
            Pattern::Network(..) | Pattern::Name(..) => None,
        })
    }

    /// The networks allowed for the target's transport and this port.
    fn networks(&self, target: &Target, port: u16) -> impl Iterator<Item = &IpNet> {
        self.rules(target).filter_map(move |rule| match &rule.pattern {
            Pattern::Network(network, ports) if ports.contains(&port) => Some(network),
            _ => None,
        })
    }

    /// The name patterns that match this endpoint, and the IP version that each allows.
    fn name_rules(
        &self,
        target: &Target,
        endpoint: &Endpoint,
    ) -> impl Iterator<Item = (&NamePattern, Family)> {
        self.rules(target).filter_map(move |rule| match &rule.pattern {
            Pattern::Name(pattern, ports) if ports.contains(&endpoint.port()) => {
                pattern.matches(endpoint.host()).then_some((pattern, rule.family))
            }
            _ => None,
        })
    }

    fn contains(&self, target: &Target, port: u16, address: IpAddr) -> bool {
        self.networks(target, port).any(|network| network.contains(&address))
    }

    fn rules(&self, target: &Target) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.is_for(target))
    }
}

impl std::fmt::Debug for AllowList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AllowList").field("rules", &self.rules).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_spells_out_one_target_if_nothing_else_matches_it() {
        for (rules, target, is_spelled_out) in [
            ("unix:/run/kamailio/ctl", "unix:/run/kamailio/ctl", true),
            ("unix:/run/*/ctl", "unix:/run/kamailio/ctl", false),
            ("unix:/run/*/ctl unix:/run/kamailio/ctl", "unix:/run/kamailio/ctl", true),
            ("unix:/run/*/ctl unix:/run/kamailio/ctl", "unix:/run/other/ctl", false),
            ("unix:/run/kamailio/ctl", "unixd:/run/kamailio/ctl", false),
            ("tcp:10.0.0.1:2049", "tcp:10.0.0.1:2049", true),
            ("tcp:10.0.0.1:2049", "tcp:10.0.0.2:2049", false),
            ("tcp:10.0.0.1:2049-2050", "tcp:10.0.0.1:2049", false),
            ("tcp:10.0.0.0/31:2049", "tcp:10.0.0.1:2049", false),
            ("udp:[2001:db8::1]:2049", "udp:[2001:db8::1]:2049", true),
            ("tcp:sip1.example.org:2049", "tcp:SIP1.example.org:2049", true),
            ("tcp:sip1.example.org:*", "tcp:sip1.example.org:2049", false),
            ("tcp:*.example.org:2049", "tcp:sip1.example.org:2049", false),
            ("http://sip1.example.org:5060/RPC", "http://sip1.example.org:5060/RPC", true),
            ("http://sip1.example.org:5060/*", "http://sip1.example.org:5060/RPC", false),
        ] {
            let allow = AllowList::parse(rules.split(' ')).unwrap();
            assert_eq!(allow.spells_out(&target.parse().unwrap()), is_spelled_out, "{rules}: {target}");
        }
    }
}
