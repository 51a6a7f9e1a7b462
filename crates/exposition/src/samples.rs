//! The samples of one scrape.

use crate::chain::{Chain, Sample};
use crate::external::{ExternalFamilies, ExternalKind, ExternalPage};
use crate::labels::{self, LabelBuffer, Labels};
use crate::metric::{FamilyId, Number, Pushed};
use std::sync::Arc;

/// The samples of one scrape, by family, in the order in which they were pushed, without duplicates.
///
/// ```
/// use prometheus_exposition::{Families, Family, Format, Kind, Samples};
///
/// const DEPTH: Family = Family { name: "queue_depth", kind: Kind::Gauge, help: "Jobs that wait." };
///
/// let mut families = Families::default();
/// let depth = families.add(&DEPTH);
/// let mut samples = Samples::new(1000);
/// let host = samples.labels([("host", "a.example")]);
/// for (queue, jobs) in [("mail", 3u64), ("print", 0)] {
///     let labels = samples.extend_labels(host, [("queue", queue)]);
///     samples.push(depth, labels, jobs.into());
/// }
/// let text = String::from_utf8(Format::TEXT.write(&families, &[&samples])).unwrap();
/// assert!(text.ends_with("\nqueue_depth{host=\"a.example\",queue=\"print\"} 0\n"));
/// ```
#[derive(Debug)]
pub struct Samples {
    /// Maximum number of samples of a family.
    limit: usize,
    /// Bytes that remain for labels and for lines of the exposition.
    remaining: usize,
    /// By family: the index of its chain plus 1, or 0. A scrape fills a hundred of a thousand families.
    chain_of: Vec<u32>,
    /// The families that have samples, in the order of their first ones.
    chains: Vec<Chain>,
    /// The samples of all families in one allocation, which a hundred families would otherwise make each.
    samples: Vec<Sample>,
    labels: LabelBuffer,
    external: ExternalFamilies,
    page: Option<JoinedPage>,
}

/// An external metrics page that is written with the samples.
#[derive(Debug)]
struct JoinedPage {
    page: Arc<ExternalPage>,
    /// The indices of its families that are left out, in order.
    left_out: Vec<usize>,
}

/// External families, less those with the indices in `left_out`, which are in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExternalList<'s> {
    pub(crate) families: &'s ExternalFamilies,
    pub(crate) left_out: &'s [usize],
}

/// A state of [`Samples`] to rewind to.
///
/// ```
/// use prometheus_exposition::Samples;
///
/// let mut samples = Samples::new(10);
/// let checkpoint = samples.checkpoint();
/// samples.labels([("host", "a.example")]);
/// samples.rewind(checkpoint);
/// assert_eq!(samples.written_len(), 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    labels: labels::Checkpoint,
    samples: usize,
}

impl Samples {
    /// Returns an empty list that is limited to `limit` samples in each family.
    pub fn new(limit: usize) -> Self {
        Self::with_capacity(limit, 0)
    }

    /// Returns an empty list with the capacity for a typical scrape: 1,000 samples.
    pub fn for_scrape(limit: usize) -> Self {
        Self::with_capacity(limit, TYPICAL)
    }

    /// Returns an empty list with the capacity for `samples` samples.
    pub fn with_capacity(limit: usize, samples: usize) -> Self {
        Self {
            limit,
            remaining: MAX_SIZE,
            chain_of: Vec::with_capacity(samples),
            chains: Vec::with_capacity(samples / SAMPLES_PER_FAMILY),
            samples: Vec::with_capacity(samples),
            labels: LabelBuffer::with_capacity(samples / SAMPLES_PER_LABELS),
            external: ExternalFamilies::new(limit),
            page: None,
        }
    }

    /// Adds a sample, unless the family has one with the same labels or a limit is reached.
    pub fn push(&mut self, family: FamilyId, labels: Labels, value: Number) -> Pushed {
        if labels.is_over_limit() {
            return Pushed::OverLimit;
        }
        let size = LINE + labels.len();
        let index = self.samples.len();
        let chain = self.chain(family);
        match chain.and_then(|chain| self.chains.get_mut(chain)) {
            Some(chain) => {
                if chain.has(labels, &self.samples) {
                    return Pushed::Duplicate;
                }
                if chain.len() >= self.limit || size > self.remaining {
                    return Pushed::OverLimit;
                }
                self.samples[chain.last()].set_next(index);
                chain.add(labels, index);
            }
            None if self.limit == 0 || size > self.remaining => return Pushed::OverLimit,
            None => self.begin(family, labels, index),
        }
        self.remaining -= size;
        self.samples.push(Sample::new(labels, value));
        Pushed::Added
    }

    /// Adds a sample without labels of a family that is not in [`Families`](crate::Families), as
    /// [`ExternalFamilies::push`] does.
    pub fn push_external(&mut self, name: &str, kind: ExternalKind, help: &str, value: Number) -> Pushed {
        let size = LINE + name.len() + help.len();
        if size > self.remaining {
            return Pushed::OverLimit;
        }
        let pushed = self.external.push(name, kind, help, value);
        if pushed == Pushed::Added {
            self.remaining -= size;
        }
        pushed
    }

