//! The async client, on tokio (feature `tokio`).

use crate::error::Error;
use crate::session::{Answer, Reply, Session};
use crate::target::{Endpoint, Target};
use crate::transport;
use crate::wire::{Arg, Cookie};
use ::tokio::io::{Interest, Ready};
use ::tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream, lookup_host};
use ::tokio::time::{sleep, timeout_at};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A connection to Kamailio. Its methods are those of the blocking [`Client`](crate::Client).
///
/// To drop a method's future loses nothing: the next call goes on where it was. To drop the client closes the
/// connection.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    session: Session,
    deadline: Instant,
    /// The peer takes no more requests. What it has answered can still be read.
    deaf: bool,
    /// There will be no more calls.
    ends: bool,
}

impl Client {
    /// Connects. The deadline is for this, name resolution included, and for all that follows.
    ///
    /// # Errors
    /// [`Error::Io`], of the kind that the system gives: no such file, permission denied, connection refused; timed out
    /// at the deadline.
    pub async fn connect(target: &Target, deadline: Instant) -> Result<Self, Error> {
        let open = async { Socket::open(&Peer::of(target).await?, deadline).await };
        Self::opened(target, deadline, open).await
    }

    /// Connects to `peer`, which is where `target` was found to be, and looks nothing up. For callers that decide
    /// which addresses they will talk to; errors name the target.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_to(peer: &Peer, target: &Target, deadline: Instant) -> Result<Self, Error> {
        Self::opened(target, deadline, Socket::open(peer, deadline)).await
    }

    async fn opened(
        target: &Target,
        deadline: Instant,
        open: impl Future<Output = io::Result<Socket>>,
    ) -> Result<Self, Error> {
        let socket = match timeout_at(deadline.into(), open).await {
            Ok(Ok(socket)) if Instant::now() < deadline => socket,
            Ok(Err(error)) if error.kind() != io::ErrorKind::TimedOut => {
                return Err(transport::no_connection(target, &error).into());
            }
            _ => return Err(transport::connected_too_late(target).into()),
        };
        let session = if socket.is_stream() { Session::stream() } else { Session::datagram() };
        Ok(Self { socket, session, deadline, deaf: false, ends: false })
    }

    /// Changes the deadline.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Says that there will be no more calls. A stream is shut down as soon as the last reply has arrived, before the
    /// caller has received it: Kamailio wakes for that, and is done with it when the caller is.
    pub fn end(&mut self) {
        self.ends = true;
    }

    /// Calls a method and waits for its reply. Replies to calls [sent](Self::send) before are passed over.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`receive`](Self::receive). A fault is not one: [`Reply::records`] has it.
    pub async fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        let cookie = self.send(method, args)?;
        loop {
            match self.next(unwatched).await? {
                Some(answer) if answer.cookie == cookie => return Ok(self.session.reply(answer)),
                Some(_) => {}
                None => return Err(Error::NoReply),
            }
        }
    }

    /// Queues a call. Nothing is written until [`receive`](Self::receive), so that many calls are one write.
    ///
    /// # Errors
    /// [`Error::Encode`]: nothing was queued.
    pub fn send(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.session.send(method, args)
    }

    /// The next reply, in the order of the calls. None: all are answered.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Decode`]: the connection is lost, and with it the replies that did not come. What
    /// came before has been returned before.
    pub async fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        self.receive_watched(unwatched).await
    }

    /// [`receive`](Self::receive), for callers with many connections, whose replies together may take too much memory:
    /// before it waits, `watch` is told how many bytes this one [has](Session::memory).
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and that of `watch`.
    pub async fn receive_watched(
        &mut self,
        watch: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Reply<'_>>, Error> {
        let answer = self.next(watch).await?;
        Ok(answer.map(|answer| self.session.reply(answer)))
    }

    async fn next(
        &mut self,
        mut watch: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Answer>, Error> {
        loop {
            if let Some(answer) = self.session.advance()? {
                return Ok(Some(answer));
            }
            if self.session.awaiting() == 0 {
                return Ok(None);
            }
            watch(self.session.memory())?;
            // A peer that is always ready would never let the timeout be looked at.
            if Instant::now() >= self.deadline {
                return Err(transport::timed_out(&self.session).into());
            }
            self.write(Socket::write_now)?;
            let writes = !self.deaf && !self.session.outgoing().is_empty();
            let interest = Interest::READABLE | Interest::ERROR;
            let interest = if writes { interest | Interest::WRITABLE } else { interest };
            let Ok(ready) = timeout_at(self.deadline.into(), self.socket.ready(interest)).await else {
                return Err(transport::timed_out(&self.session).into());
            };
            self.exchange(ready?)?;
            if self.ends && self.session.is_complete() {
                self.socket.shut_down();
            }
        }
    }

    fn write(&mut self, write: impl FnOnce(&Socket, &[u8]) -> io::Result<usize>) -> io::Result<()> {
        if self.deaf || self.session.outgoing().is_empty() {
            return Ok(());
        }
        match write(&self.socket, self.session.outgoing()) {
            Ok(written) => self.session.sent(written),
            Err(error) if transport::is_closed(&error) && self.socket.is_stream() => self.deaf = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(transport::lost(&self.session, &error)),
        }
        Ok(())
    }

    /// Writes and reads what can be without waiting.
    fn exchange(&mut self, ready: Ready) -> io::Result<()> {
        if ready.is_writable() {
            self.write(Socket::try_write)?;
        }
        if ready.is_readable() {
            match self.socket.try_read(self.session.spare()) {
                Ok(0) if self.socket.is_stream() => return Err(transport::closed(&self.session)),
                Ok(read) => self.session.filled(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(transport::lost(&self.session, &error)),
            }
        } else if ready.is_error()
            && let Some(error) = self.socket.take_error()?
        {
            return Err(transport::lost(&self.session, &error));
        }
        Ok(())
    }
}

/// Where a target was found to be: a socket's file, or addresses that are tried in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The file of a unix stream socket.
    Unix(PathBuf),
    /// The file of a unix datagram socket.
    UnixDatagram(PathBuf),
    /// TCP.
    Tcp(Vec<SocketAddr>),
    /// UDP.
    Udp(Vec<SocketAddr>),
}

