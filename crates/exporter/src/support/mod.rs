//! Helpers that know nothing of Kamailio or of metrics.

pub mod build_info;
pub mod log;
pub mod terminal;
