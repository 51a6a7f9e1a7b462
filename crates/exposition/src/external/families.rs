//! Families that are not among the exporter's own, in little memory.

use super::family::{ExternalFamily, Record, Span, State, sample_names};
use super::kind::{ExternalKind, SUFFIXES};
use super::series;
use crate::families::escape_help;
use crate::metric::{Number, Pushed};
use crate::number;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::num::NonZeroU32;

/// Families that are not in [`Families`](crate::Families): those of an external metrics page, and those whose name is
/// known only at run time.
///
/// Each sample is kept as the line that is written, less the family's name, in one piece of text for all. Families,
/// samples and texts together have a limit of [`MAX_SIZE`](Self::MAX_SIZE) bytes; what does not fit is left out.
///
/// ```
/// use prometheus_exposition::{ExternalFamilies, ExternalKind, Pushed};
///
/// let mut families = ExternalFamilies::new(100);
/// let pushed = families.push("jobs_total", ExternalKind::Counter, "Jobs that were done.", 7u64.into());
/// assert_eq!(pushed, Pushed::Added);
/// let again = families.push("jobs_total", ExternalKind::Counter, "", 8u64.into());
/// assert_eq!(again, Pushed::Duplicate);
///
/// let family = families.families().next().unwrap();
/// assert_eq!((family.name(), family.help()), ("jobs_total", "Jobs that were done."));
/// assert_eq!(family.samples().collect::<Vec<_>>(), [" 7"]);
/// ```
#[derive(Debug)]
pub struct ExternalFamilies {
    /// Maximum number of families, and of samples in each.
    limit: usize,
    /// The part of `MAX_SIZE` that is not used yet.
    remaining: usize,
    /// Whether a family was left out because too few bytes remained. Then no other is added, because its `TYPE` line might be
    /// missing.
    is_closed: bool,
    /// The names and help texts of families.
    pub(super) texts: String,
    /// The lines of samples, less their family's name.
    lines: String,
    families: Vec<Record>,
    samples: Vec<Sample>,
    /// The number of families that have samples.
    used: usize,
    by_name: HashTable<u32>,
    by_series: HashTable<u32>,
    hasher: DefaultHashBuilder,
    written_len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// The index at which its line begins; the line ends before the next sample's.
    start: u32,
    family: u32,
    next: Option<NonZeroU32>,
    hash: u32,
}

impl ExternalFamilies {
    /// Maximum number of bytes of families, samples and their text, as [`memory`](Self::memory) counts them, less what
    /// buffers hold in reserve. A page of 4 MiB fits if its lines have 32 bytes on average.
    pub const MAX_SIZE: usize = 7 << 20;

