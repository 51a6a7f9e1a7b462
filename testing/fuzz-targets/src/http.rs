//! Fuzz target: HTTP requests, and texts that operators write.

use crate::input::Input;
use exporter_toolkit::duration;
use exporter_toolkit::{ListenAddress, Service as _, WebConfig};
use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use kamailio_exporter::internals::{
    Instance, Paths, Selection, Settings, Site, SiteOptions as Options, Target, Url,
};
use prometheus_exposition::{ConstantLabels, Format, accepts_gzip};
use std::fmt::{Debug, Display};
use std::io::Read as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use testbed::{Syntax, check_exposition};
use tokio::runtime::{Builder, Runtime};

/// Reads the input as a request to a site without Kamailio (lines with method, target and headers), or as one of the texts
/// that are parsed elsewhere. Checks that an exposition is valid in the format of its header.
pub fn http(input: &[u8]) {
    let mut input = Input::new(input);
    let mode = input.byte();
    let text = input.rest();
    match mode % 4 {
        0 => texts(&String::from_utf8_lossy(text)),
        _ => request(text),
    }
}

/// Checks that printed values parse to the same values, and that errors have a message.
fn texts(text: &str) {
    round_trip::<Target>(text);
    round_trip::<ListenAddress>(text);
    let _ = accepts_gzip(text);
    let _ = Format::negotiate(text).content_type();
    if let Err(message) = Url::parse(text) {
        assert!(!message.is_empty());
    }
    match duration::parse(text) {
        Ok(duration) => assert!(!duration.is_zero() && duration <= Duration::from_secs(366 * 24 * 3600)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // The search for the nearest name takes long for long inputs.
    if text.len() <= MAX_METHODS {
        match Selection::parse(text) {
            Ok(selection) => assert!(selection.collectors().count() > 0),
            Err(message) => assert!(!message.is_empty()),
        }
    }
}

fn round_trip<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => {
            let again = value.to_string().parse::<T>();
            assert_eq!(again.as_ref().ok(), Some(&value), "{text:?} is displayed as {value}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn request(text: &[u8]) {
    let mut lines = text.split(|byte| *byte == b'\n');
    let method = Method::from_bytes(lines.next().unwrap_or_default()).unwrap_or(Method::GET);
    let Ok(request) = Request::builder().method(method).uri(lines.next().unwrap_or_default()).body(()) else {
        return;
    };
    let (mut parts, ()) = request.into_parts();
    for line in lines.take(MAX_HEADERS) {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(0));
        let value = value.strip_prefix(b":").unwrap_or(value);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            parts.headers.append(name, value);
        }
    }
    FIXTURE.with(|Fixture { site, runtime }| {
        let (head, content) = runtime.block_on(async {
            let response: Response<_> = site.respond(Request::from_parts(parts.clone(), ())).await;
            let (head, body) = response.into_parts();
            (head, body.collect().await.map(http_body_util::Collected::to_bytes))
        });
        let content = content.expect("a complete body");
        match head.status {
            StatusCode::OK => exposition(&head.headers, &content, parts.method == Method::HEAD),
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                assert!(content.ends_with(b"\n"), "no message");
            }
            StatusCode::FOUND => assert!(content.is_empty()),
            status => panic!("unexpected status {status}"),
        }
    });
}

fn exposition(headers: &HeaderMap, content: &[u8], head: bool) {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).expect("a type");
    let mut exposition = Vec::new();
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) => {
            assert_eq!(encoding, "gzip");
            GzDecoder::new(content).read_to_end(&mut exposition).expect("it is gzip");
        }
        None => exposition.extend_from_slice(content),
    }
    let syntax = if content_type.starts_with("application/openmetrics-text; version=") {
        Syntax::OpenMetrics
    } else if content_type.starts_with("text/plain; version=0.0.4;") {
        Syntax::Text
    } else {
        return;
    };
    if head {
        return assert!(exposition.is_empty(), "a scrape for a response without content");
    }
    if let Err(error) = check_exposition(&exposition, syntax) {
        panic!("{error}\n{}", String::from_utf8_lossy(&exposition));
    }
    let down = exposition.split(|byte| *byte == b'\n').any(|line| line == b"kamailio_up 0");
    assert!(down, "{}", String::from_utf8_lossy(&exposition));
}

/// The site under test, and its runtime.
struct Fixture {
    site: Site,
    runtime: Runtime,
}

thread_local! {
    static FIXTURE: Fixture = fixture();
}

fn fixture() -> Fixture {
    let target = "unix:/nonexistent/ctl".parse().expect("a target");
    let settings = Settings {
        selection: Arc::new(Selection::parse("auto").expect("a selection")),
        max_series: 10_000,
        dispatcher_set_names: Vec::new(),
    };
    let instance = Instance::new(target, Arc::new(settings));
    let paths = Paths {
        telemetry: "/metrics".to_owned(),
        rtpengine: None,
        prefix: "/kamailio".to_owned(),
        external_prefix: "/proxied".to_owned(),
    };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = Options {
        labels: ConstantLabels::default(),
        paths,
        timeout: Duration::from_secs(5),
        max_requests: Some(1),
        lifecycle: true,
        public_health: false,
        process_metrics: false,
        created_timestamps: true,
    };
    let web_config = WebConfig::open(None).expect("no file");
    Fixture { site: Site::new(instance, web_config, options), runtime }
}

/// The longest list of methods, in bytes.
const MAX_METHODS: usize = 64;
/// More headers than a browser sends.
const MAX_HEADERS: usize = 32;
