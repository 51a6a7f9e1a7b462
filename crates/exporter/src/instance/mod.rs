//! What is kept for each Kamailio from scrape to scrape, and how requests share a run.

pub(crate) mod self_metrics;
pub(crate) mod single_flight;
pub(crate) mod targets;

use crate::collectors::ALL;
use crate::collectors::catalogue::catalogue;
use crate::collectors::exporter::SET_INFO;
use crate::collectors::schema::Call;

use crate::outbound::allow_list::AllowList;
use crate::scrape::capabilities::Capabilities;
use crate::scrape::diagnosis;
use crate::scrape::memory_budget::MemoryBudget;
use crate::scrape::page::{self, FetchedPage};
use crate::scrape::selection::{Selection, names};
use crate::scrape::{self, Job, Known, Outcome, Scrape};
use exporter_toolkit::rate_limit::TokenBucket;
use kamailio_binrpc::{Error, Target};
use prometheus_exposition::Number;
use self_metrics::Counters;
use single_flight::{Run, SingleFlight};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a Kamailio is asked for, and how much of it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collectors, and the groups of statistics.
    pub selection: Arc<Selection>,
    /// How many samples a family may have.
    pub max_series: usize,
    /// The numbers and names of dispatcher sets.
    pub set_names: Vec<(String, String)>,
}

/// The exporter of one Kamailio.
pub struct Instance {
    target: Target,
    allow: Option<Arc<AllowList>>,
    settings: Arc<Settings>,
    counters: Counters,
    runs: SingleFlight<Arc<Selection>, Arc<Scrape>>,
    /// The external metrics page, which all selections share.
    pages: SingleFlight<(), Arc<FetchedPage>>,
    budget: Arc<MemoryBudget>,
    memory: Mutex<Memory>,
    /// Of lines in the log, which who asks can cause.
    lines: Arc<TokenBucket>,
}

#[derive(Default)]
struct Memory {
    same: Option<Same>,
    /// Whether scrapes come to asking for values, as the log has said; `None` before the first line.
    worked: Option<bool>,
    /// By collector, as in [`ALL`].
    logged: Vec<Logged>,
}

/// What the log has already said of a collector.
#[derive(Clone, Copy, Default)]
struct Logged {
    failed: bool,
    duplicates: bool,
    over_limit: bool,
}

/// What holds as long as it is the same Kamailio, and the selection that its plan is for.
#[derive(Clone)]
struct Same {
    known: Known,
    selection: Arc<Selection>,
    up_since: Option<Vec<u8>>,
}

impl Instance {
    /// An exporter that has not scraped yet.
    pub fn new(target: Target, settings: Arc<Settings>) -> Arc<Self> {
        let lines = TokenBucket::new(LINES_INTERVAL, LINES_AT_ONCE);
        Self::within(None, target, settings, MemoryBudget::new(), Arc::new(lines))
    }

    /// The same, for a target that somebody else has chosen: only what is allowed is connected to, and all such
    /// exporters share memory and the lines in the log.
    pub(crate) fn of_allowed(
        allow: Arc<AllowList>,
        target: Target,
        settings: Arc<Settings>,
        budget: Arc<MemoryBudget>,
        lines: Arc<TokenBucket>,
    ) -> Arc<Self> {
        Self::within(Some(allow), target, settings, budget, lines)
    }

    fn within(
        allow: Option<Arc<AllowList>>,
        target: Target,
        settings: Arc<Settings>,
        budget: Arc<MemoryBudget>,
        lines: Arc<TokenBucket>,
    ) -> Arc<Self> {
        Arc::new(Self {
            target,
            allow,
            settings,
            counters: Counters::default(),
            runs: SingleFlight::default(),
            pages: SingleFlight::default(),
            budget,
            memory: Mutex::default(),
            lines,
        })
    }

    /// The collectors that the operator selected.
    pub fn selection(&self) -> &Arc<Selection> {
        &self.settings.selection
    }

    /// The counters of this exporter.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The Kamailio.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Scrapes, or waits for a run of the same selection that is under way and will end in time. A run that nobody
    /// waits for any more is dropped, and with it its connection.
    pub fn scrape(self: &Arc<Self>, selection: Arc<Selection>, deadline: Instant) -> Run<Arc<Scrape>> {
        self.runs.join(selection.clone(), deadline, || self.clone().run(selection, deadline))
    }

