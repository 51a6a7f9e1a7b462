//! Rows of a table that have the same labels.

use hashbrown::HashMap;
use prometheus_exposition::Labels;

/// The labels of the rows of a table, to find the rows that need more labels to be told apart.
#[derive(Default)]
pub(super) struct RepeatedRows {
    /// The labels of the rows, in order, up to the maximum number of samples of a family.
    rows: Vec<Labels>,
    /// The index of the next row to be served.
    pub(super) next: usize,
    /// Whether a row may have the labels of an earlier one. Usually none has, and nothing is counted.
    pub(super) repeat: bool,
    /// The number of rows by their labels.
    counts: HashMap<Labels, usize>,
    /// For rows that needed extra labels, by all their labels: the number of rows, and of those already served.
    pub(super) with_extra_labels: HashMap<Labels, (usize, usize)>,
}

impl RepeatedRows {
    pub(super) fn add(&mut self, labels: Labels) {
        self.repeat |= self.rows.last().is_some_and(|last| !labels.is_later_than(*last));
        self.rows.push(labels);
    }

    /// Returns the number of rows that were added.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn count(&mut self) {
        for labels in &self.rows {
            *self.counts.entry(*labels).or_default() += 1;
        }
    }

    /// Returns the labels of the next row, and whether other rows have the same. `None` if the row was not added.
    pub(super) fn next(&mut self) -> Option<(Labels, bool)> {
        let labels = *self.rows.get(self.next)?;
        self.next += 1;
        Some((labels, self.counts.get(&labels).is_some_and(|count| *count > 1)))
    }
}
