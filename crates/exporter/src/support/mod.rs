//! Helpers that know nothing of Kamailio or of metrics.

pub mod build_info;
pub mod duration;
pub mod log;
pub(crate) mod rate_limit;
pub mod signals;
pub(crate) mod suggestion;
pub mod systemd;
pub mod terminal;
pub mod trust_anchor;
