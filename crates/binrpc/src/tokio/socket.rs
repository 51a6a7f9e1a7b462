//! The four kinds of sockets, without blocking.

use crate::target::Resolved;
use crate::transport::{self, Attempts};
use ::tokio::io::{Interest, Ready};
use ::tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};
use ::tokio::time::timeout;
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, Shutdown};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Instant;

#[derive(Debug)]
pub(super) enum Socket {
    Unix(UnixStream),
    UnixDatagram(UnixDatagram),
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Socket {
    pub(super) async fn open(resolved: &Resolved, end: Instant) -> io::Result<Self> {
        match resolved {
            Resolved::Unix(path) => connect_unix(path).await.map(Self::Unix),
            Resolved::UnixDatagram(path) => {
                let socket = transport::unix_datagram()?;
                socket.connect(path)?;
                socket.set_nonblocking(true)?;
                UnixDatagram::from_std(socket).map(Self::UnixDatagram)
            }
            Resolved::Tcp(addresses) => {
                let stream = first(addresses, end, async |address| TcpStream::connect(address).await).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Resolved::Udp(addresses) => {
                let open = async |address: &SocketAddr| {
                    let socket = UdpSocket::bind(transport::any_port(address)).await?;
                    socket.connect(address).await?;
                    Ok(socket)
                };
                first(addresses, end, open).await.map(Self::Udp)
            }
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Tcp(_))
    }

    pub(super) fn peer_pid(&self) -> Option<u32> {
        match self {
            Self::Unix(stream) => stream.peer_cred().ok()?.pid()?.try_into().ok().filter(|pid| *pid != 0),
            Self::UnixDatagram(_) | Self::Tcp(_) | Self::Udp(_) => None,
        }
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Unix(stream) => stream.ready(interest).await,
            Self::UnixDatagram(socket) => socket.ready(interest).await,
            Self::Tcp(stream) => stream.ready(interest).await,
            Self::Udp(socket) => socket.ready(interest).await,
        }
    }

    /// Writes without asking the runtime whether the socket is writable. It nearly always is, and asking takes longer.
    #[cfg(not(target_vendor = "apple"))]
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self, bytes, rustix::net::SendFlags::NOSIGNAL)?)
    }

    /// Apple's systems have no flag against the signal of a closed pipe.
    #[cfg(target_vendor = "apple")]
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write(bytes)
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.try_write(bytes),
            Self::UnixDatagram(socket) => socket.try_send(bytes),
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Udp(socket) => socket.try_send(bytes),
        }
    }

    /// Reads once, into the spare capacity of a buffer. A stream that does not fill it has nothing left: the socket counts as
    /// not readable until the runtime reports more, which saves a second read.
    pub(super) fn try_read(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let (room, mut read) = (buffer.capacity() - buffer.len(), 0);
        let receive = || {
            (_, read) = rustix::net::recv(self, spare_capacity(buffer), RecvFlags::empty())?;
            let drained = self.is_stream() && 0 < read && read < room;
            if drained { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        let outcome = match self {
            Self::Unix(stream) => stream.try_io(Interest::READABLE, receive),
            Self::UnixDatagram(socket) => socket.try_io(Interest::READABLE, receive),
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, receive),
            Self::Udp(socket) => socket.try_io(Interest::READABLE, receive),
        };
        if read > 0 { Ok(read) } else { outcome.map(|()| read) }
    }

    /// Shuts a stream down. An error is ignored, because the connection is over in any case.
    pub(super) fn shut_down(&self) {
        if self.is_stream() {
            let _ = rustix::net::shutdown(self, Shutdown::Both);
        }
    }

    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Unix(stream) => stream.take_error(),
            Self::UnixDatagram(socket) => socket.take_error(),
            Self::Tcp(stream) => stream.take_error(),
            Self::Udp(socket) => socket.take_error(),
        }
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
async fn first<S>(
    addresses: &[SocketAddr],
    end: Instant,
    connect: impl AsyncFn(&SocketAddr) -> io::Result<S>,
) -> io::Result<S> {
    let mut attempts = Attempts::new(addresses, end);
    loop {
        let (address, share) = attempts.next()?;
        match timeout(share, connect(address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => attempts.failed(error),
            Err(_) => attempts.failed(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Connects at once, or as soon as the backlog has room. tokio's own function returns to the runtime before the connection is
/// usable, and Kamailio, which a connection wakes, would find no request yet.
#[cfg(not(target_vendor = "apple"))]
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    use std::os::unix::net;
    use std::time::Duration;

    /// The time between two attempts to connect to a socket whose backlog is full.
    const RETRY_INTERVAL: Duration = Duration::from_millis(5);

    let connect = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        io::Result::Ok(net::UnixStream::from(socket))
    };
    loop {
        match connect() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ::tokio::time::sleep(RETRY_INTERVAL).await
            }
            connected => return connected.and_then(UnixStream::from_std),
        }
    }
}

/// Apple's systems have no sockets that do not block from the beginning.
#[cfg(target_vendor = "apple")]
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net;

    fn runtime() -> ::tokio::runtime::Runtime {
        ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn write_now_and_try_write_send_all_bytes() {
        let (socket, mut peer) = net::UnixStream::pair().unwrap();
        runtime().block_on(async {
            socket.set_nonblocking(true).unwrap();
            let socket = Socket::Unix(UnixStream::from_std(socket).unwrap());
            assert_eq!(socket.write_now(b"ab").unwrap(), 2);
            assert!(socket.ready(Interest::WRITABLE).await.unwrap().is_writable());
            assert_eq!(socket.try_write(b"cd").unwrap(), 2);
        });
        let mut received = String::new();
        peer.read_to_string(&mut received).unwrap();
        assert_eq!(received, "abcd");
    }

    /// The next read would find nothing, and is not made before more has arrived.
    #[test]
    fn a_stream_that_was_read_to_the_end_is_not_readable() {
        let (socket, mut peer) = net::UnixStream::pair().unwrap();
        peer.write_all(b"abc").unwrap();
        runtime().block_on(async {
            socket.set_nonblocking(true).unwrap();
            let socket = Socket::Unix(UnixStream::from_std(socket).unwrap());
            let is_readable = async || {
                let either = socket.ready(Interest::READABLE | Interest::WRITABLE);
                either.await.unwrap().is_readable()
            };
            let mut buffer = Vec::new();
            buffer.reserve_exact(2);
            assert!(is_readable().await);
            assert_eq!(socket.try_read(&mut buffer).unwrap(), 2);
            assert!(is_readable().await, "the buffer was full");
            buffer.reserve(2);
            assert_eq!(socket.try_read(&mut buffer).unwrap(), 1);
            assert!(!is_readable().await);
            assert_eq!(buffer, b"abc");
        });
    }
}
