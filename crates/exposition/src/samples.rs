//! The samples of one scrape.

use crate::external::{ExternalFamilies, ExternalSample};
use crate::labels::{self, LabelBuffer, Labels};
use crate::metric::{FamilyId, Number, Pushed};
use hashbrown::HashSet;
use std::num::NonZeroU32;

/// The samples of one scrape, by family, in the order of their arrival, without duplicates.
pub struct Samples {
    /// How many samples a family may have.
    limit: usize,
    /// Bytes that are left for labels, and for lines of the exposition.
    room: usize,
    /// By family: its place in `chains` and 1, or 0. Of a thousand families a scrape has a hundred.
    places: Vec<u32>,
    /// The families that have samples, in the order of their first ones.
    chains: Vec<Chain>,
    /// Of all families, in one piece of memory: a hundred families would else be as many allocations.
    samples: Vec<Sample>,
    labels: LabelBuffer,
    /// Families that are in no table.
    pub external: ExternalFamilies,
}

/// A sample: its labels as they are written, its value, and the place of its family's next one, which is never the first
/// of all.
#[derive(Clone, Copy)]
struct Sample {
    labels: Labels,
    /// Of the value. With its kind beside it, a sample has 24 bytes; with a `Number` it had 32.
    bits: u64,
    kind: NumberKind,
    next: Option<NonZeroU32>,
}

#[derive(Clone, Copy)]
enum NumberKind {
    Unsigned,
    Signed,
    Float,
}

/// A family's samples: the places of the first and the last, how many there are, and which labels they have.
struct Chain {
    family: FamilyId,
    first: usize,
    last: usize,
    len: usize,
    /// The labels that were written last. Rows come with labels that no row had before, so that as a rule these tell all
    /// that there is to know: what was written later is not there yet.
    newest: Labels,
    /// All of them, once some came that were not the newest.
    all: Option<Box<HashSet<Labels>>>,
}

/// What was written up to some moment.
#[derive(Clone, Copy)]
pub struct Checkpoint {
    labels: labels::Checkpoint,
    samples: usize,
}

impl Samples {
    /// No samples; a family may have `limit` of them.
    pub fn new(limit: usize) -> Self {
        Self::with_capacity(limit, 0)
    }

    /// The same, with room for as many as a scrape brings as a rule.
    pub fn of_a_scrape(limit: usize) -> Self {
        Self::with_capacity(limit, USUAL)
    }

    /// The same, with room for so many from the start.
    pub fn with_capacity(limit: usize, samples: usize) -> Self {
        Self {
            limit,
            room: MAX_SIZE,
            places: Vec::with_capacity(samples),
            chains: Vec::with_capacity(samples / FAMILY),
            samples: Vec::with_capacity(samples),
            labels: LabelBuffer::with_capacity(samples / SHARED_LABELS),
            external: ExternalFamilies::new(limit),
        }
    }

    /// Adds a sample.
    pub fn push(&mut self, family: FamilyId, labels: Labels, value: Number) -> Pushed {
        if labels.is_over() {
            return Pushed::OverLimit;
        }
        let size = LINE + labels.len();
        let place = self.samples.len();
        let chain = self.place(family);
        match chain.and_then(|place| self.chains.get_mut(place)) {
            Some(chain) => {
                if chain.has(labels, &self.samples) {
                    return Pushed::Duplicate;
                }
                if chain.len >= self.limit || size > self.room {
                    return Pushed::OverLimit;
                }
                self.samples[chain.last].next = u32::try_from(place).ok().and_then(NonZeroU32::new);
                chain.add(labels, place);
            }
            None if self.limit == 0 || size > self.room => return Pushed::OverLimit,
            None => self.begin(family, labels, place),
        }
        self.room -= size;
        self.samples.push(Sample::new(labels, value));
        Pushed::Added
    }

