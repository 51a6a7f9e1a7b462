//! The result of a scrape, and the parts that the next scrape of the same server can reuse.

use crate::collectors::schema::Call;
use crate::collectors::{ALL, kernel};
use crate::scrape::ScrapeRequest;
use crate::scrape::capabilities::Capabilities;
use crate::scrape::expositions::Expositions;
use crate::scrape::external_page::{self, FetchedPage};
use crate::scrape::local::Listed;
use crate::scrape::memory_budget::Reservation;
use crate::scrape::plan::Plan;
use crate::scrape::selection::Requirement;
use exporter_toolkit::sync::LockUnpoisoned as _;
use kamailio_binrpc::Error;
use prometheus_exposition::{Pushed, Samples};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The result of a scrape.
pub struct Scrape {
    /// The samples of Kamailio and of the external page.
    pub samples: Samples,
    /// One result for each collector of the plan, in the order of [`ALL`].
    pub results: Vec<CollectorResult>,
    /// Whether Kamailio sent at least one valid reply; a fault is one.
    pub responded: bool,
    /// Why the exchange ended before its last reply.
    pub error: Option<Error>,
    /// Whether the time ran out before the external page was complete.
    pub page_timed_out: bool,
    /// Whether the scrape is incomplete only because the client allowed too little time.
    pub cut_short: bool,
    /// The parts that the next scrape can reuse; empty if the exchange ended before the capabilities were known.
    pub preparation: Preparation,
    /// Whether statistics did not fit into a struct of Kamailio.
    pub struct_overflow: bool,
    /// The start of Kamailio as `core.uptime` prints it.
    pub up_since: Option<Vec<u8>>,
    /// The Unix time of the start of Kamailio.
    pub start: Option<i64>,
    /// The expositions written from the samples, for the requests that share the scrape.
    pub expositions: Expositions,
    /// The part of the memory budget that the samples take.
    pub reservation: Reservation,
    /// The processes and sockets that Kamailio's replies name.
    pub listed: Listed,
    /// The external metrics page, and the reservation for its exposition, which outlives the scrape until the response is sent.
    pub page: Option<(Arc<FetchedPage>, Arc<Reservation>)>,
}

/// The preparation of a scrape before its calls, valid until Kamailio restarts.
#[derive(Clone, Default)]
pub struct Preparation {
    /// The server's capabilities.
    pub capabilities: Option<Arc<Capabilities>>,
    /// The calls that follow from the capabilities and from the selection of the scrape.
    pub plan: Option<Arc<Plan>>,
    /// Whether statistics are fetched in the smallest parts, because a larger part did not fit into a struct of Kamailio.
    pub smallest_structs: bool,
    /// When the arguments of calls were last listed.
    pub listed_at: Option<Instant>,
}

/// The result of one collector in one scrape.
pub struct CollectorResult {
    /// The collector, by its index in [`ALL`].
    pub collector: usize,
    /// Why the collector failed: a human-readable message.
    pub failure: Option<String>,
    /// Why the local kernel does not have the values of Kamailio's processes or sockets that the collector reads. That is not a
    /// failure, because `--kamailio.methods` does not name the collector.
    pub unseen: Option<String>,
    /// How long the scrape waited for the collector's replies. Replies that arrive together with the one before take no time.
    pub duration: Duration,
    /// The values and samples that were left out.
    pub omissions: Omissions,
}

/// Counts of the values and samples of a decoded reply that are left out of the exposition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Omissions {
    /// Values that were not of the type that their field expects.
    pub unreadable: u64,
    /// The family of the first unreadable value, for the log.
    pub first_unreadable: Option<&'static str>,
    /// Samples with the labels of an earlier sample.
    pub duplicates: u64,
    /// Samples beyond the limit of their family or of the scrape.
    pub over_limit: u64,
}

impl Scrape {
    /// Returns the result of a scrape before its first call.
    pub fn new(samples: Samples) -> Self {
        Self {
            samples,
            results: Vec::new(),
            responded: false,
            error: None,
            page_timed_out: false,
            cut_short: false,
            preparation: Preparation::default(),
            struct_overflow: false,
            up_since: None,
            start: None,
            expositions: Expositions::default(),
            reservation: Reservation::default(),
            listed: Listed::default(),
            page: None,
        }
    }

    /// Returns whether Kamailio did not respond, the exchange ended early, or a collector failed. A scrape that its client cut
    /// short is not a failure.
    pub fn failed(&self) -> bool {
        let incomplete = !self.responded || self.error.is_some();
        !self.cut_short && (incomplete || self.results.iter().any(|result| result.failure.is_some()))
    }

    /// Returns whether the deadline ended the exchange.
    pub(crate) fn timed_out(&self) -> bool {
        matches!(&self.error, Some(Error::Io(error)) if error.kind() == ErrorKind::TimedOut)
    }