    /// Returns an empty list for up to `limit` families with up to `limit` samples each.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            remaining: Self::MAX_SIZE,
            is_closed: false,
            texts: String::new(),
            lines: String::new(),
            families: Vec::new(),
            samples: Vec::new(),
            used: 0,
            by_name: HashTable::new(),
            by_series: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            written_len: 0,
        }
    }

    /// Adds a sample without labels. The help is that of the family's first sample.
    ///
    /// A sample is a duplicate if its series exists, if its family exists with another type, or if the samples of another
    /// family could have its name.
    pub fn push(&mut self, name: &str, kind: ExternalKind, help: &str, value: Number) -> Pushed {
        let Some(family) = self.family(name) else { return Pushed::OverLimit };
        if self.state(family) == State::Announced {
            self.set_kind(family, kind);
            self.set_help(family, &escape_help(help));
        } else if self.families[family].kind != kind {
            return Pushed::Duplicate;
        }
        self.add(family, "", &[], value)
    }

    /// Returns the families that have samples, in the order in which they were first mentioned.
    pub fn families(&self) -> impl Iterator<Item = ExternalFamily<'_>> {
        (0..).map_while(|index| self.get(index)).filter(|family| !family.is_empty())
    }

    /// Returns whether a family or its samples could have this name.
    pub fn has(&self, name: &str) -> bool {
        self.owner(name).is_some()
    }

    /// Returns the number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Returns whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Returns the number of bytes that the exposition of all families takes at most.
    pub fn written_len(&self) -> usize {
        self.written_len
    }

    /// Returns the number of bytes of memory, with what buffers hold in reserve.
    pub fn memory(&self) -> usize {
        let texts = self.texts.capacity() + self.lines.capacity();
        let records =
            self.families.capacity() * size_of::<Record>() + self.samples.capacity() * size_of::<Sample>();
        texts + records + self.by_name.allocation_size() + self.by_series.allocation_size()
    }

    /// Returns the family with this index, which may have no samples.
    pub(crate) fn get(&self, index: usize) -> Option<ExternalFamily<'_>> {
        self.families.get(index).map(|record| ExternalFamily { all: self, record })
    }

    /// Returns the indices of the families of `page` whose samples could have the name of a sample of ours, in order.
    pub(crate) fn conflicts(&self, page: &Self) -> Vec<usize> {
        let names = self.families().flat_map(|family| sample_names(family.name(), family.kind()));
        let conflicts: BTreeSet<_> = names.filter_map(|name| page.owner(&name)).collect();
        conflicts.into_iter().collect()
    }

    /// Returns the index of the family with this name, which is added if enough bytes remain.
    pub(super) fn family(&mut self, name: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(name);
        let Self { texts, families, by_name, .. } = self;
        let is_same = |family: &u32| families[*family as usize].name.of(texts) == name;
        if let Some(family) = by_name.find(hash, is_same) {
            return Some(*family as usize);
        }
        // Its `HELP` and `TYPE` lines have the name, too.
        if self.is_closed || !self.take(FAMILY + 2 * name.len()) {
            self.is_closed = true;
            return None;
        }
        self.written_len += HEAD + 2 * name.len();
        let name = self.text(name);
        let index = self.families.len();
        self.families.reserve_exact(growth(self.families.capacity(), index, 1));
        self.families.push(Record { name, has_counter_values: true, ..Record::default() });
        let Self { texts, families, by_name, hasher, .. } = self;
        by_name.insert_unique(hash, index as u32, |family| {
            hasher.hash_one(families[*family as usize].name.of(texts))
        });
        Some(index)
    }

    /// Sets the type of a family; false if samples were read as those of another one.
    pub(super) fn set_kind(&mut self, family: usize, kind: ExternalKind) -> bool {
        let record = &mut self.families[family];
        if record.kind != kind && record.state != State::Announced {
            return false;
        }
        record.kind = kind;
        true
    }

    /// Sets the help, in which line feeds and backslashes are escaped, unless there is one; false if too few bytes remain.
    pub(super) fn set_help(&mut self, family: usize, help: &str) -> bool {
        if self.families[family].help.len > 0 {
            return true;
        }
        // OpenMetrics escapes quotes as well, which doubles what is written at most.
        let fits = self.take(2 * help.len());
        if fits {
            self.written_len += 2 * help.len();
            self.families[family].help = self.text(help);
        }
        fits
    }

    pub(super) fn kind(&self, family: usize) -> ExternalKind {
        self.families[family].kind
    }

    /// Returns the names that the samples of a family can have, if no sample has arrived yet.
    pub(super) fn names_of_new(&self, family: usize) -> Option<impl Iterator<Item = String>> {
        let record = &self.families[family];
        (record.state == State::Announced).then(|| sample_names(record.name.of(&self.texts), record.kind))
    }

    /// Refuses all future samples of a family that has no samples yet.
    pub(super) fn refuse(&mut self, family: usize) {
        self.families[family].state = State::Refused(Pushed::Duplicate);
    }

    /// Returns the family to which samples of this name belong, and their suffix.
    pub(super) fn split<'n>(&self, name: &'n str) -> Option<(usize, &'n str)> {
        SUFFIXES.iter().find_map(|suffix| {
            let family = self.find(name.strip_suffix(suffix)?)?;
            let is_own = self.families[family].kind.suffixes().contains(suffix);
            is_own.then(|| (family, &name[name.len() - suffix.len()..]))
        })
    }

    /// Adds a sample, whose labels are escaped and not empty.
    pub(super) fn add(
        &mut self,
        family: usize,
        suffix: &str,
        labels: &[(&str, &str)],
        value: Number,
    ) -> Pushed {
        if self.state(family) == State::Announced {
            self.families[family].state = self.open(family);
        }
        if let State::Refused(pushed) = self.state(family) {
            return pushed;
        }
        let Record { name, len, last, .. } = self.families[family];
        let labels_len: usize = labels.iter().map(|(name, value)| name.len() + value.len() + QUOTES).sum();
        let written = name.len as usize + suffix.len() + labels_len + MAX_NUMBER;
        if len as usize >= self.limit || SAMPLE + written > self.remaining {
            return Pushed::OverLimit;
        }
        let start = self.lines.len();
        let series_end = self.write(suffix, labels, value, written);
        let hash = series::hash(&self.hasher, family, suffix, labels);
        let Self { lines, samples, by_series, .. } = self;
        let is_same = |index: &u32| {
            let sample = &samples[*index as usize];
            let end = samples.get(*index as usize + 1).map_or(start, |next| next.start as usize);
            let line = &lines[sample.start as usize..end];
            let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
            sample.hash == hash
                && sample.family as usize == family
                && series::is_same(series, &lines[start..series_end])
        };
        if by_series.find(spread(hash), is_same).is_some() {
            self.lines.truncate(start);
            return Pushed::Duplicate;
        }
        let index = samples.len() as u32;
        by_series.insert_unique(spread(hash), index, |index| spread(samples[*index as usize].hash));
        samples.reserve_exact(growth(samples.capacity(), samples.len(), 1));
        samples.push(Sample { start: start as u32, family: family as u32, next: None, hash });
        if len > 0 {
            samples[last as usize].next = NonZeroU32::new(index);
        }
        let line = name.len as usize + self.lines.len() - start;
        self.remaining = self.remaining.saturating_sub(SAMPLE + line);
        self.written_len += line;
        let record = &mut self.families[family];
        if len == 0 {
            record.first = index;
        }
        (record.last, record.len) = (index, len + 1);
        record.has_counter_values &= value.is_counter_value();
        Pushed::Added
    }

    /// Writes a line, and returns where its series ends.
    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: Number, len: usize) -> usize {
        let Self { lines, .. } = self;
        lines.reserve_exact(growth(lines.capacity(), lines.len(), len));
        lines.push_str(suffix);
        for (index, (name, value)) in labels.iter().enumerate() {
            lines.push(if index == 0 { '{' } else { ',' });
            lines.push_str(name);
            lines.push_str("=\"");
            lines.push_str(value);
            lines.push('"');
        }
        if !labels.is_empty() {
            lines.push('}');
        }
        let end = lines.len();
        lines.push(' ');
        number::with_text(value, |text| lines.push_str(text));
        lines.push('\n');
        end
    }

    /// Returns the line of a sample, less its family's name, and the index of the family's next sample.
    pub(super) fn line(&self, index: u32) -> Option<(&str, Option<u32>)> {
        let sample = self.samples.get(index as usize)?;
        let end = self.samples.get(index as usize + 1).map_or(self.lines.len(), |next| next.start as usize);
        Some((self.lines.get(sample.start as usize..end)?, sample.next.map(NonZeroU32::get)))
    }

    /// Sets the part of the limit on bytes that is not used yet.
    #[cfg(test)]
    pub(super) fn set_remaining(&mut self, remaining: usize) {
        self.remaining = remaining;
    }

    #[cfg(test)]
    pub(super) fn remaining(&self) -> usize {
        self.remaining
    }

    fn state(&self, family: usize) -> State {
        self.families[family].state
    }

    /// Returns the state of a family whose first sample has arrived.
    fn open(&mut self, family: usize) -> State {
        if self.used >= self.limit {
            return State::Refused(Pushed::OverLimit);
        }
        let record = &self.families[family];
        if sample_names(record.name.of(&self.texts), record.kind).any(|name| self.has(&name)) {
            return State::Refused(Pushed::Duplicate);
        }
        self.used += 1;
        State::Open
    }

    fn find(&self, name: &str) -> Option<usize> {
        let is_same = |family: &u32| self.families[*family as usize].name.of(&self.texts) == name;
        self.by_name.find(self.hasher.hash_one(name), is_same).map(|family| *family as usize)
    }

    /// Returns the open family whose samples could have this name.
    pub(super) fn owner(&self, name: &str) -> Option<usize> {
        let is_open = |family: &usize| self.state(*family) == State::Open;
        let split = || self.split(name).map(|(family, _)| family).filter(is_open);
        self.find(name).filter(is_open).or_else(split)
    }

    /// Uses bytes; false if fewer remain.
    fn take(&mut self, bytes: usize) -> bool {
        let Some(remaining) = self.remaining.checked_sub(bytes) else { return false };
        self.remaining = remaining;
        true
    }

    fn text(&mut self, text: &str) -> Span {
        let start = self.texts.len() as u32;
        self.texts.reserve_exact(growth(self.texts.capacity(), self.texts.len(), text.len()));
        self.texts.push_str(text);
        Span { start, len: text.len() as u32 }
    }
}

