//! The metrics of rtpengine, served as they are.

use super::Site;
use crate::instance::Deadline;
use crate::instance::run_limit::RunLimit;
use crate::instance::single_flight::SingleFlight;
use crate::outbound::http::Url;
use crate::scrape::memory_budget::{MemoryBudget, Reservation};
use bytes::Bytes;
use exporter_toolkit::rate_limit::TokenBucket;
use exporter_toolkit::{Request, Response, text, with_body};
use hyper::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The state between the requests for rtpengine's metrics.
pub(super) struct Rtpengine {
    /// The fetches that requests share, so that many of them take the memory of one page.
    fetches: SingleFlight<(), Result<Arc<Page>, String>>,
    limit: RunLimit,
    /// The memory of all fetches: requests with other deadlines do not share one.
    memory: Arc<MemoryBudget>,
    /// Whether rtpengine is logged as unavailable.
    failed: AtomicBool,
    /// Limits the log lines, which clients with little time can trigger.
    line_limit: TokenBucket,
}

impl Rtpengine {
    pub(super) fn new(max_requests: Option<usize>) -> Self {
        let limit = RunLimit::of_one_target("requests", max_requests);
        let memory = MemoryBudget::of_passed_on_pages();
        let line_limit = TokenBucket::new(LINE_INTERVAL, LINE_BURST);
        let fetches = SingleFlight::default();
        Self { fetches, limit, memory, failed: AtomicBool::new(false), line_limit }
    }

    /// Logs that rtpengine's metrics have become unavailable or available again. If the limit on log lines is reached, a later
    /// request logs the change.
    fn log(&self, error: Option<&String>) {
        let failed = error.is_some();
        if self.failed.load(Ordering::Relaxed) == failed || !self.line_limit.take() {
            return;
        }
        self.failed.store(failed, Ordering::Relaxed);
        match error {
            Some(error) => tracing::warn!(error, "rtpengine metrics unavailable"),
            None => tracing::info!("rtpengine metrics recovered"),
        }
    }
}

/// A page of rtpengine.
struct Page {
    content_type: Option<String>,
    content: Bytes,
}

impl Site {
    /// Fetches rtpengine's metrics.
    pub(super) async fn rtpengine(&self, url: &Url, request: &Request) -> Response {
        let deadline = match self.deadline(request.headers()) {
            Ok(deadline) => deadline,
            Err(message) => return text(StatusCode::BAD_REQUEST, message + "\n"),
        };
        let Deadline { at: deadline, is_short } = deadline;
        let Rtpengine { fetches, limit, memory, .. } = &self.rtpengine;
        let fetch = fetches.join((), deadline, |running| {
            let (permit, url, memory) = (limit.permit(running, true)?, url.clone(), memory.reservation());
            Ok::<_, String>(async move {
                let _permit = permit;
                fetch(&url, deadline, memory).await.map(Arc::new)
            })
        });
        let page = match fetch {
            Ok(fetch) => fetch.await,
            Err(message) => return text(StatusCode::SERVICE_UNAVAILABLE, message + "\n"),
        };
        // A failure under a client's short deadline is not a failure of rtpengine.
        if !is_short || page.is_ok() {
            self.rtpengine.log(page.as_ref().err());
        }
        match page {
            Ok(page) => {
                let declared = page.content_type.as_deref().filter(|declared| is_metrics(declared));
                with_body(StatusCode::OK, declared.unwrap_or(TEXT), page.content.clone())
            }
            Err(error) => text(StatusCode::BAD_GATEWAY, error + "\n"),
        }
    }
}

/// Fetches the page. The error is a human-readable message.
async fn fetch(url: &Url, deadline: Instant, mut memory: Reservation) -> Result<Page, String> {
    let mut content = Vec::new();
    let (refuse, mut refused) = oneshot::channel();
    let mut refuse = Some(refuse);
    let receive = &mut |piece: &[u8]| {
        // A vector grows to twice its length.
        match memory.resize(2 * (content.len() + piece.len())) {
            Ok(()) => content.extend_from_slice(piece),
            Err(error) => drop(refuse.take().map(|refuse| refuse.send(error))),
        }
    };
    let content_type = tokio::select! {
        // A page that is refused is not read to its end: its connection has a buffer, too.
        biased;
        Ok(error) = &mut refused => return Err(format!("cannot fetch {url}: {error}")),
        read = url.read(deadline, receive) => read?,
    };
    // The last piece can be the one that is refused.
    if let Ok(error) = refused.try_recv() {
        return Err(format!("cannot fetch {url}: {error}"));
    }
    content.shrink_to_fit();
    Ok(Page { content_type, content: content.into() })
}

/// Returns whether a content type is one of metrics. Any other, such as HTML, is not passed on.
fn is_metrics(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["text/plain", "application/openmetrics-text"].iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// The content type for a page that does not declare a metrics format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Maximum number of log lines at once; one more is allowed in each interval.
const LINE_BURST: u32 = 20;
const LINE_INTERVAL: Duration = Duration::from_secs(10);
