//! Keeps the last hour of each Kamailio in bounded memory, for the status page. Scrapes of the operator's selection are
//! recorded.

mod label;
mod nodes;
mod ring;
pub(crate) mod series;
mod track;

pub(crate) use nodes::{Node, NodeState, Nodes};
pub(crate) use ring::Bucket;

use crate::collectors::exporter::KAMAILIO_START_TIME;
use crate::scrape::Scrape;
use nodes::Kind;
use prometheus_exposition::{FamilyId, Samples};
use ring::Ring;
use series::{Reader, SERIES, Unit, located};
use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;
use std::time::Instant;
use track::Track;

/// The last hour of one Kamailio. Times are in the history's seconds (see [`History::time`]).
pub(crate) struct History {
    start: Instant,
    pub(crate) resolution: &'static Resolution,
    /// By index in [`SERIES`].
    tracks: Vec<Track>,
    /// The memory that the tracks have allocated.
    tracks_memory: usize,
    pub(crate) destinations: Nodes,
    pub(crate) rtpengine: Nodes,
    /// Whether Kamailio responded, by interval.
    availability: Ring<Availability>,
    /// Whether Kamailio responded to the last scrape, and when that state began. The time is `None` if the state has not changed
    /// since the first scrape.
    pub(crate) state: Option<(Availability, Option<f64>)>,
    /// The time of the last scrape.
    last: Option<f64>,
    /// The time of the last scrape to which Kamailio responded.
    last_response: Option<f64>,
    /// The start of Kamailio, as Kamailio prints it.
    up_since: Option<Vec<u8>>,
    pub(crate) restarts: VecDeque<f64>,
    /// When each currently failing collector began to fail, by its index in [`ALL`](crate::collectors::ALL).
    failing: BTreeMap<usize, f64>,
    pub(crate) server: Server,
}

/// The facts about Kamailio that are not series.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) version: Option<String>,
    /// The start in seconds since 1970.
    pub(crate) start_time: Option<f64>,
    pub(crate) processes: usize,
}

/// Whether Kamailio responded in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Availability {
    #[default]
    Unknown,
    Responded,
    Silent,
}

/// The intervals of a history, and its size.
#[derive(Debug)]
pub(crate) struct Resolution {
    /// Seconds of an interval.
    pub(crate) step: f64,
    /// Number of intervals.
    pub(crate) buckets: usize,
    /// Maximum size in bytes.
    max_bytes: usize,
}

impl Resolution {
    /// The resolution for the operator's Kamailio: some 2,000 destinations fit.
    pub(crate) const FINE: Self = Self { step: 15.0, buckets: 240, max_bytes: 1 << 20 };
    /// The resolution for a Kamailio that a client chose, of which there may be 2,000.
    pub(crate) const COARSE: Self = Self { step: 60.0, buckets: 60, max_bytes: 64 << 10 };

    /// Returns the bucket of a time.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a process")]
    pub(crate) fn bucket(&self, time: f64) -> Bucket {
        (time / self.step) as Bucket
    }

    fn moment(&self, time: f64) -> Moment {
        Moment { time, bucket: self.bucket(time) }
    }
}

/// A time of the history, and its bucket.
#[derive(Clone, Copy, Debug)]
struct Moment {
    time: f64,
    bucket: Bucket,
}

/// One scrape, as the history needs it.
struct Observation<'s> {
    samples: &'s Samples,
    responded: bool,
    up_since: Option<&'s [u8]>,
}

impl History {
    /// Creates an empty history that starts now.
    pub(crate) fn new(start: Instant, resolution: &'static Resolution) -> Self {
        Self {
            start,
            resolution,
            tracks: Vec::new(),
            tracks_memory: 0,
            destinations: Nodes::new(Kind::Destinations),
            rtpengine: Nodes::new(Kind::Rtpengine),
            availability: Ring::new(Availability::Unknown),
            state: None,
            last: None,
            last_response: None,
            up_since: None,
            restarts: VecDeque::new(),
            failing: BTreeMap::new(),
            server: Server::default(),
        }
    }

