//! Rows of a table that have the same labels.

use hashbrown::HashMap;
use prometheus_exposition::Labels;

/// The labels of all rows of a table, to find the rows that need more labels to be told apart.
#[derive(Default)]
pub(super) struct RepeatedRows {
    /// The labels of each row, in order.
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

    pub(super) fn count(&mut self) {
        for labels in &self.rows {
            *self.counts.entry(*labels).or_default() += 1;
        }
    }

    /// Returns the labels of the next row, and whether other rows have the same.
    pub(super) fn next(&mut self) -> (Labels, bool) {
        let labels = self.rows.get(self.next).copied().unwrap_or(Labels::NONE);
        self.next += 1;
        (labels, self.counts.get(&labels).is_some_and(|count| *count > 1))
    }
}
