//! The samples of one scrape.

use crate::foreign::{ForeignFamilies, ForeignSample};
use crate::metric::{FamilyId, Number, Pushed};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// The samples of one scrape, by family, in the order of their arrival, without duplicates.
pub struct Samples {
    /// How many samples a family may have.
    limit: usize,
    /// Bytes that are left for labels, and for lines of the exposition.
    room: usize,
    families: Vec<Chain>,
    /// Of all families, in one piece of memory: a hundred families would else be as many allocations.
    samples: Vec<Sample>,
    labels: Vec<u8>,
    /// With the hash, so that the table grows without hashing again.
    seen: HashTable<(u64, FamilyId, Labels)>,
    hasher: DefaultHashBuilder,
    /// Families that are in no table.
    pub foreign: ForeignFamilies,
}

/// A sample: its labels as they are written, its value, and the place of its family's next one.
#[derive(Clone, Copy)]
struct Sample {
    labels: Labels,
    value: Number,
    next: Option<usize>,
}

/// The places of a family's first and last sample, and how many there are.
#[derive(Clone, Copy, Default)]
struct Chain {
    first: Option<usize>,
    last: usize,
    len: usize,
}

/// What was written up to some moment.
#[derive(Clone, Copy)]
pub struct Mark {
    labels: usize,
    samples: usize,
}

/// Where a sample's labels stand in the buffer that a scrape's samples share: `{a="x",b="y"}`, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Labels {
    start: u32,
    end: u32,
}

impl Samples {
    /// No samples; a family may have `limit` of them.
    pub fn new(limit: usize) -> Self {
        Self::with_room(limit, 0)
    }

    /// The same, with room for as many as a scrape brings as a rule.
    pub fn of_a_scrape(limit: usize) -> Self {
        Self::with_room(limit, USUAL)
    }

    fn with_room(limit: usize, samples: usize) -> Self {
        Self {
            limit,
            room: MAX_SIZE,
            families: Vec::new(),
            samples: Vec::with_capacity(samples),
            labels: Vec::with_capacity(samples * USUAL_LABELS),
            seen: HashTable::with_capacity(samples),
            hasher: DefaultHashBuilder::default(),
            foreign: ForeignFamilies::new(limit),
        }
    }

    /// Adds a sample.
    pub fn push(&mut self, family: FamilyId, labels: Labels, value: Number) -> Pushed {
        let Self { limit, room, families, samples, labels: text, seen, hasher, .. } = self;
        if labels.is_over() {
            return Pushed::OverLimit;
        }
        let key = |labels: Labels| labels.slice(text);
        let hash = hasher.hash_one((family, key(labels)));
        if seen.find(hash, |&(h, f, l)| h == hash && f == family && key(l) == key(labels)).is_some() {
            return Pushed::Duplicate;
        }
        if families.len() <= family {
            families.resize(family + 1, Chain::default());
        }
        let chain = &mut families[family];
        let size = LINE + labels.range().len();
        if chain.len >= *limit || size > *room {
            return Pushed::OverLimit;
        }
        *room -= size;
        seen.insert_unique(hash, (hash, family, labels), |&(hash, ..)| hash);
        let place = samples.len();
        samples.push(Sample { labels, value, next: None });
        match chain.first {
            Some(_) => samples[chain.last].next = Some(place),
            None => chain.first = Some(place),
        }
        chain.last = place;
        chain.len += 1;
        Pushed::Added
    }