    /// Sets the external metrics page, which other `Samples` may share. Leaves out the page's families whose names were
    /// [pushed](Self::push_external), and returns the number of samples that were left out.
    ///
    /// ```
    /// use prometheus_exposition::{Families, Format, PageParser, Samples};
    /// use std::sync::Arc;
    ///
    /// let families = Families::default();
    /// let mut parser = PageParser::new(10, &families);
    /// parser.parse(b"jobs 7\n");
    /// let mut samples = Samples::new(10);
    /// assert_eq!(samples.join_page(Arc::new(parser.finish())), 0);
    /// assert_eq!(Format::TEXT.write(&families, &[&samples]), b"jobs 7\n");
    /// ```
    pub fn join_page(&mut self, page: Arc<ExternalPage>) -> u64 {
        let left_out = self.external.conflicts(&page.families);
        let samples =
            left_out.iter().filter_map(|family| page.families.get(*family)).map(|family| family.len());
        let count = samples.sum::<usize>() as u64;
        self.page = Some(JoinedPage { page, left_out });
        count
    }

    /// Returns the families that were [pushed](Self::push_external).
    pub fn external(&self) -> &ExternalFamilies {
        &self.external
    }

    /// Returns the number of external samples: those that were pushed and those of the page.
    pub fn external_len(&self) -> usize {
        let count = |list: ExternalList<'_>| {
            let left_out = list.left_out.iter().filter_map(|family| list.families.get(*family));
            list.families.len() - left_out.map(|family| family.len()).sum::<usize>()
        };
        self.external_lists().map(count).sum()
    }

    /// Writes labels, with which samples can be pushed. Labels with an empty value are left out.
    pub fn labels<V: AsRef<[u8]>>(&mut self, labels: impl IntoIterator<Item = (&'static str, V)>) -> Labels {
        self.extend_labels(Labels::NONE, labels)
    }

    /// Writes the labels of `base` and more labels after them. Samples with labels that exceed a limit are left out.
    pub fn extend_labels<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        base: Labels,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Labels {
        self.labels.extend(base, labels, &mut self.remaining)
    }

    /// Returns the state as it is now.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { labels: self.labels.checkpoint(), samples: self.samples.len() }
    }

    /// Removes the labels that were written since the checkpoint, unless samples were pushed since.
    pub fn rewind(&mut self, checkpoint: Checkpoint) {
        if self.samples.len() == checkpoint.samples {
            self.labels.rewind(checkpoint.labels, &mut self.remaining);
        } else {
            self.labels.keep(checkpoint.labels);
        }
    }

    /// Returns the families that have samples, in the order of their first ones.
    pub fn families(&self) -> impl Iterator<Item = FamilyId> {
        self.chains.iter().map(Chain::family)
    }

    /// Returns the samples of a family, each with its labels as they are written.
    pub fn family(&self, family: FamilyId) -> impl Iterator<Item = (&[u8], Number)> {
        let mut next = self.first(family);
        std::iter::from_fn(move || {
            let (labels, value, following) = self.sample(next?)?;
            next = following;
            Some((labels, value))
        })
    }

    /// Returns the index of a family's first sample.
    pub(crate) fn first(&self, family: FamilyId) -> Option<usize> {
        self.chain(family).and_then(|chain| self.chains.get(chain)).map(Chain::first)
    }

    /// Returns a sample's labels as they are written, its value, and the index of its family's next sample.
    pub(crate) fn sample(&self, index: usize) -> Option<(&[u8], Number, Option<usize>)> {
        let sample = self.samples.get(index)?;
        Some((self.labels.text(sample.labels()), sample.value(), sample.next()))
    }

    /// Returns the number of samples of a family.
    pub fn family_len(&self, family: FamilyId) -> usize {
        self.chain(family).and_then(|chain| self.chains.get(chain)).map_or(0, Chain::len)
    }

    /// Returns the approximate size in bytes of the samples' exposition, without an external page.
    pub fn written_len(&self) -> usize {
        (MAX_SIZE - self.remaining).saturating_sub(self.labels.len())
    }

    /// Returns the approximate number of bytes of memory that the samples take, without an external page.
    pub fn memory(&self) -> usize {
        self.samples.len() * size_of::<Sample>() + self.labels.memory() + self.external.memory()
    }

    /// Returns the maximum number of samples of a family.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the number of samples, without external ones.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Returns whether there are no samples, besides external ones.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Returns the external families to write: those that were pushed, and those of the page.
    pub(crate) fn external_lists(&self) -> impl Iterator<Item = ExternalList<'_>> {
        let pushed = ExternalList { families: &self.external, left_out: &[] };
        let page = self
            .page
            .iter()
            .map(|JoinedPage { page, left_out }| ExternalList { families: &page.families, left_out });
        std::iter::once(pushed).chain(page)
    }

    fn chain(&self, family: FamilyId) -> Option<usize> {
        (*self.chain_of.get(family)? as usize).checked_sub(1)
    }

    /// Begins the chain of a family with its first sample.
    fn begin(&mut self, family: FamilyId, labels: Labels, index: usize) {
        if self.chain_of.len() <= family {
            self.chain_of.resize(family + 1, 0);
        }
        self.chains.push(Chain::new(family, labels, index));
        self.chain_of[family] = self.chains.len() as u32;
    }
}

/// Maximum number of bytes of the labels of a scrape and of its exposition together, without an external page: enough for
/// 5,000 destinations with addresses for hosts, and weights, loads and latencies. Whatever a server replies, the exporter
/// uses at most 32 MiB for the samples, with what the allocator adds.
const MAX_SIZE: usize = 11 << 20;
/// Bytes of a line besides its labels: the name and the value. A sample takes as many in memory.
const LINE: usize = 64;
/// Samples of a typical scrape.
const TYPICAL: usize = 1000;
/// Samples that a family typically has.
const SAMPLES_PER_FAMILY: usize = 4;
/// Samples that typically have the same labels.
const SAMPLES_PER_LABELS: usize = 4;

#[cfg(test)]
mod tests;
