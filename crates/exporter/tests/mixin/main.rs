//! The mixin's rules, dashboards and docs on a real Kamailio, with a real Prometheus and Alertmanager.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test programs uses some of it")]
mod support;

/// Real faults fire the right alerts, and no others.
mod faults;
/// Kamailio, exporter, Prometheus with the rules, and Alertmanager.
mod lab;
/// Every query of the dashboards and of docs/queries.md has data.
mod queries;
/// Every command of docs/runbooks.md works.
mod runbooks;
/// Sends SIP messages at a given rate.
mod sender;
