#![doc = include_str!("../README.md")]

mod chain;
mod constant_labels;
mod escape;
mod external;
mod families;
mod format;
mod gzip;
mod labels;
mod metric;
mod number;
mod samples;
mod writer;

pub use constant_labels::{ConstantLabels, InvalidLabel};
pub use escape::escape_label;
pub use external::{ExternalFamilies, ExternalFamily, ExternalKind, ExternalPage, InvalidLine, PageParser};
pub use families::{AnnouncedFamily, Families};
pub use format::{Format, accepts_gzip};
pub use gzip::{GzipEncoder, gzip};
pub use labels::Labels;
pub use metric::{Family, FamilyId, Kind, Number, Pushed};
pub use samples::{Checkpoint, Samples};
pub use writer::{Created, Writer};
