//! A connection to a Kamailio over any of its protocols.

use super::allow_list::AllowList;
use super::jsonrpc;
use super::target::{Protocol, Target};
use kamailio_binrpc::tokio::Client as BinrpcClient;
use kamailio_binrpc::wire::{self, Kind};
use kamailio_binrpc::{Arg, Cookie, Error, Members, Resolved, Session};
use std::fmt;
use std::io;
use std::time::Instant;

/// A connection to a Kamailio, which makes calls and returns their replies in order, in the values of BINRPC whatever the
/// protocol is.
pub enum Client {
    /// Module ctl.
    Binrpc(Box<BinrpcClient>),
    /// Module jsonrpcs.
    JsonRpc(Box<jsonrpc::Client>),
}

/// The reply to a call.
pub struct Reply<'a> {
    /// The number that [`Client::queue`] returned.
    pub cookie: Cookie,
    /// The records, or why there are none. The connection remains usable.
    pub records: Result<Members<'a>, Error>,
    /// Whether Kamailio refused the call.
    pub kind: Kind,
    /// The records as BINRPC, with the code and the reason of a fault.
    pub body: &'a [u8],
    /// Whether `records` may be only the last of several records.
    pub last_record_only: bool,
    /// Number of bytes received.
    pub received: usize,
}

impl Client {
    /// Connects to a target that the operator chose; if there is an allow-list, to one that a client chose.
    ///
    /// # Errors
    /// Those of [`BinrpcClient::connect`], and those of [`AllowList::connect`].
    pub async fn connect(
        target: &Target,
        allow: Option<&AllowList>,
        deadline: Instant,
    ) -> Result<Self, Error> {
        match (allow, target.protocol()) {
            // The larger futures are boxed: the run of each scrape would reserve and copy the room for them.
            (Some(allow), _) => Box::pin(allow.connect(target, deadline)).await,
            (None, Protocol::Binrpc) => {
                BinrpcClient::connect(target.address(), deadline).await.map(Box::new).map(Self::Binrpc)
            }
            (None, _) => {
                let client = Box::pin(jsonrpc::Client::connect(target, deadline)).await?;
                Ok(Self::JsonRpc(Box::new(client)))
            }
        }
    }

    /// Connects to addresses that were looked up before.
    pub(super) async fn connect_resolved(
        target: &Target,
        resolved: &Resolved,
        deadline: Instant,
    ) -> Result<Self, Error> {
        match target.protocol() {
            Protocol::Binrpc => {
                let client = BinrpcClient::connect_resolved(target.address(), resolved, deadline).await?;
                Ok(Self::Binrpc(Box::new(client)))
            }
            Protocol::JsonRpc | Protocol::Http { .. } => {
                let client = jsonrpc::Client::connect_resolved(target, resolved, deadline).await?;
                Ok(Self::JsonRpc(Box::new(client)))
            }
        }
    }

    /// Changes the deadline.
    pub fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Binrpc(client) => client.set_timeout(deadline),
            Self::JsonRpc(client) => client.set_deadline(deadline),
        }
    }

    /// Makes the calls that were queued in a session before the connection was open, and sends them at once.
    ///
    /// # Errors
    /// The client has made calls before, or its protocol has no sessions.
    pub fn adopt(&mut self, session: Session) -> Result<(), Error> {
        match self {
            Self::Binrpc(client) => client.adopt(session),
            Self::JsonRpc(_) => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        }
    }

    /// Queues a call. Nothing is sent before [`receive_within`](Self::receive_within).
    ///
    /// # Errors
    /// The call cannot be encoded.
    pub fn queue(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        match self {
            Self::Binrpc(client) => client.queue(method, args),
            Self::JsonRpc(client) => client.queue(method, args),
        }
    }

    /// Waits for the next reply; `None` after the last. Before each wait, `reserve` is called with the number of bytes that
    /// the connection holds, and its error is returned.
    ///
    /// # Errors
    /// The connection is lost, and with it the replies that are outstanding.
    pub async fn receive_within(
        &mut self,
        reserve: impl FnMut(usize) -> io::Result<()> + Send,
    ) -> Result<Option<Reply<'_>>, Error> {
        match self {
            Self::Binrpc(client) => Ok(client.receive_within(reserve).await?.map(Reply::from)),
            Self::JsonRpc(client) => Box::pin(client.receive_within(reserve)).await,
        }
    }

    /// Makes a call and waits for its reply.
    ///
    /// # Errors
    /// Those of [`queue`](Self::queue) and [`receive_within`](Self::receive_within).
    pub async fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        match self {
            Self::Binrpc(client) => client.call(method, args).await.map(Reply::from),
            Self::JsonRpc(client) => {
                client.queue(method, args)?;
                client.receive_within(|_| Ok(())).await?.ok_or(Error::NoReply)
            }
        }
    }

    /// Returns the process that listens on a unix stream socket.
    pub fn peer_pid(&self) -> Option<u32> {
        match self {
            Self::Binrpc(client) => client.peer_pid(),
            Self::JsonRpc(_) => None,
        }
    }

    /// Declares that no more calls will be queued, so that the connection can be closed after the last reply.
    pub fn finish(&mut self) {
        match self {
            Self::Binrpc(client) => client.finish(),
            Self::JsonRpc(client) => client.finish(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl<'a> From<kamailio_binrpc::Reply<'a>> for Reply<'a> {
    fn from(reply: kamailio_binrpc::Reply<'a>) -> Self {
        let packet = reply.packet();
        let header = wire::header(packet).ok().flatten();
        Self {
            cookie: reply.cookie(),
            records: reply.records(),
            kind: header.map_or(Kind::Reply, |header| header.kind),
            body: header.and_then(|header| packet.get(header.header_len..)).unwrap_or_default(),
            last_record_only: false,
            received: packet.len(),
        }
    }
}
