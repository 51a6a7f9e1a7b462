//! The blocking client, on std alone.

use crate::error::Error;
use crate::session::{Answer, Reply, Session};
use crate::target::{Endpoint, Target};
use crate::transport;
use crate::wire::{Arg, Cookie};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// A connection to Kamailio whose methods wait until the deadline.
///
/// ```no_run
/// use kamailio_binrpc::{Client, Value};
/// use std::time::{Duration, Instant};
///
/// let target = "unix:/var/run/kamailio/kamailio_ctl".parse()?;
/// let mut client = Client::connect(&target, Instant::now() + Duration::from_secs(2))?;
/// let reply = client.call("core.uptime", &[])?;
/// let uptime = reply.records()?.first().and_then(|record| record.get("uptime")).and_then(Value::unsigned);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    session: Session,
    deadline: Instant,
    /// The peer takes no more requests. What it has answered can still be read.
    deaf: bool,
}

impl Client {
    /// Connects. The deadline is for this, name resolution included, and for all that follows.
    ///
    /// Neither resolving a name nor connecting to a unix socket can be given a time limit in std, so it is done on a
    /// thread, which is left to itself if the deadline passes.
    ///
    /// # Errors
    /// [`Error::Io`], of the kind that the system gives: no such file, permission denied, connection refused; timed out
    /// at the deadline.
    pub fn connect(target: &Target, deadline: Instant) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let wanted = target.clone();
        thread::Builder::new().name("connect".to_owned()).spawn(move || {
            // Nobody listens after the deadline.
            let _ = sender.send(Socket::open(&wanted, deadline));
        })?;
        let socket = match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(transport::connected_too_late(target).into());
            }
            Ok(Err(error)) => return Err(transport::no_connection(target, &error).into()),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(transport::connected_too_late(target).into());
            }
        };
        let session = if socket.is_stream() { Session::stream() } else { Session::datagram() };
        Ok(Self { socket, session, deadline, deaf: false })
    }

    /// Changes the deadline.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Calls a method and waits for its reply. Replies to calls [sent](Self::send) before are passed over.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`receive`](Self::receive). A fault is not one: [`Reply::records`] has it.
    pub fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        let cookie = self.send(method, args)?;
        loop {
            match self.next()? {
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
    pub fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        let answer = self.next()?;
        Ok(answer.map(|answer| self.session.reply(answer)))
    }

    fn next(&mut self) -> Result<Option<Answer>, Error> {
        loop {
            if let Some(answer) = self.session.advance()? {
                return Ok(Some(answer));
            }
            if self.session.awaiting() == 0 {
                return Ok(None);
            }
            self.exchange()?;
        }
    }

    /// Writes something or reads something.
    fn exchange(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(transport::timed_out(&self.session));
        }
        if !self.deaf && !self.session.outgoing().is_empty() {
            match self.socket.write(self.session.outgoing(), left) {
                Ok(written) => {
                    self.session.sent(written);
                    return Ok(());
                }
                Err(error) if transport::is_closed(&error) && self.socket.is_stream() => self.deaf = true,
                Err(error) if is_pause(&error) => return Ok(()),
                Err(error) => return Err(transport::lost(&self.session, &error)),
            }
        }
        match self.socket.read(self.session.spare(), left) {
            Ok(0) if self.socket.is_stream() => Err(transport::closed(&self.session)),
            Ok(read) => {
                self.session.filled(read);
                Ok(())
            }
            Err(error) if is_pause(&error) => Ok(()),
            Err(error) => Err(transport::lost(&self.session, &error)),
        }
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
    fn open(target: &Target, deadline: Instant) -> io::Result<Self> {
        match target {
            Target::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Target::UnixDatagram(path) => {
                let socket = transport::unix_datagram()?;
                socket.connect(path)?;
                Ok(Self::UnixDatagram(socket))
            }
            Target::Tcp(endpoint) => {
                let stream = first_of(endpoint, deadline, TcpStream::connect_timeout)?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Target::Udp(endpoint) => first_of(endpoint, deadline, |peer, _| {
                let socket = UdpSocket::bind(transport::any_port(peer))?;
                socket.connect(peer)?;
                Ok(Self::Udp(socket))
            }),
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Tcp(_))
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.set_write_timeout(Some(wait)).and_then(|()| stream.write(bytes)),
            Self::UnixDatagram(socket) => {
                socket.set_write_timeout(Some(wait)).and_then(|()| socket.send(bytes))
            }
            Self::Tcp(stream) => stream.set_write_timeout(Some(wait)).and_then(|()| stream.write(bytes)),
            Self::Udp(socket) => socket.set_write_timeout(Some(wait)).and_then(|()| socket.send(bytes)),
        }
    }

    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(Some(wait)).and_then(|()| stream.read(buffer)),
            Self::UnixDatagram(socket) => {
                socket.set_read_timeout(Some(wait)).and_then(|()| socket.recv(buffer))
            }
            Self::Tcp(stream) => stream.set_read_timeout(Some(wait)).and_then(|()| stream.read(buffer)),
            Self::Udp(socket) => socket.set_read_timeout(Some(wait)).and_then(|()| socket.recv(buffer)),
        }
    }
}

/// Connects to the first address of the host that can be; each has its share of the time that is left.
fn first_of<S>(
    endpoint: &Endpoint,
    deadline: Instant,
    connect: impl Fn(&SocketAddr, Duration) -> io::Result<S>,
) -> io::Result<S> {
    let addresses = (endpoint.host(), endpoint.port()).to_socket_addrs()?;
    let addresses: Vec<_> = addresses.filter(|address| endpoint.accepts(address)).collect();
    let mut failed = transport::no_address(endpoint);
    for (address, others) in addresses.iter().zip((0..addresses.len() as u32).rev()) {
        let left = deadline.saturating_duration_since(Instant::now()) / (others + 1);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match connect(address, left) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Nothing happened in the time that was given, or a signal did.
fn is_pause(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
