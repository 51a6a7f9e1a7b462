//! The exporter of one Kamailio: what it remembers from scrape to scrape, and how requests share a run.

use crate::allow::AllowList;
use crate::budget::Budget;
use crate::catalogue::catalogue;
use crate::collectors::ALL;
use crate::collectors::own::SET_INFO;
use crate::diagnosis;
use crate::inventory::Inventory;
use crate::metric::Number;
use crate::scrape::{self, Job, Known, Scrape};
use crate::selection::{Selection, names};
use crate::self_metrics::Counters;
use crate::shared::{Run, Runs};
use kamailio_binrpc::{Error, Target};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
pub struct Exporter {
    target: Target,
    allow: Option<Arc<AllowList>>,
    settings: Arc<Settings>,
    counters: Counters,
    runs: Runs<Arc<Selection>, Arc<Scrape>>,
    budget: Arc<Budget>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    same: Option<Same>,
    /// Whether the last scrape came to asking for values; `None` before the first.
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

impl Exporter {
    /// An exporter that has not scraped yet.
    pub fn new(target: Target, settings: Arc<Settings>) -> Arc<Self> {
        Self::within(None, target, settings, Budget::new())
    }

    /// The same, for a target that somebody else has chosen: only what is allowed is connected to, and memory is shared
    /// with the others.
    pub fn of_allowed(
        allow: Arc<AllowList>,
        target: Target,
        settings: Arc<Settings>,
        budget: Arc<Budget>,
    ) -> Arc<Self> {
        Self::within(Some(allow), target, settings, budget)
    }

    fn within(
        allow: Option<Arc<AllowList>>,
        target: Target,
        settings: Arc<Settings>,
        budget: Arc<Budget>,
    ) -> Arc<Self> {
        Arc::new(Self {
            target,
            allow,
            settings,
            counters: Counters::default(),
            runs: Runs::default(),
            budget,
            memory: Mutex::default(),
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
        let job = Job {
            target: &self.target,
            allow: self.allow.as_deref(),
            configured: &self.settings.selection,
            selection: &selection,
            limit: self.settings.max_series,
            deadline,
            budget: &self.budget,
        };
        let mut scrape = scrape::run(job, known).await;
        if same.is_some_and(|same| scrape.up_since.is_some() && same.up_since != scrape.up_since) {
            lock(&self.memory).same = None;
            tracing::info!(target = %self.target, "Kamailio was restarted");
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

    /// Keeps what the next scrape can use, and logs what has changed since the last one.
    fn remember(&self, scrape: &Scrape, selection: Arc<Selection>) {
        let mut memory = lock(&self.memory);
        let inventory = scrape.known.inventory.as_deref();
        let same = if scrape.answered && scrape.up_since.is_some() && inventory.is_some() {
            let same = Same { known: scrape.known.clone(), selection, up_since: scrape.up_since.clone() };
            if self.allow.is_some() { same.in_little() } else { Some(same) }
        } else if is_late(scrape) {
            memory.same.clone()
        } else {
            None
        };
        if memory.same.is_none() && same.is_some() {
            let collectors = names(scrape.outcomes.iter().map(|outcome| &ALL[outcome.collector]));
            tracing::info!(target = %self.target, collectors, "Kamailio answers");
            if inventory.is_some_and(Inventory::is_cut) {
                tracing::warn!(target = %self.target, "Kamailio has more names than the exporter takes: some are left out");
            }
        }
        memory.same = same;
        // Who broke off while it told what it has has answered, and nothing is known of its collectors.
        let worked = scrape.answered && inventory.is_some();
        if memory.worked.replace(worked) != Some(worked) && !worked {
            let error = scrape.error.as_ref().map(ToString::to_string).unwrap_or_default();
            let advice = scrape.error.as_ref().and_then(|error| diagnosis::advice(&self.target, error));
            tracing::error!(target = %self.target, error, advice, "scrape failed");
        }
        if !worked {
            return;
        }
        memory.logged.resize(ALL.len(), Logged::default());
        for outcome in &scrape.outcomes {
            let logged = &mut memory.logged[outcome.collector];
            let (target, collector) = (&self.target, ALL[outcome.collector].name);
            match &outcome.failure {
                Some(error) if !logged.failed => {
                    tracing::warn!(%target, collector, error, "collector failed")
                }
                None if logged.failed => tracing::info!(%target, collector, "collector works again"),
                _ => {}
            }
            logged.failed = outcome.failure.is_some();
            let duplicates = outcome.findings.duplicates;
            if duplicates > 0 && !logged.duplicates {
                tracing::warn!(
                    %target,
                    collector,
                    duplicates,
                    "rows with the labels of an earlier one are left out"
                );
            }
            logged.duplicates = duplicates > 0;
            let dropped = outcome.findings.over_limit;
            if dropped > 0 && !logged.over_limit {
                tracing::warn!(
                    %target,
                    collector,
                    dropped,
                    limit = self.settings.max_series,
                    "a family has more samples than its limit, or all of them have more than 9 MiB"
                );
            }
            logged.over_limit = dropped > 0;
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
        let inventory = self.known.inventory.as_ref().map_or(0, |inventory| inventory.size());
        let size = inventory + self.up_since.as_ref().map_or(0, Vec::len);
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

/// No code that holds one of these locks can panic and leave them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
