//! The exposition of a Kamailio's metrics, and of the program's own.

use super::{Site, header};
use crate::collectors::catalogue::catalogue;
use crate::instance::run_limit::RunLimit;
use crate::instance::self_metrics::{self, Program};
use crate::instance::{Deadline, Instance, constant_labels};
use crate::scrape::Scrape;
use crate::scrape::expositions::WrittenExposition;
use bytes::Bytes;
use exporter_toolkit::{Request, Response, text, with_body};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use prometheus_exposition::{ConstantLabels, Created, Format, GzipEncoder, Samples, Writer, accepts_gzip};
use std::io;
use std::sync::Arc;
use std::time::Duration;

impl Site {
    pub(super) async fn metrics(&self, request: &Request) -> Response {
        let program = Program {
            process: self.options.process_metrics,
            kept_labels: (!self.options.labels.is_empty()).then(constant_labels::kept),
            web_config: self.web_config.status(),
        };
        self.exposition(request, &self.instance, &self.run_limit, Some(program)).await
    }

    /// Scrapes a Kamailio and responds with its metrics, and with the metrics of the program if there is a `program`.
    pub(super) async fn exposition(
        &self,
        request: &Request,
        instance: &Arc<Instance>,
        limit: &RunLimit,
        program: Option<Program>,
    ) -> Response {
        let headers = request.headers();
        let format = header(headers, &ACCEPT).map_or(Format::TEXT, Format::negotiate);
        if request.method() == Method::HEAD {
            return with_body(StatusCode::OK, &format.content_type(), Bytes::new());
        }
        let deadline = match self.deadline(headers) {
            Ok(deadline) => deadline,
            Err(message) => return text(StatusCode::BAD_REQUEST, message + "\n"),
        };
        let query = request.uri().query().unwrap_or_default();
        let values = |wanted: &str| -> Vec<String> {
            let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == wanted);
            pairs.map(|(_, value)| value.into_owned()).collect()
        };
        let selection = match instance.selection().filtered(&values("collect[]"), &values("exclude[]")) {
            Ok(selection) => selection,
            Err(message) => {
                let message = format!("Couldn't create filtered metrics handler: {message}\n");
                return text(StatusCode::BAD_REQUEST, message);
            }
        };

        let run = match instance.scrape_within(selection, deadline, limit) {
            Ok(run) => run,
            Err(message) => return text(StatusCode::SERVICE_UNAVAILABLE, message + "\n"),
        };
        // The first request of a run collects the program's samples once the calls are sent, while Kamailio works on them.
        let is_first = run.strong_count() == Some(1);
        let mut own = None;
        let collect = async {
            if is_first {
                own = Some(own_samples(program));
            }
        };
        let (scrape, ()) = tokio::join!(run, collect);
        let counters = instance.counters();
        counters.count_request(&scrape);
        let gzip = header(headers, &ACCEPT_ENCODING).is_some_and(accepts_gzip);
        let write = || {
            let mut own = own.unwrap_or_else(|| own_samples(program));
            counters.add_samples(&scrape, &mut own);
            self.write(format, gzip, &scrape, own)
        };
        let written = scrape.expositions.get(format, gzip, write).await;
        let mut response = with_body(StatusCode::OK, &format.content_type(), written.content);
        if written.gzip {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// Writes the exposition of a scrape, with the exporter's own samples.
    async fn write(&self, format: Format, gzip: bool, scrape: &Scrape, own: Samples) -> WrittenExposition {
        let parts = [&scrape.samples, &own];
        let labels = &self.options.labels;
        let catalogue = catalogue();
        let start = scrape.start.filter(|_| self.options.created_timestamps);
        let created = start.map(|seconds| Created { seconds, families: catalogue.counted_from_start() });
        let writer = || Writer::new(format, catalogue.families(), &parts).with_created(created);
        if gzip {
            match compressed(writer(), labels).await {
                Ok(content) => return WrittenExposition { content: content.into(), gzip },
                Err(error) => tracing::error!(%error, "failed to compress, sending uncompressed"),
            }
        }
        let reservation = scrape.page.as_ref().map(|(_, reservation)| reservation);
        WrittenExposition::plain(written(writer(), labels).await, reservation)
    }

    /// Returns the time by which the scrape of a request has to end.
    pub(super) fn deadline(&self, headers: &HeaderMap) -> Result<Deadline, String> {
        let timeout = self.options.timeout;
        Ok(match prometheus_timeout(headers)? {
            Some(allowed) => Deadline::of_client(allowed, timeout),
            None => Deadline::after(timeout),
        })
    }
}

/// Writes an exposition piece by piece. Other tasks run between the pieces of a large one.
async fn written(mut writer: Writer<'_>, labels: &ConstantLabels) -> Vec<u8> {
    // In one allocation: a large exposition that grows is in memory twice while it moves.
    let mut content = Vec::with_capacity(writer.written_len());
    while write_piece(&mut writer, labels, &mut content) {
        tokio::task::yield_now().await;
    }
    content
}

/// Writes an exposition piece by piece, and compresses each: 2 ms in a release build. Other tasks run between the pieces.
async fn compressed(mut writer: Writer<'_>, labels: &ConstantLabels) -> io::Result<Vec<u8>> {
    let mut encoder = GzipEncoder::new();
    let mut content = Vec::with_capacity(writer.written_len().min(Writer::PIECE));
    while write_piece(&mut writer, labels, &mut content) {
        encoder.write(&content)?;
        content.clear();
        tokio::task::yield_now().await;
    }
    encoder.write(&content)?;
    encoder.finish()
}

/// Appends the next piece, which consists of whole lines, with the labels of `--label`. Returns whether there are more.
fn write_piece(writer: &mut Writer<'_>, labels: &ConstantLabels, out: &mut Vec<u8>) -> bool {
    if labels.is_empty() {
        return writer.write_next(out);
    }
    let mut piece = Vec::new();
    let has_more = writer.write_next(&mut piece);
    out.append(&mut constant_labels::add(labels, piece));
    has_more
}

fn own_samples(program: Option<Program>) -> Samples {
    program.map_or_else(|| Samples::new(usize::MAX), self_metrics::samples_of)
}

/// Returns how long Prometheus waits, less the time that the response needs on its way.
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

const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
/// The offset of blackbox_exporter. Of a timeout under a second, half is kept for the response.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_second_of_prometheus_timeout_is_kept_for_the_response() {
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
