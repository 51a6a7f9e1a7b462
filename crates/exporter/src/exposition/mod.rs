//! Metric families and their samples, the formats in which they are written, and the parser for external pages.

pub mod external;
pub mod format;
pub mod labels;
pub mod metric;
pub mod samples;
