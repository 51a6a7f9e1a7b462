//! Attacks beside a Prometheus that scrapes with TLS and a password: none of them makes it miss two scrapes in a row, and
//! none holds up the serving thread. Attackers and Prometheus have addresses of their own in 127.0.0.0/8.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

/// Connections: many, half open, from many addresses.
mod connections;
/// TLS handshakes that cost more than they seem to.
mod handshakes;
/// HTTP/2 frames that make work for the server.
mod http2;
/// Passwords, guessed from many addresses.
mod passwords;
/// Prometheus, and attackers beside it.
mod scenario;
