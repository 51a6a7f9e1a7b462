//! The labels of samples, as they are written.

use crate::escape::escape_label;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// The texts of labels, each text once: labels are equal if their texts are at the same index.
#[derive(Debug, Default)]
pub(crate) struct LabelBuffer {
    text: Vec<u8>,
    /// The labels in the text with their hashes, so that the table grows without hashing again.
    written: HashTable<(u64, Labels)>,
    /// The written labels that can still be rewound.
    fresh: Vec<(u64, Labels)>,
    hasher: DefaultHashBuilder,
}

/// A handle to the labels of a sample, which [`Samples`](crate::Samples) holds: `{a="x",b="y"}`, or none.
///
/// Labels with the same text, in the same `Samples`, are equal.
///
/// ```
/// use prometheus_exposition::{Labels, Samples};
///
/// let mut samples = Samples::new(10);
/// let labels = samples.labels([("method", "GET")]);
/// assert_eq!(labels, samples.labels([("method", "GET")]));
/// assert_ne!(labels, samples.labels([("method", "PUT")]));
/// assert_eq!(samples.labels([("method", "")]), Labels::NONE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    start: u32,
    end: u32,
}

/// A state to rewind to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoint {
    text: usize,
    fresh: usize,
}

impl LabelBuffer {
    /// Returns an empty buffer with capacity for `labels` labels.
    pub(crate) fn with_capacity(labels: usize) -> Self {
        Self {
            text: Vec::with_capacity(labels * TYPICAL_LEN),
            written: HashTable::with_capacity(labels),
            fresh: Vec::with_capacity(labels),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Writes the labels of `base` and `labels` after them, except those with an empty value. Subtracts the bytes of
    /// the text from `remaining`; labels that need more [exceed the limit](Labels::is_over_limit).
    pub(crate) fn extend<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        base: Labels,
        labels: impl IntoIterator<Item = (N, V)>,
        remaining: &mut usize,
    ) -> Labels {
        let start = self.text.len();
        if base.is_over_limit() || base.len() > *remaining {
            return Labels::OVER_LIMIT;
        }
        if !base.is_empty() {
            self.text.extend_from_within(base.range());
            self.text.pop();
        }
        for (name, value) in labels.into_iter().filter(|(_, value)| !value.as_ref().is_empty()) {
            if value.as_ref().len() > MAX_VALUE {
                self.text.truncate(start);
                return Labels::OVER_LIMIT;
            }
            self.text.push(if self.text.len() == start { b'{' } else { b',' });
            self.text.extend_from_slice(name.as_ref().as_bytes());
            self.text.extend_from_slice(b"=\"");
            escape_label(value.as_ref(), &mut self.text);
            self.text.push(b'"');
        }
        if self.text.len() > start {
            self.text.push(b'}');
        }
        self.deduplicate(Labels::new(start, self.text.len()), remaining)
    }

    /// Returns the text of labels.
    pub(crate) fn text(&self, labels: Labels) -> &[u8] {
        labels.slice(&self.text)
    }

    /// Returns the number of bytes of all texts.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns about how many bytes of memory the labels take.
    pub(crate) fn memory(&self) -> usize {
        self.text.len() + self.written.capacity() * size_of::<(u64, Labels)>()
    }

    /// Returns the state as it is now.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { text: self.text.len(), fresh: self.fresh.len() }
    }

    /// Removes the labels that were written since the checkpoint, and adds their bytes to `remaining`.
    pub(crate) fn rewind(&mut self, checkpoint: Checkpoint, remaining: &mut usize) {
        for (hash, labels) in self.fresh.drain(checkpoint.fresh.min(self.fresh.len())..) {
            if let Ok(entry) = self.written.find_entry(hash, |(_, written)| *written == labels) {
                entry.remove();
                *remaining += labels.len();
            }
        }
        self.text.truncate(checkpoint.text);
    }

    /// Makes the labels that were written since the checkpoint permanent.
    pub(crate) fn keep(&mut self, checkpoint: Checkpoint) {
        self.fresh.truncate(checkpoint.fresh);
    }

