//! The state of each Kamailio between scrapes, and the scrapes that requests share.

pub(crate) mod constant_labels;
mod deadline;
pub(crate) mod history;
pub(crate) mod run_limit;
mod scrape_log;
pub(crate) mod self_metrics;
pub(crate) mod single_flight;
pub(crate) mod targets;

pub use deadline::Deadline;

use crate::collectors::catalogue::catalogue;
use crate::collectors::exporter::SET_INFO;
use crate::outbound::Target;
use crate::outbound::allow_list::AllowList;
use crate::scrape::diagnosis::Summary;
use crate::scrape::external_page::{self, FetchedPage};
use crate::scrape::local::Observer;
use crate::scrape::memory_budget::MemoryBudget;
use crate::scrape::selection::Selection;
use crate::scrape::{self, Preparation, Scrape, ScrapeRequest};
use exporter_toolkit::rate_limit::TokenBucket;
use exporter_toolkit::sync::LockUnpoisoned as _;
use history::{History, Resolution};
use prometheus_exposition::Number;
use run_limit::{Permit, RunLimit};
use scrape_log::{LogContext, ScrapeLog};
use self_metrics::Counters;
use single_flight::{Flight, SingleFlight};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The settings of the scrapes of a Kamailio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collectors, and the arguments of their calls.
    pub selection: Arc<Selection>,
    /// Maximum number of samples per family.
    pub max_series: usize,
    /// The numbers and names of dispatcher sets.
    pub dispatcher_set_names: Vec<(String, String)>,
}

/// One Kamailio: its address, its settings, and the state between its scrapes.
pub struct Instance {
    target: Target,
    allow: Option<Arc<AllowList>>,
    settings: Arc<Settings>,
    /// The resolution of the history; `None` keeps none.
    resolution: Option<&'static Resolution>,
    counters: Counters,
    runs: SingleFlight<RunKey, Arc<Scrape>>,
    /// The fetches of the external metrics page, which all selections share.
    external_pages: SingleFlight<(), Arc<FetchedPage>>,
    budget: Arc<MemoryBudget>,
    state: Mutex<State>,
    /// The readers of the kernel's values. They keep files open, so the instances that clients choose have new ones for each
    /// scrape.
    observer: Mutex<Observer>,
    /// Limits the log lines that clients can trigger.
    line_limit: Arc<TokenBucket>,
}

/// The properties that requests must have in common to share a scrape.
#[derive(PartialEq, Eq)]
struct RunKey {
    selection: Arc<Selection>,
    is_short: bool,
}

#[derive(Default)]
struct State {
    server: Option<Server>,
    log: ScrapeLog,
    last: Option<LastScrape>,
    refresh: Option<Refresh>,
}

/// The summary of the last scrape of the operator's selection, and the history until then.
pub(crate) struct LastScrape {
    pub(crate) end: Instant,
    pub(crate) duration: Duration,
    pub(crate) summary: Summary,
    pub(crate) history: History,
}

/// A scrape that was started in the background.
struct Refresh {
    start: Instant,
    task: JoinHandle<()>,
}

/// The state that is valid until Kamailio restarts.
#[derive(Clone)]
struct Server {
    up_since: Option<Vec<u8>>,
    preparation: Preparation,
    /// The selection of the preparation's plan.
    selection: Arc<Selection>,
}

impl Instance {
    /// Creates the instance of a Kamailio that the operator chose.
    pub fn new(target: Target, settings: Arc<Settings>) -> Arc<Self> {
        let log_limit = Arc::new(scrape_log::line_limit());
        Self::with_limits(None, target, settings, Some(&Resolution::FINE), MemoryBudget::new(), log_limit)
    }

    /// Creates an instance without a history, for commands without a status page.
    pub fn without_history(target: Target, settings: Arc<Settings>) -> Arc<Self> {
        Self::with_limits(
            None,
            target,
            settings,
            None,
            MemoryBudget::new(),
            Arc::new(scrape_log::line_limit()),
        )
    }

