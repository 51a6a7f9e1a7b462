//! Faults and their expected effects: one table for faults of Kamailio and one for misbehaving clients.
//! `docs/reliability.md` is written from these tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test programs uses some of it")]
mod support;

/// Slow, greedy and hostile clients: the table.
mod clients;
/// The document written from the tables.
mod document;
/// External metrics pages that are made to take memory or time.
mod external_page;
/// A hostile or broken Kamailio: the table.
mod kamailio;
/// The resources of Kamailio that a scrape uses.
mod kindness;
/// The faults of the table over their transports, all at the same time.
mod matrix;
/// Many scrapes at once, and large ones.
mod memory;
/// Replies that no real Kamailio sends.
mod packets;
/// Descriptors, memory, logs, clocks.
mod resources;
