//! Test support: the fuzz targets. Each panics if an invariant does not hold for its input.
//!
//! libFuzzer calls these functions from `fuzz/`, which is outside the workspace; the tests of this crate call them with
//! the inputs in `fuzz/regressions` and with the captures.

mod body;
mod decode;
mod fairness;
mod http;
mod input;
mod jsonrpc;
mod page;
mod replies;
mod scrape;
mod seeds;
mod session;
mod web_config;

pub use decode::decode;
pub use fairness::fairness;
pub use http::http;
pub use jsonrpc::jsonrpc;
pub use page::page;
pub use scrape::scrape;
pub use seeds::{Seed, seeds};
pub use session::session;
pub use web_config::web_config;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All fuzz targets, by name.
pub const TARGETS: [(&str, Target); 8] = [
    ("decode", decode),
    ("session", session),
    ("scrape", scrape),
    ("page", page),
    ("http", http),
    ("web_config", web_config),
    ("jsonrpc", jsonrpc),
    ("fairness", fairness),
];
