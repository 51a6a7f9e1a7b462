//! The program against the real Kamailio, with the real Prometheus and its tools.

#[path = "../support/mod.rs"]
mod support;

/// What operators do to a Kamailio, and what happens to it by itself.
mod life;
/// Every value that `kamcmd` prints is served.
mod oracle;
/// Prometheus scrapes it, and its tools accept what it serves.
mod prometheus;