    /// Adds a sample of a family that is in no table.
    pub fn push_external(
        &mut self,
        name: &str,
        kind: &'static str,
        help: &str,
        sample: ExternalSample,
    ) -> Pushed {
        let labels = sample.labels.iter().map(|(name, value)| name.len() + value.len());
        let size = LINE + name.len() + help.len() + labels.sum::<usize>();
        if size > self.room {
            return Pushed::OverLimit;
        }
        let pushed = self.external.push(name, kind, help, sample);
        if pushed == Pushed::Added {
            self.room -= size;
        }
        pushed
    }

    /// Writes labels into the shared buffer, to push samples with them. Labels with an empty value are left out.
    pub fn labels<V: AsRef<[u8]>>(&mut self, labels: impl IntoIterator<Item = (&'static str, V)>) -> Labels {
        self.extend_labels(Labels::NONE, labels)
    }

    /// Writes `base`'s labels once more, and some after them. Where there is no room for them, samples with them are over
    /// the limit.
    pub fn extend_labels<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        base: Labels,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Labels {
        self.labels.extend(base, labels, &mut self.room)
    }

    /// The place of a family's chain.
    fn place(&self, family: FamilyId) -> Option<usize> {
        (*self.places.get(family)? as usize).checked_sub(1)
    }

    /// The chain of a family's first sample.
    fn begin(&mut self, family: FamilyId, labels: Labels, place: usize) {
        if self.places.len() <= family {
            self.places.resize(family + 1, 0);
        }
        self.chains.push(Chain { family, first: place, last: place, len: 1, newest: labels, all: None });
        self.places[family] = self.chains.len() as u32;
    }

    /// Which labels have been written so far.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { labels: self.labels.checkpoint(), samples: self.samples.len() }
    }

    /// Takes labels back that were written since, unless there are samples with them.
    pub fn rewind(&mut self, checkpoint: Checkpoint) {
        if self.samples.len() == checkpoint.samples {
            self.labels.rewind(checkpoint.labels, &mut self.room);
        } else {
            self.labels.keep(checkpoint.labels);
        }
    }

    /// The families that have samples.
    pub fn families(&self) -> impl Iterator<Item = FamilyId> {
        self.chains.iter().map(|chain| chain.family)
    }

    /// The samples of a family, and each one's labels as they are written.
    pub fn family(&self, family: FamilyId) -> impl Iterator<Item = (&[u8], Number)> {
        let mut next = self.place(family).and_then(|place| self.chains.get(place)).map(|chain| chain.first);
        std::iter::from_fn(move || {
            let sample = self.samples.get(next?)?;
            next = sample.next();
            Some((self.labels.text(sample.labels), sample.value()))
        })
    }

    /// About how many bytes their exposition has.
    pub fn written_len(&self) -> usize {
        (MAX_SIZE - self.room).saturating_sub(self.labels.len())
    }

