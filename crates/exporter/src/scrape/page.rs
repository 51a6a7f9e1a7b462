//! An external metrics page: fetched, parsed as it arrives, and shared by the scrapes that wait for it.

use crate::collectors::catalogue::catalogue;
use crate::outbound::http::Url;
use crate::scrape::extraction::Findings;
use crate::scrape::memory_budget::{MemoryBudget, Share};
use futures_util::future::{BoxFuture, Shared};
use prometheus_exposition::{ExternalPage, PageParser, Samples};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// A page that is being fetched, as each scrape waits for it.
pub(crate) type PageRun = Shared<BoxFuture<'static, Arc<FetchedPage>>>;

/// A page, or why there is none.
pub struct FetchedPage {
    pub(crate) duration: Duration,
    pub(crate) content: Result<Arc<ExternalPage>, String>,
    /// The memory of the page, given back with the last scrape that has it.
    _share: Share,
}

/// Fetches and parses a page, in which a family may have up to `limit` samples.
pub(crate) async fn fetch(url: Url, limit: usize, deadline: Instant) -> Arc<FetchedPage> {
    let start = Instant::now();
    let mut share = PAGES.share();
    let mut parser = PageParser::new(limit, catalogue().families());
    let mut refused = None;
    let fetched = url
        .read(deadline, &mut |piece| {
            if refused.is_none() {
                parser.parse(piece);
                refused = share.set(parser.memory()).err();
            }
        })
        .await;
    let content = match (fetched, refused) {
        (Ok(_), None) => Ok(Arc::new(parser.finish())),
        (Ok(_), Some(error)) => Err(format!("cannot parse {url}: {error}")),
        (Err(sentence), _) => Err(sentence),
    };
    if content.is_err() {
        share = Share::default();
    }
    Arc::new(FetchedPage { duration: start.elapsed(), content, _share: share })
}

/// Returns the share for the exposition of a page.
///
/// # Errors
/// A human-readable message, if there is not enough memory left.
pub(crate) fn exposition_share(page: &ExternalPage) -> Result<Share, String> {
    let mut share = PAGES.share();
    match share.set(page.families.written_len()) {
        Ok(()) => Ok(share),
        Err(error) => Err(format!("cannot write the external metrics page: {error}")),
    }
}

/// Joins a page to the samples of Kamailio, whose families take precedence. The message describes the invalid lines.
pub(crate) fn join(page: &Arc<ExternalPage>, samples: &mut Samples) -> (Findings, Option<String>) {
    let left_out = samples.join_page(page.clone());
    let findings = Findings {
        unreadable: page.invalid,
        duplicates: page.duplicates + left_out,
        over_limit: page.over_limit,
        ..Findings::default()
    };
    let failure = page.first_invalid.as_ref().map(|first| {
        let (count, line, reason) = (page.invalid, &first.line, first.reason);
        format!("{count} lines of the page were left out, the first of them ({reason}): {line}")
    });
    (findings, failure)
}

/// Parses a page that is there, and joins it to the samples, as tests and fuzz targets do.
pub fn join_page(page: &[u8], limit: usize, samples: &mut Samples) -> (Findings, Option<String>) {
    let mut parser = PageParser::new(limit, catalogue().families());
    parser.parse(page);
    join(&Arc::new(parser.finish()), samples)
}

/// For the whole process, whose memory it limits.
static PAGES: LazyLock<Arc<MemoryBudget>> = LazyLock::new(MemoryBudget::of_pages);
