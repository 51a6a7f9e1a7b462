//! One scrape of one Kamailio: from the selection of collectors to the samples.

pub(crate) mod bodies;
pub(crate) mod capabilities;
pub(crate) mod diagnosis;
pub(crate) mod extraction;
pub(crate) mod memory_budget;
pub(crate) mod page;
pub(crate) mod plan;
mod run;
pub(crate) mod selection;

pub use page::join_page;
pub(crate) use run::argument;
pub(crate) use run::{Job, run};
pub use run::{Known, Outcome, Scrape};
