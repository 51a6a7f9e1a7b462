//! What both clients need: an address to be answered at, and how the loss of a connection is told.

use crate::session::Session;
use crate::target::{Endpoint, Target};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A unix datagram socket with an address of its own, without which there is no answer. It is one of Linux's abstract
/// addresses: no file is made, and none is left behind.
#[cfg(target_os = "linux")]
pub(crate) fn unix_datagram() -> io::Result<std::os::unix::net::UnixDatagram> {
    use std::hash::{BuildHasher, Hasher, RandomState};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net;

    let unique = RandomState::new().build_hasher().finish();
    let name = format!("kamailio-binrpc-{}-{unique:016x}", std::process::id());
    net::UnixDatagram::bind_addr(&net::SocketAddr::from_abstract_name(name)?)
}

/// Only Linux has addresses without a file.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unix_datagram() -> io::Result<std::os::unix::net::UnixDatagram> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "unix datagram sockets are supported on Linux only: use unix:, tcp: or udp:",
    ))
}

/// The local address of a UDP socket that is going to be connected to `peer`.
pub(crate) fn any_port(peer: &SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

pub(crate) fn no_address(endpoint: &Endpoint) -> io::Error {
    let host = endpoint.host();
    io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address of the wanted IP version"))
}

pub(crate) fn no_connection(target: &Target, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot connect to {target}: {error}"))
}

pub(crate) fn connected_too_late(target: &Target) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the deadline passed while connecting to {target}"))
}

pub(crate) fn timed_out(session: &Session) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the deadline passed with {}", outstanding(session)))
}

/// A connection that is closed with requests unread is reset, and breaks the pipe of who goes on writing: it is all
/// the same to the caller.
pub(crate) fn lost(session: &Session, error: &io::Error) -> io::Error {
    if is_closed(error) {
        closed(session)
    } else {
        io::Error::new(error.kind(), format!("{error}, with {}", outstanding(session)))
    }
}

pub(crate) fn closed(session: &Session) -> io::Error {
    let sentence = format!("Kamailio closed the connection with {}", outstanding(session));
    io::Error::new(io::ErrorKind::UnexpectedEof, sentence)
}

pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn outstanding(session: &Session) -> String {
    let (open, all) = (session.awaiting(), session.calls());
    format!("{open} of {all} {} outstanding", if all == 1 { "reply" } else { "replies" })
}