    /// Records a scrape that ended now.
    pub(super) fn record(&mut self, now: Instant, scrape: &Scrape) {
        let time = self.time(now);
        let (samples, up_since) = (&scrape.samples, scrape.up_since.as_deref());
        self.observe(time, &Observation { samples, responded: scrape.responded, up_since });
        let failed = scrape.results.iter().filter(|result| result.failure.is_some());
        let before = std::mem::take(&mut self.failing);
        self.failing = failed
            .map(|result| (result.collector, before.get(&result.collector).copied().unwrap_or(time)))
            .collect();
    }

    fn observe(&mut self, time: f64, scrape: &Observation<'_>) {
        let availability = if scrape.responded { Availability::Responded } else { Availability::Silent };
        self.record_availability(time, availability);
        if !scrape.responded {
            return;
        }
        let restarted = scrape.up_since.is_some()
            && self.up_since.as_deref().is_some_and(|before| Some(before) != scrape.up_since);
        if restarted {
            self.restarts.push_back(time);
        }
        while self.restarts.len() > MAX_RESTARTS || self.restarts.front().is_some_and(|at| time - at > HOUR) {
            self.restarts.pop_front();
        }
        if let Some(up_since) = scrape.up_since.filter(|_| restarted || self.up_since.is_none()) {
            self.up_since = Some(up_since.to_vec());
        }
        self.server.record(scrape.samples, restarted);
        let resolution = self.resolution;
        let now = resolution.moment(time);
        self.tracks.resize_with(SERIES.len(), Track::new);
        let (mut reader, mut read) = (Reader::new(scrape.samples), None);
        // A series has the value of its first reading with samples.
        for located in located() {
            if read == Some(located.series) {
                continue;
            }
            let Some(value) = reader.read(located) else { continue };
            read = Some(located.series);
            let track = &mut self.tracks[located.series];
            let memory = track.memory();
            track.reading = located.reading;
            track.set_name(value.name.unwrap_or_default());
            match SERIES[located.series].unit {
                Unit::PerSecond => track.counter(now, value.number, restarted, resolution),
                Unit::Count | Unit::Bytes | Unit::Ratio => track.gauge(now, value.number, resolution),
            }
            self.tracks_memory = self.tracks_memory + track.memory() - memory;
        }
        let remaining = resolution.max_bytes.saturating_sub(self.memory_without_nodes());
        let for_destinations = remaining.saturating_sub(self.rtpengine.memory());
        self.destinations.record(time, scrape.samples, for_destinations, resolution);
        let for_rtpengine = remaining.saturating_sub(self.destinations.memory());
        self.rtpengine.record(time, scrape.samples, for_rtpengine, resolution);
    }

    fn record_availability(&mut self, time: f64, availability: Availability) {
        let before = self.state.map(|(availability, _)| availability);
        let resolution = self.resolution;
        let mut record = |bucket, availability: Availability| {
            if let Some(slot) = self.availability.slot(bucket, resolution.buckets) {
                *slot = availability.max(*slot);
            }
        };
        if let (Some(last), Some(before)) = (self.last.filter(|last| time - last <= MAX_GAP), before) {
            (resolution.bucket(last) + 1..resolution.bucket(time)).for_each(|bucket| record(bucket, before));
        }
        record(resolution.bucket(time), availability);
        if before != Some(availability) {
            self.state = Some((availability, before.map(|_| time)));
        }
        self.last = Some(time);
        if availability == Availability::Responded {
            self.last_response = Some(time);
        }
    }

    /// Returns an instant in the history's seconds, which are counted from one hour before the start of the history, so that
    /// the hour that is shown begins at 0 or later.
    pub(crate) fn time(&self, now: Instant) -> f64 {
        HOUR + now.saturating_duration_since(self.start).as_secs_f64()
    }

    /// Returns the age of the history at a time, in seconds.
    pub(crate) fn age(&self, time: f64) -> f64 {
        time - HOUR
    }

    /// Returns when a failing collector began to fail, by its index in [`ALL`](crate::collectors::ALL).
    pub(crate) fn failing_since(&self, collector: usize) -> Option<f64> {
        self.failing.get(&collector).copied()
    }

