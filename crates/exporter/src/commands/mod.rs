//! The commands of the program, and the options that each one takes.

pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod once;
pub(crate) mod push;
pub(crate) mod serve;
