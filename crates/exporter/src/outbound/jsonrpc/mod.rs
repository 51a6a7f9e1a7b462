//! JSON-RPC 2.0 as Kamailio's module jsonrpcs speaks it.
//!
//! Calls are made one at a time. Kamailio would accept several requests at once over HTTP, and closes the connection in the
//! middle of a reply if more than some megabytes of replies are not read within a second.

mod channel;
pub mod reply;
mod request;
mod value;

use super::client::Reply;
use super::target::{Target, accepted};
use channel::{Call, Channel, Failure};
use kamailio_binrpc::wire::{Body, Kind, Nodes};
use kamailio_binrpc::{Arg, Cookie, Error, Resolved};
use reply::Outcome;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Instant;
use tokio::net::lookup_host;
use tokio::time::timeout_at;

/// A connection to jsonrpcs, with the methods of [`kamailio_binrpc::tokio::Client`].
pub struct Client {
    channel: Channel,
    deadline: Instant,
    queued: VecDeque<(Cookie, Vec<u8>)>,
    /// Number of calls so far, of which the last has this number as its `id`.
    calls: u32,
    finishing: bool,
    /// Whether one valid reply was received.
    responded: bool,
    /// The last reply.
    body: Body,
    nodes: Nodes,
}

impl Client {
    pub(super) async fn connect(target: &Target, deadline: Instant) -> Result<Self, Error> {
        let late = || channel::late(target);
        let resolved = match timeout_at(deadline.into(), resolve(target)).await {
            Ok(resolved) => resolved.map_err(|error| channel::cannot_connect(target, &error))?,
            Err(_) => return Err(late().into()),
        };
        Self::connect_resolved(target, &resolved, deadline).await
    }

    pub(super) async fn connect_resolved(
        target: &Target,
        resolved: &Resolved,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let open = timeout_at(deadline.into(), Channel::open(target, resolved)).await;
        let channel = open.unwrap_or_else(|_| Err(channel::late(target)))?;
        Ok(Self {
            channel,
            deadline,
            queued: VecDeque::new(),
            calls: 0,
            finishing: false,
            responded: false,
            body: Body::new(),
            nodes: Nodes::new(),
        })
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    pub(super) fn queue(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        let id = self.calls + 1;
        self.queued.push_back((Cookie(id), request::write(method, args, id)?));
        self.calls = id;
        Ok(Cookie(id))
    }

    pub(super) fn finish(&mut self) {
        self.finishing = true;
    }

    /// Makes the next call. A response that is not a valid reply is the failure of its call alone; if there was no valid
    /// reply before, the server is not a Kamailio, and the connection is given up.
    pub(super) async fn receive_within(
        &mut self,
        mut reserve: impl FnMut(usize) -> io::Result<()> + Send,
    ) -> Result<Option<Reply<'_>>, Error> {
        let Some((cookie, request)) = self.queued.pop_front() else { return Ok(None) };
        let kept = self.body.memory() + self.nodes.memory() + request.len();
        reserve(kept)?;
        let mut content = Vec::new();
        let mut refused = None;
        let mut receive = |piece: &[u8]| {
            if refused.is_none() {
                content.extend_from_slice(piece);
                refused = reserve(kept + content.capacity()).err();
            }
        };
        let call = Call { id: cookie.0, datagram_deadline: self.datagram_deadline() };
        let exchange = self.channel.exchange(request, call, &mut receive);
        let exchanged = timeout_at(self.deadline.into(), exchange).await;
        if let Some(error) = refused {
            return Err(error.into());
        }
        if self.finishing && self.queued.is_empty() {
            self.channel.close();
        }
        let outcome = match exchanged {
            Err(_) => return Err(self.timed_out(cookie).into()),
            Ok(Err(Failure::Connection(error))) => return Err(error.into()),
            Ok(Err(Failure::Response(error))) => Err(error),
            Ok(Ok(())) => self.read(&content, cookie),
        };
        let received = content.len();
        drop(content);
        reserve(self.body.memory() + self.nodes.memory())?;
        let last_record_only = matches!(outcome, Ok(Outcome::Result { is_list: false }));
        let (kind, body) = match outcome {
            Ok(Outcome::Result { .. }) => (Kind::Reply, self.body.as_bytes()),
            Ok(Outcome::Fault { .. }) => (Kind::Fault, self.body.as_bytes()),
            Err(error) if !self.responded => return Err(self.channel.context(error).into()),
            Err(_) => (Kind::Reply, &[][..]),
        };
        self.responded |= outcome.is_ok();
        let records = match outcome {
            Ok(Outcome::Result { .. }) => Ok(self.nodes.members(self.body.as_bytes())),
            Ok(Outcome::Fault { code, reason }) => Err(Error::Fault { code, reason }),
            Err(error) => Err(error.into()),
        };
        Ok(Some(Reply { cookie, records, kind, body, last_record_only, received }))
    }

    /// Reads a reply into `body` and `nodes`.
    fn read(&mut self, content: &[u8], cookie: Cookie) -> io::Result<Outcome> {
        let invalid = |message: String| io::Error::new(ErrorKind::InvalidData, message);
        let outcome = reply::read(content, cookie.0, &mut self.body).map_err(invalid)?;
        self.nodes.decode(self.body.as_bytes()).map_err(|error| invalid(error.to_string()))?;
        Ok(outcome)
    }

    /// Returns when to give up a call over datagrams. Kamailio sends nothing if a reply does not fit into a datagram, so one
    /// call does not get all of the time.
    fn datagram_deadline(&self) -> Instant {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        if self.responded { now + left / 4 } else { self.deadline }
    }

    fn timed_out(&self, cookie: Cookie) -> io::Error {
        let (all, open) = (self.calls, self.calls - cookie.0 + 1);
        let replies = if all == 1 { "reply" } else { "replies" };
        let message = format!("the deadline passed with {open} of {all} {replies} outstanding");
        io::Error::new(ErrorKind::TimedOut, message)
    }
}

async fn resolve(target: &Target) -> io::Result<Resolved> {
    use kamailio_binrpc::{Endpoint, Target as Address};
    async fn lookup(endpoint: &Endpoint) -> io::Result<Vec<std::net::SocketAddr>> {
        accepted(endpoint, lookup_host((endpoint.host(), endpoint.port())).await?)
    }
    Ok(match target.address() {
        Address::Unix(path) | Address::UnixDatagram(path) => Resolved::UnixDatagram(path.clone()),
        Address::Tcp(endpoint) => Resolved::Tcp(lookup(endpoint).await?),
        Address::Udp(endpoint) => Resolved::Udp(lookup(endpoint).await?),
    })
}
