//! Test support: runs real Kamailios with SIP traffic, Prometheus servers, Pushgateways and node_exporters, a browser, and the
//! tools that validate expositions.
//!
//! ```no_run
//! use testbed::Kamailio;
//!
//! let kamailio = Kamailio::start();
//! kamailio.traffic();
//! assert!(kamailio.kamcmd(&["tm.stats"]).contains("2xx: "));
//! ```
//!
//! Each instance has a loopback address (`127.x.y.z`) and a directory of its own, so tests can run in parallel. Dropping an
//! instance kills its processes and removes its directory, and so does killing the test. Every error is a panic with a
//! message: a missing program never skips a test.

mod address;
mod alertmanager;
mod browser;
mod builder;
mod directory;
mod exposition;
mod group;
mod kamailio;
mod paths;
mod phones;
mod prometheus;
mod release;
mod service;
mod sipp;
mod validators;

pub use alertmanager::Alertmanager;
pub use browser::Browser;
pub use builder::Builder;
pub use exposition::{Syntax, check_exposition};
pub use kamailio::Kamailio;
pub use phones::Phones;
pub use prometheus::Prometheus;
pub use release::Release;
pub use service::Service;
pub use sipp::Traffic;
pub use validators::{openmetrics_strict_parse, promtool_check_config, promtool_check_metrics};
