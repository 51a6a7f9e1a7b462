//! The metrics of rtpengine, served as they are.

use super::Site;
use crate::instance::run_limit::RunLimit;
use crate::instance::single_flight::SingleFlight;
use crate::outbound::http::{Page, Url};
use exporter_toolkit::{Request, Response, text, with_body};
use hyper::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The state between the requests for rtpengine's metrics.
pub(super) struct Rtpengine {
    /// The fetches that requests share, so that many of them take the memory of one page.
    fetches: SingleFlight<(), Result<Arc<Page>, String>>,
    limit: RunLimit,
    /// Whether rtpengine is logged as unavailable.
    failed: AtomicBool,
}

impl Rtpengine {
    pub(super) fn new(max_requests: Option<usize>) -> Self {
        let limit = RunLimit::of_one_target("requests", max_requests);
        Self { fetches: SingleFlight::default(), limit, failed: AtomicBool::new(false) }
    }
}

impl Site {
    /// Fetches rtpengine's metrics, and logs when they become unavailable or available again.
    pub(super) async fn rtpengine(&self, url: &Url, request: &Request) -> Response {
        let deadline = match self.deadline(request.headers()) {
            Ok(deadline) => deadline.at,
            Err(message) => return text(StatusCode::BAD_REQUEST, message + "\n"),
        };
        let Rtpengine { fetches, limit, failed } = &self.rtpengine;
        let fetch = fetches.join((), deadline, |running| {
            let (permit, url) = (limit.permit(running)?, url.clone());
            Ok::<_, String>(async move {
                let _permit = permit;
                url.get(deadline).await.map(Arc::new)
            })
        });
        let page = match fetch {
            Ok(fetch) => fetch.await,
            Err(message) => return text(StatusCode::SERVICE_UNAVAILABLE, message + "\n"),
        };
        let failed_before = failed.swap(page.is_err(), Ordering::Relaxed);
        match page {
            Ok(page) => {
                if failed_before {
                    tracing::info!("rtpengine metrics recovered");
                }
                let content_type = page.content_type.as_deref().unwrap_or(TEXT);
                with_body(StatusCode::OK, content_type, page.content.clone())
            }
            Err(error) => {
                if !failed_before {
                    tracing::warn!(error, "rtpengine metrics unavailable");
                }
                text(StatusCode::BAD_GATEWAY, error + "\n")
            }
        }
    }
}

/// The content type of a page that does not declare its own.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
