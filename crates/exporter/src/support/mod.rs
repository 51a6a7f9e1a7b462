//! Helpers that know nothing of Kamailio or of metrics.

pub mod build_info;
pub(crate) mod decimal;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod terminal;