impl Peer {
    async fn of(target: &Target) -> io::Result<Self> {
        Ok(match target {
            Target::Unix(path) => Self::Unix(path.clone()),
            Target::UnixDatagram(path) => Self::UnixDatagram(path.clone()),
            Target::Tcp(endpoint) => Self::Tcp(resolve(endpoint).await?),
            Target::Udp(endpoint) => Self::Udp(resolve(endpoint).await?),
        })
    }
}

#[derive(Debug)]
enum Socket {
    Unix(UnixStream),
    UnixDatagram(UnixDatagram),
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Socket {
    async fn open(peer: &Peer, deadline: Instant) -> io::Result<Self> {
        match peer {
            Peer::Unix(path) => {
                // While Kamailio's backlog is full, it has to come again.
                loop {
                    match connect_unix(path) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(AGAIN).await,
                        connected => return connected.and_then(UnixStream::from_std).map(Self::Unix),
                    }
                }
            }
            Peer::UnixDatagram(path) => {
                let socket = transport::unix_datagram()?;
                socket.connect(path)?;
                socket.set_nonblocking(true)?;
                UnixDatagram::from_std(socket).map(Self::UnixDatagram)
            }
            Peer::Tcp(addresses) => {
                let mut failed = no_address();
                for (address, others) in addresses.iter().zip((0..addresses.len() as u32).rev()) {
                    let share = deadline.saturating_duration_since(Instant::now()) / (others + 1);
                    match timeout_at((Instant::now() + share).into(), TcpStream::connect(address)).await {
                        Ok(Ok(stream)) => {
                            stream.set_nodelay(true)?;
                            return Ok(Self::Tcp(stream));
                        }
                        Ok(Err(error)) => failed = error,
                        Err(_) => failed = io::ErrorKind::TimedOut.into(),
                    }
                }
                Err(failed)
            }
            Peer::Udp(addresses) => {
                let mut failed = no_address();
                for address in addresses {
                    let socket = UdpSocket::bind(transport::any_port(address)).await?;
                    match socket.connect(address).await {
                        Ok(()) => return Ok(Self::Udp(socket)),
                        Err(error) => failed = error,
                    }
                }
                Err(failed)
            }
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Tcp(_))
    }

    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Unix(stream) => stream.ready(interest).await,
            Self::UnixDatagram(socket) => socket.ready(interest).await,
            Self::Tcp(stream) => stream.ready(interest).await,
            Self::Udp(socket) => socket.ready(interest).await,
        }
    }

    /// Writes whether or not the runtime has been told that it can be: it nearly always can, and to be told takes longer.
    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self, bytes, SendFlags::NOSIGNAL)?)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.try_write(bytes),
            Self::UnixDatagram(socket) => socket.try_send(bytes),
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Udp(socket) => socket.try_send(bytes),
        }
    }

    /// Reads what there is. A stream that left some of the buffer empty has no more, and a second read to be told so is
    /// saved: it counts as not readable until the runtime hears of more.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (room, mut read) = (buffer.len(), 0);
        let receive = || {
            (_, read) = rustix::net::recv(self, &mut *buffer, RecvFlags::empty())?;
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

    /// It is closed anyway, so that an error changes nothing.
    fn shut_down(&self) {
        if self.is_stream() {
            let _ = rustix::net::shutdown(self, Shutdown::Both);
        }
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
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

/// Connects at once or not at all. The runtime's own function waits to be told that it is connected, and Kamailio, which
/// is woken by a connection, looks for a request that is not there yet.
fn connect_unix(path: &Path) -> io::Result<net::UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

fn unwatched(_: usize) -> io::Result<()> {
    Ok(())
}

async fn resolve(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    let addresses = lookup_host((endpoint.host(), endpoint.port())).await?;
    let addresses: Vec<_> = addresses.filter(|address| endpoint.accepts(address)).collect();
    if addresses.is_empty() { Err(transport::no_address(endpoint)) } else { Ok(addresses) }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "it has no address")
}

/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(5);
