//! The metrics of rtpengine, served as they are.

use super::Site;
use crate::outbound::http::Url;
use exporter_toolkit::{Request, Response, text, with_body};
use hyper::StatusCode;
use std::sync::atomic::Ordering;

impl Site {
    /// Fetches rtpengine's metrics, and logs when they become unavailable or available again.
    pub(super) async fn rtpengine(&self, url: &Url, request: &Request) -> Response {
        let Ok(_permit) = self.permits.try_acquire() else { return self.too_many() };
        let deadline = match self.deadline(request.headers()) {
            Ok(deadline) => deadline,
            Err(message) => return text(StatusCode::BAD_REQUEST, message + "\n"),
        };
        let page = url.get(deadline).await;
        let failed_before = self.rtpengine_failed.swap(page.is_err(), Ordering::Relaxed);
        match page {
            Ok(page) => {
                if failed_before {
                    tracing::info!("rtpengine metrics recovered");
                }
                with_body(StatusCode::OK, page.content_type.as_deref().unwrap_or(TEXT), page.content)
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
