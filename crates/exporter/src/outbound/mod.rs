//! Connections that the exporter opens, and rules for the targets that clients name.

pub(crate) mod allow_list;
pub(crate) mod http;
