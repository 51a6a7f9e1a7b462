//! Log lines about scrapes: changes of the state and of the kind of a failure, within a limit on lines.

use crate::collectors::ALL;
use crate::collectors::schema::Call;
use crate::outbound::Target;
use crate::scrape::selection::names;
use crate::scrape::{CollectorResult, Scrape, diagnosis};
use exporter_toolkit::rate_limit::TokenBucket;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

/// The logged state of the scrapes of one Kamailio. A change without a line left is logged by a later scrape, so that the
/// log always ends with the current state.
#[derive(Default)]
pub(super) struct ScrapeLog {
    scrapes: Outages,
    /// The logged state of the collectors that have something to recover from, by their index in [`ALL`].
    collectors: BTreeMap<usize, CollectorLog>,
}

/// The outages of one subject, and the part of them that is logged.
#[derive(Clone, Copy, Default)]
struct Outages {
    /// The start of the current outage.
    since: Option<Instant>,
    /// The duration of the previous outage.
    lasted: Duration,
    /// The kind of the failure that was logged last.
    logged: Option<FailureKind>,
    /// Whether there is a line about the subject.
    known: bool,
}

/// A change that is to be logged.
enum Change {
    /// The first success, if the subject was not known before.
    Succeeded,
    /// The first success after a failure, with the failure's duration.
    Recovered(Duration),
    /// A failure, or one of another kind than before.
    Failed,
}

/// The kind of a failure. Messages that differ only in their numbers are of the same kind.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FailureKind(u64);

/// The changes of collectors in one scrape: one line for all that failed for the same reason, and one for all that recovered
/// after the same time.
#[derive(Default)]
struct CollectorLines<'s> {
    /// By reason; `None` if no line is left.
    failed: BTreeMap<&'s str, Option<Vec<&'static str>>>,
    /// Collectors whose values this machine does not show, by reason; `None` if no line is left.
    unseen: BTreeMap<&'s str, Option<Vec<&'static str>>>,
    /// By the duration of the failure.
    recovered: BTreeMap<String, Vec<&'static str>>,
    /// Whether there is a line for recoveries.
    has_recovery_line: Option<bool>,
}

#[derive(Clone, Copy, Default)]
struct CollectorLog {
    outages: Outages,
    /// Whether it is logged that this machine does not show the collector's values.
    unseen: bool,
    duplicates: bool,
    over_limit: bool,
}

/// The subject of the lines, and the limit on their number.
#[derive(Clone, Copy)]
pub(super) struct LogContext<'a> {
    pub(super) target: &'a Target,
    /// The configured maximum number of samples per family.
    pub(super) max_series: usize,
    pub(super) limit: &'a TokenBucket,
}

impl ScrapeLog {
    /// Logs how a scrape differs from the logged state.
    pub(super) fn update(&mut self, context: LogContext<'_>, scrape: &Scrape) {
        // Without capabilities, the exchange ended during the discovery.
        let succeeded = scrape.responded && scrape.preparation.capabilities.is_some();
        let error = scrape.error.as_ref().map(ToString::to_string).unwrap_or_default();
        let failure = (!succeeded).then_some(error.as_str());
        match self.scrapes.update(failure, || context.limit.take()) {
            Some(Change::Failed) => log_failure(context, scrape, &error),
            Some(Change::Succeeded) => log_success(context, scrape, None),
            Some(Change::Recovered(failed_for)) => log_success(context, scrape, Some(failed_for)),
            None => {}
        }
        // While Kamailio is down, its collectors fail for the reason that is already logged. External pages do not.
        let has_own_reason = |result: &&CollectorResult| {
            succeeded || matches!(ALL[result.collector].call, Call::Page | Call::Files)
        };
        let mut lines = CollectorLines::default();
        for result in scrape.results.iter().filter(has_own_reason) {
            let mut logged = self.collectors.remove(&result.collector).unwrap_or_default();
            logged.update(context, result, &mut lines);
            if !logged.is_quiet() {
                self.collectors.insert(result.collector, logged);
            }
        }
        lines.log(context.target);
    }
}

