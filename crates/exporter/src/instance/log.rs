//! What is logged about scrapes: only changes, and only as many lines as the limit allows.

use crate::collectors::ALL;
use crate::collectors::schema::Call;
use crate::scrape::selection::names;
use crate::scrape::{CollectorResult, Scrape, diagnosis};
use exporter_toolkit::rate_limit::TokenBucket;
use kamailio_binrpc::Target;
use std::time::Duration;

/// The last logged state of the scrapes of one Kamailio. A change without a line left is logged by a later scrape, so that
/// the log always ends with the current state.
#[derive(Default)]
pub(super) struct ScrapeLog {
    /// Whether the last logged scrape succeeded; `None` before the first line.
    succeeded: Option<bool>,
    /// The logged state of each collector, as in [`ALL`].
    collectors: Vec<CollectorLog>,
}

#[derive(Clone, Copy, Default)]
struct CollectorLog {
    failed: bool,
    duplicates: bool,
    over_limit: bool,
}

/// The subject of the lines, and the limit on their number.
#[derive(Clone, Copy)]
pub(super) struct LogContext<'a> {
    pub(super) target: &'a Target,
    /// The limit that is configured for the samples of a family.
    pub(super) max_series: usize,
    pub(super) limit: &'a TokenBucket,
}

impl ScrapeLog {
    /// Logs how a scrape differs from the logged state.
    pub(super) fn update(&mut self, context: LogContext<'_>, scrape: &Scrape) {
        let capabilities = scrape.preparation.capabilities.as_deref();
        // Without capabilities, Kamailio closed the connection during the discovery.
        let succeeded = scrape.answered && capabilities.is_some();
        if self.succeeded != Some(succeeded) && context.limit.take() {
            self.succeeded = Some(succeeded);
            if succeeded {
                log_success(context, scrape);
            } else {
                log_failure(context, scrape);
            }
        }
        self.collectors.resize(ALL.len(), CollectorLog::default());
        // While Kamailio is down, its collectors fail for the reason that is already logged. External pages do not.
        let has_own_reason =
            |result: &&CollectorResult| succeeded || ALL[result.collector].call == Call::Page;
        for result in scrape.results.iter().filter(has_own_reason) {
            if let Some(logged) = self.collectors.get_mut(result.collector) {
                logged.update(context, result);
            }
        }
    }
}

#[cfg(test)]
impl ScrapeLog {
    /// Returns whether the last logged scrape succeeded, and the number of collectors that are logged as failed.
    pub(super) fn summary(&self) -> (Option<bool>, usize) {
        (self.succeeded, self.collectors.iter().filter(|logged| logged.failed).count())
    }
}

fn log_success(context: LogContext<'_>, scrape: &Scrape) {
    let target = context.target;
    let collectors = names(scrape.results.iter().map(|result| &ALL[result.collector]));
    tracing::info!(%target, collectors, "scrape succeeded");
    if scrape.preparation.capabilities.as_ref().is_some_and(|capabilities| capabilities.is_truncated()) {
        tracing::warn!(%target, "capabilities truncated: Kamailio has more names than the exporter reads");
    }
}

fn log_failure(context: LogContext<'_>, scrape: &Scrape) {
    let target = context.target;
    let error = scrape.error.as_ref().map(ToString::to_string).unwrap_or_default();
    let advice = scrape.error.as_ref().and_then(|error| diagnosis::advice(target, error));
    tracing::error!(%target, error, advice, "scrape failed");
}

impl CollectorLog {
    fn update(&mut self, context: LogContext<'_>, result: &CollectorResult) {
        let LogContext { target, max_series, limit } = context;
        let collector = ALL[result.collector].name;
        if result.failure.is_some() != self.failed && limit.take() {
            self.failed = result.failure.is_some();
            match &result.failure {
                Some(error) => tracing::warn!(%target, collector, error, "collector failed"),
                None => tracing::info!(%target, collector, "collector recovered"),
            }
        }
        let dropped = result.omissions.duplicates;
        if begins(dropped > 0, &mut self.duplicates, limit) {
            tracing::warn!(%target, collector, dropped, "duplicate samples dropped");
        }
        let dropped = result.omissions.over_limit;
        if begins(dropped > 0, &mut self.over_limit, limit) {
            let advice = "raise --collector.max-series if Prometheus can store more; all samples of a scrape are limited \
                          to 9 MiB";
            tracing::warn!(%target, collector, dropped, limit = max_series, advice, "samples over the limit dropped");
        }
    }
}

/// Returns whether a condition is to be logged: it holds, is not logged yet, and a line is left.
fn begins(holds: bool, logged: &mut bool, limit: &TokenBucket) -> bool {
    let begins = holds && !*logged && limit.take();
    *logged = holds && (*logged || begins);
    begins
}

/// Returns the limit on the lines about one Kamailio, which clients can trigger.
pub(super) fn line_limit() -> TokenBucket {
    TokenBucket::new(LINE_INTERVAL, LINE_BURST)
}

/// All collectors can fail at once, and more than half of them recover at once; `once` has no second scrape to log the
/// rest.
const LINE_BURST: u32 = 100;
/// One more line each ten seconds: less often than most are scraped, and less than 2 MB a day.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