    /// Returns whether the scrape is incomplete only because the time ran out, for Kamailio or for the external page.
    pub(crate) fn is_cut_off(&self) -> bool {
        if self.error.is_some() { self.timed_out() } else { self.page_timed_out }
    }

    /// Adds the external page, and replaces the result of its collector.
    pub(super) fn add_page(&mut self, collector: usize, page: Arc<FetchedPage>) {
        let mut result = CollectorResult { duration: page.duration, ..CollectorResult::new(collector) };
        self.page_timed_out = page.timed_out;
        let content = page.content.as_ref().map_err(String::clone);
        match content.and_then(|content| Ok((content, external_page::reserve_exposition(content)?))) {
            Ok((content, reservation)) => {
                (result.omissions, result.failure) = external_page::merge(content, &mut self.samples);
                self.page = Some((page, Arc::new(reservation)));
            }
            Err(error) => result.fail(error),
        }
        if let Some(planned) = self.result(collector) {
            *planned = result;
        }
    }

    /// Reads the values of the processes and sockets that Kamailio has listed from the local kernel, and the files that the
    /// operator named.
    pub(super) fn observe(&mut self, request: &ScrapeRequest<'_>) {
        let mut observer = request.observer.lock_unpoisoned();
        for result in &mut self.results {
            let (collector, samples) = (ALL[result.collector], &mut self.samples);
            match collector.call {
                // Files do not depend on Kamailio's replies.
                Call::Files => result.failure = None,
                Call::Observed if result.failure.is_none() => {}
                _ => continue,
            }
            let start = Instant::now();
            let read = match collector.call {
                Call::Files => observer.certificates(&request.selection.certificates, samples),
                Call::Observed if std::ptr::eq(collector, &kernel::PROCESSES) => {
                    observer.processes(&self.listed, samples)
                }
                _ => observer.sockets(&self.listed, samples),
            };
            result.duration += start.elapsed();
            let is_required = collector.call == Call::Files
                || request.selection.requirements[result.collector] == Requirement::Required;
            match read {
                Ok(()) => {}
                Err(reason) if is_required => result.fail(reason),
                Err(reason) => result.unseen = Some(reason),
            }
        }
    }

    /// Returns the result of a collector that is part of the plan.
    pub(super) fn result(&mut self, collector: usize) -> Option<&mut CollectorResult> {
        self.results.iter_mut().find(|result| result.collector == collector)
    }
}

impl CollectorResult {
    pub(super) fn new(collector: usize) -> Self {
        Self {
            collector,
            failure: None,
            unseen: None,
            duration: Duration::ZERO,
            omissions: Omissions::default(),
        }
    }

    /// Records a failure, unless there was one before: the first failure explains the others.
    pub(super) fn fail(&mut self, failure: String) {
        self.failure.get_or_insert(failure);
    }
}

impl Omissions {
    /// Returns whether nothing was left out.
    pub(crate) fn is_empty(self) -> bool {
        self.unreadable == 0 && self.duplicates == 0 && self.over_limit == 0
    }

    /// Counts a sample that was not added.
    pub fn count(&mut self, pushed: Pushed) {
        match pushed {
            Pushed::Added => {}
            Pushed::Duplicate => self.duplicates += 1,
            Pushed::OverLimit => self.over_limit += 1,
        }
    }

    /// Adds the counts of another reply to the same collector.
    pub fn add(&mut self, other: Self) {
        self.unreadable += other.unreadable;
        self.duplicates += other.duplicates;
        self.over_limit += other.over_limit;
        self.first_unreadable = self.first_unreadable.or(other.first_unreadable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::memory_budget::MemoryBudget;
    use crate::scrape::selection::Selection;
    use std::sync::Mutex;

    #[test]
    fn the_kernel_is_not_asked_for_a_collector_that_failed_before() {
        let target = "unix:/nonexistent".parse().unwrap();
        let selection = Selection::parse("auto").unwrap();
        let request = ScrapeRequest {
            target: &target,
            allow: None,
            configured: &selection,
            selection: &selection,
            max_series: 10,
            deadline: Instant::now(),
            budget: &MemoryBudget::new(),
            page: None,
            observer: &Mutex::default(),
        };
        let collector =
            ALL.iter().position(|collector| std::ptr::eq(*collector, &kernel::PROCESSES)).unwrap();
        let unseen = |failure: Option<&str>| {
            let failure = failure.map(str::to_owned);
            let mut scrape = Scrape::new(Samples::new(10));
            scrape
                .results
                .push(CollectorResult { failure: failure.clone(), ..CollectorResult::new(collector) });
            scrape.observe(&request);
            let result = scrape.results.remove(0);
            assert_eq!(result.failure, failure);
            result.unseen.is_some()
        };
        assert!(unseen(None), "Kamailio listed no process");
        assert!(!unseen(Some("Kamailio did not reply")));
    }
}
