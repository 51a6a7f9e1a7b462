//! The samples of one scrape.

use crate::foreign::ForeignFamilies;
use crate::metric::{FamilyId, Number, Pushed};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// The samples of one scrape, by family, in the order of their arrival, without duplicates.
pub struct Samples {
    /// How many samples a family may have.
    limit: usize,
    families: Vec<Chain>,
    /// Of all families, in one piece of memory: a hundred families would else be as many allocations.
    samples: Vec<Sample>,
    labels: Vec<u8>,
    /// Bytes of labels that the page will have: rows share theirs here and not there.
    written: usize,
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
            families: Vec::new(),
            samples: Vec::with_capacity(samples),
            labels: Vec::with_capacity(samples * USUAL_LABELS),
            written: 0,
            seen: HashTable::with_capacity(samples),
            hasher: DefaultHashBuilder::default(),
            foreign: ForeignFamilies::new(limit),
        }
    }

    /// Adds a sample.
    pub fn push(&mut self, family: FamilyId, labels: Labels, value: Number) -> Pushed {
        let Self { limit, families, samples, labels: text, written, seen, hasher, .. } = self;
        if labels.is_lost() || *written + labels.range().len() > MAX_WRITTEN {
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
        if chain.len >= *limit {
            return Pushed::OverLimit;
        }
        *written += labels.range().len();
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
        if base.is_lost() || start > MAX_WRITTEN {
            return Labels::LOST;
        }
        self.labels.extend_from_within(base.range());
        if base.start != base.end {
            self.labels.pop();
        }
        for (name, value) in labels.into_iter().filter(|(_, value)| !value.as_ref().is_empty()) {
            self.labels.push(if self.labels.len() == start { b'{' } else { b',' });
            self.labels.extend_from_slice(name.as_bytes());
            self.labels.extend_from_slice(b"=\"");
            let value = value.as_ref();
            escape_label(value.get(..MAX_VALUE).unwrap_or(value), &mut self.labels);
            self.labels.push(b'"');
        }
        if self.labels.len() > start {
            self.labels.push(b'}');
        }
        Labels::new(start, self.labels.len())
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

    /// Those that there was no room for.
    const LOST: Self = Self { start: u32::MAX, end: u32::MAX };

    /// A range that does not fit into 4 GiB of labels cannot come from labels whose size is limited.
    fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::LOST,
        }
    }

    fn is_lost(self) -> bool {
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

/// Bytes of a label's value, before it is escaped; the rest is cut off. A SIP URI of a kilobyte fits into no datagram.
const MAX_VALUE: usize = 1024;
/// Bytes of labels in a page. 10,000 dispatcher destinations take 4 MB; without it a reply of 8 MiB, whose labels are
/// escaped and stand in 17 families, would be a page of 400 MB.
const MAX_WRITTEN: usize = 16 << 20;
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
    fn a_value_has_a_limit_and_so_have_all_labels_together() {
        let mut samples = Samples::new(usize::MAX);
        let labels = samples.labels([("x", [0xff_u8; 5000])]);
        assert_eq!(samples.push(0, labels, Number::Unsigned(1)), Pushed::Added);
        assert_eq!(text(&samples, 0)[0].0, format!("{{x=\"{}\"}}", "\u{fffd}".repeat(MAX_VALUE)));
        // One row whose labels many samples share, and many rows.
        let row = samples.labels([("x", [b'"'; MAX_VALUE])]);
        let mut pushed: Vec<_> =
            (1..10_000).map(|family| samples.push(family, row, Number::Unsigned(1))).collect();
        assert_eq!(
            pushed.iter().filter(|pushed| **pushed == Pushed::Added).count(),
            (MAX_WRITTEN - 3 * MAX_VALUE - 6) / (2 * MAX_VALUE + 6)
        );
        pushed.clear();
        for row in 0..10_000_u32 {
            let labels = samples.labels([("x", &[b'x'; MAX_VALUE][..]), ("row", row.to_string().as_bytes())]);
            let labels = samples.extend_labels(labels, [("y", "z")]);
            pushed.push(samples.push(0, labels, Number::Unsigned(1)));
        }
        // What was left had room for one.
        assert!(pushed.iter().skip(1).all(|pushed| *pushed == Pushed::OverLimit));
        assert!(samples.labels.len() <= MAX_WRITTEN + 4096, "{}", samples.labels.len());
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
