//! The choice of the connection that is closed for a new one.

use crate::client_address::Network;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The order in which connections are evicted.
///
/// A new connection evicts a connection of the network with the most connections: first one that was never served, then the one
/// that has been idle longest, and one with a request in progress last. Protected connections are not counted, and not evicted
/// for another network: those that have authenticated, and the first few of a known network. Part of the pool is never
/// protected.
#[derive(Default)]
pub(crate) struct Eviction {
    /// The number of connections that can be protected.
    max_protected: usize,
    connections: BTreeMap<u64, Connection>,
    networks: BTreeMap<Network, Members>,
    /// Each network with unprotected connections: their number, and the first of them to evict.
    order: BTreeSet<(Reverse<usize>, Rank, Network)>,
    /// The protected connections.
    protected: BTreeSet<Rank>,
    /// The number of reserved connections.
    reserved: usize,
    /// Counts the changes: the time by which connections are compared.
    time: u64,
}

struct Connection {
    network: Network,
    /// Whether a client has authenticated on it.
    authenticated: bool,
    /// Whether it is one of the first of a known network.
    reserved: bool,
    rank: Rank,
}

#[derive(Default)]
struct Members {
    unprotected: BTreeSet<Rank>,
    reserved: Vec<u64>,
    connections: usize,
}

/// The smallest is evicted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    busy: bool,
    served: bool,
    since: u64,
    id: u64,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Served {
    /// The request was refused, or the client has gone.
    No,
    /// A client that need not authenticate was served.
    Anonymous,
    /// A client that has authenticated was served.
    Authenticated,
}

impl Eviction {
    /// Creates the order of a pool of this size.
    pub(crate) fn new(size: usize) -> Self {
        Self { max_protected: size - (size / UNPROTECTED_SHARE).max(1).min(size), ..Self::default() }
    }

    /// Returns the number of networks for which connections can be reserved.
    pub(crate) fn max_known_networks(&self) -> usize {
        (self.max_reserved() / RESERVED_PER_NETWORK).max(1)
    }

    /// Returns the maximum number of reserved connections: half of the connections that can be protected. The other half is for
    /// clients that authenticate.
    fn max_reserved(&self) -> usize {
        self.max_protected / 2
    }

    /// Adds a connection. `known` is whether its network is known.
    pub(crate) fn insert(&mut self, id: u64, network: Network, known: bool) {
        let since = self.tick();
        self.networks.entry(network).or_default().connections += 1;
        let rank = Rank { busy: false, served: false, since, id };
        self.connections.insert(id, Connection { network, authenticated: false, reserved: false, rank });
        self.reorder(network, |this| this.link(id));
        if known {
            self.reserve(id, network);
        }
    }

    /// Removes a connection.
    pub(crate) fn remove(&mut self, id: u64) {
        let Some(network) = self.connections.get(&id).map(|connection| connection.network) else { return };
        self.reorder(network, |this| this.unlink(id));
        let Some(connection) = self.connections.remove(&id) else { return };
        if let Some(members) = self.networks.get_mut(&connection.network) {
            members.connections -= 1;
            if members.connections == 0 {
                self.networks.remove(&connection.network);
            }
        }
    }

    /// Records that a request was admitted. Until the request ends, the connection is evicted after all others of its
    /// network.
    pub(crate) fn request_admitted(&mut self, id: u64) {
        self.change(id, |connection| connection.rank.busy = true);
    }

    /// Records that the last request in progress has ended. `known` is whether the network is known now.
    pub(crate) fn request_ended(&mut self, id: u64, served: Served, known: bool) {
        let since = self.tick();
        let authenticated = served == Served::Authenticated && self.max_protected > 0;
        self.change(id, |connection| {
            connection.rank =
                Rank { busy: false, served: connection.rank.served || served > Served::No, since, id };
            connection.authenticated |= authenticated;
        });
        if self.protected.len() > self.max_protected
            && let Some(first) = self.protected.first().copied()
        {
            self.change(first.id, |connection| {
                connection.authenticated = false;
                connection.reserved = false;
            });
        }
        if known && let Some(network) = self.unprotected_network(id) {
            self.reserve(id, network);
        }
    }