    /// Creates the instance of a Kamailio that a client chose. It connects only to allowed addresses, and shares the memory
    /// budget and the limit on log lines with all such instances.
    pub(crate) fn of_allowed(
        allow: Arc<AllowList>,
        target: Target,
        settings: Arc<Settings>,
        budget: Arc<MemoryBudget>,
        line_limit: Arc<TokenBucket>,
    ) -> Arc<Self> {
        Self::with_limits(Some(allow), target, settings, Some(&Resolution::COARSE), budget, line_limit)
    }

    fn with_limits(
        allow: Option<Arc<AllowList>>,
        target: Target,
        settings: Arc<Settings>,
        resolution: Option<&'static Resolution>,
        budget: Arc<MemoryBudget>,
        line_limit: Arc<TokenBucket>,
    ) -> Arc<Self> {
        Arc::new(Self {
            target,
            allow,
            settings,
            resolution,
            counters: Counters::default(),
            runs: SingleFlight::default(),
            external_pages: SingleFlight::default(),
            budget,
            state: Mutex::default(),
            observer: Mutex::default(),
            line_limit,
        })
    }

    /// Returns the operator's selection.
    pub fn selection(&self) -> &Arc<Selection> {
        &self.settings.selection
    }

    /// Returns the counters of this instance.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the address of Kamailio.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Scrapes, or joins a running scrape of the same selection that ends in time. A scrape that no request waits for any
    /// more is dropped together with its connection.
    pub fn scrape(self: &Arc<Self>, selection: Arc<Selection>, deadline: Deadline) -> Flight<Arc<Scrape>> {
        let run = self.join(selection, deadline, |_| Ok::<_, Infallible>(None));
        run.unwrap_or_else(|never| match never {})
    }

    /// Scrapes within a limit on concurrent scrapes. Joining a running scrape, as [`scrape`](Self::scrape) does, needs no permit.
    ///
    /// # Errors
    /// A human-readable message.
    pub(crate) fn scrape_within(
        self: &Arc<Self>,
        selection: Arc<Selection>,
        deadline: Deadline,
        limit: &RunLimit,
    ) -> Result<Flight<Arc<Scrape>>, String> {
        let is_spelled_out = self.allow.as_ref().is_none_or(|allow| allow.spells_out(&self.target));
        self.join(selection, deadline, |running| limit.permit(running, is_spelled_out).map(Some))
    }

    fn join<E>(
        self: &Arc<Self>,
        selection: Arc<Selection>,
        deadline: Deadline,
        permit: impl FnOnce(usize) -> Result<Option<Permit>, E>,
    ) -> Result<Flight<Arc<Scrape>>, E> {
        let key = RunKey { selection: selection.clone(), is_short: deadline.is_short };
        self.runs
            .join(key, deadline.at, |running| Ok(self.clone().run(selection, deadline, permit(running)?)))
    }

    /// Starts a scrape in the background, which requests for the metrics can join, if the last one is missing or old and none
    /// is under way. Does nothing if the limit on scrapes at the same time is reached.
    pub(crate) fn refresh(self: &Arc<Self>, timeout: Duration, limit: &RunLimit) {
        let selection = self.selection();
        let running = self.runs.is_running(&RunKey { selection: selection.clone(), is_short: false });
        let mut state = self.state.lock_unpoisoned();
        let recent = |time: Instant| time.elapsed() < REFRESH_INTERVAL;
        let is_fresh = state.last.as_ref().is_some_and(|last| recent(last.end));
        let was_refreshed = state
            .refresh
            .as_ref()
            .is_some_and(|refresh| recent(refresh.start) || !refresh.task.is_finished());
        if is_fresh || was_refreshed || running {
            return;
        }
        if let Ok(run) = self.scrape_within(selection.clone(), Deadline::after(timeout), limit) {
            // The task drops the samples, which may take megabytes.
            let task = tokio::spawn(async { drop(run.await) });
            state.refresh = Some(Refresh { start: Instant::now(), task });
        }
    }

    /// Passes the last scrape to a function, without waiting for a scrape.
    pub(crate) fn view<T>(&self, show: impl FnOnce(Option<&LastScrape>) -> T) -> T {
        show(self.state.lock_unpoisoned().last.as_ref())
    }

    /// Returns how long the oldest scrape under way has been waiting for Kamailio.
    pub(crate) fn waiting(&self) -> Option<Duration> {
        self.runs.oldest_start().map(|start| start.elapsed())
    }

