//! A queue in which networks take turns.

use crate::client_address::Network;
use std::collections::{HashMap, VecDeque};

/// A bounded queue. Networks take turns, and so do those that are known and those that are not, so that a flood delays
/// another network by no more than one item for each network.
pub(crate) struct Turns<T> {
    per_network: usize,
    capacity: usize,
    known: Lane<T>,
    unknown: Lane<T>,
    /// Whether the last item was of a known network.
    last_known: bool,
}

struct Lane<T> {
    queues: HashMap<Network, VecDeque<T>>,
    /// The networks that have items, in the order of their turns.
    order: VecDeque<Network>,
}

impl<T> Turns<T> {
    /// Creates a queue of at most `capacity` items, and `per_network` of each network.
    pub(crate) fn new(per_network: usize, capacity: usize) -> Self {
        Self { per_network, capacity, known: Lane::new(), unknown: Lane::new(), last_known: false }
    }

    /// Appends an item, and returns whether it was accepted. If the queue is full, the item displaces the last item of the
    /// unknown network with the most items waiting: always for a known network, and for an unknown one only if the other has at
    /// least two more.
    pub(crate) fn push(&mut self, network: Network, known: bool, item: T) -> bool {
        let own = self.known.waiting(network) + self.unknown.waiting(network);
        if own >= self.per_network {
            return false;
        }
        if self.len() >= self.capacity {
            let own = if known { 0 } else { own + 1 };
            match self.unknown.longest() {
                Some((longest, waiting)) if waiting > own => self.unknown.drop_last(longest),
                _ => return false,
            }
        }
        if known { &mut self.known } else { &mut self.unknown }.push(network, item);
        true
    }

    /// Removes the item whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (first, second) = match self.last_known {
            true => (&mut self.unknown, &mut self.known),
            false => (&mut self.known, &mut self.unknown),
        };
        if let Some(item) = first.pop() {
            self.last_known = !self.last_known;
            return Some(item);
        }
        second.pop()
    }

    fn len(&self) -> usize {
        self.known.len() + self.unknown.len()
    }
}

impl<T> Lane<T> {
    fn new() -> Self {
        Self { queues: HashMap::new(), order: VecDeque::new() }
    }

    fn len(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    fn waiting(&self, network: Network) -> usize {
        self.queues.get(&network).map_or(0, VecDeque::len)
    }

    fn longest(&self) -> Option<(Network, usize)> {
        let lengths = self.queues.iter().map(|(network, queue)| (*network, queue.len()));
        lengths.max_by_key(|(network, waiting)| (*waiting, *network))
    }

    fn push(&mut self, network: Network, item: T) {
        let queue = self.queues.entry(network).or_default();
        if queue.is_empty() {
            self.order.push_back(network);
        }
        queue.push_back(item);
    }

    fn drop_last(&mut self, network: Network) {
        if let Some(queue) = self.queues.get_mut(&network) {
            queue.pop_back();
            if queue.is_empty() {
                self.queues.remove(&network);
                self.order.retain(|other| *other != network);
            }
        }
    }

    fn pop(&mut self) -> Option<T> {
        let network = self.order.pop_front()?;
        let queue = self.queues.get_mut(&network)?;
        let item = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&network);
        } else {
            self.order.push_back(network);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> Network {
        Network::Vsock(number)
    }

    fn all(turns: &mut Turns<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| turns.pop()).collect()
    }

    #[test]
    fn networks_take_turns() {
        let mut turns = Turns::new(3, 100);
        for (number, item) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (2, "b2")] {
            assert!(turns.push(network(number), false, item));
        }
        assert!(!turns.push(network(1), false, "a4"), "a network has more than its share");
        assert_eq!(all(&mut turns), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!(turns.len(), 0);
    }

    #[test]
    fn known_networks_take_every_other_turn() {
        let mut turns = Turns::new(9, 100);
        for (number, known, item) in [
            (1, false, "a1"),
            (2, false, "b1"),
            (1, false, "a2"),
            (9, true, "k1"),
            (9, true, "k2"),
            (8, true, "l1"),
        ] {
            assert!(turns.push(network(number), known, item));
        }
        assert_eq!(all(&mut turns), ["k1", "a1", "l1", "b1", "k2", "a2"]);
    }

    #[test]
    fn in_a_full_queue_the_network_with_the_most_items_loses() {
        let mut turns = Turns::new(3, 4);
        for item in ["a1", "a2", "a3"] {
            assert!(turns.push(network(1), false, item));
        }
        assert!(turns.push(network(2), false, "b1"));
        assert!(turns.push(network(3), false, "c1"), "a1, a2, b1, c1");
        assert!(!turns.push(network(2), false, "b2"), "that would only swap the roles of two networks");
        assert!(turns.push(network(9), true, "k1"), "a1, b1, c1, k1");
        assert!(turns.push(network(9), true, "k2") && turns.push(network(9), true, "k3"));
        assert!(!turns.push(network(1), false, "a4"));
        assert_eq!(turns.len(), 4);
        assert_eq!(all(&mut turns).len(), 4);
    }
}
