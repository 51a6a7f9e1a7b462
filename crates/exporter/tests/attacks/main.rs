//! Attacks on the optimized program, beside a real Prometheus that scrapes every second with TLS and a password. Attackers
//! have up to 300 addresses of 127.0.0.0/8. The attack suite of exporter-toolkit has more of them, on a small server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test programs uses some of it")]
mod support;

/// The attacks.
mod attacks;
/// The program under attack, and the clients that must not notice.
mod siege;
