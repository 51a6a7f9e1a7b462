//! The parts of `kamailio_exporter`. The binary puts them together; tests and benchmarks take them apart.
//!
//! A request comes in at [`web`], which asks the [`exporter`] of a Kamailio for a [`scrape`]. The [`plan`] says which
//! methods to call; each one's [`collector`], a table in [`collectors`], says how its reply becomes samples
//! ([`walk`], [`samples`]); the [`exposition`] writes them, with what the exporter knows of itself ([`self_metrics`]).

pub mod allow;
mod bucket;
pub mod budget;
pub mod build_info;
pub mod call;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod collector;
pub mod collectors;
pub mod diagnosis;
pub mod duration;
pub mod exporter;
pub mod exposition;
pub mod fetch;
pub mod fleet;
pub mod foreign;
pub mod inventory;
pub mod labels;
pub mod log;
pub mod metric;
mod nearest;
pub mod once;
pub mod pinned;
pub mod plan;
pub mod push;
pub mod samples;
pub mod scrape;
pub mod selection;
pub mod self_metrics;
pub mod service;
pub mod shared;
pub mod terminal;
pub mod walk;
pub mod web;
