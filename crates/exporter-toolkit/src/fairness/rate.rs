//! A rate limit for each network.

use crate::client_address::Network;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A token bucket for each network.
pub(crate) struct NetworkRate {
    interval: Duration,
    burst: u32,
    /// The time at which the bucket of a network is full again. A network that is not here has a full bucket.
    full_at: HashMap<Network, Instant>,
}

impl NetworkRate {
    /// Creates buckets of `burst` tokens that gain one in each `interval`.
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, full_at: HashMap::new() }
    }

    /// Takes a token of a network, and returns whether there was one.
    pub(crate) fn take(&mut self, network: Network, now: Instant) -> bool {
        if self.full_at.len() >= MAX_NETWORKS && !self.full_at.contains_key(&network) {
            self.full_at.retain(|_, full_at| *full_at > now);
            if self.full_at.len() >= MAX_NETWORKS {
                // This limit is only for memory; networks still take turns.
                return true;
            }
        }
        let full_at = self.full_at.entry(network).or_insert(now);
        let next = (*full_at).max(now) + self.interval;
        let admitted = next <= now + self.interval * self.burst;
        if admitted {
            *full_at = next;
        }
        admitted
    }
}

/// The number of networks whose rate is kept: 100 KiB of memory.
const MAX_NETWORKS: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_a_burst_and_a_rate_of_its_own() {
        let (mut rate, start) = (NetworkRate::new(Duration::from_secs(1), 2), Instant::now());
        let mut take =
            |network, millis| rate.take(Network::Vsock(network), start + Duration::from_millis(millis));
        assert_eq!([take(1, 0), take(1, 0), take(1, 0), take(2, 0)], [true, true, false, true]);
        assert_eq!([take(1, 900), take(1, 1000), take(1, 1000)], [false, true, false]);
        assert_eq!([take(1, 9000), take(1, 9000), take(1, 9000)], [true, true, false]);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut rate, start) = (NetworkRate::new(Duration::from_secs(1), 1), Instant::now());
        for number in 0..10_000 {
            assert!(rate.take(Network::Vsock(number), start));
        }
        assert_eq!(rate.full_at.len(), MAX_NETWORKS);
        assert!(!rate.take(Network::Vsock(0), start));
        assert!(rate.take(Network::Vsock(10_000), start + Duration::from_secs(2)));
        assert_eq!(rate.full_at.len(), 1);
    }
}
