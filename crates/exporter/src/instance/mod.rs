//! What is kept for each Kamailio from scrape to scrape.

pub mod fleet;
#[expect(clippy::module_inception, reason = "the type and its file have the name of the subject")]
mod instance;
pub mod self_metrics;
pub mod single_flight;

pub use instance::{Exporter, Settings};
