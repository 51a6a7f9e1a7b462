//! The program as a process, against a fake Kamailio or none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test programs uses some of it")]
mod support;

/// `call`.
mod call;
/// Every collector, against the captures of every version.
mod catalogue;
/// `check`.
mod check;
/// Generated documentation is up to date.
mod docs;
/// External metrics pages, among them that of rtpengine.
mod external_pages;
/// The names, types and labels of the Go exporter's families.
mod go_exporter;
/// The exposition of every capture, against golden files.
mod golden;
/// Paths, methods, headers, limits.
mod http;
/// Kamailio over JSON-RPC.
mod jsonrpc;
/// Which directory of the program may use which.
mod layers;
/// Start, signals, log, exit codes.
mod life;
/// Limits on slow, numerous and greedy clients.
mod limits;
/// The meaning of values of particular modules.
mod meanings;
/// The generated page of all metrics.
mod metrics_page;
/// Shared runs against a model of them.
mod model;
/// `once`: an exposition on standard output or in a file.
mod once;
/// Options from variables and files.
mod options;
/// Probes of other Kamailios.
mod probe;
/// The allow-list of probes.
mod probe_allow;
/// Properties of expositions of arbitrary replies.
mod properties;
/// `push`, and failures of the Pushgateway.
mod push;
/// Reloading the web configuration by a request or a signal.
mod reload;
/// Helpers: a capture as an exposition, and as the index describes it.
mod replay;
/// The minimum supported version of Rust.
mod rust_version;
/// One scrape, and its failures.
mod scrape;
/// Log lines about scrapes.
mod scrape_log;
/// Capabilities and state of a Kamailio that are kept from scrape to scrape.
mod server;
/// Requests that share a scrape, and their deadlines.
mod sharing;
/// Unix sockets, and sockets from systemd.
mod sockets;
/// The statistics, against the list of all statistics of Kamailio and against the captures.
mod statistics;
/// The status page, and its path.
mod status_page;
/// Invariants of the collectors' tables.
mod tables;
/// The web configuration file, whose details the toolkit tests.
mod web_config;
