//! The eviction order against a model that keeps a list and searches all of it, over arbitrary histories. A test and a fuzz
//! target choose the histories.

#![allow(clippy::unwrap_used, reason = "the model is a test, which a fuzz target runs too")]

use super::{Eviction, Served};
use crate::client_address::Network;

/// A connection as the model has it.
#[derive(Clone, Debug)]
struct Connection {
    id: u64,
    network: u32,
    authenticated: bool,
    reserved: bool,
    busy: bool,
    served: bool,
    since: u64,
}

impl Connection {
    fn protected(&self) -> bool {
        self.authenticated || self.reserved
    }
}

#[derive(Default)]
struct Model {
    max_protected: usize,
    connections: Vec<Connection>,
    time: u64,
}

impl Model {
    fn count(&self, what: impl Fn(&Connection) -> bool) -> usize {
        self.connections.iter().filter(|connection| what(connection)).count()
    }

    fn protected(&self) -> usize {
        self.count(Connection::protected)
    }

    fn unprotected(&self, network: u32) -> usize {
        self.count(|other| !other.protected() && other.network == network)
    }

    fn of(&mut self, id: u64) -> &mut Connection {
        self.connections.iter_mut().find(|connection| connection.id == id).unwrap()
    }

    fn insert(&mut self, id: u64, network: u32, known: bool) {
        self.time += 1;
        self.connections.push(Connection {
            id,
            network,
            authenticated: false,
            reserved: false,
            busy: false,
            served: false,
            since: self.time,
        });
        if known {
            self.reserve(id);
        }
    }

    fn reserve(&mut self, id: u64) {
        let (network, served) = (self.of(id).network, self.of(id).served);
        if self.count(|other| other.reserved && other.network == network) >= 4
            || self.count(|other| other.reserved) >= self.max_protected / 2
            || self.protected() >= self.max_protected
        {
            let others = self.connections.iter_mut();
            let others = others.filter(|other| other.reserved && other.network == network && !other.served);
            match others.min_by_key(|other| (other.busy, other.since)) {
                Some(other) if served => other.reserved = false,
                _ => return,
            }
        }
        self.of(id).reserved = true;
    }

    fn end(&mut self, id: u64, served: Served, known: bool) {
        self.time += 1;
        let (time, max) = (self.time, self.max_protected);
        let connection = self.of(id);
        connection.busy = false;
        connection.since = time;
        connection.served |= served > Served::No;
        connection.authenticated |= served == Served::Authenticated && max > 0;
        if self.protected() > max {
            let protected = self.connections.iter_mut().filter(|connection| connection.protected());
            let first = protected.min_by_key(|other| (other.busy, other.served, other.since)).unwrap();
            (first.authenticated, first.reserved) = (false, false);
        }
        if known && !self.of(id).protected() {
            self.reserve(id);
        }
    }

    fn victim(&self, network: u32, known: bool) -> Option<u64> {
        let own = self.unprotected(network);
        // The first connection of each network is the only one that can be evicted.
        let rank = |other: &Connection| (other.busy, other.served, other.since);
        let firsts =
            self.connections.iter().filter(|connection| !connection.protected()).filter(|connection| {
                let mut same = self.connections.iter().filter(|other| !other.protected());
                same.all(|other| other.network != connection.network || rank(other) >= rank(connection))
            });
        let evictable = firsts.filter(|first| {
            let count = self.unprotected(first.network);
            if first.busy {
                first.network != network && (known || count > own + 1)
            } else {
                first.network == network || count > own
            }
        });
        let victim =
            evictable.max_by_key(|first| (self.unprotected(first.network), std::cmp::Reverse(rank(first))));
        let own = self.connections.iter().filter(|other| other.reserved && other.network == network);
        let own = own.filter(|other| !other.authenticated && !other.busy).min_by_key(|other| rank(other));
        victim.or(own).map(|victim| victim.id)
    }
}

/// Chooses the next number below a limit.
type Choose<'c> = dyn FnMut(u64) -> u64 + 'c;

/// Compares the order with the model over a history of `steps` steps, which `choose` decides.
pub(crate) fn explore(steps: u64, choose: &mut Choose<'_>) {
    let size = 1 + choose(20) as usize;
    let networks = 1 + choose(6);
    let mut order = Eviction::new(size);
    let mut model = Model { max_protected: size - (size / 8).max(1), ..Model::default() };
    for id in 0..steps {
        step(id, size, networks, choose, &mut order, &mut model);
    }
}

fn step(
    id: u64,
    size: usize,
    networks: u64,
    choose: &mut Choose<'_>,
    order: &mut Eviction,
    model: &mut Model,
) {
    let network = choose(networks) as u32;
    // Networks 0 and 1 are known.
    let known = network < 2;
    match choose(4) {
        0 | 1 => {
            let victim = order.victim(Network::Vsock(network), known);
            assert_eq!(victim, model.victim(network, known), "{:?} for {network}", model.connections);
            if model.connections.len() >= size {
                promises(network, known, victim, model);
                let Some(victim) = victim else { return };
                order.remove(victim);
                model.connections.retain(|connection| connection.id != victim);
            }
            order.insert(id, Network::Vsock(network), known);
            model.insert(id, network, known);
        }
        _ if model.connections.is_empty() => {}
        what => {
            let chosen = choose(model.connections.len() as u64) as usize;
            let chosen = &mut model.connections[chosen];
            let id = chosen.id;
            if what == 2 && !chosen.busy {
                chosen.busy = true;
                order.request_admitted(id);
            } else if choose(8) == 0 {
                order.remove(id);
                model.connections.retain(|connection| connection.id != id);
            } else {
                let served = [Served::No, Served::Anonymous, Served::Authenticated][choose(3) as usize];
                let known = chosen.network < 2;
                order.request_ended(id, served, known);
                model.end(id, served, known);
            }
        }
    }
}

/// Checks the guarantees on which clients rely, whatever the order is.
fn promises(newcomer: u32, known: bool, victim: Option<u64>, model: &Model) {
    let own = model.unprotected(newcomer);
    let most =
        model.connections.iter().map(|connection| model.unprotected(connection.network)).max().unwrap();
    let victim =
        victim.map(|victim| model.connections.iter().find(|connection| connection.id == victim).unwrap());
    if let Some(victim) = victim {
        let is_own = victim.network == newcomer && !victim.authenticated;
        assert!(!victim.protected() || is_own, "a protected connection is evicted");
        let count = model.unprotected(victim.network);
        assert!(
            victim.network == newcomer || count > own || (known && victim.busy),
            "a smaller network loses"
        );
        if own == 0 && !is_own {
            assert_eq!(count, most, "another network has more");
        }
    }
    let must_evict = most > own + 1 || (known && model.protected() < model.connections.len() && own == 0);
    assert!(
        victim.is_some() || !must_evict,
        "refused although another network has more: {:?}",
        model.connections
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_model_and_keeps_its_promises() {
        for seed in 0..200u64 {
            let mut state = seed;
            explore(400, &mut |limit| {
                // Reproducible random numbers.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % limit
            });
        }
    }
}
