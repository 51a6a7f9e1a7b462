//! Tests of the library against recorded packets, against a server that replays them, and against a real Kamailio.
//!
//! * `captures`: recorded packets decode to the values in their index, and encode to the same bytes.
//! * `chunking`, `roundtrip`: property tests.
//! * `deserialize`: replies as types, with the feature `serde`.
//! * `values`: the accessors of values.
//! * `quirks`: the peculiarities of the protocol, one test each, as documented in `docs/binrpc.md`.
//! * `hostile`: input that no Kamailio sends, and its error messages.
//! * `sessions`: cookies, window, skipped replies.
//! * `drivers`, `clients`: the same tests for both clients, over every kind of socket where the kind matters.
//! * `targets`: URIs.
//! * `documents`: the tests that the documentation names exist.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod captures;
mod chunking;
mod clients;
#[cfg(feature = "serde")]
mod deserialize;
mod documents;
mod driver;
mod drivers;
mod hostile;
mod quirks;
mod recorded;
mod roundtrip;
mod sessions;
mod targets;
mod values;