    /// Returns the operator's names of dispatcher sets.
    pub(crate) fn dispatcher_set_names(&self) -> &[(String, String)] {
        &self.settings.dispatcher_set_names
    }

    /// Makes a scrape, and keeps the permit until its end.
    async fn run(
        self: Arc<Self>,
        selection: Arc<Selection>,
        deadline: Deadline,
        _permit: Option<Permit>,
    ) -> Arc<Scrape> {
        let start = Instant::now();
        let server = self.state.lock_unpoisoned().server.clone();
        let preparation = server.as_ref().map(|server| server.preparation(&selection)).unwrap_or_default();
        let max_series = self.settings.max_series;
        let page = selection.page().map(|(_, url)| {
            let url = url.clone();
            let fetch = |_| Ok::<_, Infallible>(external_page::fetch(url, max_series, deadline.at));
            self.external_pages.join((), deadline.at, fetch).unwrap_or_else(|never| match never {})
        });
        let observer = Mutex::default();
        let request = ScrapeRequest {
            observer: if self.allow.is_none() { &self.observer } else { &observer },
            target: &self.target,
            allow: self.allow.as_deref(),
            configured: &self.settings.selection,
            selection: &selection,
            max_series,
            deadline: deadline.at,
            budget: &self.budget,
            page: page.as_ref(),
        };
        let mut scrape = scrape::run(request, preparation).await;
        if server.is_some_and(|server| scrape.up_since.is_some() && server.up_since != scrape.up_since) {
            self.state.lock_unpoisoned().server = None;
            if self.line_limit.take() {
                tracing::info!(target = %self.target, "Kamailio restarted");
            }
            scrape = scrape::run(request, Preparation::default()).await;
        }
        let mut smallest_structs = scrape.preparation.smallest_structs;
        if scrape.struct_overflow && !smallest_structs {
            smallest_structs = true;
            if self.line_limit.take() {
                let advice = "raise modparam(\"ctl\", \"binrpc_struct_max_body_size\", ...) in Kamailio; its default is \
                              8 (KiB)";
                tracing::warn!(target = %self.target, advice, "statistics fetched in small parts");
            }
            // If there may be too little time for another scrape, the parts of this one that succeeded are kept.
            if start.elapsed() < deadline.at.saturating_duration_since(Instant::now()) {
                let preparation = Preparation { smallest_structs, ..Preparation::default() };
                scrape = scrape::run(request, preparation).await;
            }
        }
        if scrape.responded {
            let family = catalogue().own(&SET_INFO);
            for (set, name) in &self.settings.dispatcher_set_names {
                let labels = scrape.samples.labels([("setid", set), ("name", name)]);
                scrape.samples.push(family, labels, Number::Unsigned(1));
            }
        }
        scrape.cut_short = deadline.is_short && scrape.is_cut_off();
        self.counters.count_run(&scrape);
        let mut preparation = scrape.preparation.clone();
        if smallest_structs != preparation.smallest_structs {
            preparation = Preparation { smallest_structs, ..Preparation::default() };
        }
        self.update_state(&scrape, preparation, selection, start.elapsed());
        Arc::new(scrape)
    }

    /// Keeps the state that the next scrape can reuse, and logs changes.
    fn update_state(
        &self,
        scrape: &Scrape,
        preparation: Preparation,
        selection: Arc<Selection>,
        duration: Duration,
    ) {
        let mut state = self.state.lock_unpoisoned();
        if scrape.responded && scrape.up_since.is_some() && scrape.preparation.capabilities.is_some() {
            let up_since = scrape.up_since.clone();
            let server = Server { up_since, preparation, selection: selection.clone() };
            if !state.server.as_ref().is_some_and(|known| known.knows_more_than(&server)) {
                state.server = Some(if self.allow.is_some() { server.compact() } else { server });
            }
        } else if !scrape.timed_out() {
            // A timeout does not show that Kamailio restarted; the uptime does.
            state.server = None;
        }
        if scrape.cut_short {
            return;
        }
        let context = LogContext {
            target: &self.target,
            max_series: self.settings.max_series,
            limit: &self.line_limit,
        };
        state.log.update(context, scrape);
        if let Some(resolution) = self.resolution.filter(|_| selection == self.settings.selection) {
            let end = Instant::now();
            let summary = Summary::of(scrape, &self.target);
            let summary = if self.allow.is_some() { summary.compact(MAX_KEPT_BYTES) } else { summary };
            let history = state.last.take().map(|last| last.history);
            let mut history = history.unwrap_or_else(|| History::new(end - duration, resolution));
            history.record(end, scrape);
            state.last = Some(LastScrape { end, duration, summary, history });
        }
    }
}

