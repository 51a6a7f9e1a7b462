//! The program as a process, against a fake Kamailio or none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the two test programs uses some of it")]
mod support;

/// One method, called by an operator.
mod call;
/// Each collector on the captures of each version.
mod catalogue;
/// The doctor.
mod check;
/// What is generated from the tables is up to date.
mod docs;
/// Captures through the program: what is served is what it was.
mod golden;
/// Paths, methods, headers, limits.
mod http;
/// The page for people, and where it is.
mod landing;
/// Which directory of the program may use which.
mod layers;
/// Start, signals, log, exit codes.
mod life;
/// Clients that are slow, many, or greedy.
mod limits;
/// What the values of one module or another mean.
mod meanings;
/// Shared runs against a model of them.
mod model;
/// One exposition, printed or in a file.
mod once;
/// Pages of others.
mod pages;
/// The names, types and labels that the users of the Go exporter know.
mod peer;
/// Other Kamailios, by their address.
mod probe;
/// What may be probed, and what must not be connected to.
mod probe_allow;
/// What holds for any replies.
mod properties;
/// A Pushgateway, and what can go wrong with it.
mod push;
/// Reloading the web configuration by a request or a signal.
mod reload;
/// A capture as a page of samples, and as the index has it.
mod replay;
/// The oldest Rust that this is built with.
mod rust_version;
/// One scrape, and what can go wrong in it.
mod scrape;
/// Sockets of other kinds, and of systemd.
mod sockets;
/// The statistics against the list of all that Kamailio has, and against the captures.
mod statistics;
/// The tables themselves.
mod tables;
/// The web configuration file: that it reaches the server.
mod web_config;
