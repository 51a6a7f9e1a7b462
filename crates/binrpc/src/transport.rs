//! Shared by both clients: the socket that a reply can reach, the order of connection attempts, and the messages of errors.

use crate::session::Session;
use crate::target::Target;
use crate::timeout::Limit;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Opens a unix datagram socket with an address of its own, without which Kamailio could not reply. The address is one of
/// Linux's abstract addresses, so that no file is created or left behind.
#[cfg(target_os = "linux")]
pub(crate) fn unix_datagram() -> io::Result<std::os::unix::net::UnixDatagram> {
    use std::hash::{BuildHasher, Hasher, RandomState};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net;

    let unique = RandomState::new().build_hasher().finish();
    let name = format!("kamailio-binrpc-{}-{unique:016x}", std::process::id());
    net::UnixDatagram::bind_addr(&net::SocketAddr::from_abstract_name(name)?)
}

/// Only Linux has abstract addresses.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unix_datagram() -> io::Result<std::os::unix::net::UnixDatagram> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "unix datagram sockets are supported on Linux only: use unix:, tcp: or udp:",
    ))
}

/// The local address of a UDP socket that will be connected to `peer`.
pub(crate) fn any_port(peer: &SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// The addresses of a host, each with an equal share of the time that is left when its turn comes.
pub(crate) struct Attempts<'a> {
    addresses: &'a [SocketAddr],
    end: Instant,
    last: Option<io::Error>,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(addresses: &'a [SocketAddr], end: Instant) -> Self {
        Self { addresses, end, last: None }
    }

    /// The address to try next and the time for the attempt, or the error to report.
    pub(crate) fn next(&mut self) -> io::Result<(&'a SocketAddr, Duration)> {
        let Some((address, others)) = self.addresses.split_first() else {
            let none = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            return Err(self.last.take().unwrap_or_else(none));
        };
        let share = self.end.saturating_duration_since(Instant::now()) / (others.len() as u32 + 1);
        if share.is_zero() {
            let late = io::ErrorKind::TimedOut;
            return Err(self.last.take().map_or_else(|| late.into(), |last| io::Error::new(late, last)));
        }
        self.addresses = others;
        Ok((address, share))
    }

    pub(crate) fn failed(&mut self, error: io::Error) {
        self.last = Some(error);
    }
}

/// The operations that a connection still allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Calls and replies.
    #[default]
    Usable,
    /// The reply that is outstanding, but no calls: a datagram of it may be lost, and the window would never open again.
    Overdue,
    /// Replies that were received before.
    Lost,
}

impl Condition {
    /// Fails if no more can be read.
    pub(crate) fn check_receiving(self) -> io::Result<()> {
        match self {
            Self::Usable | Self::Overdue => Ok(()),
            Self::Lost => Err(failure(
                io::ErrorKind::NotConnected,
                "the connection was lost: connect again".to_owned(),
                None,
            )),
        }
    }

    /// Fails if no more calls can be made.
    pub(crate) fn check_calling(self) -> io::Result<()> {
        match self {
            Self::Overdue => Err(failure(
                io::ErrorKind::NotConnected,
                "the datagrams of a reply are overdue, and may be lost: connect again".to_owned(),
                None,
            )),
            Self::Usable | Self::Lost => self.check_receiving(),
        }
    }

    /// Returns the condition after an error of the socket.
    pub(crate) fn after(self, error: &io::Error, is_stream: bool) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut if is_stream => self,
            io::ErrorKind::TimedOut => Self::Overdue,
            _ => Self::Lost,
        }
    }
}

