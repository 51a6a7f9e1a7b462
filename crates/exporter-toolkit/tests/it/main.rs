//! The server with a small service, as its clients see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the attacks use the rest")]
mod support;

/// Slow and greedy clients.
mod limits;
/// Addresses and sockets to listen on.
mod listeners;
/// Changes of the web configuration while the server runs.
mod reload;
/// TLS, and client certificates.
mod tls;
/// Users and passwords.
mod users;
/// The content of a web configuration file.
mod web_config;
