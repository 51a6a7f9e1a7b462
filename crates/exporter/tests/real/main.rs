//! The program against the real Kamailio, with the real Prometheus and its tools.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the two test programs uses some of it")]
mod support;

/// What is served in another way than kamcmd prints it, or not at all.
mod exceptions;
/// Reads what `kamcmd` prints.
mod kamcmd;
/// What operators do to a Kamailio, and what happens to it by itself.
mod life;
/// Every value that `kamcmd` prints is served.
mod oracle;
/// Pages of others, from the real servers.
mod pages;
/// Prometheus scrapes it, and its tools accept what it serves.
mod prometheus;
