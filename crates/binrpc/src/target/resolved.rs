//! Targets whose host was looked up.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A [`Target`](crate::Target) whose host name was looked up.
///
/// Clients that must control which addresses they connect to look up the name themselves, check the addresses, and connect
/// with [`Client::connect_resolved`](crate::Client::connect_resolved). No second lookup can lead elsewhere.
///
/// ```
/// use kamailio_binrpc::{Resolved, Target};
///
/// let target: Target = "tcp4:localhost:2049".parse()?;
/// let resolved = target.resolve()?;
/// if let Resolved::Tcp(addresses) = &resolved {
///     assert!(addresses.iter().all(|address| address.ip().is_loopback()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resolved {
    /// The path of a unix stream socket.
    Unix(PathBuf),
    /// The path of a unix datagram socket.
    UnixDatagram(PathBuf),
    /// TCP addresses, in the order in which a client tries them.
    Tcp(Vec<SocketAddr>),
    /// UDP addresses, in the order in which a client tries them.
    Udp(Vec<SocketAddr>),
}
