//! The series of the history in the window of the page.

use super::svg::Values;
use super::text::Shown;
use crate::instance::history::series::{Unit, index};

/// A series, with its values in the window.
pub(crate) struct SeriesRow {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) promql: String,
    /// The last known value.
    pub(crate) now: Option<f64>,
    /// The name that belongs to the value.
    pub(crate) name: Option<Shown>,
    pub(crate) values: Values,
}

/// The series of the server.
pub(super) struct Rows<'s> {
    pub(super) series: &'s [Option<SeriesRow>],
    /// Seconds between two values.
    pub(super) step: f64,
}

impl<'s> Rows<'s> {
    pub(super) fn row(&self, key: &str) -> Option<&'s SeriesRow> {
        self.series.get(index(key))?.as_ref()
    }

    pub(super) fn now(&self, key: &str) -> Option<f64> {
        self.row(key)?.now
    }
}
