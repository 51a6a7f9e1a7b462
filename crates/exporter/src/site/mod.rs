//! The endpoints of the program, by their paths.

mod metrics;
mod page;
mod probe;
mod reload;
mod rtpengine;

pub(crate) use probe::{PATH as PROBE_PATH, Probes};

use crate::instance::Instance;
use crate::instance::run_limit::RunLimit;
use crate::outbound::http::Url;
use exporter_toolkit::{Request, Response, Service, WebConfig, text};
use hyper::header::{ALLOW, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, StatusCode};
use page::{Asset, PageCache};
use prometheus_exposition::ConstantLabels;
use rtpengine::Rtpengine;
use std::sync::Arc;
use std::time::Duration;

/// The paths of the endpoints.
#[derive(Debug)]
pub struct Paths {
    /// The path of the metrics.
    pub telemetry: String,
    /// The address of rtpengine's metrics, and the path to serve them under.
    pub rtpengine: Option<(Url, String)>,
    /// The prefix of every path here; empty, or without a `/` at its end.
    pub prefix: String,
    /// The prefix of every path for a browser behind a proxy.
    pub external_prefix: String,
}

/// The options of the site.
#[derive(Debug)]
pub struct Options {
    /// The paths of the endpoints.
    pub paths: Paths,
    /// Maximum duration of a scrape.
    pub timeout: Duration,
    /// Maximum number of scrapes at the same time; `None` is any number.
    pub max_requests: Option<usize>,
    /// Whether `POST /-/reload` is allowed.
    pub lifecycle: bool,
    /// Whether the health checks need no password.
    pub public_health: bool,
    /// Whether to serve metrics of the process.
    pub process_metrics: bool,
    /// Whether OpenMetrics has the time since which counters count.
    pub created_timestamps: bool,
    /// Labels that every sample gets.
    pub labels: ConstantLabels,
}

/// The endpoints of the program.
pub struct Site {
    instance: Arc<Instance>,
    probes: Option<Probes>,
    options: Options,
    web_config: Arc<WebConfig>,
    /// Limits the scrapes of `instance`.
    run_limit: RunLimit,
    rtpengine: Rtpengine,
    page_cache: PageCache,
}

impl Site {
    /// Creates a site with the metrics of this instance.
    pub fn new(instance: Arc<Instance>, web_config: Arc<WebConfig>, options: Options) -> Self {
        let run_limit = RunLimit::of_one_target("requests", options.max_requests);
        let rtpengine = Rtpengine::new(options.max_requests);
        let page_cache = PageCache::default();
        Self { instance, probes: None, options, web_config, run_limit, rtpengine, page_cache }
    }

    /// Adds the endpoint that probes other targets.
    pub fn with_probes(self, probes: Option<Probes>) -> Self {
        Self { probes, ..self }
    }

    async fn route(&self, request: Request) -> Response {
        // CONNECT, and targets such as host:port, are requests to a proxy.
        if !request.uri().path().starts_with('/') {
            return text(StatusCode::BAD_REQUEST, "The request target has to be a path.\n");
        }
        let Some(path) = request.uri().path().strip_prefix(&self.options.paths.prefix) else {
            return if request.uri().path() == "/" { self.redirect() } else { not_found() };
        };
        if path == "/-/reload" {
            return self.reload(request.method());
        }
        let rtpengine = self.options.paths.rtpengine.as_ref().filter(|(_, served)| path == served);
        let probes = self.probes.as_ref().filter(|_| path == probe::PATH);
        let is_own = matches!(path, "/" | page::STATUS_PATH)
            || HEALTH_CHECKS.contains(&path)
            || Asset::find(path).is_some();
        let known = path == self.options.paths.telemetry || is_own;
        if !known && rtpengine.is_none() && probes.is_none() {
            return if path.is_empty() { self.redirect() } else { not_found() };
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return method_not_allowed("Only GET and HEAD are allowed here.\n", "GET, HEAD");
        }
        match (path, rtpengine, probes) {
            (path, ..) if path == self.options.paths.telemetry => self.metrics(&request).await,
            (_, Some((url, _)), _) => self.rtpengine(url, &request).await,
            (.., Some(probes)) => self.probe(probes, &request).await,
            ("/-/healthy", ..) => text(StatusCode::OK, "Healthy\n"),
            ("/-/ready", ..) => text(StatusCode::OK, "Ready\n"),
            (page::STATUS_PATH, ..) => self.status(&request),
            _ => match Asset::find(path) {
                Some(asset) => asset.response(),
                None => self.status_page(&request),
            },
        }
    }

    /// Redirects to the status page.
    fn redirect(&self) -> Response {
        let mut response = text(StatusCode::FOUND, "");
        if let Ok(location) = HeaderValue::try_from(format!("{}/", self.options.paths.external_prefix)) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

impl Service for Site {
    async fn respond(&self, request: Request) -> Response {
        self.route(request).await
    }

    fn is_public(&self, request: &Request) -> bool {
        let path = request.uri().path().strip_prefix(&self.options.paths.prefix);
        self.options.public_health && path.is_some_and(|path| HEALTH_CHECKS.contains(&path))
    }
}

/// The paths that respond without Kamailio.
const HEALTH_CHECKS: [&str; 2] = ["/-/healthy", "/-/ready"];

fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn method_not_allowed(message: &'static str, allowed: &'static str) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
