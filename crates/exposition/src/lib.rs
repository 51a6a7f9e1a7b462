//! Metric families, their samples, and the formats in which they are exposed.

mod compression;
mod constant_labels;
pub mod external;
mod families;
mod format;
mod labels;
mod metric;
mod samples;
mod writer;

pub use compression::{Bodies, Body, gzip};
pub use constant_labels::ConstantLabels;
pub use families::{Families, FamilyEntry};
pub use format::{Format, accepts_gzip};
pub use labels::{Labels, escape_label};
pub use metric::{Family, FamilyId, Kind, Number, Pushed};
pub use samples::{Checkpoint, Samples};