    async fn run(self: Arc<Self>, selection: Arc<Selection>, deadline: Instant) -> Arc<Scrape> {
        let same = lock(&self.memory).same.clone();
        let known = same.as_ref().map(|same| same.of(&selection)).unwrap_or_default();
        let limit = self.settings.max_series;
        let page = selection.page().map(|(_, url)| {
            let url = url.clone();
            self.pages.join((), deadline, || page::fetch(url, limit, deadline))
        });
        let job = Job {
            target: &self.target,
            allow: self.allow.as_deref(),
            configured: &self.settings.selection,
            selection: &selection,
            limit,
            deadline,
            budget: &self.budget,
            page: page.as_ref(),
        };
        let mut scrape = scrape::run(job, known).await;
        if same.is_some_and(|same| scrape.up_since.is_some() && same.up_since != scrape.up_since) {
            lock(&self.memory).same = None;
            if self.lines.take() {
                tracing::info!(target = %self.target, "Kamailio was restarted");
            }
            scrape = scrape::run(job, Known::default()).await;
        }
        if scrape.answered {
            let family = catalogue().id(&SET_INFO);
            for (set, name) in &self.settings.set_names {
                let labels = scrape.samples.labels([("setid", set), ("name", name)]);
                scrape.samples.push(family, labels, Number::Unsigned(1));
            }
        }
        self.counters.count_run(&scrape);
        self.remember(&scrape, selection);
        Arc::new(scrape)
    }

    /// Keeps what the next scrape can use, and logs what has changed since the log was told last. A change that there
    /// is no line left for is found again by the next scrape, so that the log ends with how it is.
    fn remember(&self, scrape: &Scrape, selection: Arc<Selection>) {
        let mut memory = lock(&self.memory);
        let capabilities = scrape.known.capabilities.as_deref();
        if scrape.answered && scrape.up_since.is_some() && capabilities.is_some() {
            let same = Same { known: scrape.known.clone(), selection, up_since: scrape.up_since.clone() };
            memory.same = if self.allow.is_some() { same.in_little() } else { Some(same) };
        } else if !is_late(scrape) {
            memory.same = None;
        }
        // Who broke off while it told what it has has answered, and nothing is known of its collectors.
        let worked = scrape.answered && capabilities.is_some();
        if memory.worked != Some(worked) && self.lines.take() {
            memory.worked = Some(worked);
            match capabilities {
                Some(capabilities) if worked => self.tell_of_answer(scrape, capabilities),
                _ => self.tell_of_failure(scrape),
            }
        }
        memory.logged.resize(ALL.len(), Logged::default());
        // While Kamailio is down, its collectors fail for the reason that was told. A page is not its own.
        let has_reason = |outcome: &&Outcome| worked || ALL[outcome.collector].call == Call::Page;
        for outcome in scrape.outcomes.iter().filter(has_reason) {
            if let Some(logged) = memory.logged.get_mut(outcome.collector) {
                self.tell_of_collector(outcome, logged);
            }
        }
    }

    fn tell_of_answer(&self, scrape: &Scrape, capabilities: &Capabilities) {
        let collectors = names(scrape.outcomes.iter().map(|outcome| &ALL[outcome.collector]));
        tracing::info!(target = %self.target, collectors, "Kamailio answers");
        if capabilities.is_cut() {
            tracing::warn!(target = %self.target, "Kamailio has more names than the exporter takes: some are left out");
        }
    }

    fn tell_of_failure(&self, scrape: &Scrape) {
        let error = scrape.error.as_ref().map(ToString::to_string).unwrap_or_default();
        let advice = scrape.error.as_ref().and_then(|error| diagnosis::advice(&self.target, error));
        tracing::error!(target = %self.target, error, advice, "scrape failed");
    }

