//! One scrape of one Kamailio: from the selection of collectors to the samples.

pub(crate) mod capabilities;
pub(crate) mod diagnosis;
mod exchange;
pub(crate) mod expositions;
pub(crate) mod external_page;
pub(crate) mod extraction;
pub(crate) mod local;
pub(crate) mod memory_budget;
pub(crate) mod plan;
mod result;
pub(crate) mod selection;
mod start_time;

pub(crate) use exchange::argument;
pub use external_page::merge_page;
pub(crate) use result::Preparation;
pub use result::{CollectorResult, Omissions, Scrape};

use crate::outbound::Target;
use crate::outbound::allow_list::AllowList;
use crate::scrape::exchange::Exchange;
use crate::scrape::external_page::PageFlight;
use crate::scrape::local::Observer;
use crate::scrape::memory_budget::MemoryBudget;
use crate::scrape::selection::Selection;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The target and the limits of a scrape.
#[derive(Clone, Copy)]
pub(crate) struct ScrapeRequest<'a> {
    /// The Kamailio to connect to.
    pub target: &'a Target,
    /// The addresses that may be connected to; `None` allows all of them.
    pub allow: Option<&'a AllowList>,
    /// The operator's selection. Capabilities are discovered for it, so that they serve every request.
    pub configured: &'a Selection,
    /// The selection of this scrape, which is a part of `configured`.
    pub selection: &'a Selection,
    /// Maximum number of samples per family.
    pub max_series: usize,
    /// The time at which the scrape ends with the replies that have arrived.
    pub deadline: Instant,
    /// The memory that all scrapes share.
    pub budget: &'a Arc<MemoryBudget>,
    /// The fetch of the external metrics page, if the selection has it.
    pub page: Option<&'a PageFlight>,
    /// The readers of the kernel's values.
    pub observer: &'a Mutex<Observer>,
}

/// Scrapes a Kamailio. Without capabilities in `preparation`, the server's capabilities are discovered first.
pub(crate) async fn run(request: ScrapeRequest<'_>, preparation: Preparation) -> Scrape {
    let mut exchange = Exchange::new(request, preparation);
    // The external page does not depend on Kamailio, so both are fetched at the same time.
    let page = async {
        let (collector, _) = request.selection.page()?;
        Some((collector, request.page?.clone().await))
    };
    let (exchanged, page) = tokio::join!(exchange.run(), page);
    let mut scrape = exchange.finish(exchanged);
    scrape.observe(&request);
    if let Some((collector, page)) = page {
        scrape.add_page(collector, page);
    }
    scrape
}
