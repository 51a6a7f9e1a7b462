//! The program as a process, against a fake Kamailio or none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the two test programs uses some of it")]
mod support;

/// Each collector on the captures of each version.
mod catalogue;
/// What is generated from the tables is up to date.
mod docs;
/// Captures through the program: what is served is what it was.
mod golden;
/// Paths, methods, headers, limits.
mod http;
/// Start, signals, log, exit codes.
mod life;
/// Pages of others.
mod pages;
/// One scrape, and what can go wrong in it.
mod scrape;
/// The statistics against the list of all that Kamailio has, and against the captures.
mod statistics;
/// The tables themselves.
mod tables;
