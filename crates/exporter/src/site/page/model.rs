//! The content of the status page, which is written as HTML and as JSON.

use super::charts::{self, Chart};
use super::findings::{self, Finding};
use super::series::SeriesRow;
use super::svg::{Frame, Values, runs};
use super::text::{Moment, Shown, count, duration, number};
use crate::collectors::ALL;
use crate::instance::history::series::SERIES;
use crate::instance::history::{Availability, Bucket, HOUR, History, Node, NodeState, Nodes};
use crate::instance::{Instance, LastScrape};
use crate::scrape::diagnosis::{self, CollectorState};
use crate::scrape::selection::Selection;
use std::ops::Range;
use std::time::{Instant, SystemTime};

/// The severity of a problem, of a value, or of all problems together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Not known yet.
    #[default]
    Unknown,
    Good,
    Warning,
    Bad,
}

/// The content of the status page of one Kamailio.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) target: Shown,
    pub(crate) level: Level,
    pub(crate) headline: Shown,
    pub(crate) since: Option<Moment>,
    pub(crate) facts: Shown,
    pub(crate) findings: Vec<Finding>,
    pub(crate) server: Server,
    pub(crate) scrape: Option<ScrapeFacts>,
    /// Seconds for which a scrape has been under way.
    pub(crate) waiting: Option<f64>,
    pub(crate) window: Window,
    pub(crate) frame: Frame,
    /// By index in [`SERIES`]: those that the server has.
    pub(crate) series: Vec<Option<SeriesRow>>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) destinations: NodeTable,
    pub(crate) rtpengine: NodeTable,
    pub(crate) restarts: Vec<Moment>,
    pub(crate) collectors: Vec<CollectorRow>,
}

/// The facts about Kamailio.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) version: Option<Shown>,
    pub(crate) start: Option<Moment>,
    pub(crate) processes: usize,
}

/// The facts about the last scrape.
#[derive(Clone, Copy)]
pub(crate) struct ScrapeFacts {
    pub(crate) responded: bool,
    /// When Kamailio began to respond or not to respond; `None` if that has not changed since the first scrape.
    pub(crate) since: Option<Moment>,
    /// The first scrape since the exporter was started.
    pub(crate) first: Moment,
    /// Seconds since the end of the scrape.
    pub(crate) age: f64,
    /// Duration of the scrape in seconds.
    pub(crate) duration: f64,
}

/// The time that the charts show.
#[derive(Clone, Copy, Default)]
pub(crate) struct Window {
    /// The first bucket, and the one after the last.
    pub(super) buckets: (Bucket, Bucket),
    /// Seconds of a bucket.
    pub(crate) step: f64,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) minutes: u32,
}

/// The destinations, or the nodes of rtpengine.
#[derive(Default)]
pub(crate) struct NodeTable {
    pub(crate) rows: Vec<NodeRow>,
    /// Number of nodes of which the history is not kept.
    pub(crate) left_out: usize,
}

/// A destination or node.
pub(crate) struct NodeRow {
    pub(crate) set: Shown,
    pub(crate) set_name: Shown,
    pub(crate) address: Shown,
    pub(crate) name: Shown,
    pub(crate) state: NodeState,
    pub(crate) since: Option<Moment>,
    pub(crate) latency: Option<f64>,
    pub(crate) weight: Option<f64>,
    /// The states in the window, each with its number of buckets.
    pub(crate) states: Vec<(NodeState, usize)>,
}

/// The state of a collector.
pub(crate) struct CollectorRow {
    pub(crate) name: &'static str,
    pub(crate) state: CollectorState,
    pub(crate) since: Option<Moment>,
    /// The reason why the collector has failed or is not in use.
    pub(crate) reason: Shown,
    /// The remedy for a failure.
    pub(crate) advice: &'static str,
}

/// A target that was probed in the last hour.
pub(crate) struct TargetRow {
    pub(crate) target: Shown,
    /// The query that shows its page.
    pub(crate) query: String,
    pub(crate) scrape: ScrapeFacts,
}

impl TargetRow {
    pub(super) fn new(instance: &Instance, query: String, scrape: ScrapeFacts) -> Self {
        Self { target: Shown::new(instance.target()), query, scrape }
    }
}

/// Converts times of the history into times since 1970.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    /// The current time in the history's seconds (see [`History::time`]).
    pub(super) now: f64,
    /// The current time in seconds since 1970.
    pub(super) unix: f64,
}

impl Clock {
    fn new(history: &History) -> Self {
        let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
        Self { now: history.time(Instant::now()), unix }
    }

    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    pub(super) fn moment(&self, time: f64) -> Moment {
        Moment((self.unix - self.now + time).round() as i64)
    }
}

