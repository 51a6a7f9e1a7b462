//! A rule as the operator writes it.

use super::pattern::{NamePattern, PathPattern};
use kamailio_binrpc::Target;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What is allowed over a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) transport: Transport,
    pub(super) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Unix,
    UnixDatagram,
    Tcp,
    Udp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path(PathPattern),
    Network(Network, RangeInclusive<u16>),
    Name(NamePattern, RangeInclusive<u16>),
}

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    length: u32,
}

impl Transport {
    pub(super) fn of(target: &Target) -> Self {
        match target {
            Target::Unix(_) => Self::Unix,
            Target::UnixDatagram(_) => Self::UnixDatagram,
            Target::Tcp(_) => Self::Tcp,
            Target::Udp(_) => Self::Udp,
        }
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (transport, rest) = match text.split_once(':') {
            Some(("unix", rest)) => (Transport::Unix, rest),
            Some(("unixd", rest)) => (Transport::UnixDatagram, rest),
            Some(("tcp", rest)) => (Transport::Tcp, rest),
            Some(("udp", rest)) => (Transport::Udp, rest),
            _ => return Err(format!("it does not begin with unix:, unixd:, tcp: or udp: ({FORMS})")),
        };
        let place = match transport {
            Transport::Unix | Transport::UnixDatagram => PathPattern::parse(rest).map(Place::Path),
            Transport::Tcp | Transport::Udp => endpoint(rest),
        };
        Ok(Self { transport, place: place.map_err(|error| format!("{error} ({FORMS})"))? })
    }
}

impl Network {
    fn parse(address: IpAddr, length: Option<&str>) -> Result<Self, String> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(text) => text
                .parse()
                .ok()
                .filter(|length| *length <= most && text.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(|| format!("the prefix length \"{text}\" is not a number from 0 to {most}"))?,
        };
        if address.to_canonical() != address {
            return Err(format!("{address} is the IPv4 address {}: write that", address.to_canonical()));
        }
        if bits(address).checked_shl(length).unwrap_or(0) != 0 {
            return Err(format!("{address} has more bits set than its first {length}"));
        }
        Ok(Self { address, length })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && (bits(self.address) ^ bits(address)).leading_zeros() >= self.length
    }
}

/// The bits of an address, at the beginning of those of a number.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn endpoint(text: &str) -> Result<Place, String> {
    let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
    let ports = ports(port)?;
    let (address, length) = match host.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (host, None),
    };
    let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    match (bare.unwrap_or(address).parse::<IpAddr>(), length) {
        (Ok(address), _) if bare.is_some() != address.is_ipv6() => {
            Err(format!("\"{host}\": an IPv6 address, and nothing else, stands in brackets"))
        }
        (Ok(address), length) => Ok(Place::Network(Network::parse(address, length)?, ports)),
        (Err(_), Some(_)) => Err(format!("\"{address}\" is no address")),
        (Err(_), None) => Ok(Place::Name(NamePattern::parse(host)?, ports)),
    }
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| -> Option<u16> {
        text.parse().ok().filter(|port| *port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let ports = match text.split_once('-') {
        _ if text == "*" => Some(1..=u16::MAX),
        None => port(text).map(|port| port..=port),
        Some((first, last)) => port(first).zip(port(last)).map(|(first, last)| first..=last),
    };
    ports.filter(|ports| !ports.is_empty()).ok_or_else(|| {
        format!("the port \"{text}\" is not a number from 1 to 65535, a range as in 2049-2059, or *")
    })
}

const FORMS: &str = "there are unix:/PATH, unixd:/PATH, tcp:HOST:PORT, tcp:10.0.0.0/8:PORT, tcp:[2001:db8::]/32:PORT, \
                     and udp: as tcp:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_cannot_be_meant_are_refused() {
        for (rule, part) in [
            ("", "does not begin with unix:"),
            ("/run/ctl", "does not begin with unix:"),
            ("http://x:1", "does not begin with unix:"),
            ("tcp4:10.0.0.1:1", "does not begin with unix:"),
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
            ("tcp:10.1.0.0/8:1", "10.1.0.0 has more bits set than its first 8"),
            ("tcp:[::ffff:10.0.0.0]/104:1", "write that"),
            ("tcp:::1:1", "an IPv6 address, and nothing else"),
            ("tcp:2001:db8::/32:1", "an IPv6 address, and nothing else, stands in brackets"),
            ("tcp:[10.0.0.1]:1", "an IPv6 address, and nothing else"),
            ("tcp:host/8:1", "\"host\" is no address"),
            ("tcp:10.0.0.*:1", "addresses are written as 10.0.0.0/8"),
            ("tcp:2130706433:1", "addresses are written as 10.0.0.0/8"),
            ("tcp://host:1", "is no"),
        ] {
            let error = rule.parse::<Rule>().unwrap_err();
            assert!(error.contains(part) && error.contains("(there are unix:/PATH"), "{rule}: {error}");
        }
    }

    #[test]
    fn networks_have_the_addresses_that_begin_as_they_do() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255"][..],
                &["11.0.0.0", "9.255.255.255", "::a00:0"][..],
            ),
            ("10.0.0.1", &["10.0.0.1"], &["10.0.0.2"]),
            ("0.0.0.0/0", &["255.1.2.3"], &["::", "::1"]),
            ("[2001:db8::]/32", &["2001:db8::1", "2001:db8:ffff::"], &["2001:db9::", "32.1.13.184"]),
            ("[::1]", &["::1"], &["::2", "::", "0.0.0.1"]),
            ("[::]/0", &["::1"], &["127.0.0.1"]),
        ] {
            let Ok(Place::Network(network, _)) = endpoint(&format!("{network}:1")) else {
                panic!("{network}")
            };
            for address in inside {
                assert!(network.contains(address.parse().unwrap()), "{network:?} {address}");
            }
            for address in outside {
                assert!(!network.contains(address.parse().unwrap()), "{network:?} {address}");
            }
        }
    }
}
