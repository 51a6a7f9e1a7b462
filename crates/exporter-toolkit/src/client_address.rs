//! The address of a client.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The remote end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAddress {
    /// A client on the network.
    Ip(SocketAddr),
    /// A process on this machine, over a unix socket.
    Local,
    /// A virtual machine or its host.
    Vsock(u32),
}

impl ClientAddress {
    /// The network that shares limits: an IPv4 address, or an IPv6 /64, which usually belongs to one machine or site.
    pub(crate) fn network(&self) -> Network {
        match self {
            Self::Ip(address) => Network::Ip(match address.ip().to_canonical() {
                IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
                address @ IpAddr::V4(_) => address,
            }),
            Self::Local => Network::Local,
            Self::Vsock(cid) => Network::Vsock(*cid),
        }
    }
}

/// Clients that are treated as one by every limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Network {
    Local,
    Vsock(u32),
    Ip(IpAddr),
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => SocketAddr::new(address.ip().to_canonical(), address.port()).fmt(f),
            Self::Local => f.write_str("unix"),
            Self::Vsock(cid) => write!(f, "vm({cid})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_and_an_ipv6_prefix_are_one_network() {
        let network = |text: &str| ClientAddress::Ip(text.parse().unwrap()).network();
        for (one, other, same) in [
            ("192.0.2.1:1", "192.0.2.1:2", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
            ("192.0.2.1:1", "[::ffff:192.0.2.1]:1", true),
            ("[2001:db8::1]:1", "[2001:db8::ffff:1]:1", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
        ] {
            assert_eq!(network(one) == network(other), same, "{one} {other}");
        }
        let machine = |cid| ClientAddress::Vsock(cid).network();
        assert!(machine(3) == machine(3) && machine(3) != machine(4));
        assert_ne!(machine(3), ClientAddress::Local.network());
    }
}
