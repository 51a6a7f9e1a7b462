//! The pages of the program: which path responds with what.

mod landing;
mod probe;

pub(crate) use probe::{PATH as PROBE_PATH, Probes};

use crate::collectors::catalogue::catalogue;
use crate::instance::Instance;
use crate::instance::self_metrics::{self, Program};
use crate::instance::single_flight::SingleFlight;
use crate::outbound::http::{Page, Url};
use crate::scrape::bodies::Body;
use bytes::Bytes;
use exporter_toolkit::{Request, Response, Service, WebConfig, text, with_body};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use hyper::{Method, StatusCode};
use prometheus_exposition::Samples;
use prometheus_exposition::{Format, GzipEncoder, Writer, accepts_gzip};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The pages that there are.
#[derive(Debug)]
pub struct Paths {
    /// The path of the metrics.
    pub telemetry: String,
    /// rtpengine's page, and the path that it is served under.
    pub rtpengine: Option<(Url, String)>,
    /// What every path begins with here; empty, or without a `/` at its end.
    pub prefix: String,
    /// What every path begins with for the browser, where a proxy makes a difference.
    pub external_prefix: String,
}

/// How a site responds.
#[derive(Debug)]
pub struct Options {
    /// The pages.
    pub paths: Paths,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// How many requests may be under way at once; `None` is any number.
    pub max_requests: Option<usize>,
    /// Whether `POST /-/reload` is allowed.
    pub lifecycle: bool,
    /// Whether there are metrics of the process.
    pub process_metrics: bool,
}

/// The pages of the program.
pub struct Site {
    instance: Arc<Instance>,
    probes: Option<Probes>,
    options: Options,
    web_config: Arc<WebConfig>,
    max_requests: usize,
    permits: Semaphore,
    /// rtpengine's page, which requests at the same time share.
    rtpengine_runs: SingleFlight<(), Result<Page, String>>,
    /// Whether the log has said so.
    rtpengine_failed: AtomicBool,
}

impl Site {
    /// A site with this exporter's metrics.
    pub fn new(instance: Arc<Instance>, web_config: Arc<WebConfig>, options: Options) -> Self {
        let max_requests = options.max_requests.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let permits = Semaphore::new(max_requests);
        Self {
            instance,
            probes: None,
            options,
            web_config,
            max_requests,
            permits,
            rtpengine_runs: SingleFlight::default(),
            rtpengine_failed: AtomicBool::new(false),
        }
    }

    /// The same, with a page for other targets.
    pub fn with_probes(self, probes: Option<Probes>) -> Self {
        Self { probes, ..self }
    }

