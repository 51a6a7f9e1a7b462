//! Where Kamailio listens.

mod parse;
mod resolved;

pub use parse::ParseTargetError;
pub use resolved::Resolved;

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

/// The address of a control socket of Kamailio's module `ctl`, in the form of the module's parameter `binrpc`.
///
/// | URI | socket |
/// |---|---|
/// | `unix:/path`, `unixs:/path`, `unix:///path`, `/path` | unix stream, the default of `ctl` |
/// | `unixd:/path`, `unixd:///path` | unix datagram |
/// | `tcp:host:port`, `tcp://host:port` | TCP; `tcp4` and `tcp6` select the IP version |
/// | `udp:host:port`, `udp://host:port` | UDP; `udp4` and `udp6` select the IP version |
///
/// Paths are taken literally, host names are converted to lower case, IPv6 addresses are in brackets, and the port is
/// mandatory. `Display` prints the first form of the row. The text of a target that was parsed parses to the same
/// target.
///
/// ```
/// use kamailio_binrpc::Target;
///
/// let target: Target = "tcp://[::1]:2049".parse()?;
/// assert_eq!(target.to_string(), "tcp:[::1]:2049");
/// # Ok::<(), kamailio_binrpc::ParseTargetError>(())
/// ```
///
/// The enum is exhaustive: `ctl` has no other BINRPC sockets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A unix stream socket.
    Unix(PathBuf),
    /// A unix datagram socket. Prefer a stream: a large reply can lose datagrams, which no client can detect.
    UnixDatagram(PathBuf),
    /// A TCP port.
    Tcp(Endpoint),
    /// A UDP port. Prefer a stream: a large reply can lose datagrams, which no client can detect.
    Udp(Endpoint),
}

impl Target {
    /// Looks up the addresses of the target's host with the system's resolver. The call may block for as long as the
    /// resolver does; the lookup of a path never fails.
    ///
    /// # Errors
    /// Those of the resolver, and [`io::ErrorKind::NotFound`] if the host has no address of the IP version.
    pub fn resolve(&self) -> io::Result<Resolved> {
        let lookup = |endpoint: &Endpoint| {
            let addresses = (endpoint.host(), endpoint.port()).to_socket_addrs()?;
            endpoint.accepted(addresses)
        };
        Ok(match self {
            Self::Unix(path) => Resolved::Unix(path.clone()),
            Self::UnixDatagram(path) => Resolved::UnixDatagram(path.clone()),
            Self::Tcp(endpoint) => Resolved::Tcp(lookup(endpoint)?),
            Self::Udp(endpoint) => Resolved::Udp(lookup(endpoint)?),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match self {
            Self::Unix(path) => ("unix", path),
            Self::UnixDatagram(path) => ("unixd", path),
            Self::Tcp(endpoint) => return write!(f, "tcp{endpoint}"),
            Self::Udp(endpoint) => return write!(f, "udp{endpoint}"),
        };
        // In `unix://x`, x is in the place of a host.
        let slashes = if path.as_os_str().as_encoded_bytes().starts_with(b"//") { "//" } else { "" };
        write!(f, "{scheme}:{slashes}{}", path.display())
    }
}

/// A host and a port.
///
/// ```
/// use kamailio_binrpc::{Family, Target};
///
/// let Target::Tcp(endpoint) = "tcp4:sip.example.com:2049".parse()? else { unreachable!() };
/// assert_eq!((endpoint.host(), endpoint.port(), endpoint.family()), ("sip.example.com", 2049, Family::V4));
/// # Ok::<(), kamailio_binrpc::ParseTargetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
    family: Family,
}

impl Endpoint {
    /// Creates an endpoint from a host name or an IP address without brackets, and a port.
    ///
    /// ```
    /// use kamailio_binrpc::{Endpoint, Family, Target};
    ///
    /// let target = Target::Tcp(Endpoint::new("::1", 2049, Family::Any)?);
    /// assert_eq!(target.to_string(), "tcp:[::1]:2049");
    /// # Ok::<(), kamailio_binrpc::ParseTargetError>(())
    /// ```
    ///
    /// # Errors
    /// The host is neither a host name nor an IP address, it is an address of the other IP version, or the port is 0.
    pub fn new(host: &str, port: u16, family: Family) -> Result<Self, ParseTargetError> {
        parse::endpoint_of(host, port, family)
    }

