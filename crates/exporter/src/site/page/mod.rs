//! The status page, as HTML and as JSON.

mod assets;
mod captions;
mod charts;
mod findings;
mod html;
mod json;
mod model;
mod page_cache;
mod series;
mod svg;
#[cfg(test)]
mod tests;
mod text;

pub(super) use assets::Asset;
pub(super) use page_cache::PageCache;

use super::{Site, probe};
use crate::instance::Instance;
use crate::instance::run_limit::RunLimit;
use exporter_toolkit::{Request, Response, text, with_body};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use hyper::{Method, StatusCode};
use model::{Page, ScrapeFacts, TargetRow};
use std::sync::Arc;
use std::time::Instant;

/// The path of the status as JSON.
pub(super) const STATUS_PATH: &str = "/-/status";

/// The subject of a status page: an instance, the limit on its scrapes, and the query that names it.
struct Subject<'s> {
    instance: Arc<Instance>,
    limit: &'s RunLimit,
    /// Empty, or `?target=…`.
    query: String,
}

impl Site {
    /// Responds at once with the status page of the program's Kamailio, or of the target in the query.
    pub(super) fn status_page(&self, request: &Request) -> Response {
        self.about(request, "text/html; charset=UTF-8", |site, subject| {
            let links = html::Surroundings {
                prefix: site.options.paths.external_prefix.clone(),
                metrics: match subject.query.as_str() {
                    "" => site.options.paths.telemetry.clone(),
                    query => format!("{}{query}", probe::PATH),
                },
                rtpengine: site.options.paths.rtpengine.as_ref().map(|(_, path)| path.clone()),
                query: subject.query.clone(),
                targets: site.targets(),
            };
            html::page(&Page::new(&subject.instance), &links)
        })
    }

    /// Responds at once with the content of the status page as JSON.
    pub(super) fn status(&self, request: &Request) -> Response {
        self.about(request, "application/json", |site, subject| {
            json::status(&Page::new(&subject.instance), site.targets().as_deref())
        })
    }

    fn about(
        &self,
        request: &Request,
        media_type: &'static str,
        write: impl FnOnce(&Self, &Subject<'_>) -> String,
    ) -> Response {
        let subject = match self.subject(request.uri().query().unwrap_or_default()) {
            Ok(subject) => subject,
            Err((status, message)) => return text(status, message + "\n"),
        };
        if request.method() == Method::HEAD {
            return private(with_body(StatusCode::OK, media_type, ""));
        }
        subject.instance.refresh(self.options.timeout, subject.limit);
        let scraped = subject.instance.view(|last| last.map(|last| last.end));
        let key = page_cache::Key { media_type, query: subject.query.clone(), scraped };
        let content = self.page_cache.get(key, Instant::now, || write(self, &subject));
        private(with_body(StatusCode::OK, media_type, content))
    }

    /// Returns the subject of a status page. A target has to be allowed, as for a probe.
    fn subject(&self, query: &str) -> Result<Subject<'_>, probe::Refusal> {
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        if !names.any(|name| name == "target") {
            return Ok(Subject {
                instance: self.instance.clone(),
                limit: &self.run_limit,
                query: String::new(),
            });
        }
        let Some(probes) = &self.probes else {
            let message = "Probes are disabled: start with --probe.allow.".to_owned();
            return Err((StatusCode::NOT_FOUND, message));
        };
        let instance = probes.instance(query)?;
        let query = target_query(&instance);
        Ok(Subject { instance, limit: &probes.run_limit, query })
    }

    /// Returns the targets that were probed in the last hour, those that do not respond first.
    fn targets(&self) -> Option<Vec<TargetRow>> {
        let instances = self.probes.as_ref()?.targets.all();
        let mut rows: Vec<_> = instances
            .iter()
            .filter_map(|instance| {
                let scrape = instance.view(ScrapeFacts::recent)?;
                Some(TargetRow::new(instance, target_query(instance), scrape))
            })
            .collect();
        rows.sort_by(|a, b| {
            (a.scrape.responded, a.target.as_str()).cmp(&(b.scrape.responded, b.target.as_str()))
        });
        Some(rows)
    }
}

fn target_query(instance: &Instance) -> String {
    let target = instance.target().to_string();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", &target).finish();
    format!("?{query}")
}

/// Adds headers that let a page load the program's own files and nothing else, and that keep it out of caches.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
