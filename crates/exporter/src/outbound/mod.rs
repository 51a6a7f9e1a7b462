//! Connections that the exporter opens, and rules for the targets that clients name.

pub(crate) mod allow_list;
mod client;
pub(crate) mod http;
mod jsonrpc;
mod target;

pub(crate) use client::{Client, Reply};
pub use jsonrpc::reply as jsonrpc_reply;
pub use target::Target;
pub(crate) use target::{Access, Protocol};
