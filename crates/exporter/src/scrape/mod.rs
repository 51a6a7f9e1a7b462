//! One scrape of one Kamailio: from the selection of collectors to the samples.

pub(crate) mod capabilities;
pub(crate) mod diagnosis;
pub(crate) mod extraction;
pub(crate) mod memory_budget;
pub(crate) mod plan;
mod exchange;
pub(crate) mod selection;

pub(crate) use exchange::argument;
pub(crate) use exchange::{Job, run};
pub use exchange::{Known, Outcome, Scrape, join_page};
