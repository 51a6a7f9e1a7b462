//! Parses the rules of the allow-list.

use super::pattern::{NamePattern, PathPattern, components};
use crate::outbound::http::Url;
use crate::outbound::target::{Protocol, Target};
use crate::support::decimal;
use ipnet::IpNet;
use kamailio_binrpc::{Endpoint, Family, Target as Address};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A rule: targets of one transport that match a pattern are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) transport: Transport,
    /// The IP version that the addresses of a host name must have.
    pub(super) family: Family,
    pub(super) pattern: Pattern,
    /// The paths of URLs; `None` for targets without one.
    url_path: Option<PathPattern>,
    /// Whether the credentials for HTTP are sent to the targets.
    pub(super) credentials: bool,
}

/// The protocol and the socket of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Unix,
    UnixDatagram,
    Tcp,
    Udp,
    JsonRpcUnix,
    JsonRpcTcp,
    JsonRpcUdp,
    Http,
    Https,
}

/// Matches the path of a unix socket, or an address or a host name together with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Path(PathPattern),
    Network(IpNet, RangeInclusive<u16>),
    Name(NamePattern, RangeInclusive<u16>),
}

impl Transport {
    pub(super) fn of(target: &Target) -> Self {
        match (target.protocol(), target.address()) {
            (Protocol::Http { url, .. }, _) if url.is_https() => Self::Https,
            (Protocol::Http { .. }, _) => Self::Http,
            (Protocol::JsonRpc, Address::Unix(_) | Address::UnixDatagram(_)) => Self::JsonRpcUnix,
            (Protocol::JsonRpc, Address::Tcp(_)) => Self::JsonRpcTcp,
            (Protocol::JsonRpc, Address::Udp(_)) => Self::JsonRpcUdp,
            (Protocol::Binrpc, Address::Unix(_)) => Self::Unix,
            (Protocol::Binrpc, Address::UnixDatagram(_)) => Self::UnixDatagram,
            (Protocol::Binrpc, Address::Tcp(_)) => Self::Tcp,
            (Protocol::Binrpc, Address::Udp(_)) => Self::Udp,
        }
    }
}

impl Rule {
    /// Returns whether the rule is for targets of this transport, and matches the path of a URL. A path with encoded
    /// characters or a query matches no rule, because the server may read it as another path.
    pub(super) fn is_for(&self, target: &Target) -> bool {
        let fits = |pattern: &PathPattern, url: &Url| {
            let path = components(url.path()).filter(|_| url.query().is_none() && !url.path().contains('%'));
            path.is_some_and(|path| pattern.matches(&path))
        };
        self.transport == Transport::of(target)
            && match (&self.url_path, target.url()) {
                (Some(pattern), Some(url)) => fits(pattern, url),
                (None, None) => true,
                _ => false,
            }
    }

    /// Returns whether the rule matches one target only.
    pub(super) fn is_literal(&self) -> bool {
        let is_one_port = |ports: &RangeInclusive<u16>| ports.start() == ports.end();
        let is_one_host = match &self.pattern {
            Pattern::Path(path) => path.is_literal(),
            Pattern::Network(network, ports) => {
                network.prefix_len() == network.max_prefix_len() && is_one_port(ports)
            }
            Pattern::Name(name, ports) => name.is_literal() && is_one_port(ports),
        };
        is_one_host && self.url_path.as_ref().is_none_or(PathPattern::is_literal)
    }

