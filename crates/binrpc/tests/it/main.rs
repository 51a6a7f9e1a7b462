//! What the library promises, against recorded bytes, a server that replays them, and a real Kamailio.
//!
//! * `captures`: what real servers sent decodes to what their index says, and encodes to the same bytes again.
//! * `chunking`, `roundtrip`: properties.
//! * `quirks`: the facts of the wire, one test each; `docs/binrpc.md` names them.
//! * `hostile`: input that no Kamailio sends, and the sentences that it gets.
//! * `sessions`: cookies, window, skipped replies.
//! * `drivers`: one list of tests for both clients over every transport.
//! * `targets`: URIs.
//! * `documents`: the documents name tests that exist.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod captures;
mod chunking;
mod documents;
mod drivers;
mod hostile;
mod quirks;
mod recorded;
mod roundtrip;
mod sessions;
mod targets;