    fn tell_of_collector(&self, outcome: &Outcome, logged: &mut Logged) {
        let (target, collector) = (&self.target, ALL[outcome.collector].name);
        if outcome.failure.is_some() != logged.failed && self.lines.take() {
            logged.failed = outcome.failure.is_some();
            match &outcome.failure {
                Some(error) => tracing::warn!(%target, collector, error, "collector failed"),
                None => tracing::info!(%target, collector, "collector works again"),
            }
        }
        let begins = |has: bool, logged: &mut bool| {
            let begins = has && !*logged && self.lines.take();
            *logged = has && (*logged || begins);
            begins
        };
        let duplicates = outcome.findings.duplicates;
        if begins(duplicates > 0, &mut logged.duplicates) {
            tracing::warn!(
                %target,
                collector,
                duplicates,
                "rows with the labels of an earlier one are left out"
            );
        }
        let dropped = outcome.findings.over_limit;
        if begins(dropped > 0, &mut logged.over_limit) {
            tracing::warn!(
                %target,
                collector,
                dropped,
                limit = self.settings.max_series,
                "a family has more samples than its limit, or all of them have more than 9 MiB"
            );
        }
    }
}

impl Same {
    /// What is known for a scrape of this selection.
    fn of(&self, selection: &Arc<Selection>) -> Known {
        let plan = self.known.plan.clone().filter(|_| self.selection == *selection);
        Known { plan, ..self.known.clone() }
    }

    /// What is remembered of a target that somebody else has chosen, of which there may be thousands: no plan, and
    /// nothing of one that has too much.
    fn in_little(mut self) -> Option<Self> {
        self.known.plan = None;
        let capabilities = self.known.capabilities.as_ref().map_or(0, |capabilities| capabilities.size());
        let size = capabilities + self.up_since.as_ref().map_or(0, Vec::len);
        (size <= MOST_REMEMBERED).then_some(self)
    }
}

/// Bytes of a target that somebody else has chosen: ten times as many as of a Kamailio with every module. Of one that
/// has more, all is asked for at each scrape.
const MOST_REMEMBERED: usize = 64 * 1024;

/// Whether time ran out, which says nothing about Kamailio: it may be the client that had little. If it was restarted
/// meanwhile, its uptime will tell.
fn is_late(scrape: &Scrape) -> bool {
    matches!(&scrape.error, Some(Error::Io(error)) if error.kind() == ErrorKind::TimedOut)
}

/// All collectors can fail at once, and more than half of them work again; `once` has no second scrape to say the rest.
const LINES_AT_ONCE: u32 = 100;
/// One more each ten seconds: less often than most are scraped, and less than 2 MB a day.
const LINES_INTERVAL: Duration = Duration::from_secs(10);

/// No code that holds one of these locks can panic and leave them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fake_kamailio::{Captures, Fake};

    #[tokio::test]
    async fn what_there_was_no_line_for_is_logged_later() {
        let folder = tempfile::tempdir().unwrap();
        let target: Target = format!("unix:{}", folder.path().join("ctl").display()).parse().unwrap();
        let selection = Arc::new(Selection::parse("auto").unwrap());
        let settings = Settings { selection: selection.clone(), max_series: 10, set_names: Vec::new() };
        let one_line = || Arc::new(TokenBucket::new(Duration::from_secs(3600), 1));
        let mut instance =
            Instance::within(None, target.clone(), Arc::new(settings), MemoryBudget::new(), one_line());
        let scrape = |instance: &Arc<Instance>| {
            instance.scrape(selection.clone(), Instant::now() + Duration::from_secs(10))
        };
        assert!(!scrape(&instance).await.answered);
        assert_eq!(lock(&instance.memory).worked, Some(false));
        let fake = Fake::listen(Captures::of("5.6.3"), &[target]).unwrap();
        assert!(scrape(&instance).await.answered);
        assert_eq!(lock(&instance.memory).worked, Some(false), "no line was left");
        Arc::get_mut(&mut instance).unwrap().lines = one_line();
        fake.skip("tm.stats");
        assert!(scrape(&instance).await.answered);
        let said = |instance: &Instance| {
            let memory = lock(&instance.memory);
            (memory.worked, memory.logged.iter().filter(|logged| logged.failed).count())
        };
        assert_eq!(said(&instance), (Some(true), 0));
        Arc::get_mut(&mut instance).unwrap().lines = one_line();
        assert!(scrape(&instance).await.answered);
        assert_eq!(said(&instance), (Some(true), 1));
    }
}
