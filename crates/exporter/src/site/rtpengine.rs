//! The metrics of rtpengine, served as they are.

use super::Site;
use crate::instance::run_limit::RunLimit;
use crate::instance::single_flight::SingleFlight;
use crate::outbound::http::{Page, Url};
use exporter_toolkit::{Request, Response, text, with_body};
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
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
                let declared = page.content_type.as_deref().filter(|declared| is_metrics(declared));
                without_scripts(with_body(StatusCode::OK, declared.unwrap_or(TEXT), page.content.clone()))
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

/// Returns whether a content type is one of metrics. Any other, such as HTML, is not passed on.
fn is_metrics(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["text/plain", "application/openmetrics-text"].iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// Forbids browsers to guess another content type, and to load or run anything.
fn without_scripts(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}

/// The content type of a page that declares none of metrics.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
