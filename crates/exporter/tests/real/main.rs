//! The program against the real Kamailio, with the real Prometheus and its tools.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the two test programs uses some of it")]
mod support;

/// `call` prints what kamcmd prints.
mod call;
/// `check`.
mod check;
/// docs/compatibility.md.
mod compatibility;
/// Values that are served in another form than kamcmd prints, or not at all.
mod exceptions;
/// On a network: Prometheus with TLS and a password, and a browser.
mod exposed;
/// Killed, cut off, closed to others.
mod faults;
/// Reads what `kamcmd` prints.
mod kamcmd;
/// The effect of scraping on Kamailio, and long lists.
mod kind;
/// The life of a Kamailio: restarts, stops and crashes.
mod life;
/// Values that Kamailio reports in a misleading way.
mod meanings;
/// `once`, with node_exporter.
mod once;
/// Every value that `kamcmd` prints is served.
mod oracle;
/// The page for people: its values are those of Prometheus.
mod page;
/// Pages of others, from the real servers.
mod pages;
/// Other Kamailios than its own.
mod probe;
/// Prometheus scrapes it, and its tools accept what it serves.
mod prometheus;
/// `push`, with a Pushgateway and Prometheus.
mod push;
/// The Kamailio of each release of Debian.
mod releases;
/// Labels, transports, and what is not loaded.
mod served;
/// Looks for a value on a page.
mod wanted;