impl Page {
    /// Creates the content from the last scrape of an instance and its history, without waiting for a scrape.
    pub(crate) fn new(instance: &Instance) -> Self {
        let target = Shown::new(instance.target());
        let waiting = instance.waiting().map(|time| time.as_secs_f64());
        let page = instance.view(|last| last.map(|last| Self::of(last, waiting, instance)));
        Self { target, ..page.unwrap_or_else(|| Self::not_scraped(waiting)) }
    }

    fn not_scraped(waiting: Option<f64>) -> Self {
        let mut page = Self {
            headline: Shown::new("Kamailio has not been scraped yet"),
            facts: Shown::new("A scrape is under way: reload this page."),
            waiting,
            ..Self::default()
        };
        page.findings = findings::find(&page, None);
        page
    }

    fn of(last: &LastScrape, waiting: Option<f64>, instance: &Instance) -> Self {
        let history = &last.history;
        let clock = Clock::new(history);
        let window = Window::new(history, clock);
        let buckets = window.buckets();
        let series: Vec<_> =
            (0..SERIES.len()).map(|index| SeriesRow::new(history, index, buckets.clone())).collect();
        let table = |nodes: &Nodes, names| {
            let rows = nodes.iter().map(|node| NodeRow::new(nodes, node, buckets.clone(), clock, names));
            let mut rows: Vec<_> = rows.collect();
            // Kamailio lists the sets in the order of its tree.
            rows.sort_by(|a, b| a.set_number().cmp(&b.set_number()));
            NodeTable { rows, left_out: nodes.left_out }
        };
        let mut page = Self {
            server: Server::new(history),
            scrape: Some(ScrapeFacts::new(last, clock)),
            waiting,
            window,
            frame: frame(history, buckets.clone()),
            charts: charts::draw(&series, window.step),
            series,
            destinations: table(&history.destinations, instance.dispatcher_set_names()),
            rtpengine: table(&history.rtpengine, &[]),
            restarts: history.restarts.iter().map(|time| clock.moment(*time)).collect(),
            collectors: collectors(last, instance.selection(), clock),
            ..Self::default()
        };
        page.facts = Shown::new(page.facts(clock));
        page.findings = findings::find(&page, last.summary.error.as_deref());
        (page.level, page.headline, page.since) = findings::headline(&page.findings);
        page
    }

    /// Returns the sentences about Kamailio and its last scrape.
    fn facts(&self, clock: Clock) -> String {
        let mut facts = String::new();
        if let Some(version) = &self.server.version {
            facts += &format!("Kamailio {}", version.as_str());
        }
        if let Some(start) = self.server.start.filter(|_| self.responded()) {
            let separator = if facts.is_empty() { "Up" } else { ", up" };
            facts += &format!("{separator} {}", duration(clock.unix - start.0 as f64));
        }
        match self.server.processes {
            0 => {}
            1 => facts += ", 1 process",
            processes => facts += &format!(", {} processes", number(processes as f64)),
        }
        if !facts.is_empty() {
            facts += ". ";
        }
        if let Some(scrape) = self.scrape {
            let age = if scrape.age < 1.0 {
                "just now".to_owned()
            } else {
                format!("{} ago", duration(scrape.age))
            };
            facts += &format!("Scraped {age} in {}", duration(scrape.duration));
        }
        let with_state = |state| self.collectors.iter().filter(|collector| collector.state == state).count();
        let (ok, failed) = (with_state(CollectorState::Ok), with_state(CollectorState::Failed));
        match (ok, failed) {
            (0, 0) => facts += ".",
            (ok, 0) => facts += &format!("; {} ok.", count(ok, "collector")),
            (ok, failed) => facts += &format!("; {} ok, {failed} failed.", count(ok, "collector")),
        }
        facts
    }

    pub(super) fn responded(&self) -> bool {
        self.scrape.is_some_and(|scrape| scrape.responded)
    }
}

impl Window {
    /// Selects the last hour, or the part of it that the history covers.
    fn new(history: &History, clock: Clock) -> Self {
        let step = history.resolution.step;
        let minutes =
            WINDOWS.into_iter().find(|minutes| f64::from(*minutes) * 60.0 >= history.age(clock.now));
        let minutes = minutes.unwrap_or(60);
        let after = history.resolution.bucket(clock.now) + 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 240")]
        let first = after.saturating_sub((f64::from(minutes) * 60.0 / step) as Bucket);
        let start = clock.moment(first as f64 * step);
        Self { buckets: (first, after), step, start, end: clock.moment(clock.now), minutes }
    }

