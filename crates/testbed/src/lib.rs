//! The real things for tests: a Kamailio with SIP traffic, a Prometheus server and what stands between it and an
//! exporter, and the tools that judge what the exporter writes.
//!
//! ```no_run
//! use testbed::Kamailio;
//!
//! let kamailio = Kamailio::start();
//! kamailio.traffic();
//! assert!(kamailio.kamcmd(&["tm.stats"]).contains("2xx: "));
//! ```
//!
//! Each instance has a loopback address (`127.x.y.z`) and a folder of its own, so tests run in parallel.
//! Dropping it kills its processes and removes its folder; a test that is itself killed leaves nothing
//! behind either. What goes wrong is a panic with a sentence: a missing program is never a skipped test.

mod address;
mod alertmanager;
mod builder;
mod exposition;
mod folder;
mod group;
mod judge;
mod kamailio;
mod phones;
mod program;
mod prometheus;
mod service;
mod sipp;

pub use alertmanager::Alertmanager;
pub use builder::Builder;
pub use exposition::{Syntax, check_exposition};
pub use judge::{openmetrics_strict_parse, promtool_check_config, promtool_check_metrics};
pub use kamailio::Kamailio;
pub use phones::Phones;
pub use prometheus::Prometheus;
pub use service::Service;
pub use sipp::Traffic;