    /// Returns a host name in lower case, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, which is not 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns which addresses of the host may be used.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Returns whether the address is of the endpoint's [family](Self::family).
    pub fn accepts(&self, address: &SocketAddr) -> bool {
        match self.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }

    /// The addresses of the endpoint's family, at least one.
    pub(crate) fn accepted(
        &self,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> io::Result<Vec<SocketAddr>> {
        let addresses: Vec<_> = addresses.filter(|address| self.accepts(address)).collect();
        if addresses.is_empty() {
            let message = format!("{} has no address of the requested IP version", self.host);
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(addresses)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, family } = self;
        f.write_str(match family {
            Family::Any => "",
            Family::V4 => "4",
            Family::V6 => "6",
        })?;
        if host.contains(':') { write!(f, ":[{host}]:{port}") } else { write!(f, ":{host}:{port}") }
    }
}

/// The IP versions that an [`Endpoint`] allows.
///
/// ```
/// use kamailio_binrpc::{Family, Target};
///
/// let Target::Udp(endpoint) = "udp:localhost:2049".parse()? else { unreachable!() };
/// assert_eq!(endpoint.family(), Family::Any);
/// # Ok::<(), kamailio_binrpc::ParseTargetError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 and IPv6.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_other_ip_version_are_dropped() {
        let addresses: [SocketAddr; 2] = ["127.0.0.1:1", "[::1]:1"].map(|address| address.parse().unwrap());
        for (uri, expected) in [
            ("tcp:host:1", &addresses[..]),
            ("tcp4:host:1", &addresses[..1]),
            ("tcp6:host:1", &addresses[1..]),
        ] {
            let Ok(Target::Tcp(endpoint)) = uri.parse() else { panic!("expected TCP") };
            assert_eq!(endpoint.accepted(addresses.into_iter()).unwrap(), expected, "{uri}");
        }
        let Ok(Target::Udp(endpoint)) = "udp6:host:1".parse() else { panic!("expected UDP") };
        let error = endpoint.accepted(addresses.into_iter().take(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(error.to_string(), "host has no address of the requested IP version");
    }

    #[test]
    fn endpoints_that_are_created_are_those_that_are_parsed() {
        for (host, uri) in [
            ("SIP.example.com", "tcp:sip.example.com:7"),
            ("127.0.0.1", "tcp:127.0.0.1:7"),
            ("::1", "tcp:[::1]:7"),
        ] {
            let Ok(Target::Tcp(parsed)) = uri.parse() else { panic!("expected TCP") };
            assert_eq!(Endpoint::new(host, 7, Family::Any).unwrap(), parsed, "{host}");
        }
        for host in ["", "a b", "a:7", "u@h", "[::1]", "//h", "a/b", "h\n"] {
            assert!(Endpoint::new(host, 7, Family::Any).is_err(), "{host}");
        }
        assert!(Endpoint::new("h", 0, Family::Any).is_err() && Endpoint::new("::1", 7, Family::V4).is_err());
    }

    #[test]
    fn paths_and_addresses_are_resolved_to_themselves() {
        for (uri, expected) in [
            ("unix:/run/k", Resolved::Unix("/run/k".into())),
            ("unixd:/run/k", Resolved::UnixDatagram("/run/k".into())),
            ("tcp:127.0.0.1:7", Resolved::Tcp(vec!["127.0.0.1:7".parse().unwrap()])),
            ("udp:[::1]:7", Resolved::Udp(vec!["[::1]:7".parse().unwrap()])),
        ] {
            assert_eq!(uri.parse::<Target>().unwrap().resolve().unwrap(), expected);
        }
    }
}