    /// Returns the earlier labels with the same text as the last ones, if there are any, or else the last ones.
    fn deduplicate(&mut self, last: Labels, remaining: &mut usize) -> Labels {
        let Self { text, written, fresh, hasher } = self;
        if last.is_empty() {
            return Labels::NONE;
        }
        let hash = hasher.hash_one(last.slice(text));
        let same = |(h, earlier): &(u64, Labels)| *h == hash && earlier.slice(text) == last.slice(text);
        let entry = match written.entry(hash, same, |(hash, _)| *hash) {
            Entry::Occupied(earlier) => {
                text.truncate(last.start as usize);
                return earlier.get().1;
            }
            Entry::Vacant(entry) => entry,
        };
        let size = last.len();
        if last.is_over_limit() || size > *remaining {
            text.truncate(last.start as usize);
            return Labels::OVER_LIMIT;
        }
        *remaining -= size;
        entry.insert((hash, last));
        fresh.push((hash, last));
        last
    }
}

impl Labels {
    /// No labels.
    pub const NONE: Self = Self { start: 0, end: 0 };
    /// Labels that exceed a limit.
    const OVER_LIMIT: Self = Self { start: u32::MAX, end: u32::MAX };

    fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::OVER_LIMIT,
        }
    }

    /// Returns whether the labels exceed a limit. A sample with them is left out.
    pub fn is_over_limit(self) -> bool {
        self.start == u32::MAX
    }

    /// Returns whether there are no labels.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns the number of bytes of the text.
    pub fn len(self) -> usize {
        self.range().len()
    }

    /// Returns whether the text was written after that of `other`, in the same [`Samples`](crate::Samples).
    pub fn is_later_than(self, other: Self) -> bool {
        self.end > other.end
    }

    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    fn slice(self, text: &[u8]) -> &[u8] {
        text.get(self.range()).unwrap_or_default()
    }
}

/// Maximum number of bytes of a label value, before it is escaped. A struct in a reply of Kamailio holds 8 KiB by default.
pub(crate) const MAX_VALUE: usize = 64 << 10;
/// Bytes of typical labels.
const TYPICAL_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer() -> LabelBuffer {
        LabelBuffer::with_capacity(4)
    }

    #[test]
    fn labels_that_need_more_than_the_remaining_bytes_are_over_the_limit() {
        let (mut buffer, mut remaining) = (buffer(), 7 + 13);
        let base = buffer.extend(Labels::NONE, [("a", "b")], &mut remaining);
        assert_eq!((buffer.text(base), remaining), (&b"{a=\"b\"}"[..], 13));
        assert!(buffer.extend(base, [("cc", "d")], &mut 12).is_over_limit());
        let both = buffer.extend(base, [("c", "d")], &mut remaining);
        assert_eq!((buffer.text(both), remaining), (&b"{a=\"b\",c=\"d\"}"[..], 0));
        assert_eq!(buffer.len(), 7 + 13);
    }

    #[test]
    fn labels_without_additions_need_bytes_for_a_copy_and_use_none() {
        let (mut buffer, mut remaining) = (buffer(), 100);
        let base = buffer.extend(Labels::NONE, [("a", "b")], &mut remaining);
        for (mut remaining, is_over_limit) in [(8, false), (7, false), (6, true)] {
            let before = remaining;
            let same = buffer.extend(base, [("c", "")], &mut remaining);
            assert_eq!(
                (same == base, same.is_over_limit(), remaining),
                (!is_over_limit, is_over_limit, before)
            );
        }
    }

    #[test]
    fn a_rewind_gives_back_the_bytes_of_labels_that_were_not_kept() {
        let (mut buffer, mut remaining) = (buffer(), 100);
        let start = buffer.checkpoint();
        let kept = buffer.extend(Labels::NONE, [("a", "1")], &mut remaining);
        buffer.keep(start);
        assert!(buffer.fresh.is_empty(), "kept labels are not listed for a rewind");
        let later = buffer.checkpoint();
        buffer.extend(Labels::NONE, [("b", "22")], &mut remaining);
        buffer.rewind(later, &mut remaining);
        assert_eq!((buffer.text(kept), buffer.len(), remaining), (&b"{a=\"1\"}"[..], 7, 93));
        let again = buffer.extend(Labels::NONE, [("a", "1")], &mut remaining);
        assert!(again == kept && remaining == 93);
    }
}
