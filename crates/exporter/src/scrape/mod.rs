//! One scrape of one Kamailio: from the selection of collectors to the samples.

pub mod capabilities;
pub mod diagnosis;
pub mod extraction;
pub mod memory_budget;
pub mod plan;
mod run;
pub mod selection;

pub(crate) use run::argument;
pub use run::{Job, Known, Outcome, Scrape, join_page, run};