/// Makes 32 bits of a hash into 64, of which the table uses the highest and the lowest.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Returns by how much a buffer grows for `more` entries: less than its double, because all buffers of a page have a
/// limit together.
fn growth(capacity: usize, len: usize, more: usize) -> usize {
    if capacity - len < more { more.max(len / GROWTH).max(MIN_GROWTH) } else { 0 }
}

/// Buffers grow by an eighth.
const GROWTH: usize = 8;
/// Number of entries of the first allocation.
const MIN_GROWTH: usize = 16;
/// Bytes of a family besides its texts: its record, its entry in the table, and the words of its `HELP` and `TYPE` lines.
const FAMILY: usize = 80;
/// Bytes of the `HELP` and `TYPE` lines of a family besides its texts.
const HEAD: usize = 30;
/// Bytes of a sample besides its text: its record, and its entry in the table, of which a third is empty.
const SAMPLE: usize = 24;
/// Bytes of a label besides its name and its value: `,=""`.
const QUOTES: usize = 4;
/// Bytes of a line besides its suffix and labels: a brace, a blank, a line feed, and a number, of which the longest are
/// like `-0.00000012345678901234567`.
const MAX_NUMBER: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn hashes_differ_in_the_bits_that_the_table_uses() {
        let used = |hash: u32| (spread(hash) >> 57, spread(hash) & 0x7f);
        let (highest, lowest): (HashSet<_>, HashSet<_>) = (0..128).map(used).unzip();
        assert!(highest.len() > 100 && lowest.len() == 128, "{} {}", highest.len(), lowest.len());
        assert_ne!(spread(1 << 31), spread(1 << 30));
    }

    #[test]
    fn a_buffer_grows_by_an_eighth() {
        for (capacity, len, more, expected) in [
            (0, 0, 1, 16),
            (0, 0, 40, 40),
            (16, 15, 1, 0),
            (16, 16, 1, 16),
            (800, 800, 1, 100),
            (810, 800, 10, 0),
            (810, 800, 11, 100),
            (810, 800, 150, 150),
        ] {
            assert_eq!(growth(capacity, len, more), expected, "{capacity} {len} {more}");
        }
    }

    #[test]
    fn a_sample_needs_bytes_for_its_labels_and_the_longest_number() {
        // The comma of the first label is its brace.
        let text = "_sum,ab=\"cde\",f=\"g\"".len();
        for (spare, expected) in [(0, Pushed::Added), (1, Pushed::OverLimit)] {
            let mut families = ExternalFamilies::new(10);
            let family = families.family("name").unwrap();
            families.set_kind(family, ExternalKind::Summary);
            let mut add = |remaining, suffix, labels: &[_]| {
                families.remaining = remaining;
                families.add(family, suffix, labels, Number::Unsigned(7))
            };
            assert_eq!(add(1000, "", &[]), Pushed::Added);
            let remaining = SAMPLE + "name".len() + text + MAX_NUMBER - spare;
            assert_eq!(add(remaining, "_sum", &[("ab", "cde"), ("f", "g")]), expected, "{spare}");
        }
    }
}