    /// Adds a sample of a family that is in no table.
    pub fn push_foreign(
        &mut self,
        name: &str,
        kind: &'static str,
        help: &str,
        sample: ForeignSample,
    ) -> Pushed {
        let labels = sample.labels.iter().map(|(name, value)| name.len() + value.len());
        let size = LINE + name.len() + help.len() + labels.sum::<usize>();
        if size > self.room {
            return Pushed::OverLimit;
        }
        let pushed = self.foreign.push(name, kind, help, sample);
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
    pub fn extend_labels<V: AsRef<[u8]>>(
        &mut self,
        base: Labels,
        labels: impl IntoIterator<Item = (&'static str, V)>,
    ) -> Labels {
        let start = self.labels.len();
        if base.is_over() || base.range().len() > self.room {
            return Labels::OVER;
        }
        self.labels.extend_from_within(base.range());
        if base.start != base.end {
            self.labels.pop();
        }
        for (name, value) in labels.into_iter().filter(|(_, value)| !value.as_ref().is_empty()) {
            if value.as_ref().len() > MAX_LABEL {
                self.labels.truncate(start);
                return Labels::OVER;
            }
            self.labels.push(if self.labels.len() == start { b'{' } else { b',' });
            self.labels.extend_from_slice(name.as_bytes());
            self.labels.extend_from_slice(b"=\"");
            let value = value.as_ref();
            escape_label(value, &mut self.labels);
            self.labels.push(b'"');
        }
        if self.labels.len() > start {
            self.labels.push(b'}');
        }
        let size = self.labels.len() - start;
        if size > self.room {
            self.labels.truncate(start);
            return Labels::OVER;
        }
        self.room -= size;
        Labels::new(start, self.labels.len())
    }

    /// Where the labels end that have been written so far.
    pub fn mark(&self) -> Mark {
        Mark { labels: self.labels.len(), samples: self.samples.len() }
    }

    /// Takes labels back that were written since, unless there are samples with them.
    pub fn rewind(&mut self, mark: Mark) {
        if self.samples.len() == mark.samples && self.labels.len() > mark.labels {
            self.room += self.labels.len() - mark.labels;
            self.labels.truncate(mark.labels);
        }
    }

    /// The samples of a family, and each one's labels as they are written.
    pub fn family(&self, family: FamilyId) -> impl Iterator<Item = (&[u8], Number)> {
        let mut next = self.families.get(family).and_then(|chain| chain.first);
        std::iter::from_fn(move || {
            let sample = self.samples.get(next?)?;
            next = sample.next;
            Some((sample.labels.slice(&self.labels), sample.value))
        })
    }

    /// About how many bytes their exposition has.
    pub fn written_len(&self) -> usize {
        (MAX_SIZE - self.room).saturating_sub(self.labels.len())
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

impl Labels {
    /// No labels.
    pub const NONE: Self = Self { start: 0, end: 0 };
    /// Labels that there was no room for.
    const OVER: Self = Self { start: u32::MAX, end: u32::MAX };

    fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::OVER,
        }
    }

    fn is_over(self) -> bool {
        self.start == u32::MAX
    }

    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    fn slice(self, text: &[u8]) -> &[u8] {
        text.get(self.range()).unwrap_or_default()
    }
}

/// Appends a label value: whatever bytes Kamailio sent, as UTF-8 with `\`, `"` and line feeds escaped.
pub fn escape_label(value: &[u8], out: &mut Vec<u8>) {
    if value.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'"')) {
        return out.extend_from_slice(value);
    }
    for chunk in value.utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        let mut copied = 0;
        for (at, byte) in valid.iter().enumerate().filter(|(_, byte)| matches!(byte, b'\\' | b'"' | b'\n')) {
            out.extend_from_slice(&valid[copied..at]);
            out.extend_from_slice(&[b'\\', if *byte == b'\n' { b'n' } else { *byte }]);
            copied = at + 1;
        }
        out.extend_from_slice(&valid[copied..]);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Bytes of the labels of a scrape and of its exposition together, about twice what 5,000 destinations take. It bounds
/// what a Kamailio can make of the exporter's memory, with however many replies.
const MAX_SIZE: usize = 8 << 20;
/// Bytes of a label's value. A struct of Kamailio's has 8 KiB unless it is told otherwise.
const MAX_LABEL: usize = 64 << 10;
/// Of a line of the exposition: the name and the value. A sample takes as much in memory.
const LINE: usize = 64;
/// How many samples a scrape brings as a rule: room for them from the start.
const USUAL: usize = 1000;
/// Bytes of labels that a sample has as a rule; many share those of their row.
const USUAL_LABELS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn all_labels_together_have_a_limit() {
        let mut samples = Samples::new(usize::MAX);
        let too_long = samples.labels([("a", vec![b'x'; MAX_LABEL + 1])]);
        assert_eq!(samples.push(0, too_long, Number::Unsigned(1)), Pushed::OverLimit);
        assert!(samples.labels.is_empty());
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
        let foreign = |value: String| ForeignSample {
            suffix: "",
            labels: vec![("a".to_owned(), value)],
            value: Number::Unsigned(1),
        };
        let long = samples.push_foreign("x", "gauge", "", foreign("y".repeat(MAX_SIZE)));
        let short = samples.push_foreign("x", "gauge", "", foreign("y".to_owned()));
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