impl Outages {
    /// Records a success or the message of a failure. Returns the change if there is one and a line is left for it.
    fn update(&mut self, failure: Option<&str>, has_line: impl FnOnce() -> bool) -> Option<Change> {
        let kind = failure.map(FailureKind::of);
        if kind.is_some() {
            self.since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.since.take() {
            self.lasted = since.elapsed();
        }
        if self.known && self.logged == kind || !has_line() {
            return None;
        }
        let was_failing = self.logged.is_some();
        (self.logged, self.known) = (kind, true);
        Some(match kind {
            Some(_) => Change::Failed,
            None if was_failing => Change::Recovered(self.lasted),
            None => Change::Succeeded,
        })
    }
}

impl FailureKind {
    fn of(message: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        message.bytes().filter(|byte| !byte.is_ascii_digit()).for_each(|byte| byte.hash(&mut hasher));
        Self(hasher.finish())
    }
}

impl CollectorLog {
    /// Returns whether the collector works, and no failure or omission of it is logged.
    fn is_quiet(&self) -> bool {
        self.outages.since.is_none()
            && self.outages.logged.is_none()
            && !self.unseen
            && !self.duplicates
            && !self.over_limit
    }

    fn update<'s>(
        &mut self,
        context: LogContext<'_>,
        result: &'s CollectorResult,
        lines: &mut CollectorLines<'s>,
    ) {
        let LogContext { target, max_series, limit } = context;
        let collector = ALL[result.collector].name;
        // Success is the normal state of a collector, and is logged only after a failure.
        self.outages.known = true;
        let failure = result.failure.as_deref();
        match (self.outages.update(failure, || lines.has_line(failure, limit)), failure) {
            (Some(Change::Failed), Some(error)) => {
                if let Some(Some(collectors)) = lines.failed.get_mut(error) {
                    collectors.push(collector);
                }
            }
            (Some(Change::Recovered(failed_for)), _) => {
                lines.recovered.entry(seconds(failed_for)).or_default().push(collector);
            }
            _ => {}
        }
        self.unseen = match result.unseen.as_deref() {
            Some(reason) if !self.unseen => {
                let line = lines.unseen.entry(reason).or_insert_with(|| limit.take().then(Vec::new));
                line.as_mut().map(|collectors| collectors.push(collector)).is_some()
            }
            reason => reason.is_some(),
        };
        let dropped = result.omissions.duplicates;
        if begins(dropped > 0, &mut self.duplicates, limit) {
            tracing::warn!(%target, collector, dropped, "duplicate samples dropped");
        }
        let dropped = result.omissions.over_limit;
        if begins(dropped > 0, &mut self.over_limit, limit) {
            let advice = "raise --collector.max-series if Prometheus can store more; all samples of a scrape are limited \
                          to 11 MiB";
            tracing::warn!(%target, collector, dropped, limit = max_series, advice, "samples over the limit dropped");
        }
    }
}

impl<'s> CollectorLines<'s> {
    /// Returns whether there is a line for a failure, or for a recovery.
    fn has_line(&mut self, failure: Option<&'s str>, limit: &TokenBucket) -> bool {
        match failure {
            Some(reason) => {
                self.failed.entry(reason).or_insert_with(|| limit.take().then(Vec::new)).is_some()
            }
            None => *self.has_recovery_line.get_or_insert_with(|| limit.take()),
        }
    }

    fn log(self, target: &Target) {
        for (error, collectors) in self.failed.into_iter().filter_map(|(error, list)| Some((error, list?))) {
            let advice = diagnosis::too_large(error);
            match &collectors[..] {
                [] => {}
                [collector] => tracing::warn!(%target, collector, error, advice, "collector failed"),
                more => {
                    let (count, collectors) = (more.len(), more.join(","));
                    tracing::warn!(%target, count, collectors, error, advice, "collectors failed");
                }
            }
        }
        for (reason, collectors) in self.unseen.into_iter().filter_map(|(reason, list)| Some((reason, list?)))
        {
            let collectors = collectors.join(",");
            let advice = "run the exporter in the PID and network namespaces of Kamailio, or exclude these collectors with \
                          --kamailio.methods";
            tracing::info!(%target, collectors, reason, advice, "Kamailio's processes or sockets not visible");
        }
        for (failed_for, collectors) in self.recovered {
            match &collectors[..] {
                [collector] => tracing::info!(%target, collector, failed_for, "collector recovered"),
                more => {
                    let (count, collectors) = (more.len(), more.join(","));
                    tracing::info!(%target, count, collectors, failed_for, "collectors recovered");
                }
            }
        }
    }
}

