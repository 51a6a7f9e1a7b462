//! Helpers that know neither Kamailio nor metrics.

pub(crate) mod allocator;
pub mod build_info;
pub(crate) mod decimal;
pub(crate) mod log;
pub(crate) mod printable;
pub(crate) mod terminal;
