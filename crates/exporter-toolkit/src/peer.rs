//! Who is at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An address on the network.
    Ip(SocketAddr),
    /// A process on this machine, over a unix socket.
    Local,
    /// A virtual machine or its host.
    Vsock(u32),
}

impl Peer {
    /// What is counted as one: an IPv6 network of 64 bits belongs to one machine or household.
    pub(crate) fn network(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(match address.ip().to_canonical() {
                IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
                address @ IpAddr::V4(_) => address,
            }),
            Self::Local | Self::Vsock(_) => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => SocketAddr::new(address.ip().to_canonical(), address.port()).fmt(f),
            Self::Local => f.write_str("unix"),
            Self::Vsock(cid) => write!(f, "vm({cid})"),
        }
    }
}