    async fn page(&self, request: Request) -> Response {
        let Some(path) = request.uri().path().strip_prefix(&self.options.paths.prefix) else {
            return if request.uri().path() == "/" { self.redirect() } else { not_found() };
        };
        if path == "/-/reload" {
            return self.reload(request.method());
        }
        let rtpengine = self.options.paths.rtpengine.as_ref().filter(|(_, served)| path == served);
        let probes = self.probes.as_ref().filter(|_| path == probe::PATH);
        let known = path == self.options.paths.telemetry || matches!(path, "/" | "/-/healthy" | "/-/ready");
        if !known && rtpengine.is_none() && probes.is_none() {
            return if path.is_empty() { self.redirect() } else { not_found() };
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match (path, rtpengine, probes) {
            (path, ..) if path == self.options.paths.telemetry => self.metrics(&request).await,
            (_, Some((url, _)), _) => self.rtpengine(url, &request).await,
            (.., Some(probes)) => self.probe(probes, &request).await,
            ("/-/healthy", ..) => text(StatusCode::OK, "Healthy\n"),
            ("/-/ready", ..) => text(StatusCode::OK, "Ready\n"),
            _ => self.landing(&request).await,
        }
    }

    async fn metrics(&self, request: &Request) -> Response {
        let program = Program { process: self.options.process_metrics, web_config: self.web_config.status() };
        let Ok(_permit) = self.permits.try_acquire() else { return self.too_many() };
        self.exposition(request, &self.instance, Some(program)).await
    }

    /// The metrics of the Kamailio that the request names, without those of this program.
    async fn probe(&self, probes: &Probes, request: &Request) -> Response {
        let query = request.uri().query().unwrap_or_default();
        let admitted = probes.instance(query).and_then(|instance| Ok((instance, probes.permit()?)));
        match admitted {
            Ok((instance, _permit)) => self.exposition(request, &instance, None).await,
            Err((status, sentence)) => text(status, sentence + "\n"),
        }
    }

    /// A Kamailio's metrics, and the program's if it is to be told about.
    async fn exposition(
        &self,
        request: &Request,
        instance: &Arc<Instance>,
        program: Option<Program>,
    ) -> Response {
        let headers = request.headers();
        let format = header(headers, &ACCEPT).map_or(Format::TEXT, Format::negotiate);
        if request.method() == Method::HEAD {
            return with_body(StatusCode::OK, &format.content_type(), Bytes::new());
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
        let selection = instance.selection().filtered(&values("collect[]"), &values("exclude[]"));
        let selection = match selection {
            Ok(selection) => selection,
            Err(sentence) => {
                let sentence = format!("Couldn't create filtered metrics handler: {sentence}\n");
                return text(StatusCode::BAD_REQUEST, sentence);
            }
        };

        let run = instance.scrape(selection, deadline);
        // The first of those who share a run asks the system, once the calls are out: Kamailio needs its time for them
        // anyway.
        let is_first = run.strong_count() == Some(1);
        let told = async {
            if !is_first {
                return None;
            }
            tokio::task::yield_now().await;
            Some(about(program))
        };
        let (scrape, told) = tokio::join!(run, told);
        let counters = instance.counters();
        counters.count_request(&scrape);
        let gzip = header(headers, &ACCEPT_ENCODING).is_some_and(accepts_gzip);
        let write = async {
            let told = told.unwrap_or_else(|| about(program));
            let own = counters.samples(&scrape);
            let parts = [&scrape.samples, &own, &told];
            let writer = || Writer::new(format, catalogue().families(), &parts);
            if gzip {
                match compressed(writer()).await {
                    Ok(content) => return Body { content: content.into(), gzip },
                    Err(error) => tracing::error!(%error, "failed to compress, sending uncompressed"),
                }
            }
            Body { content: written(writer()).await.into(), gzip: false }
        };
        let written = scrape.bodies.get(format, gzip, write).await;
        let mut answer = with_body(StatusCode::OK, &format.content_type(), written.content);
        if written.gzip {
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }

    /// When an answer has to be ready.
    fn deadline(&self, headers: &HeaderMap) -> Result<Instant, String> {
        let timeout = prometheus_timeout(headers)?.unwrap_or(self.options.timeout);
        Ok(Instant::now() + timeout.min(self.options.timeout))
    }

    /// Scrapes as a request for the metrics does, so that it shows what Prometheus would get now.
    async fn landing(&self, request: &Request) -> Response {
        let Ok(_permit) = self.permits.try_acquire() else { return self.too_many() };
        if request.method() == Method::HEAD {
            return landing::html(String::new());
        }
        let selection = self.instance.selection();
        let scrape = self.instance.scrape(selection.clone(), Instant::now() + self.options.timeout).await;
        let probes = self.probes.is_some();
        landing::html(landing::landing(
            &self.options.paths,
            probes,
            self.instance.target(),
            selection,
            &scrape,
        ))
    }

    /// rtpengine's page as it is. The log tells what has changed.
    async fn rtpengine(&self, url: &Url, request: &Request) -> Response {
        let Ok(_permit) = self.permits.try_acquire() else { return self.too_many() };
        let deadline = match self.deadline(request.headers()) {
            Ok(deadline) => deadline,
            Err(sentence) => return text(StatusCode::BAD_REQUEST, sentence + "\n"),
        };
        let fetch = |url: Url| async move { url.get(deadline).await };
        let page = self.rtpengine_runs.join((), deadline, || fetch(url.clone())).await;
        let failed_before = self.rtpengine_failed.swap(page.is_err(), Ordering::Relaxed);
        match page {
            Ok(page) => {
                if failed_before {
                    tracing::info!("rtpengine's page is there again");
                }
                with_body(StatusCode::OK, page.content_type.as_deref().unwrap_or(TEXT), page.content)
            }
            Err(sentence) => {
                if !failed_before {
                    tracing::warn!(error = sentence, "no page of rtpengine");
                }
                text(StatusCode::BAD_GATEWAY, sentence + "\n")
            }
        }
    }

    fn reload(&self, method: &Method) -> Response {
        if !self.options.lifecycle {
            return text(
                StatusCode::FORBIDDEN,
                "Reloading is off: start with --web.enable-lifecycle, or send SIGHUP.\n",
            );
        }
        if !matches!(*method, Method::POST | Method::PUT) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "This endpoint requires a POST request.\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, PUT"));
            return answer;
        }
        match self.web_config.reload() {
            Ok(()) => text(StatusCode::OK, ""),
            Err(error) => {
                text(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error}\n"))
            }
        }
    }

    fn too_many(&self) -> Response {
        let limit = self.max_requests;
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Limit of concurrent requests reached ({limit}), try again later.\n"),
        )
    }

    /// To the landing page.
    fn redirect(&self) -> Response {
        let mut answer = text(StatusCode::FOUND, "");
        if let Ok(location) = HeaderValue::try_from(format!("{}/", self.options.paths.external_prefix)) {
            answer.headers_mut().insert(LOCATION, location);
        }
        answer
    }
}

impl Service for Site {
    async fn respond(&self, request: Request) -> Response {
        self.page(request).await
    }
}

/// Writes an exposition piece by piece; other tasks run between the pieces of a large one.
async fn written(mut writer: Writer<'_>) -> Vec<u8> {
    // In one allocation: a large exposition that grows is in memory twice while it moves.
    let mut content = Vec::with_capacity(writer.written_len());
    while writer.write_next(&mut content) {
        tokio::task::yield_now().await;
    }
    content
}

/// The same, compressed.
async fn compressed(mut writer: Writer<'_>) -> io::Result<Vec<u8>> {
    let (mut encoder, mut content, mut has_more) = (GzipEncoder::new(), Vec::new(), true);
    while has_more {
        content.clear();
        has_more = writer.write_next(&mut content);
        let mut pieces = content.chunks(COMPRESSED_AT_ONCE).peekable();
        while let Some(piece) = pieces.next() {
            encoder.write(piece)?;
            if has_more || pieces.peek().is_some() {
                tokio::task::yield_now().await;
            }
        }
    }
    encoder.finish()
}

/// The samples about the program, if it is to be told about.
fn about(program: Option<Program>) -> Samples {
    program.map_or_else(|| Samples::new(0), self_metrics::samples_of)
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

fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// What a page is that does not say what it is.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Bytes that are compressed at once: 2 ms in a release build.
const COMPRESSED_AT_ONCE: usize = 256 << 10;
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
