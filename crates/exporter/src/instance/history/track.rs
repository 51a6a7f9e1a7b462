//! The last hour of one series.

use super::ring::{Bucket, Ring};
use super::{MAX_GAP, Moment, Resolution, label};

/// The values of one series. Times are in the history's seconds (see [`History::time`](super::History::time)).
#[derive(Debug)]
pub(super) struct Track {
    ring: Ring<f32>,
    /// The time and the value of the last sample: the raw value of a counter.
    last: Option<(Moment, f64)>,
    /// Number of seconds that the rate of the newest bucket covers.
    weight: f64,
    /// The index of the reading that the values come from.
    pub(super) reading: usize,
    /// The name that belongs to the last value, still escaped; empty if there is none.
    name: Vec<u8>,
}

impl Track {
    pub(super) fn new() -> Self {
        Self { ring: Ring::new(f32::NAN), last: None, weight: 0.0, reading: 0, name: Vec::new() }
    }

    /// Records a gauge. The buckets since the previous sample get the value of that sample, as in Prometheus.
    pub(super) fn gauge(&mut self, now: Moment, value: f64, resolution: &Resolution) {
        if let Some((before, last)) = self.recent(now) {
            for skipped in before.bucket + 1..now.bucket {
                self.set(skipped, last, resolution);
            }
        }
        self.set(now.bucket, value, resolution);
        self.last = Some((now, value));
    }

    /// Records a counter, as its rate since the previous sample. A counter that is smaller than before was reset, and so was
    /// each counter when Kamailio was restarted: then the increase is the value itself.
    pub(super) fn counter(&mut self, now: Moment, value: f64, restarted: bool, resolution: &Resolution) {
        if let Some((before, last)) = self.recent(now) {
            let increase = if restarted || value < last { value } else { value - last };
            let rate = increase / (now.time - before.time);
            for bucket in before.bucket..=now.bucket {
                let start = bucket as f64 * resolution.step;
                let seconds = now.time.min(start + resolution.step) - before.time.max(start);
                if seconds <= 0.0 {
                    continue;
                }
                // A bucket has parts of several intervals; its rate is their mean by duration.
                let earlier = f64::from(self.ring.at(bucket));
                let weight = if bucket == before.bucket && !earlier.is_nan() { self.weight } else { 0.0 };
                let sum = if weight > 0.0 { earlier * weight } else { 0.0 };
                self.set(bucket, (sum + rate * seconds) / (weight + seconds), resolution);
                self.weight = weight + seconds;
            }
        }
        if self.last.is_none_or(|(before, _)| now.time > before.time) {
            self.last = Some((now, value));
        }
    }

    /// Returns the time of the last sample and its value: the raw value of a counter.
    pub(super) fn value(&self) -> Option<(f64, f64)> {
        self.last.map(|(last, value)| (last.time, value))
    }

    /// Returns the time of a counter's last sample, and the mean rate in the `window` seconds before.
    pub(super) fn rate(&self, window: f64, resolution: &Resolution) -> Option<(f64, f64)> {
        let (Moment { time, bucket: newest }, _) = self.last?;
        let (mut sum, mut seconds) = (0.0, 0.0);
        for bucket in resolution.bucket((time - window).max(0.0))..=newest {
            let rate = f64::from(self.ring.at(bucket));
            if !rate.is_nan() {
                let weight = if bucket == newest { self.weight } else { resolution.step };
                sum += rate * weight;
                seconds += weight;
            }
        }
        (seconds > 0.0).then(|| (time, sum / seconds))
    }

    /// Sets the name that belongs to the last value.
    pub(super) fn set_name(&mut self, written: &[u8]) {
        self.name.clear();
        self.name.extend_from_slice(written.get(..MAX_WRITTEN_NAME).unwrap_or(written));
    }

    /// Returns the name that belongs to the last value.
    pub(super) fn name(&self) -> Option<String> {
        (!self.name.is_empty()).then(|| label::unescaped(&self.name, MAX_NAME))
    }

    /// Returns the value of a bucket.
    pub(super) fn at(&self, bucket: Bucket) -> Option<f64> {
        Some(f64::from(self.ring.at(bucket))).filter(|value| !value.is_nan())
    }

    pub(super) fn memory(&self) -> usize {
        self.ring.memory() + self.name.capacity()
    }

    /// Returns the last sample, unless so much time has passed that nothing is known about the time between.
    fn recent(&self, now: Moment) -> Option<(Moment, f64)> {
        self.last.filter(|(before, _)| now.time > before.time && now.time - before.time <= MAX_GAP)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a chart has fewer digits")]
    fn set(&mut self, bucket: Bucket, value: f64, resolution: &Resolution) {
        if let Some(slot) = self.ring.slot(bucket, resolution.buckets) {
            *slot = value as f32;
        }
    }
}

/// Maximum number of bytes shown of a name from Kamailio. Escaped, a name has up to twice as many.
const MAX_NAME: usize = 128;
const MAX_WRITTEN_NAME: usize = 2 * (MAX_NAME + 1);

#[cfg(test)]
mod tests {
    use super::*;

