//! The parts of `kamailio_exporter`. The binary puts them together; tests and benchmarks take them apart.
//!
//! The directories in the order in which they use each other, from the top: [`cli`], [`commands`], [`site`], [`instance`],
//! [`scrape`], [`collectors`]. None uses one above it.

pub mod cli;
pub mod collectors;
pub mod commands;
pub mod instance;
pub mod outbound;
pub mod scrape;
pub mod site;
pub mod support;
