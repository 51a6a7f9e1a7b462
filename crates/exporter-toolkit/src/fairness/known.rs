//! Networks that were served recently.

use crate::client_address::Network;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The networks that were served recently. Where users are configured, only authenticated requests count.
///
/// Networks in use are never displaced: without users, an attacker could otherwise displace them.
pub(crate) struct KnownNetworks {
    capacity: usize,
    last_served: BTreeMap<Network, Instant>,
}

impl KnownNetworks {
    /// Creates an empty list of at most `capacity` networks.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, last_served: BTreeMap::new() }
    }

    /// Records that a request was served.
    pub(crate) fn record(&mut self, network: Network, now: Instant) {
        if self.last_served.len() >= self.capacity && !self.last_served.contains_key(&network) {
            self.last_served.retain(|_, served| now.duration_since(*served) < REMEMBERED);
            if self.last_served.len() >= self.capacity {
                return;
            }
        }
        self.last_served.insert(network, now);
    }

    pub(crate) fn contains(&self, network: Network, now: Instant) -> bool {
        self.last_served.get(&network).is_some_and(|served| now.duration_since(*served) < REMEMBERED)
    }
}

/// Longer than any scrape interval, and than Prometheus takes to restart.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> Network {
        Network::Vsock(number)
    }

    #[test]
    fn networks_in_use_are_not_displaced_and_others_are_forgotten() {
        let (mut known, start) = (KnownNetworks::new(64), Instant::now());
        for number in 0..100 {
            known.record(network(number), start);
        }
        assert!(known.contains(network(0), start) && known.contains(network(63), start));
        assert!(!known.contains(network(64), start));
        let later = start + REMEMBERED - Duration::from_secs(1);
        known.record(network(0), later);
        let end = start + REMEMBERED;
        assert!(known.contains(network(0), end) && !known.contains(network(1), end));
        known.record(network(64), end);
        assert!(known.contains(network(64), end));
        assert_eq!(known.last_served.len(), 2);
    }
}