    fn points(track: &Track, buckets: std::ops::Range<u64>) -> Vec<Option<f64>> {
        buckets.map(|bucket| track.at(bucket)).collect()
    }

    #[test]
    fn a_counter_becomes_its_rate_however_often_it_is_read() {
        for interval in [1.0, 5.0, 7.0, 15.0, 60.0] {
            let mut track = Track::new();
            let mut time = 3.0;
            while time < 600.0 {
                track.counter(Resolution::FINE.moment(time), time * 10.0 + 1e9, false, &Resolution::FINE);
                time += interval;
            }
            let (last, rate) = track.rate(120.0, &Resolution::FINE).unwrap();
            assert!((rate - 10.0).abs() < 1e-3 && time - last - interval < 1e-9, "{interval}: {rate}");
            for bucket in 0..Resolution::FINE.bucket(last) {
                assert!((track.at(bucket).unwrap() - 10.0).abs() < 1e-3, "{interval}: {bucket}");
            }
        }
    }

    #[test]
    fn the_rate_of_a_bucket_is_the_mean_of_its_intervals() {
        let mut track = Track::new();
        for (time, value) in [(0.0, 0.0), (5.0, 10.0), (15.0, 10.0), (25.0, 40.0), (30.0, 40.0)] {
            track.counter(Resolution::FINE.moment(time), value, false, &Resolution::FINE);
        }
        let expected = [10.0 / 15.0, 2.0].map(|rate: f64| Some(rate));
        for (found, expected) in points(&track, 0..2).iter().zip(expected) {
            assert!((found.unwrap() - expected.unwrap()).abs() < 1e-6, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn a_reset_does_not_give_a_negative_rate() {
        let mut track = Track::new();
        for (time, value, restarted) in
            [(0.0, 1000.0, false), (15.0, 1015.0, false), (30.0, 30.0, false), (45.0, 75.0, true)]
        {
            track.counter(Resolution::FINE.moment(time), value, restarted, &Resolution::FINE);
        }
        assert_eq!(points(&track, 0..4), [Some(1.0), Some(2.0), Some(5.0), None]);
    }

    #[test]
    fn a_long_gap_stays_empty_and_a_short_one_is_filled() {
        let (mut counter, mut gauge) = (Track::new(), Track::new());
        for (time, value) in [(0.0, 0.0), (45.0, 45.0), (500.0, 500.0), (515.0, 530.0)] {
            counter.counter(Resolution::FINE.moment(time), value, false, &Resolution::FINE);
            gauge.gauge(Resolution::FINE.moment(time), value, &Resolution::FINE);
        }
        assert_eq!(points(&counter, 0..4), [Some(1.0), Some(1.0), Some(1.0), None]);
        assert_eq!(points(&gauge, 0..5), [Some(0.0), Some(0.0), Some(0.0), Some(45.0), None]);
        assert_eq!(points(&counter, 32..35), [None, Some(2.0), Some(2.0)]);
        assert_eq!(points(&gauge, 32..36), [None, Some(500.0), Some(530.0), None]);
        assert_eq!(gauge.value(), Some((515.0, 530.0)));
    }

    #[test]
    fn a_name_is_shown_as_it_was_before_it_was_escaped() {
        let mut track = Track::new();
        assert_eq!(track.name(), None);
        for (written, shown) in [
            (r#"a \"b\" \\"#.to_owned(), r#"a "b" \"#.to_owned()),
            (r"\\".repeat(MAX_NAME), r"\".repeat(MAX_NAME)),
            (r"\\".repeat(MAX_NAME + 1), r"\".repeat(MAX_NAME) + "…"),
            ("a".repeat(10_000), "a".repeat(MAX_NAME) + "…"),
        ] {
            track.set_name(written.as_bytes());
            assert_eq!(track.name(), Some(shown));
            assert!(track.memory() <= 2 * MAX_WRITTEN_NAME, "{}", track.memory());
        }
        track.set_name(b"");
        assert_eq!(track.name(), None);
    }

    #[test]
    fn a_time_that_does_not_advance_changes_nothing() {
        let mut track = Track::new();
        for (time, value) in [(1.0, 5.0), (1.0, 50.0), (0.5, 7.0), (2.0, 6.0)] {
            track.counter(Resolution::FINE.moment(time), value, false, &Resolution::FINE);
        }
        assert_eq!(track.rate(60.0, &Resolution::FINE), Some((2.0, 1.0)));
    }
}