    /// Returns whether the pattern matches the host and port as they are written.
    pub(super) fn names(&self, endpoint: &Endpoint) -> bool {
        match (&self.pattern, endpoint.host().parse::<IpAddr>()) {
            (Pattern::Network(network, ports), Ok(address)) => {
                ports.contains(&endpoint.port()) && network.contains(&address.to_canonical())
            }
            (Pattern::Name(pattern, ports), Err(_)) => {
                ports.contains(&endpoint.port()) && pattern.matches(endpoint.host())
            }
            _ => false,
        }
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Read as one path, both rules together would match none of the intended sockets.
        if text.split_once(',').is_some_and(|(_, second)| second.trim().parse::<Self>().is_ok()) {
            return Err("it has a second rule after a comma: repeat the option for each rule".to_owned());
        }
        if let Some((transport, port, rest)) = http_scheme(text) {
            return http(transport, port, rest).map_err(|error| format!("{error} ({FORMS})"));
        }
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) => (scheme, rest),
            None if text.starts_with('/') => ("unix", text),
            None => ("", text),
        };
        let (transport, family) = match scheme {
            "unix" | "unixs" => (Transport::Unix, Family::Any),
            "unixd" => (Transport::UnixDatagram, Family::Any),
            "tcp" => (Transport::Tcp, Family::Any),
            "tcp4" => (Transport::Tcp, Family::V4),
            "tcp6" => (Transport::Tcp, Family::V6),
            "udp" => (Transport::Udp, Family::Any),
            "udp4" => (Transport::Udp, Family::V4),
            "udp6" => (Transport::Udp, Family::V6),
            "jsonrpc+unix" => (Transport::JsonRpcUnix, Family::Any),
            "jsonrpc+tcp" => (Transport::JsonRpcTcp, Family::Any),
            "jsonrpc+udp" => (Transport::JsonRpcUdp, Family::Any),
            _ => {
                return Err(format!(
                    "it does not begin with unix:, unixd:, tcp:, udp:, http://, https:// or jsonrpc+ ({FORMS})"
                ));
            }
        };
        let pattern = match transport {
            // As in a target, a path follows one slash or three.
            Transport::Unix | Transport::UnixDatagram | Transport::JsonRpcUnix => {
                PathPattern::parse(rest.strip_prefix("//").unwrap_or(rest)).map(Pattern::Path)
            }
            _ => endpoint(rest.strip_prefix("//").unwrap_or(rest), family),
        };
        let pattern = pattern.map_err(|error| format!("{error} ({FORMS})"))?;
        Ok(Self { transport, family, pattern, url_path: None, credentials: false })
    }
}

/// Splits the scheme from a rule for URLs, and returns its default port.
fn http_scheme(text: &str) -> Option<(Transport, u16, &str)> {
    let http = text.strip_prefix("http://").map(|rest| (Transport::Http, 80, rest));
    http.or_else(|| text.strip_prefix("https://").map(|rest| (Transport::Https, 443, rest)))
}

fn http(transport: Transport, default_port: u16, text: &str) -> Result<Rule, String> {
    let (text, credentials) = match text.strip_prefix(CREDENTIALS) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    // A network in brackets, or in front of a port, has a slash too.
    let path_at = text.match_indices('/').map(|(at, _)| at).find(|at| {
        let after = text.get(at + 1..).unwrap_or_default();
        let length = after.split([':', '/']).next().unwrap_or_default();
        length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit())
    });
    let (authority, path) = path_at.and_then(|at| text.split_at_checked(at)).ok_or("it has no path")?;
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains([']', '/']));
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:{default_port}") };
    let pattern = endpoint(&authority, Family::Any)?;
    Ok(Rule {
        transport,
        family: Family::Any,
        pattern,
        url_path: Some(PathPattern::parse(path)?),
        credentials,
    })
}

fn endpoint(text: &str, family: Family) -> Result<Pattern, String> {
    let (host, port) = match text.rsplit_once(':') {
        Some(parts) => parts,
        None if decimal::parse::<u16>(text).is_some() => ("localhost", text),
        None => return Err("it has no port".to_owned()),
    };
    let ports = ports(port)?;
    let (address, length) = match host.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (host, None),
    };
    let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    match (bare.unwrap_or(address).parse::<IpAddr>(), length) {
        (Ok(address), _) if bare.is_some() != address.is_ipv6() => {
            Err(format!("\"{host}\": brackets must surround an IPv6 address and nothing else"))
        }
        (Ok(address), _) if !has_version(address, family) => {
            Err(format!("\"{host}\" is an address of the other IP version"))
        }
        (Ok(address), length) => Ok(Pattern::Network(network(address, length)?, ports)),
        (Err(_), Some(_)) => Err(format!("\"{address}\" is not an IP address")),
        (Err(_), None) => Ok(Pattern::Name(NamePattern::parse(host)?, ports)),
    }
}

/// Returns whether an address has the IP version that a rule demands.
pub(super) fn has_version(address: IpAddr, family: Family) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    }
}

