//! Families that an exporter passes on: those of an external metrics page, and those whose name is known only at run time.

mod families;
mod family;
mod kind;
mod line;
mod page;
mod series;
#[cfg(test)]
mod tests;

pub use families::ExternalFamilies;
pub use family::ExternalFamily;
pub use kind::ExternalKind;
pub use page::{ExternalPage, InvalidLine, PageParser};
