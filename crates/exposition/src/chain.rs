//! The samples of one family, linked in the list of all samples.

use crate::labels::Labels;
use crate::metric::{FamilyId, Number};
use hashbrown::HashSet;
use std::num::NonZeroU32;

/// A sample: its labels, its value, and the index of its family's next sample, which is never 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    labels: Labels,
    /// The value. With the kind beside it a sample has 24 bytes; with a `Number` it had 32.
    bits: u64,
    kind: NumberKind,
    next: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Debug)]
enum NumberKind {
    Unsigned,
    Signed,
    Float,
}

/// A family's samples: the indices of the first and the last, and their labels.
#[derive(Debug)]
pub(crate) struct Chain {
    family: FamilyId,
    first: usize,
    last: usize,
    len: usize,
    /// The labels that were written last. Rows typically come with labels that no earlier row had: labels that were written
    /// later have no sample yet.
    newest: Labels,
    /// All labels of a long chain, from the first lookup of labels that are not the newest.
    all: Option<Box<HashSet<Labels>>>,
}

impl Sample {
    pub(crate) fn new(labels: Labels, value: Number) -> Self {
        let (kind, bits) = match value {
            Number::Unsigned(number) => (NumberKind::Unsigned, number),
            Number::Signed(number) => (NumberKind::Signed, number as u64),
            Number::Float(number) => (NumberKind::Float, number.to_bits()),
        };
        Self { labels, bits, kind, next: None }
    }

    pub(crate) fn labels(&self) -> Labels {
        self.labels
    }

    pub(crate) fn value(&self) -> Number {
        match self.kind {
            NumberKind::Unsigned => Number::Unsigned(self.bits),
            NumberKind::Signed => Number::Signed(self.bits as i64),
            NumberKind::Float => Number::Float(f64::from_bits(self.bits)),
        }
    }

    pub(crate) fn next(&self) -> Option<usize> {
        self.next.map(|index| index.get() as usize)
    }

    pub(crate) fn set_next(&mut self, index: usize) {
        self.next = u32::try_from(index).ok().and_then(NonZeroU32::new);
    }
}

impl Chain {
    /// Returns the chain of a family's first sample, whose index is given.
    pub(crate) fn new(family: FamilyId, labels: Labels, index: usize) -> Self {
        Self { family, first: index, last: index, len: 1, newest: labels, all: None }
    }

    pub(crate) fn family(&self) -> FamilyId {
        self.family
    }

    pub(crate) fn first(&self) -> usize {
        self.first
    }

    pub(crate) fn last(&self) -> usize {
        self.last
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether one of the samples has these labels.
    pub(crate) fn has(&mut self, labels: Labels, samples: &[Sample]) -> bool {
        if labels.is_later_than(self.newest) {
            return false;
        }
        let at = |index: usize| samples.get(index);
        let mut chain =
            std::iter::successors(at(self.first), |sample| at(sample.next()?)).map(Sample::labels);
        if self.len <= SHORT {
            return chain.any(|earlier| earlier == labels);
        }
        self.all.get_or_insert_with(|| Box::new(chain.collect())).contains(&labels)
    }

    pub(crate) fn add(&mut self, labels: Labels, index: usize) {
        self.last = index;
        self.len += 1;
        if labels.is_later_than(self.newest) {
            self.newest = labels;
        }
        if let Some(all) = &mut self.all {
            all.insert(labels);
        }
    }
}

/// Maximum number of samples of a chain that is searched one by one, which takes no longer than hashing.
const SHORT: usize = 16;
