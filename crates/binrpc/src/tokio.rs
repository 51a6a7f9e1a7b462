//! The async client, on tokio (feature `tokio`).

mod socket;

use crate::error::Error;
use crate::reply::Reply;
use crate::session::{Outcome, Session};
use crate::target::{Endpoint, Resolved, Target};
use crate::timeout::{Limit, Timeout};
use crate::transport::{self, Condition};
use crate::wire::{Arg, Cookie};
use ::tokio::io::{Interest, Ready};
use ::tokio::net::lookup_host;
use ::tokio::time::timeout_at;
use socket::Socket;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// An async connection to Kamailio, with the methods of the blocking [`Client`](crate::Client) plus [`adopt`](Self::adopt) and
/// [`peer_pid`](Self::peer_pid).
///
/// ```
/// use kamailio_binrpc::{Target, Value, tokio::Client};
/// use std::time::Duration;
///
/// async fn version(target: &Target) -> Result<Option<String>, kamailio_binrpc::Error> {
///     let mut client = Client::connect(target, Duration::from_secs(2)).await?;
///     let reply = client.call("core.version", &[]).await?;
///     Ok(reply.records()?.first().and_then(Value::as_str).map(str::to_owned))
/// }
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/stand_in.rs")); }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # let version = runtime.block_on(version(&support::stand_in())).unwrap();
/// # assert_eq!(version.as_deref(), Some("kamailio 5.6.3 (x86_64/linux)"));
/// ```
///
/// Dropping the future of [`receive`](Self::receive) loses no reply: the next one continues where the future stopped. Dropping
/// the future of [`call`](Self::call) does not take the call back: it may have been sent, and `receive` returns its reply.
/// Dropping the client closes the connection.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    session: Session,
    timeout: Timeout,
    /// The peer accepts no more requests. Replies that were sent before can still be read.
    deaf: bool,
    /// No call will be queued any more.
    finishing: bool,
    condition: Condition,
}

impl Client {
    /// Looks up the target's host and connects.
    ///
    /// A [`Duration`](std::time::Duration) limits this call and each later one, an [`Instant`](std::time::Instant) is a
    /// deadline for all of them: see [`Timeout`].
    ///
    /// # Errors
    /// [`Error::Io`] of the kind that the system reports, such as not found, permission denied or connection refused, or
    /// [`io::ErrorKind::TimedOut`].
    ///
    /// # Panics
    /// Outside a tokio runtime, and in one without I/O or time.
    pub async fn connect(target: &Target, timeout: impl Into<Timeout>) -> Result<Self, Error> {
        let timeout = timeout.into();
        let limit = timeout.begin();
        let open = async { Socket::open(&resolve(target).await?, limit.end).await };
        Self::open(target, timeout, limit, open).await
    }

