//! The labels of a scrape's samples, as they are written.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Labels, each text once: they are the same if they stand in the same place.
#[derive(Default)]
pub(crate) struct LabelBuffer {
    text: Vec<u8>,
    /// The labels in there, with the hash of their text, so that the table grows without hashing again.
    written: HashTable<(u64, Labels)>,
    /// Those of them that can still be taken back.
    fresh: Vec<(u64, Labels)>,
    hasher: DefaultHashBuilder,
}

/// Where a sample's labels stand in the buffer that a scrape's samples share: `{a="x",b="y"}`, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    start: u32,
    end: u32,
}

/// What was written up to some moment.
#[derive(Clone, Copy)]
pub(crate) struct Checkpoint {
    text: usize,
    fresh: usize,
}

impl LabelBuffer {
    /// None yet, and room for so many.
    pub(crate) fn with_capacity(labels: usize) -> Self {
        Self {
            text: Vec::with_capacity(labels * USUAL),
            written: HashTable::with_capacity(labels),
            fresh: Vec::with_capacity(labels),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Writes `base`'s labels once more, and some after them; of those with an empty value none. Takes what they need
    /// from `room`; labels that need more are [over](Labels::is_over) it.
    pub(crate) fn extend<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        base: Labels,
        labels: impl IntoIterator<Item = (N, V)>,
        room: &mut usize,
    ) -> Labels {
        let start = self.text.len();
        if base.is_over() || base.len() > *room {
            return Labels::OVER;
        }
        self.text.extend_from_within(base.range());
        if !base.is_empty() {
            self.text.pop();
        }
        for (name, value) in labels.into_iter().filter(|(_, value)| !value.as_ref().is_empty()) {
            if value.as_ref().len() > MAX_LABEL {
                self.text.truncate(start);
                return Labels::OVER;
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
        self.once(Labels::new(start, self.text.len()), room)
    }

    /// The text of labels.
    pub(crate) fn text(&self, labels: Labels) -> &[u8] {
        labels.slice(&self.text)
    }

    /// How many bytes the texts have.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// About how many bytes of memory they have.
    pub(crate) fn memory(&self) -> usize {
        self.text.len() + self.written.capacity() * size_of::<(u64, Labels)>()
    }

    /// What has been written so far.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { text: self.text.len(), fresh: self.fresh.len() }
    }

    /// Takes back what was written since, and gives back its room.
    pub(crate) fn rewind(&mut self, checkpoint: Checkpoint, room: &mut usize) {
        for (hash, labels) in self.fresh.drain(checkpoint.fresh.min(self.fresh.len())..) {
            if let Ok(entry) = self.written.find_entry(hash, |(_, written)| *written == labels) {
                entry.remove();
                *room += labels.len();
            }
        }
        self.text.truncate(checkpoint.text);
    }

    /// What was written since cannot be taken back any more.
    pub(crate) fn keep(&mut self, checkpoint: Checkpoint) {
        self.fresh.truncate(checkpoint.fresh);
    }

    /// The labels that were just written, or those that have the same text, if there are any.
    fn once(&mut self, last: Labels, room: &mut usize) -> Labels {
        let Self { text, written, fresh, hasher } = self;
        if last.is_empty() {
            return Labels::NONE;
        }
        let hash = hasher.hash_one(last.slice(text));
        let same = |(h, earlier): &(u64, Labels)| *h == hash && earlier.slice(text) == last.slice(text);
        if let Some((_, earlier)) = written.find(hash, same) {
            text.truncate(last.start as usize);
            return *earlier;
        }
        let size = last.len();
        if last.is_over() || size > *room {
            text.truncate(last.start as usize);
            return Labels::OVER;
        }
        *room -= size;
        written.insert_unique(hash, (hash, last), |(hash, _)| *hash);
        fresh.push((hash, last));
        last
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

    /// Whether there was no room for them.
    pub fn is_over(self) -> bool {
        self.start == u32::MAX
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// How many bytes the text has.
    pub fn len(self) -> usize {
        self.range().len()
    }

    /// Whether the text was written after the other one.
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

/// Appends a label value: whatever bytes Kamailio sent, as UTF-8 with `\`, `"` and line feeds escaped.
pub fn escape_label(value: &[u8], out: &mut Vec<u8>) {
    if is_plain(value) {
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

/// Whether all bytes are printable ASCII without `\` and `"`. Eight are looked at at a time, for which some are looked at
/// twice.
fn is_plain(value: &[u8]) -> bool {
    if let Some(last) = value.last_chunk::<8>() {
        return value.as_chunks::<8>().0.iter().chain([last]).all(|eight| are_plain(*eight));
    }
    if let (Some([a, b, c, d]), Some([e, f, g, h])) = (value.first_chunk(), value.last_chunk()) {
        return are_plain([*a, *b, *c, *d, *e, *f, *g, *h]);
    }
    value.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'"'))
}

/// In each byte the highest bit tells whether it is one of the bytes that are looked for: a subtraction borrows there.
fn are_plain(eight: [u8; 8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_ne_bytes(eight);
    let below = |word: u64, byte: u8| word.wrapping_sub(EACH * u64::from(byte)) & !word;
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    let bad = word | below(word, b' ') | equal(b'"') | equal(b'\\') | equal(0x7f);
    bad & (EACH << 7) == 0
}

/// Bytes of a label's value. A struct of Kamailio's has 8 KiB unless it is told otherwise.
pub(crate) const MAX_LABEL: usize = 64 << 10;
/// Bytes of labels as a rule.
const USUAL: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_every_printable_byte_but_two_wherever_it_stands() {
        for len in 1..20 {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut value = vec![b'~'; len];
                    value[at] = byte;
                    let expected = (b' '..=b'~').contains(&byte) && !b"\\\"".contains(&byte);
                    assert_eq!(is_plain(&value), expected, "{byte} at {at} of {len}");
                }
            }
        }
    }
}