fn log_success(context: LogContext<'_>, scrape: &Scrape, failed_for: Option<Duration>) {
    let target = context.target;
    let collectors = names(scrape.results.iter().map(|result| &ALL[result.collector]));
    match failed_for.map(seconds) {
        Some(failed_for) => tracing::info!(%target, failed_for, collectors, "scrape recovered"),
        None => tracing::info!(%target, collectors, "scrape succeeded"),
    }
    if scrape.preparation.capabilities.as_ref().is_some_and(|capabilities| capabilities.is_truncated()) {
        tracing::warn!(%target, "capabilities truncated: Kamailio has more names than the exporter reads");
    }
}

fn log_failure(context: LogContext<'_>, scrape: &Scrape, error: &str) {
    let target = context.target;
    let advice = scrape.error.as_ref().and_then(|error| diagnosis::advice(target, error));
    tracing::error!(%target, error, advice, "scrape failed");
}

/// Formats a duration as whole seconds.
fn seconds(duration: Duration) -> String {
    format!("{:.0}s", duration.as_secs_f64())
}

#[cfg(test)]
impl ScrapeLog {
    /// Returns whether the last logged scrape succeeded, and the number of collectors that are logged as failed.
    pub(super) fn summary(&self) -> (Option<bool>, usize) {
        let succeeded = self.scrapes.known.then_some(self.scrapes.logged.is_none());
        let failed = |logged: &&CollectorLog| logged.outages.logged.is_some();
        (succeeded, self.collectors.values().filter(failed).count())
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
/// One more line every ten seconds: less often than most targets are scraped, and less than 2 MB a day.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn name(change: Option<Change>) -> &'static str {
        match change {
            Some(Change::Failed) => "failed",
            Some(Change::Recovered(_)) => "recovered",
            Some(Change::Succeeded) => "succeeded",
            None => "",
        }
    }

    #[test]
    fn another_kind_of_failure_is_another_line() {
        let limit = TokenBucket::new(Duration::from_secs(3600), 100);
        let mut outages = Outages::default();
        for (failure, expected) in [
            (Some("no such file"), "failed"),
            (Some("no such file"), ""),
            (Some("permission denied"), "failed"),
            (Some("2 of 7 replies are missing"), "failed"),
            (Some("3 of 11 replies are missing"), ""),
            (None, "recovered"),
            (None, ""),
            (Some("no such file"), "failed"),
        ] {
            assert_eq!(name(outages.update(failure, || limit.take())), expected, "{failure:?}");
        }
        assert_eq!(name(Outages::default().update(None, || limit.take())), "succeeded");
    }

    #[test]
    fn an_outage_lasts_from_its_first_failure_to_the_first_success() {
        let pause = Duration::from_millis(120);
        let limit = TokenBucket::new(Duration::from_secs(3600), 100);
        let none = TokenBucket::new(Duration::from_secs(3600), 0);
        let mut outages = Outages::default();
        let start = Instant::now();
        outages.update(Some("a"), || limit.take());
        std::thread::sleep(pause);
        outages.update(Some("b"), || limit.take());
        std::thread::sleep(pause);
        assert!(outages.update(None, || none.take()).is_none(), "no line is left");
        std::thread::sleep(pause);
        let Some(Change::Recovered(lasted)) = outages.update(None, || limit.take()) else {
            panic!("not recovered")
        };
        assert!(lasted >= 2 * pause && lasted <= start.elapsed() - pause, "{lasted:?}");
        std::thread::sleep(pause);
        let start = Instant::now();
        outages.update(Some("c"), || limit.take());
        let Some(Change::Recovered(lasted)) = outages.update(None, || limit.take()) else {
            panic!("not recovered")
        };
        assert!(lasted <= start.elapsed(), "{lasted:?} is the duration of the previous outage");
    }
}