    /// Connects to addresses that were looked up before, for callers that decide which addresses to connect to. Errors name
    /// `target`.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    pub async fn connect_resolved(
        target: &Target,
        resolved: &Resolved,
        timeout: impl Into<Timeout>,
    ) -> Result<Self, Error> {
        let timeout = timeout.into();
        let limit = timeout.begin();
        Self::open(target, timeout, limit, Socket::open(resolved, limit.end)).await
    }

    async fn open(
        target: &Target,
        timeout: Timeout,
        limit: Limit,
        open: impl Future<Output = io::Result<Socket>>,
    ) -> Result<Self, Error> {
        if limit.left().is_zero() {
            return Err(transport::connected_too_late(target, limit, None).into());
        }
        let socket = match timeout_at(limit.end.into(), open).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(transport::cannot_connect(target, limit, error).into()),
            Err(_) => return Err(transport::connected_too_late(target, limit, None).into()),
        };
        let session = Session::of(target);
        Ok(Self { socket, session, timeout, deaf: false, finishing: false, condition: Condition::Usable })
    }

    /// Returns the process ID of the server: the process that made a unix socket listen (`SO_PEERCRED`). `None` for other
    /// kinds of sockets, and for a process in a PID namespace that this process does not see.
    pub fn peer_pid(&self) -> Option<u32> {
        self.socket.peer_pid()
    }

    /// Changes the timeout.
    pub fn set_timeout(&mut self, timeout: impl Into<Timeout>) {
        self.timeout = timeout.into();
    }

    /// Makes the calls that were queued in a session before the connection was open, and writes them at once, so that Kamailio,
    /// which wakes up when the client connects, does not wait for them. [`receive`](Self::receive) returns their replies.
    ///
    /// ```
    /// use kamailio_binrpc::{Session, Target, tokio::Client};
    /// use std::time::Duration;
    ///
    /// async fn replies(target: &Target) -> Result<usize, kamailio_binrpc::Error> {
    ///     let mut session = Session::of(target);
    ///     session.queue("core.version", &[])?;
    ///     session.queue("core.version", &[])?;
    ///     let mut client = Client::connect(target, Duration::from_secs(2)).await?;
    ///     client.adopt(session)?;
    ///     let mut replies = 0;
    ///     while client.receive().await?.is_some() {
    ///         replies += 1;
    ///     }
    ///     Ok(replies)
    /// }
    /// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/stand_in.rs")); }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # assert_eq!(runtime.block_on(replies(&support::stand_in())).unwrap(), 2);
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] of the kind [`io::ErrorKind::InvalidInput`] if the client has made calls before, or if the session is for
    /// [another kind of socket](Session::of). Nothing is written then.
    pub fn adopt(&mut self, session: Session) -> Result<(), Error> {
        if self.session.calls() > 0 || !session.has_same_transport(&self.session) {
            let message = "a client can adopt a session only before its first call, and only a session for its own kind of socket (see Session::of)";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        }
        self.session = session;
        // `receive` meets the same error, and returns it.
        let _ = self.write(Socket::write_now);
        Ok(())
    }

    /// Makes a call and waits for its reply. Replies to calls [queued](Self::queue) before are discarded.
    ///
    /// # Errors
    /// As [`queue`](Self::queue) and [`receive`](Self::receive). A fault is not an error of the connection:
    /// [`Reply::records`] returns it.
    pub async fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        let cookie = self.queue(method, args)?;
        let limit = self.timeout.begin();
        loop {
            match self.next(limit, unlimited).await? {
                Some(outcome) if outcome.cookie == cookie => return Ok(self.session.reply(outcome)),
                Some(_) => {}
                None => return Err(Error::NoReply),
            }
        }
    }

    /// Queues a call. Nothing is written before [`receive`](Self::receive), so that many calls are one write.
    ///
    /// # Errors
    /// [`Error::Encode`] if the call cannot be encoded, and [`Error::Io`] of the kind [`io::ErrorKind::NotConnected`] if the
    /// connection cannot be used any more: see [`receive`](Self::receive). Nothing is queued then.
    pub fn queue(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.condition.check_calling()?;
        self.session.queue(method, args)
    }

    /// Waits for the next reply, in the order of the calls. Returns `None` after the last one.
    ///
    /// # Errors
    /// * [`Error::Io`] of the kind [`io::ErrorKind::TimedOut`]: the reply has not arrived yet. Call the method again to go on
    ///   waiting. A stream can also make other calls: the reply to an abandoned [`call`](Self::call) is discarded when it
    ///   arrives. A datagram may be lost, so a client over datagrams makes no other calls until the reply has arrived: connect
    ///   again.
    /// * Any other [`Error::Io`], and [`Error::Decode`]: the connection is lost, and with it the replies that are outstanding.
    ///   Replies received before the loss have been returned. Connect again.
    pub async fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        self.receive_within(unlimited).await
    }

    /// Waits for the next reply as [`receive`](Self::receive) does, within a budget of memory. For programs with many
    /// connections, whose replies together may be too large.
    ///
    /// Before each wait, `reserve` is called with the [number of bytes](Session::memory) that the connection holds. An error
    /// from `reserve` is returned, and no more is read.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and those of `reserve` as [`Error::Io`].
    pub async fn receive_within(
        &mut self,
        reserve: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Reply<'_>>, Error> {
        let outcome = self.next(self.timeout.begin(), reserve).await?;
        Ok(outcome.map(|outcome| self.session.reply(outcome)))
    }

    /// Declares that no more calls will be queued. A stream is shut down as soon as the last reply has arrived, before the
    /// caller has received the reply: Kamailio can release the connection while the caller is still working. A call queued
    /// later may fail.
    pub fn finish(&mut self) {
        self.finishing = true;
        self.shut_down_if_finished();
    }

    fn shut_down_if_finished(&self) {
        if self.finishing && self.session.has_all_replies() {
            self.socket.shut_down();
        }
    }

    async fn next(
        &mut self,
        limit: Limit,
        mut reserve: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Outcome>, Error> {
        loop {
            if let Some(outcome) = self.session.advance()? {
                self.condition = Condition::Usable;
                return Ok(Some(outcome));
            }
            if self.session.awaiting() == 0 {
                return Ok(None);
            }
            self.condition.check_receiving()?;
            reserve(self.session.memory())?;
            if let Err(error) = self.exchange(limit).await {
                self.condition = self.condition.after(&error, self.socket.is_stream());
                return Err(error.into());
            }
            self.shut_down_if_finished();
        }
    }

    /// Writes at once, or waits until the socket is ready and writes or reads.
    async fn exchange(&mut self, limit: Limit) -> io::Result<()> {
        // A peer that is always ready would keep the timeout below from being polled.
        if limit.left().is_zero() {
            return Err(transport::timed_out(&self.session, limit));
        }
        self.write(Socket::write_now)?;
        let writes = !self.deaf && !self.session.outgoing().is_empty();
        let interest = Interest::READABLE | Interest::ERROR;
        let interest = if writes { interest | Interest::WRITABLE } else { interest };
        let Ok(ready) = timeout_at(limit.end.into(), self.socket.ready(interest)).await else {
            return Err(transport::timed_out(&self.session, limit));
        };
        self.exchange_now(ready?)
    }

    fn write(&mut self, write: impl FnOnce(&Socket, &[u8]) -> io::Result<usize>) -> io::Result<()> {
        if self.deaf || self.session.outgoing().is_empty() {
            return Ok(());
        }
        match write(&self.socket, self.session.outgoing()) {
            Ok(written) => self.session.sent(written),
            Err(error) if transport::is_closed(&error) && self.socket.is_stream() => self.deaf = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(transport::lost(&self.session, error)),
        }
        Ok(())
    }

    /// Writes and reads as far as possible without waiting.
    fn exchange_now(&mut self, ready: Ready) -> io::Result<()> {
        if ready.is_writable() {
            self.write(Socket::try_write)?;
        }
        if ready.is_readable() {
            match self.socket.try_read(self.session.spare_capacity()) {
                Ok(0) if self.socket.is_stream() => return Err(transport::closed(&self.session)),
                Ok(_) => self.session.appended(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(transport::lost(&self.session, error)),
            }
        } else if ready.is_error()
            && let Some(error) = self.socket.take_error()?
        {
            return Err(transport::lost(&self.session, error));
        }
        Ok(())
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The budget of callers without one.
fn unlimited(_: usize) -> io::Result<()> {
    Ok(())
}

/// [`Target::resolve`] without blocking the runtime.
async fn resolve(target: &Target) -> io::Result<Resolved> {
    async fn lookup(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        endpoint.accepted(lookup_host((endpoint.host(), endpoint.port())).await?)
    }
    Ok(match target {
        Target::Unix(path) => Resolved::Unix(path.clone()),
        Target::UnixDatagram(path) => Resolved::UnixDatagram(path.clone()),
        Target::Tcp(endpoint) => Resolved::Tcp(lookup(endpoint).await?),
        Target::Udp(endpoint) => Resolved::Udp(lookup(endpoint).await?),
    })
}