/// The network of an address and a prefix length. Without a length, the address alone.
fn network(address: IpAddr, length: Option<&str>) -> Result<IpNet, String> {
    if address.to_canonical() != address {
        return Err(format!(
            "{address} is the IPv4 address {}: write the IPv4 address",
            address.to_canonical()
        ));
    }
    let Some(text) = length else { return Ok(address.into()) };
    let wrong = || {
        let longest = IpNet::from(address).max_prefix_len();
        format!("the prefix length \"{text}\" is not a number from 0 to {longest}")
    };
    let length = decimal::parse(text).ok_or_else(wrong)?;
    let network = IpNet::new(address, length).map_err(|_| wrong())?;
    if network.trunc() != network {
        return Err(format!("{address} has bits set after its first {length}: write {}", network.trunc()));
    }
    Ok(network)
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| decimal::parse::<u16>(text).filter(|port| *port > 0);
    let ports = match text.split_once('-') {
        _ if text == "*" => Some(1..=u16::MAX),
        None => port(text).map(|port| port..=port),
        Some((first, last)) => port(first).zip(port(last)).map(|(first, last)| first..=last),
    };
    ports.filter(|ports| !ports.is_empty()).ok_or_else(|| {
        format!("the port \"{text}\" is not a number from 1 to 65535, a range such as 2049-2059, or *")
    })
}

const FORMS: &str = "accepted: unix:/PATH, unixd:/PATH, tcp:HOST:PORT, tcp:10.0.0.0/8:PORT, \
                     tcp:[2001:db8::]/32:PORT, the same with udp:, http://HOST:PORT/PATH and https://HOST:PORT/PATH with \
                     the same hosts, optionally credentials@ before HOST, and jsonrpc+ before unix:, tcp: and udp:";