    /// Protects one of the first connections of a known network. One that was served replaces one that was not.
    fn reserve(&mut self, id: u64, network: Network) {
        let Some(members) = self.networks.get(&network) else { return };
        let full = members.reserved.len() >= RESERVED_PER_NETWORK
            || self.reserved >= self.max_reserved()
            || self.protected.len() >= self.max_protected;
        if full {
            let served = self.connections.get(&id).is_some_and(|connection| connection.rank.served);
            match self.first_reserved(network, |other| !other.rank.served) {
                Some(other) if served => self.change(other, |connection| connection.reserved = false),
                _ => return,
            }
        }
        self.change(id, |connection| connection.reserved = true);
    }

    fn unprotected_network(&self, id: u64) -> Option<Network> {
        self.connections
            .get(&id)
            .filter(|connection| !connection.is_protected())
            .map(|connection| connection.network)
    }

    /// Returns the connection to close for a new one of this network; `None` if the new one is to be refused.
    pub(crate) fn victim(&self, newcomer: Network, known: bool) -> Option<u64> {
        let own = self.networks.get(&newcomer).map_or(0, |members| members.unprotected.len());
        // A waiting connection of another network is evicted only if that network has more connections than the newcomer's; one
        // with a request in progress only if it has at least two more, or if the newcomer is known.
        let evictable = |(Reverse(count), first, network): &&(Reverse<usize>, Rank, Network)| match first.busy
        {
            false => *network == newcomer || *count > own,
            true => *network != newcomer && (known || *count > own + 1),
        };
        let victim = self.order.iter().find(evictable).map(|(_, first, _)| first.id);
        // A network may replace what it has not authenticated.
        victim.or_else(|| self.first_reserved(newcomer, |other| !other.authenticated && !other.rank.busy))
    }

    /// Returns the first to evict of the reserved connections of a network that have this property.
    fn first_reserved(&self, network: Network, property: impl Fn(&Connection) -> bool) -> Option<u64> {
        let reserved = self.networks.get(&network)?.reserved.iter().filter_map(|id| self.connections.get(id));
        reserved.filter(|other| property(other)).map(|other| other.rank).min().map(|first| first.id)
    }

    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut Connection)) {
        let Some(network) = self.connections.get(&id).map(|connection| connection.network) else { return };
        self.reorder(network, |this| {
            this.unlink(id);
            if let Some(connection) = this.connections.get_mut(&id) {
                change(connection);
            }
            this.link(id);
        });
    }

    /// Changes connections of one network, and updates its position among the networks.
    fn reorder(&mut self, network: Network, change: impl FnOnce(&mut Self)) {
        let key = |this: &Self| this.networks.get(&network)?.key(network);
        if let Some(before) = key(self) {
            self.order.remove(&before);
        }
        change(self);
        self.order.extend(key(self));
    }

    /// Takes a connection out of the order of its network.
    fn unlink(&mut self, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        let Some(members) = self.networks.get_mut(&connection.network) else { return };
        if connection.reserved {
            members.reserved.retain(|other| *other != id);
            self.reserved -= 1;
        }
        if connection.is_protected() {
            self.protected.remove(&connection.rank);
            return;
        }
        members.unprotected.remove(&connection.rank);
    }

    /// Puts a connection into the order of its network.
    fn link(&mut self, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        let Some(members) = self.networks.get_mut(&connection.network) else { return };
        if connection.reserved {
            members.reserved.push(id);
            self.reserved += 1;
        }
        if connection.is_protected() {
            self.protected.insert(connection.rank);
            return;
        }
        members.unprotected.insert(connection.rank);
    }
}

impl Connection {
    fn is_protected(&self) -> bool {
        self.authenticated || self.reserved
    }
}

impl Members {
    fn key(&self, network: Network) -> Option<(Reverse<usize>, Rank, Network)> {
        let first = self.unprotected.first()?;
        Some((Reverse(self.unprotected.len()), *first, network))
    }
}

/// The part of a pool that is never protected, so that unknown clients can connect: one connection in this many.
const UNPROTECTED_SHARE: usize = 8;
/// Maximum number of connections of a known network that are protected before they have authenticated: one for each of two
/// Prometheus servers, and another one for each while the old one is not closed yet.
const RESERVED_PER_NETWORK: usize = 4;
