//! The four kinds of sockets, blocking.

use crate::target::Resolved;
use crate::transport::{self, Attempts};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) enum Socket {
    Unix(UnixStream),
    UnixDatagram(UnixDatagram),
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Socket {
    pub(super) fn open(resolved: &Resolved, end: Instant) -> io::Result<Self> {
        match resolved {
            Resolved::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Resolved::UnixDatagram(path) => {
                let socket = transport::unix_datagram()?;
                socket.connect(path)?;
                Ok(Self::UnixDatagram(socket))
            }
            Resolved::Tcp(addresses) => {
                let stream = first(addresses, end, TcpStream::connect_timeout)?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Resolved::Udp(addresses) => first(addresses, end, |address, _| {
                let socket = UdpSocket::bind(transport::any_port(address))?;
                socket.connect(address)?;
                Ok(Self::Udp(socket))
            }),
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Tcp(_))
    }

    pub(super) fn write(&mut self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.set_write_timeout(Some(wait)).and_then(|()| stream.write(bytes)),
            Self::UnixDatagram(socket) => {
                socket.set_write_timeout(Some(wait)).and_then(|()| socket.send(bytes))
            }
            Self::Tcp(stream) => stream.set_write_timeout(Some(wait)).and_then(|()| stream.write(bytes)),
            Self::Udp(socket) => socket.set_write_timeout(Some(wait)).and_then(|()| socket.send(bytes)),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(Some(wait)).and_then(|()| stream.read(buffer)),
            Self::UnixDatagram(socket) => {
                socket.set_read_timeout(Some(wait)).and_then(|()| socket.recv(buffer))
            }
            Self::Tcp(stream) => stream.set_read_timeout(Some(wait)).and_then(|()| stream.read(buffer)),
            Self::Udp(socket) => socket.set_read_timeout(Some(wait)).and_then(|()| socket.recv(buffer)),
        }
    }

    /// Shuts a stream down. An error is ignored, because the connection is over in any case.
    pub(super) fn shut_down(&self) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::UnixDatagram(_) | Self::Udp(_) => Ok(()),
        };
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::UnixDatagram(socket) => socket.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
        }
    }
}

/// Connects to the first address that accepts.
fn first<S>(
    addresses: &[SocketAddr],
    end: Instant,
    connect: impl Fn(&SocketAddr, Duration) -> io::Result<S>,
) -> io::Result<S> {
    let mut attempts = Attempts::new(addresses, end);
    loop {
        let (address, share) = attempts.next()?;
        match connect(address, share) {
            Ok(socket) => return Ok(socket),
            Err(error) => attempts.failed(error),
        }
    }
}
