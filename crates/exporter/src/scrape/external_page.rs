//! The external metrics page that the operator names: fetched beside the scrape, parsed as it arrives, shared by the scrapes
//! that wait for it, and merged into their samples.

use crate::collectors::catalogue::catalogue;
use crate::outbound::http::Url;
use crate::scrape::Omissions;
use crate::scrape::memory_budget::{MemoryBudget, Reservation};
use futures_util::future::{BoxFuture, Shared};
use prometheus_exposition::{ExternalPage, PageParser, Samples};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// A page that is being fetched, as each scrape waits for it.
pub(crate) type PageFlight = Shared<BoxFuture<'static, Arc<FetchedPage>>>;

/// A page that was requested.
pub struct FetchedPage {
    /// The time that the request took.
    pub(crate) duration: Duration,
    /// The content, or a human-readable error.
    pub(crate) content: Result<Arc<ExternalPage>, String>,
    /// Whether the time ran out.
    pub(crate) timed_out: bool,
    /// The memory of the page. The last scrape that has the page frees it.
    _reservation: Reservation,
}

/// Fetches and parses a page, in which a family may have up to `max_series` samples.
pub(crate) async fn fetch(url: Url, max_series: usize, deadline: Instant) -> Arc<FetchedPage> {
    let start = Instant::now();
    let mut reservation = PAGES.reservation();
    let mut parser = PageParser::new(max_series, catalogue().families());
    let mut refused = None;
    let fetched = url
        .read(deadline, &mut |piece| {
            if refused.is_none() {
                parser.parse(piece);
                refused = reservation.resize(parser.memory()).err();
            }
        })
        .await;
    let content = match (fetched, refused) {
        (Ok(_), None) => Ok(Arc::new(parser.finish())),
        (Ok(_), Some(error)) => Err(format!("cannot parse {url}: {error}")),
        (Err(error), _) => Err(error),
    };
    let mut timed_out = false;
    if content.is_err() {
        timed_out = Instant::now() >= deadline;
        reservation = Reservation::default();
    }
    Arc::new(FetchedPage { duration: start.elapsed(), content, timed_out, _reservation: reservation })
}

/// Reserves the memory for the exposition of a page.
///
/// # Errors
/// A human-readable message if there is not enough memory.
pub(super) fn reserve_exposition(page: &ExternalPage) -> Result<Reservation, String> {
    let mut reservation = PAGES.reservation();
    match reservation.resize(page.families.written_len()) {
        Ok(()) => Ok(reservation),
        Err(error) => Err(format!("cannot write the external metrics page: {error}")),
    }
}

/// Merges a page into our samples. A family of ours is never replaced. Returns a human-readable message if lines of the page
/// are left out.
pub(super) fn merge(page: &Arc<ExternalPage>, samples: &mut Samples) -> (Omissions, Option<String>) {
    let left_out = samples.join_page(page.clone());
    let omissions = Omissions {
        unreadable: page.invalid,
        duplicates: page.duplicates + left_out,
        over_limit: page.over_limit,
        ..Omissions::default()
    };
    let failure = page.first_invalid.as_ref().map(|first| {
        let (count, line, reason) = (page.invalid, &first.line, first.reason);
        format!("unreadable lines: {count}, the first of them ({reason}): {line}")
    });
    (omissions, failure)
}

/// Parses a page and merges it into our samples, as tests and fuzz targets do.
pub fn merge_page(page: &[u8], max_series: usize, samples: &mut Samples) -> (Omissions, Option<String>) {
    let mut parser = PageParser::new(max_series, catalogue().families());
    parser.parse(page);
    merge(&Arc::new(parser.finish()), samples)
}

/// The budget of all pages of the process.
static PAGES: LazyLock<Arc<MemoryBudget>> = LazyLock::new(MemoryBudget::of_pages);

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_exposition::{ExternalKind, Number};

    #[test]
    fn samples_that_are_left_out_are_counted() {
        let mut samples = Samples::new(10);
        samples.push_external("jobs", ExternalKind::Gauge, "", Number::Unsigned(1));
        let page = b"a 1\na 1\na 1\na{n=\"1\"} 1\na{n=\"2\"} 1\njobs 7\njobs{a=\"b\"} 7\n?\n";
        let (omissions, failure) = merge_page(page, 2, &mut samples);
        // Two lines repeat a sample of the page, and two have a name of ours.
        let expected = Omissions { unreadable: 1, duplicates: 4, over_limit: 1, ..Omissions::default() };
        assert_eq!(omissions, expected);
        assert!(failure.is_some_and(|failure| failure.starts_with("unreadable lines: 1, the first of them")));
    }
}