    fn buckets(&self) -> Range<Bucket> {
        self.buckets.0..self.buckets.1
    }

    /// Returns the time at which a bucket begins, by its index in the window.
    pub(super) fn moment(&self, index: usize) -> Moment {
        #[expect(clippy::cast_possible_truncation, reason = "at most an hour")]
        let seconds = (index as f64 * self.step) as i64;
        Moment(self.start.0 + seconds)
    }

    /// Returns the times at the quarters of the window.
    pub(crate) fn marks(&self) -> [Moment; 5] {
        let length = self.end.0 - self.start.0;
        [0, 1, 2, 3, 4].map(|quarter| Moment(self.start.0 + length * quarter / 4))
    }
}

impl SeriesRow {
    fn new(history: &History, index: usize, buckets: Range<Bucket>) -> Option<Self> {
        let values: Values = buckets.map(|bucket| history.at(index, bucket)).collect();
        let now = history.now(index);
        if !history.has(index) && values.iter().all(Option::is_none) {
            return None;
        }
        let series = &SERIES[index];
        Some(Self {
            key: series.key,
            title: series.title,
            unit: series.unit,
            promql: history.promql(index),
            now,
            name: history.name(index).as_deref().map(Shown::new),
            values,
        })
    }
}

impl Server {
    fn new(history: &History) -> Self {
        let server = &history.server;
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let start = server.start_time.map(|time| Moment(time as i64));
        Self { version: server.version.as_deref().map(Shown::new), start, processes: server.processes }
    }
}

impl ScrapeFacts {
    fn new(last: &LastScrape, clock: Clock) -> Self {
        let since = last.history.state.and_then(|(_, since)| since);
        Self {
            responded: last.summary.responded,
            since: since.map(|time| clock.moment(time)),
            first: clock.moment(HOUR),
            age: last.end.elapsed().as_secs_f64(),
            duration: last.duration.as_secs_f64(),
        }
    }

    /// Returns the facts about the last scrape of a target, if there was one in the last hour.
    pub(super) fn recent(last: Option<&LastScrape>) -> Option<Self> {
        let last = last.filter(|last| last.end.elapsed().as_secs_f64() < HOUR)?;
        Some(Self::new(last, Clock::new(&last.history)))
    }
}

impl NodeRow {
    fn new(
        nodes: &Nodes,
        node: &Node,
        buckets: Range<Bucket>,
        clock: Clock,
        dispatcher_set_names: &[(String, String)],
    ) -> Self {
        let [set, address, name] = nodes.names(node);
        let set_name =
            dispatcher_set_names.iter().find(|(number, _)| *number == set).map(|(_, name)| name.as_str());
        Self {
            set: Shown::new(&set),
            set_name: Shown::new(set_name.unwrap_or_default()),
            address: Shown::new(&address),
            name: Shown::new(&name),
            state: node.state,
            since: node.since.map(|time| clock.moment(time)),
            // When a destination is down, Kamailio still reports the latency that it had before.
            latency: node.latency.filter(|_| node.state != NodeState::Down),
            weight: node.weight,
            states: runs(buckets.map(|bucket| nodes.at(node, bucket))),
        }
    }
}

impl NodeRow {
    fn set_number(&self) -> (i64, &str) {
        (self.set.as_str().parse().unwrap_or(i64::MAX), self.set.as_str())
    }
}

fn frame(history: &History, buckets: Range<Bucket>) -> Frame {
    let mut outages = Vec::new();
    let mut start = 0;
    for (availability, length) in runs(buckets.clone().map(|bucket| history.availability(bucket))) {
        if availability == Availability::Silent {
            outages.push((start, length));
        }
        start += length;
    }
    let position = |time: &f64| time / history.resolution.step - buckets.start as f64;
    let restarts = history.restarts.iter().map(position).filter(|position| *position >= 0.0).collect();
    Frame { buckets: start, outages, restarts }
}

fn collectors(last: &LastScrape, selection: &Selection, clock: Clock) -> Vec<CollectorRow> {
    let row = |(index, collector): (usize, &&crate::collectors::schema::Collector)| {
        let (state, reason) = last.summary.state(index, selection);
        let since = last.history.failing_since(index).filter(|_| state == CollectorState::Failed);
        CollectorRow {
            name: collector.name,
            state,
            since: since.map(|time| clock.moment(time)),
            advice: diagnosis::too_large(&reason).unwrap_or_default(),
            reason: Shown::message(reason),
        }
    };
    ALL.iter().enumerate().map(row).collect()
}

/// Lengths of the window in minutes. The shortest that contains all values is used.
const WINDOWS: [u32; 5] = [5, 10, 20, 30, 60];
