//! The blocking client, on std alone.

mod socket;

use crate::error::Error;
use crate::reply::Reply;
use crate::session::{Outcome, Session};
use crate::target::{Resolved, Target};
use crate::timeout::{Limit, Timeout};
use crate::transport::{self, Condition};
use crate::wire::{Arg, Cookie};
use socket::Socket;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// A connection to Kamailio whose methods block.
///
/// ```
/// use kamailio_binrpc::{Client, Target, Value};
/// use std::time::Duration;
///
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/stand_in.rs")); }
/// # fn target() -> Result<Target, kamailio_binrpc::ParseTargetError> {
/// let target: Target = "unix:/var/run/kamailio/kamailio_ctl".parse()?;
/// # Ok(target) }
/// # target()?;
/// # let target = support::stand_in();
/// let mut client = Client::connect(&target, Duration::from_secs(2))?;
///
/// // One call.
/// let reply = client.call("core.version", &[])?;
/// let version = reply.records()?.first().and_then(Value::as_str);
/// assert_eq!(version, Some("kamailio 5.6.3 (x86_64/linux)"));
///
/// // Many calls in one write. The replies arrive in the order of the calls.
/// let cookies = [client.queue("core.version", &[])?, client.queue("core.version", &[])?];
/// for cookie in cookies {
///     assert_eq!(client.receive()?.map(|reply| reply.cookie()), Some(cookie));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
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
    /// std has no timeouts for looking up a name or for connecting to a unix socket. Therefore a thread looks up the name and
    /// connects. If the time runs out, that thread lives on until the resolver gives up or Kamailio accepts a connection. There
    /// are at most 256 such threads in a process.
    ///
    /// # Errors
    /// [`Error::Io`] of the kind that the system reports, such as not found, permission denied or connection refused, or
    /// [`io::ErrorKind::TimedOut`]; [`io::ErrorKind::ResourceBusy`] if there are too many threads.
    pub fn connect(target: &Target, timeout: impl Into<Timeout>) -> Result<Self, Error> {
        let lookup = target.clone();
        Self::open(target, timeout.into(), move || lookup.resolve())
    }

    /// Connects to addresses that were looked up before, for callers that decide which addresses to connect to. Errors name
    /// `target`.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_resolved(
        target: &Target,
        resolved: &Resolved,
        timeout: impl Into<Timeout>,
    ) -> Result<Self, Error> {
        let resolved = resolved.clone();
        Self::open(target, timeout.into(), move || Ok(resolved))
    }

    fn open(
        target: &Target,
        timeout: Timeout,
        resolve: impl FnOnce() -> io::Result<Resolved> + Send + 'static,
    ) -> Result<Self, Error> {
        let limit = timeout.begin();
        if limit.left().is_zero() {
            return Err(transport::connected_too_late(target, limit, None).into());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let thread =
            ConnectThread::begin().map_err(|error| transport::cannot_connect(target, limit, error))?;
        thread::Builder::new().name("connect".to_owned()).spawn(move || {
            let _thread = thread;
            let socket = resolve().and_then(|resolved| Socket::open(&resolved, limit.end));
            // After the timeout, no thread receives the socket.
            let _ = sender.send(socket);
        })?;
        let socket = match receiver.recv_timeout(limit.left()) {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(transport::cannot_connect(target, limit, error).into()),
            Err(_) => return Err(transport::connected_too_late(target, limit, None).into()),
        };
        let session = Session::of(target);
        Ok(Self { socket, session, timeout, deaf: false, finishing: false, condition: Condition::Usable })
    }

    /// Changes the timeout.
    pub fn set_timeout(&mut self, timeout: impl Into<Timeout>) {
        self.timeout = timeout.into();
    }

    /// Makes a call and waits for its reply. Replies to calls [queued](Self::queue) before are discarded.
    ///
    /// # Errors
    /// As [`queue`](Self::queue) and [`receive`](Self::receive). A fault is not an error of the connection:
    /// [`Reply::records`] returns it.
    pub fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        let cookie = self.queue(method, args)?;
        let limit = self.timeout.begin();
        loop {
            match self.next(limit, unlimited)? {
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
    pub fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        self.receive_within(unlimited)
    }

    /// Waits for the next reply as [`receive`](Self::receive) does, within a budget of memory. For programs with many
    /// connections, whose replies together may be too large.
    ///
    /// Before each wait, `reserve` is called with the [number of bytes](Session::memory) that the connection holds. An error
    /// from `reserve` is returned, and no more is read.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and those of `reserve` as [`Error::Io`].
    pub fn receive_within(
        &mut self,
        reserve: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Reply<'_>>, Error> {
        let outcome = self.next(self.timeout.begin(), reserve)?;
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

    fn next(
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
            if let Err(error) = self.exchange(limit) {
                self.condition = self.condition.after(&error, self.socket.is_stream());
                return Err(error.into());
            }
            self.shut_down_if_finished();
        }
    }

    /// Writes or reads once.
    fn exchange(&mut self, limit: Limit) -> io::Result<()> {
        let left = limit.left();
        if left.is_zero() {
            return Err(transport::timed_out(&self.session, limit));
        }
        if !self.deaf && !self.session.outgoing().is_empty() {
            match self.socket.write(self.session.outgoing(), left) {
                Ok(written) => {
                    self.session.sent(written);
                    return Ok(());
                }
                Err(error) if transport::is_closed(&error) && self.socket.is_stream() => self.deaf = true,
                Err(error) if is_pause(&error) => return Ok(()),
                Err(error) => return Err(transport::lost(&self.session, error)),
            }
        }
        match self.socket.read(self.session.spare(), left) {
            Ok(0) if self.socket.is_stream() => Err(transport::closed(&self.session)),
            Ok(read) => {
                self.session.filled(read);
                Ok(())
            }
            Err(error) if is_pause(&error) => Ok(()),
            Err(error) => Err(transport::lost(&self.session, error)),
        }
    }
}

/// A thread that connects, which is counted until it ends.
struct ConnectThread;

impl ConnectThread {
    fn begin() -> io::Result<Self> {
        let counted = Self;
        if THREADS.fetch_add(1, Ordering::Relaxed) < MAX_THREADS {
            return Ok(counted);
        }
        let message = format!(
            "{MAX_THREADS} earlier attempts still wait for a Kamailio that accepts no connection, or for a name server"
        );
        Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
    }
}

impl Drop for ConnectThread {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

static THREADS: AtomicUsize = AtomicUsize::new(0);
/// Maximum number of threads that connect: twice the number of connections that Kamailio accepts. More of them can only wait
/// for a Kamailio or a name server that does not respond.
const MAX_THREADS: usize = 256;

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reserves without limit, for callers that have no memory budget.
fn unlimited(_: usize) -> io::Result<()> {
    Ok(())
}

/// Whether the system gave up waiting, after the time or because of a signal.
fn is_pause(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_connect_are_limited() {
        let threads: Vec<_> = std::iter::from_fn(|| ConnectThread::begin().ok()).collect();
        assert_eq!(threads.len(), MAX_THREADS);
        let target = "unix:/nonexistent/ctl".parse().unwrap();
        let error = Client::connect(&target, std::time::Duration::from_secs(2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot connect to unix:/nonexistent/ctl: 256 earlier attempts still wait for a Kamailio that accepts no \
             connection, or for a name server"
        );
        drop(threads);
        assert!(ConnectThread::begin().is_ok());
    }
}