impl Server {
    /// Returns the preparation that a scrape of this selection can reuse.
    fn preparation(&self, selection: &Arc<Selection>) -> Preparation {
        let plan = self.preparation.plan.clone().filter(|_| self.selection == *selection);
        Preparation { plan, ..self.preparation.clone() }
    }

    /// Returns whether another scrape has found out meanwhile that the same run of Kamailio has small structs.
    fn knows_more_than(&self, other: &Self) -> bool {
        let more = self.preparation.smallest_structs && !other.preparation.smallest_structs;
        more && self.up_since == other.up_since
    }

    /// Drops the plan, and the capabilities if they are large: they take too much memory for targets that clients choose, of
    /// which there may be thousands.
    fn compact(mut self) -> Self {
        self.preparation.plan = None;
        self.preparation.capabilities.take_if(|capabilities| capabilities.size() > MAX_KEPT_BYTES);
        self
    }
}

/// Maximum number of bytes kept of a target that a client chose: ten times what a Kamailio with every module needs. The
/// capabilities of a server with more are discovered at each scrape.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The age at which the last scrape is old, and the shortest time between two scrapes in the background.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use fake_kamailio::{Captures, Fake};

    #[test]
    fn a_run_is_small_because_each_is_created_on_the_stack_and_moved() {
        let settings = Settings {
            selection: Arc::new(Selection::parse("auto").unwrap()),
            max_series: 10,
            dispatcher_set_names: Vec::new(),
        };
        let instance = Instance::new("unix:/ctl".parse().unwrap(), Arc::new(settings));
        let selection = instance.selection().clone();
        let run = instance.run(selection, Deadline::after(Duration::from_secs(5)), None);
        assert!(size_of_val(&run) <= 5 * 1024, "{} bytes", size_of_val(&run));
    }

    #[tokio::test]
    async fn a_change_without_a_line_left_is_logged_by_a_later_scrape() {
        let directory = tempfile::tempdir().unwrap();
        let target: Target = format!("unix:{}", directory.path().join("ctl").display()).parse().unwrap();
        // Kamailio's processes, which the fake does not have, would use up the line.
        let selection = Arc::new(Selection::parse("auto,-kernel.processes,-kernel.sockets").unwrap());
        let settings =
            Settings { selection: selection.clone(), max_series: 10, dispatcher_set_names: Vec::new() };
        let one_line = || Arc::new(TokenBucket::new(Duration::from_secs(3600), 1));
        let mut instance = Instance::with_limits(
            None,
            target.clone(),
            Arc::new(settings),
            None,
            MemoryBudget::new(),
            one_line(),
        );
        let scrape = |instance: &Arc<Instance>| {
            instance.scrape(selection.clone(), Deadline::after(Duration::from_secs(10)))
        };
        let logged = |instance: &Instance| instance.state.lock_unpoisoned().log.summary();
        assert!(!scrape(&instance).await.responded);
        assert_eq!(logged(&instance), (Some(false), 0));
        let fake = Fake::listen(Captures::of("5.6.3"), &[target.address().clone()]).unwrap();
        assert!(scrape(&instance).await.responded);
        assert_eq!(logged(&instance), (Some(false), 0), "no line was left");
        Arc::get_mut(&mut instance).unwrap().line_limit = one_line();
        fake.skip("tm.stats");
        assert!(scrape(&instance).await.responded);
        assert_eq!(logged(&instance), (Some(true), 0));
        Arc::get_mut(&mut instance).unwrap().line_limit = one_line();
        assert!(scrape(&instance).await.responded);
        assert_eq!(logged(&instance), (Some(true), 1));
    }
}
