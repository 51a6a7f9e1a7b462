//! The HTTP side: which path answers what.

mod listener;
mod pages;

pub use listener::{ListenAddress, serve};

use crate::exporter::Exporter;
use crate::exposition::{Format, accepts_gzip, gzip};
use crate::fetch::Url;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What answers requests.
pub struct Site {
    exporter: Arc<Exporter>,
    telemetry_path: String,
    rtpengine: Option<(Url, String)>,
    timeout: Duration,
    max_requests: usize,
    permits: Semaphore,
}

type Answer = Response<Full<Bytes>>;

impl Site {
    /// A site with this exporter's metrics at `telemetry_path`, and rtpengine's page at the path beside its address.
    pub fn new(
        exporter: Arc<Exporter>,
        telemetry_path: String,
        rtpengine: Option<(Url, String)>,
        timeout: Duration,
        max_requests: Option<usize>,
    ) -> Arc<Self> {
        let max_requests = max_requests.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let permits = Semaphore::new(max_requests);
        Arc::new(Self { exporter, telemetry_path, rtpengine, timeout, max_requests, permits })
    }

    async fn answer<B>(&self, request: Request<B>) -> Answer {
        let path = request.uri().path();
        let rtpengine = self.rtpengine.as_ref().filter(|(_, served)| path == served);
        let known = path == self.telemetry_path || matches!(path, "/" | "/-/healthy" | "/-/ready");
        if !known && rtpengine.is_none() {
            return text(StatusCode::NOT_FOUND, "404 page not found\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match path {
            path if path == self.telemetry_path => self.metrics(&request).await,
            _ if rtpengine.is_some() => self.rtpengine(&request).await,
            "/-/healthy" => text(StatusCode::OK, "Healthy\n"),
            "/-/ready" => text(StatusCode::OK, "Ready\n"),
            _ => body(StatusCode::OK, "text/html; charset=UTF-8", self.landing()),
        }
    }

    async fn metrics<B>(&self, request: &Request<B>) -> Answer {
        let Ok(_permit) = self.permits.try_acquire() else {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("Limit of concurrent requests reached ({}), try again later.\n", self.max_requests),
            );
        };
        let headers = request.headers();
        let format = header(headers, &ACCEPT).map_or(Format::DEFAULT, Format::negotiate);
        if request.method() == Method::HEAD {
            return body(StatusCode::OK, &format.content_type(), Bytes::new());
        }
        let deadline = match self.deadline(headers) {
            Ok(deadline) => deadline,
            Err(sentence) => return text(StatusCode::BAD_REQUEST, sentence + "\n"),
        };
        let query = request.uri().query().unwrap_or_default();
        let values = |wanted: &str| -> Vec<String> {
            let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == wanted);
            pairs.map(|(_, value)| value.into_owned()).collect()
        };
        let selection = self.exporter.selection().filtered(&values("collect[]"), &values("exclude[]"));
        let selection = match selection {
            Ok(selection) => selection,
            Err(sentence) => {
                let sentence = format!("Couldn't create filtered metrics handler: {sentence}\n");
                return text(StatusCode::BAD_REQUEST, sentence);
            }
        };

        let scrape = self.exporter.scrape(selection, deadline).await;
        let counters = self.exporter.counters();
        counters.count_request(&scrape);
        let exposition = format.write(&[&scrape.samples, &counters.samples(&scrape)]);
        if header(headers, &ACCEPT_ENCODING).is_some_and(accepts_gzip) {
            match gzip(&exposition) {
                Ok(compressed) => {
                    let mut answer = body(StatusCode::OK, &format.content_type(), compressed);
                    answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    return answer;
                }
                Err(error) => tracing::error!(%error, "cannot compress, sending as it is"),
            }
        }
        body(StatusCode::OK, &format.content_type(), exposition)
    }
}

impl Site {
    /// When an answer has to be ready.
    fn deadline(&self, headers: &HeaderMap) -> Result<Instant, String> {
        let timeout = prometheus_timeout(headers)?.unwrap_or(self.timeout);
        Ok(Instant::now() + timeout.min(self.timeout))
    }

    fn landing(&self) -> String {
        pages::landing(&self.telemetry_path, self.rtpengine.as_ref().map(|(_, path)| path.as_str()))
    }

    /// rtpengine's page as it is.
    async fn rtpengine<B>(&self, request: &Request<B>) -> Answer {
        let Some((url, _)) = &self.rtpengine else {
            return text(StatusCode::NOT_FOUND, "404 page not found\n");
        };
        let deadline = match self.deadline(request.headers()) {
            Ok(deadline) => deadline,
            Err(sentence) => return text(StatusCode::BAD_REQUEST, sentence + "\n"),
        };
        match url.get(deadline).await {
            Ok(page) => body(StatusCode::OK, page.content_type.as_deref().unwrap_or(TEXT), page.content),
            Err(sentence) => {
                tracing::warn!(error = sentence, "no page of rtpengine");
                text(StatusCode::BAD_GATEWAY, sentence + "\n")
            }
        }
    }
}

/// How long Prometheus will wait, less the time that the answer needs on its way.
fn prometheus_timeout(headers: &HeaderMap) -> Result<Option<Duration>, String> {
    let Some(value) = headers.get(SCRAPE_TIMEOUT) else { return Ok(None) };
    let seconds = value.to_str().ok().and_then(|value| value.trim().parse::<f64>().ok());
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(timeout)) if !timeout.is_zero() => {
            Ok(Some(timeout.checked_sub(TIMEOUT_OFFSET).unwrap_or_default().max(timeout / 2)))
        }
        _ => Err(format!("The header {SCRAPE_TIMEOUT} is not a number of seconds above 0: {value:?}")),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn text(status: StatusCode, content: impl Into<Bytes>) -> Answer {
    let mut answer = body(status, "text/plain; charset=utf-8", content);
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn body(status: StatusCode, content_type: &str, content: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(content.into()));
    *answer.status_mut() = status;
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    answer
}

/// What a page is that does not say what it is.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
/// What blackbox_exporter keeps back as well; of a timeout under a second half is kept.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_second_of_prometheus_timeout_is_kept_back() {
        for (header, millis) in [("10", 9_500), ("1.5", 1_000), ("0.8", 400), (" 3 ", 2_500)] {
            let mut headers = HeaderMap::new();
            headers.insert(SCRAPE_TIMEOUT, HeaderValue::from_static(header));
            assert_eq!(prometheus_timeout(&headers), Ok(Some(Duration::from_millis(millis))), "{header}");
        }
        assert_eq!(prometheus_timeout(&HeaderMap::new()), Ok(None));
        for header in ["", "0", "-1", "x", "NaN", "inf", "1e300"] {
            let mut headers = HeaderMap::new();
            headers.insert(SCRAPE_TIMEOUT, HeaderValue::from_static(header));
            assert!(prometheus_timeout(&headers).is_err(), "{header}");
        }
    }
}
