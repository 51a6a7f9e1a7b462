//! The commands of the program, and the options that each one takes.

pub mod call;
pub mod check;
pub mod once;
pub mod push;
pub mod serve;
