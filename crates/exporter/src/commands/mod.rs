//! The commands of the program, with their options.

pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod healthcheck;
pub(crate) mod once;
pub(crate) mod push;
pub(crate) mod serve;