    /// About how many bytes of memory they have: those with labels of their own, which is what there can be many of.
    pub fn memory(&self) -> usize {
        self.samples.len() * size_of::<Sample>() + self.labels.memory()
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

impl Sample {
    fn new(labels: Labels, value: Number) -> Self {
        let (kind, bits) = match value {
            Number::Unsigned(number) => (NumberKind::Unsigned, number),
            Number::Signed(number) => (NumberKind::Signed, number as u64),
            Number::Float(number) => (NumberKind::Float, number.to_bits()),
        };
        Self { labels, bits, kind, next: None }
    }

    fn value(&self) -> Number {
        match self.kind {
            NumberKind::Unsigned => Number::Unsigned(self.bits),
            NumberKind::Signed => Number::Signed(self.bits as i64),
            NumberKind::Float => Number::Float(f64::from_bits(self.bits)),
        }
    }

    fn next(&self) -> Option<usize> {
        self.next.map(|place| place.get() as usize)
    }
}

impl Chain {
    fn has(&mut self, labels: Labels, samples: &[Sample]) -> bool {
        if self.all.is_none() {
            if labels.is_later_than(self.newest) {
                return false;
            }
            if labels == self.newest {
                return true;
            }
        }
        let place = |place: usize| samples.get(place);
        let chain = || std::iter::successors(place(self.first), |sample| place(sample.next()?));
        self.all
            .get_or_insert_with(|| Box::new(chain().map(|sample| sample.labels).collect()))
            .contains(&labels)
    }

    fn add(&mut self, labels: Labels, place: usize) {
        self.last = place;
        self.len += 1;
        self.newest = labels;
        if let Some(all) = &mut self.all {
            all.insert(labels);
        }
    }
}

/// Bytes of the labels of a scrape and of its exposition together: 5,000 destinations with addresses for hosts, and weights,
/// loads and latencies. It bounds what a Kamailio can make of the exporter's memory, with however many replies: with more,
/// a page would be a reason for more than 32 MiB.
const MAX_SIZE: usize = 9 << 20;
/// Of a line of the exposition: the name and the value. A sample takes as much in memory.
const LINE: usize = 64;
/// How many samples a scrape brings as a rule: room for them from the start.
const USUAL: usize = 1000;
/// Samples that a family has as a rule.
const FAMILY: usize = 4;
/// Samples that have the same labels as a rule.
const SHARED_LABELS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::MAX_LABEL;
    use proptest::prelude::*;

    fn text(samples: &Samples, family: FamilyId) -> Vec<(String, Number)> {
        samples.family(family).map(|(l, v)| (String::from_utf8(l.to_vec()).unwrap(), v)).collect()
    }

    #[test]
    fn labels_are_written_escaped_and_empty_ones_left_out() {
        let mut samples = Samples::new(9);
        let base = samples.labels([("uri", &b"a\"b\\c\nd\xff"[..]), ("empty", b"")]);
        let more = samples.extend_labels(base, [("x", &b"1"[..])]);
        let only = samples.extend_labels(Labels::NONE, [("x", &b"1"[..])]);
        let none = samples.labels([("empty", &b""[..])]);
        for labels in [base, more, only, none] {
            assert_eq!(samples.push(0, labels, Number::Unsigned(1)), Pushed::Added);
        }
        let written: Vec<_> = text(&samples, 0).into_iter().map(|(labels, _)| labels).collect();
        assert_eq!(
            written,
            [
                "{uri=\"a\\\"b\\\\c\\nd\u{fffd}\"}",
                "{uri=\"a\\\"b\\\\c\\nd\u{fffd}\",x=\"1\"}",
                "{x=\"1\"}",
                ""
            ]
        );
    }

    #[test]
    fn of_two_samples_with_the_same_labels_the_first_is_kept() {
        let mut samples = Samples::new(2);
        for (family, value, fresh) in
            [(3, 1, Pushed::Added), (3, 2, Pushed::Duplicate), (4, 3, Pushed::Added)]
        {
            let labels = samples.labels([("a", &b"x"[..])]);
            assert_eq!(samples.push(family, labels, Number::Signed(value)), fresh);
        }
        assert_eq!(text(&samples, 3), [("{a=\"x\"}".to_owned(), Number::Signed(1))]);
        assert_eq!(text(&samples, 4), [("{a=\"x\"}".to_owned(), Number::Signed(3))]);
        assert_eq!(samples.len(), 2);
        assert_eq!(text(&samples, 99), []);
    }

    proptest! {
        /// Whatever order they come in, and however often: what a set of families and texts would say.
        #[test]
        fn no_sample_is_there_twice(pushes in prop::collection::vec((0..3usize, 0..9u8), 0..60), limit in 1..9usize) {
            let mut samples = Samples::new(limit);
            let mut known: Vec<(FamilyId, String)> = Vec::new();
            for (family, label) in pushes {
                // 0 is no label at all, and the last three are two labels that are written one after the other.
                let value = if label == 0 { String::new() } else { label.to_string() };
                let labels = match label {
                    0..6 => samples.labels([("a", value)]),
                    _ => {
                        let base = samples.labels([("a", "1")]);
                        samples.extend_labels(base, [("b", value)])
                    }
                };
                let text = match label {
                    0 => String::new(),
                    1..6 => format!("{{a=\"{label}\"}}"),
                    _ => format!("{{a=\"1\",b=\"{label}\"}}"),
                };
                let len = known.iter().filter(|(of, _)| *of == family).count();
                let expected = if known.contains(&(family, text.clone())) {
                    Pushed::Duplicate
                } else if len >= limit {
                    Pushed::OverLimit
                } else {
                    known.push((family, text));
                    Pushed::Added
                };
                prop_assert_eq!(samples.push(family, labels, Number::Unsigned(1)), expected);
            }
            for family in 0..3 {
                let written: Vec<_> = text(&samples, family).into_iter().map(|(labels, _)| labels).collect();
                let expected: Vec<_> = known.iter().filter(|(of, _)| *of == family).map(|(_, text)| text.clone()).collect();
                prop_assert_eq!(written, expected);
            }
            prop_assert_eq!(samples.len(), known.len());
        }
    }

    #[test]
    fn labels_without_samples_are_taken_back() {
        let mut samples = Samples::new(1);
        let room = samples.room;
        for round in 0..3 {
            let row = samples.checkpoint();
            let labels = samples.labels([("a", "x")]);
            let field = samples.checkpoint();
            let longer = samples.extend_labels(labels, [("b", "y")]);
            let pushed = samples.push(0, longer, Number::Unsigned(1));
            assert_eq!(pushed, if round == 0 { Pushed::Added } else { Pushed::Duplicate });
            samples.rewind(field);
            samples.rewind(row);
        }
        let kept = (room - samples.room, samples.labels.len());
        let row = samples.checkpoint();
        let labels = samples.labels([("a", "z")]);
        assert_eq!(samples.push(0, labels, Number::Unsigned(1)), Pushed::OverLimit);
        samples.rewind(row);
        assert_eq!((room - samples.room, samples.labels.len()), kept);
        let labels = samples.labels([("a", "z")]);
        assert_eq!(samples.push(1, labels, Number::Unsigned(1)), Pushed::Added);
        assert_eq!(text(&samples, 1)[0].0, "{a=\"z\"}");
    }

    #[test]
    fn all_labels_together_have_a_limit() {
        let mut samples = Samples::new(usize::MAX);
        let too_long = samples.labels([("a", vec![b'x'; MAX_LABEL + 1])]);
        assert_eq!(samples.push(0, too_long, Number::Unsigned(1)), Pushed::OverLimit);
        assert!(samples.labels.len() == 0);
        let long = samples.labels([("a", vec![0xff; MAX_LABEL])]);
        assert!(samples.labels.len() > 3 * MAX_LABEL, "each byte has become three");
        let mut added = 0;
        for number in 0..1000 {
            let labels = samples.extend_labels(long, [("x", format!("{number}"))]);
            added += usize::from(samples.push(0, labels, Number::Unsigned(1)) == Pushed::Added);
        }
        let lines: usize = samples.family(0).map(|(labels, _)| labels.len()).sum();
        assert!(added > 10, "{added}");
        assert!(samples.labels.len() + lines <= MAX_SIZE, "{} + {lines}", samples.labels.len());
        let small = samples.labels([("a", "b")]);
        assert_eq!(samples.push(0, small, Number::Unsigned(1)), Pushed::Added, "there is room for less");
        let foreign = |value: String| ExternalSample {
            suffix: "",
            labels: vec![("a".to_owned(), value)],
            value: Number::Unsigned(1),
        };
        let long = samples.push_external("x", "gauge", "", foreign("y".repeat(MAX_SIZE)));
        let short = samples.push_external("x", "gauge", "", foreign("y".to_owned()));
        assert_eq!((long, short), (Pushed::OverLimit, Pushed::Added));
    }

    #[test]
    fn a_family_has_a_limit() {
        let mut samples = Samples::new(2);
        let mut pushed = Vec::new();
        for (family, label) in [(0, "a"), (0, "b"), (0, "c"), (0, "a"), (1, "a")] {
            let labels = samples.labels([("x", label)]);
            pushed.push(samples.push(family, labels, Number::Unsigned(1)));
        }
        use Pushed::{Added, Duplicate, OverLimit};
        assert_eq!(pushed, [Added, Added, OverLimit, Duplicate, Added]);
        assert_eq!(samples.len(), 3);
    }
}