    /// Returns whether Kamailio responded in a bucket.
    pub(crate) fn availability(&self, bucket: Bucket) -> Availability {
        self.availability.at(bucket)
    }

    /// Returns the value of a series in the last scrape to which Kamailio responded: a gauge, or the rate of the last two
    /// minutes.
    pub(crate) fn now(&self, series: usize) -> Option<f64> {
        let track = self.tracks.get(series)?;
        let (time, value) = match SERIES[series].unit {
            Unit::PerSecond => track.rate(WINDOW, self.resolution)?,
            _ => track.value()?,
        };
        (Some(time) == self.last_response).then_some(value)
    }

    /// Returns whether a series was in the last scrape to which Kamailio responded; the first sample of a counter gives no
    /// rate yet.
    pub(crate) fn has(&self, series: usize) -> bool {
        let last = self.tracks.get(series).and_then(Track::value);
        last.is_some_and(|(time, _)| Some(time) == self.last_response)
    }

    /// Returns the value of a series in a bucket.
    pub(crate) fn at(&self, series: usize, bucket: Bucket) -> Option<f64> {
        self.tracks.get(series)?.at(bucket)
    }

    /// Returns the name that belongs to the last value of a series.
    pub(crate) fn name(&self, series: usize) -> Option<String> {
        self.tracks.get(series)?.name()
    }

    /// Returns the query that gives a series in Prometheus.
    pub(crate) fn promql(&self, series: usize) -> String {
        SERIES[series].promql(self.tracks.get(series).map_or(0, |track| track.reading))
    }

    /// Returns how many bytes the history takes.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        assert_eq!(self.tracks_memory, self.tracks.iter().map(Track::memory).sum::<usize>());
        self.memory_without_nodes() + self.destinations.memory() + self.rtpengine.memory()
    }

    fn memory_without_nodes(&self) -> usize {
        size_of::<Self>()
            + self.tracks_memory
            + self.tracks.capacity() * size_of::<Track>()
            + self.availability.memory()
            + self.restarts.capacity() * size_of::<f64>()
            + self.failing.len() * 4 * size_of::<(usize, f64)>()
    }
}

impl Server {
    fn record(&mut self, samples: &Samples, restarted: bool) {
        static FAMILIES: LazyLock<[FamilyId; 3]> = LazyLock::new(|| {
            [KAMAILIO_START_TIME.name, "kamailio_build_info", "kamailio_pkgmem_size_bytes"]
                .map(series::family)
        });
        let [start, build, processes] = *FAMILIES;
        if let Some((_, time)) = samples.family(start).next() {
            self.start_time = Some(time.as_f64());
        }
        if let Some((labels, _)) = samples.family(build).next() {
            // The same in each scrape until Kamailio restarts.
            if restarted || self.version.is_none() {
                self.version = label::value(labels, "version", MAX_VERSION);
            }
        }
        self.processes = samples.family_len(processes);
    }
}