/// Stands before the host of a rule for targets to which the credentials are sent.
const CREDENTIALS: &str = "credentials@";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_rules_are_refused_with_the_reason() {
        for (rule, part) in [
            ("", "does not begin with unix:"),
            ("run/ctl", "does not begin with unix:"),
            ("/run/../ctl", "does not begin with a single /"),
            ("http://x:1", "it has no path"),
            ("ftp://x:1", "does not begin with unix:"),
            ("http://x:0/RPC", "the port \"0\""),
            ("http://user@x/RPC", "\"user@x\" is not a host"),
            ("http:///RPC", "\"\" is not a host"),
            ("https://x/../RPC", "does not begin with a single /"),
            ("https://10.1.0.0/8/RPC", "write 10.0.0.0/8"),
            ("jsonrpc+unixd:/run/x", "does not begin with unix:"),
            ("tcp5:10.0.0.1:1", "does not begin with unix:"),
            ("tcp6:10.0.0.0/8:1", "\"10.0.0.0/8\" is an address of the other IP version"),
            ("udp4:[::1]:1", "\"[::1]\" is an address of the other IP version"),
            ("unix:////run/ctl", "does not begin with a single /"),
            ("tcp:70000", "it has no port"),
            ("unix:run", "does not begin with a single /"),
            ("unix:/run/../*", "does not begin with a single /"),
            ("unix://run", "does not begin with a single /"),
            ("tcp:host", "it has no port"),
            ("tcp:host:", "the port \"\""),
            ("tcp:host:0", "the port \"0\""),
            ("tcp:host:+1", "the port \"+1\""),
            ("tcp:host:65536", "the port \"65536\""),
            ("tcp:host:20-10", "the port \"20-10\""),
            ("tcp:host:1-2-3", "the port"),
            ("tcp:10.0.0.0/33:1", "\"33\" is not a number from 0 to 32"),
            ("tcp:10.0.0.0/+8:1", "\"+8\" is not a number"),
            ("tcp:10.0.0.0/:1", "\"\" is not a number"),
            ("tcp:[2001:db8::]/129:1", "from 0 to 128"),
            ("tcp:[2001:db8::]/256:1", "from 0 to 128"),
            ("tcp:10.1.0.0/8:1", "10.1.0.0 has bits set after its first 8: write 10.0.0.0/8"),
            ("tcp:[2001:db8::1]/32:1", "write 2001:db8::/32"),
            ("tcp:[::ffff:10.0.0.0]/104:1", "write the IPv4 address"),
            ("tcp:::1:1", "brackets must surround an IPv6 address"),
            ("tcp:2001:db8::/32:1", "brackets must surround an IPv6 address"),
            ("tcp:[10.0.0.1]:1", "brackets must surround an IPv6 address"),
            ("tcp:host/8:1", "\"host\" is not an IP address"),
            ("tcp:10.0.0.*:1", "write addresses as 10.0.0.0/8"),
            ("tcp:2130706433:1", "write addresses as 10.0.0.0/8"),
        ] {
            let error = rule.parse::<Rule>().unwrap_err();
            assert!(error.contains(part) && error.contains("(accepted: unix:/PATH"), "{rule}: {error}");
        }
    }

    #[test]
    fn two_rules_in_one_are_refused() {
        for rule in ["unix:/run/*/ctl,unixd:/run/d", "tcp:10.0.0.0/8:1, tcp:h:2", "/run/a,/run/b"] {
            let error = rule.parse::<Rule>().unwrap_err();
            assert_eq!(
                error, "it has a second rule after a comma: repeat the option for each rule",
                "{rule}"
            );
        }
        assert!("unix:/run/a,b/ctl".parse::<Rule>().is_ok());
    }

    #[test]
    fn rules_have_the_spellings_that_targets_have() {
        for (spelling, plain) in [
            ("/run/*/ctl", "unix:/run/*/ctl"),
            ("unixs:/run/ctl", "unix:/run/ctl"),
            ("unix:///run/ctl", "unix:/run/ctl"),
            ("unixd:///run/ctl", "unixd:/run/ctl"),
            ("tcp://10.0.0.0/8:2049", "tcp:10.0.0.0/8:2049"),
            ("udp://*.example.org:*", "udp:*.example.org:*"),
            ("tcp:2049", "tcp:localhost:2049"),
            ("udp6://2050", "udp6:localhost:2050"),
        ] {
            assert_eq!(spelling.parse::<Rule>(), plain.parse::<Rule>(), "{spelling}");
            assert!(plain.parse::<Rule>().is_ok(), "{plain}");
        }
        let families = ["tcp", "tcp4", "tcp6"].map(|scheme| format!("{scheme}:h:1").parse::<Rule>().unwrap());
        assert_eq!(families.map(|rule| rule.family), [Family::Any, Family::V4, Family::V6]);
    }

    #[test]
    fn networks_contain_the_addresses_with_their_prefix() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255"][..],
                &["11.0.0.0", "9.255.255.255", "::a00:0"][..],
            ),
            ("10.0.0.1", &["10.0.0.1"], &["10.0.0.2", "10.0.0.0"]),
            ("172.16.0.0/12", &["172.16.0.0", "172.31.255.255"], &["172.32.0.0", "172.15.255.255"]),
            ("0.0.0.0/0", &["255.1.2.3"], &["::", "::1"]),
            ("[2001:db8::]/32", &["2001:db8::1", "2001:db8:ffff::"], &["2001:db9::", "32.1.13.184"]),
            ("[::1]", &["::1"], &["::2", "::", "0.0.0.1"]),
            ("[::]/0", &["::1"], &["127.0.0.1"]),
        ] {
            let Ok(Pattern::Network(network, _)) = endpoint(&format!("{network}:1"), Family::Any) else {
                panic!("{network}")
            };
            for address in inside {
                assert!(network.contains(&address.parse::<IpAddr>().unwrap()), "{network:?} {address}");
            }
            for address in outside {
                assert!(!network.contains(&address.parse::<IpAddr>().unwrap()), "{network:?} {address}");
            }
        }
    }

    #[test]
    fn a_port_range_includes_both_ends() {
        let Ok(Pattern::Name(_, ports)) = endpoint("host:2049-2051", Family::Any) else { panic!() };
        let inside: Vec<u16> = (2047..2054).filter(|port| ports.contains(port)).collect();
        assert_eq!(inside, [2049, 2050, 2051]);
        let Ok(Pattern::Name(_, ports)) = endpoint("host:*", Family::Any) else { panic!() };
        assert!(ports.contains(&1) && ports.contains(&65535) && !ports.contains(&0));
    }
}
