//! Connections that the exporter opens, and the rules for which of them are allowed.

pub mod allow_list;
pub mod http;