/// Seconds without a sample after which nothing is known about the time between, as in Prometheus.
const MAX_GAP: f64 = 300.0;
/// Seconds that the rate of a counter is the mean of: two scrapes at Prometheus' default interval of a minute.
const WINDOW: f64 = 120.0;
/// Seconds that the status page shows.
pub(crate) const HOUR: f64 = 3600.0;
/// Maximum number of marks in the charts; a Kamailio that restarts more often restarts all the time.
const MAX_RESTARTS: usize = 60;
/// Maximum number of bytes of Kamailio's version.
const MAX_VERSION: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use Availability::{Responded, Silent, Unknown};
    use prometheus_exposition::Labels;

    fn observe(history: &mut History, time: f64, up_since: &str, samples: &Samples) {
        let observation =
            Observation { samples, responded: !up_since.is_empty(), up_since: Some(up_since.as_bytes()) };
        history.observe(time, &observation);
    }

    fn everything(destinations: usize) -> Samples {
        let mut samples = Samples::new(100_000);
        for (family, _) in crate::collectors::catalogue::catalogue().families().iter().enumerate() {
            for code in ["2xx", "3xx", "4xx", "5xx"] {
                let labels = samples.labels([
                    ("code", code),
                    ("class", code),
                    ("method", "INVITE"),
                    ("state", "early"),
                ]);
                samples.push(family, labels, 5u64.into());
            }
        }
        for number in 0..destinations {
            let uri = format!("sip:destination-{number}.carrier.example:5060;transport=tcp");
            let labels = samples.labels([("setid", "17"), ("uri", &uri)]);
            for name in ["kamailio_dispatcher_destination_up", "kamailio_rtpengine_node_up"] {
                samples.push(series::family(name), labels, 1u64.into());
            }
        }
        samples
    }

    #[test]
    fn a_history_takes_at_most_its_size() {
        for (resolution, destinations, least) in
            [(&Resolution::FINE, 500, 500), (&Resolution::FINE, 4000, 1900), (&Resolution::COARSE, 4000, 130)]
        {
            let mut history = History::new(Instant::now(), resolution);
            let samples = everything(destinations);
            for scrape in 0..300 {
                observe(
                    &mut history,
                    f64::from(scrape) * 20.0,
                    if scrape % 3 == 0 { "a" } else { "b" },
                    &samples,
                );
                assert!(history.memory() <= resolution.max_bytes, "{destinations}: {}", history.memory());
            }
            assert!(history.destinations.iter().len() >= least, "{}", history.destinations.iter().len());
            assert!(history.restarts.len() <= MAX_RESTARTS);
        }
    }

    #[test]
    fn outages_and_restarts_are_kept_with_their_time() {
        let mut history = History::new(Instant::now(), &Resolution::FINE);
        let total = series::family("kamailio_tm_stats_codes");
        let codes = |count: u64| {
            let mut samples = Samples::new(10);
            let labels = samples.labels([("code", "2xx")]);
            samples.push(total, labels, count.into());
            samples.push(series::family("kamailio_tm_stats_current"), Labels::NONE, count.into());
            samples
        };
        let (rate, current) = (series::index("replies_2xx"), series::index("transactions"));
        observe(&mut history, 0.0, "a", &codes(1000));
        assert_eq!((history.state, history.now(rate)), (Some((Responded, None)), None));
        observe(&mut history, 15.0, "a", &codes(1030));
        assert_eq!((history.now(rate), history.now(current)), (Some(2.0), Some(1030.0)));
        observe(&mut history, 30.0, "", &codes(0));
        assert_eq!(history.state, Some((Silent, Some(30.0))));
        assert_eq!(history.now(current), Some(1030.0), "the last known value");
        observe(&mut history, 45.0, "", &codes(0));
        assert_eq!(history.state, Some((Silent, Some(30.0))));
        observe(&mut history, 75.0, "b", &codes(2000));
        assert_eq!(history.state, Some((Responded, Some(75.0))));
        assert_eq!(history.restarts, [75.0]);
        // 2,000 in a minute, although the counter is larger than before.
        assert_eq!(history.at(rate, 4), Some(2000.0 / 60.0).map(|rate: f64| f64::from(rate as f32)));
        let availability: Vec<_> = (0..7).map(|bucket| history.availability(bucket)).collect();
        assert_eq!(availability, [Responded, Responded, Silent, Silent, Silent, Responded, Unknown]);
        assert_eq!(history.promql(rate), "sum(rate(kamailio_tm_stats_codes_total{code=\"2xx\"}[2m]))");
        // A series that is no longer there has no value.
        observe(&mut history, 90.0, "b", &Samples::new(0));
        assert_eq!(history.now(current), None);
    }

    #[test]
    fn a_series_has_the_value_of_its_first_reading_with_samples() {
        let mut history = History::new(Instant::now(), &Resolution::FINE);
        let mut samples = Samples::new(10);
        for (name, count) in
            [("kamailio_tmx_transactions_in_memory", 8_u64), ("kamailio_tm_stats_current", 7)]
        {
            samples.push(series::family(name), Labels::NONE, count.into());
        }
        observe(&mut history, 0.0, "a", &samples);
        let current = series::index("transactions");
        assert_eq!(history.now(current), Some(7.0));
        assert_eq!(history.promql(current), "sum(kamailio_tm_stats_current)");
    }
}
