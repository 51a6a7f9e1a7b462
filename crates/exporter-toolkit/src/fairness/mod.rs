//! Fairness between clients: which connection is closed for a new one, whose work is done next, and at which rate.
//!
//! Clients are counted by their [`Network`](crate::client_address::Network): an IPv4 address or an IPv6 /64. Three rules hold
//! everywhere:
//! * the network that uses the most is the first to lose,
//! * clients that have authenticated lose nothing to clients that have not,
//! * a network that was served before an attack is known ([`KnownNetworks`]), and comes before those that are not.
//!
//! Nothing here knows sockets, threads or clocks, so that a test can compare it with a model.

mod eviction;
mod known;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod model;
mod rate;
mod turns;

pub(crate) use eviction::{Eviction, Served};
pub(crate) use known::KnownNetworks;
pub(crate) use rate::NetworkRate;
pub(crate) use turns::Turns;
