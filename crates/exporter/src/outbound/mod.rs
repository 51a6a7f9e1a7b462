//! Connections that the exporter opens, and the rules for which of them are allowed.

pub(crate) mod allow_list;
pub(crate) mod http;