/// A message in front of the error of the operating system, which is kept as the source.
#[derive(Debug)]
struct Failure {
    message: String,
    cause: Option<io::Error>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

fn failure(kind: io::ErrorKind, message: String, cause: Option<io::Error>) -> io::Error {
    io::Error::new(kind, Failure { message, cause })
}

pub(crate) fn cannot_connect(target: &Target, limit: Limit, error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::TimedOut && limit.left().is_zero() {
        return connected_too_late(target, limit, Some(error));
    }
    failure(error.kind(), format!("cannot connect to {target}: {error}"), Some(error))
}

pub(crate) fn connected_too_late(target: &Target, limit: Limit, cause: Option<io::Error>) -> io::Error {
    failure(io::ErrorKind::TimedOut, format!("{limit} while connecting to {target}"), cause)
}

pub(crate) fn timed_out(session: &Session, limit: Limit) -> io::Error {
    failure(io::ErrorKind::TimedOut, format!("{limit} with {}", outstanding(session)), None)
}

/// Kamailio closes connections with requests unread. The system reports that as a reset, or as a broken pipe to a client
/// that is still writing. Callers need not tell these cases apart.
pub(crate) fn lost(session: &Session, error: io::Error) -> io::Error {
    if is_closed(&error) {
        return failure(io::ErrorKind::UnexpectedEof, closed_message(session), Some(error));
    }
    failure(error.kind(), format!("{error}, with {}", outstanding(session)), Some(error))
}

pub(crate) fn closed(session: &Session) -> io::Error {
    failure(io::ErrorKind::UnexpectedEof, closed_message(session), None)
}

pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn closed_message(session: &Session) -> String {
    format!("Kamailio closed the connection with {}", outstanding(session))
}

fn outstanding(session: &Session) -> String {
    let (open, all) = (session.awaiting(), session.calls());
    format!("{open} of {all} {} outstanding", if all == 1 { "reply" } else { "replies" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeout::Timeout;

    #[test]
    fn each_address_has_an_equal_share_of_the_time_left() {
        let addresses = ["127.0.0.1:1", "127.0.0.2:1"].map(|address| address.parse().unwrap());
        let mut attempts = Attempts::new(&addresses, Instant::now() + Duration::from_secs(100));
        let (first, share) = attempts.next().unwrap();
        assert_eq!(*first, addresses[0]);
        assert!((40..=50).contains(&share.as_secs()), "{share:?}");
        attempts.failed(io::ErrorKind::ConnectionRefused.into());
        let (second, share) = attempts.next().unwrap();
        assert_eq!(*second, addresses[1]);
        assert!((90..=100).contains(&share.as_secs()), "{share:?}");
        attempts.failed(io::ErrorKind::HostUnreachable.into());
        assert_eq!(attempts.next().unwrap_err().kind(), io::ErrorKind::HostUnreachable);
    }

    #[test]
    fn no_attempt_begins_after_the_end() {
        let addresses = ["127.0.0.1:1".parse().unwrap()];
        assert_eq!(
            Attempts::new(&addresses, Instant::now()).next().unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        let mut attempts = Attempts::new(&addresses, Instant::now());
        attempts.failed(io::ErrorKind::ConnectionRefused.into());
        let late = attempts.next().unwrap_err();
        let cause = late.get_ref().and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(
            (late.kind(), cause.map(io::Error::kind)),
            (io::ErrorKind::TimedOut, Some(io::ErrorKind::ConnectionRefused))
        );
        let none = Attempts::new(&[], Instant::now()).next().unwrap_err();
        assert_eq!(
            (none.kind(), none.to_string().as_str()),
            (io::ErrorKind::NotFound, "the host has no address")
        );
    }

    #[test]
    fn a_timeout_of_the_system_is_distinguished_from_the_callers() {
        let target = "tcp:127.0.0.1:2049".parse().unwrap();
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let early = cannot_connect(&target, Timeout::PerCall(Duration::from_secs(60)).begin(), late());
        assert!(early.to_string().starts_with("cannot connect to tcp:127.0.0.1:2049: "), "{early}");
        let over = cannot_connect(&target, Timeout::PerCall(Duration::ZERO).begin(), late());
        assert_eq!(over.to_string(), "the timeout of 0ns passed while connecting to tcp:127.0.0.1:2049");
        for error in [early, over] {
            let cause = error.get_ref().and_then(|failure| failure.source()?.downcast_ref::<io::Error>());
            assert!(cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut), "{error}");
        }
    }
}
