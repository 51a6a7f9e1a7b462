//! Faults and their expected effects: one table for faults of Kamailio and one for misbehaving clients.
//! `docs/reliability.md` is written from these tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test programs uses some of it")]
mod support;

/// The table of slow, greedy and hostile clients.
mod clients;
/// The document written from the tables.
mod document;
/// External metrics pages that are built to use memory or time.
mod external_page;
/// The table of faults of a Kamailio with JSON-RPC.
mod jsonrpc;
/// The table of faults of Kamailio.
mod kamailio;
/// The resources of Kamailio that a scrape uses.
mod load;
/// Runs the faults of the table over their transports, concurrently.
mod matrix;
/// Many concurrent scrapes, and large ones.
mod memory;
/// Replies that no real Kamailio sends.
mod packets;
/// Descriptors, memory, logs and clocks.
mod resources;
