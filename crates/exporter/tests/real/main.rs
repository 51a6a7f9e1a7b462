//! The program against the real Kamailio, with the real Prometheus and its tools.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the two test programs uses some of it")]
mod support;

/// `call` prints what kamcmd prints.
mod call;
/// `check`.
mod check;
/// What is served in another way than kamcmd prints it, or not at all.
mod exceptions;
/// On a network: Prometheus with TLS and a password, and a browser.
mod exposed;
/// Killed, cut off, closed to others.
mod faults;
/// Reads what `kamcmd` prints.
mod kamcmd;
/// What scraping does to Kamailio, and long lists.
mod kind;
/// What operators do to a Kamailio, and what happens to it by itself.
mod life;
/// Values that Kamailio reports in a misleading way.
mod meanings;
/// `once`, with node_exporter.
mod once;
/// Every value that `kamcmd` prints is served.
mod oracle;
/// Pages of others, from the real servers.
mod pages;
/// Other Kamailios than its own.
mod probe;
/// Prometheus scrapes it, and its tools accept what it serves.
mod prometheus;
/// `push`, with a Pushgateway and Prometheus.
mod push;
/// Labels, transports, and what is not loaded.
mod served;
/// Looks for a value on a page.
mod wanted;
