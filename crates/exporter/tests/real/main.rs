//! The program with real Kamailios, Prometheus and its tools.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test programs uses some of it")]
mod support;

/// `call` prints what kamcmd prints.
mod call;
/// `check`.
mod check;
/// docs/compatibility.md.
mod compatibility;
/// Values that the exporter omits or converts.
mod exceptions;
/// Access over the network: Prometheus with TLS and a password, and a browser.
mod exposed;
/// External metrics pages of real servers.
mod external_pages;
/// Killed processes, lost networks, missing permissions.
mod faults;
/// Kamailio over HTTPS.
mod https;
/// Parses the output of `kamcmd`.
mod kamcmd;
/// The values of the kernel.
mod kernel;
/// Restarts, stops and crashes of Kamailio.
mod life;
/// The effect of scraping on Kamailio, and long lists.
mod load;
/// Values that Kamailio reports in a misleading way.
mod meanings;
/// `once`, with node_exporter.
mod once;
/// Every value that `kamcmd` prints is served.
mod oracle;
/// Probes of other Kamailios.
mod probe;
/// Prometheus scrapes the exporter, and its tools accept the expositions.
mod prometheus;
/// `push`, with a Pushgateway and Prometheus.
mod push;
/// The Kamailio of each release of Debian.
mod releases;
/// Labels, transports, and modules that are not loaded.
mod served;
/// The status page: its values are those of Prometheus.
mod status_page;
/// Finds a value of kamcmd in the exposition.
mod wanted;
