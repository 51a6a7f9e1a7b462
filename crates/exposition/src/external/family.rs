//! One external family, and what is kept of it.

use super::families::ExternalFamilies;
use super::kind::ExternalKind;
use crate::metric::Pushed;

/// A family, as [`ExternalFamilies::families`] returns it.
#[derive(Clone, Copy, Debug)]
pub struct ExternalFamily<'f> {
    pub(super) all: &'f ExternalFamilies,
    pub(super) record: &'f Record,
}

/// A family.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) name: Span,
    pub(super) help: Span,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) len: u32,
    pub(super) kind: ExternalKind,
    /// Whether samples have arrived, and whether they are kept.
    pub(super) state: State,
    /// Whether each value is one that a counter can have.
    pub(super) has_counter_values: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Only its help or its type is known.
    #[default]
    Announced,
    Open,
    /// All its samples are left out.
    Refused(Pushed),
}

/// A part of `texts`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl<'f> ExternalFamily<'f> {
    /// Returns the family's name.
    pub fn name(&self) -> &'f str {
        self.record.name.of(&self.all.texts)
    }

    /// Returns the family's type.
    pub fn kind(&self) -> ExternalKind {
        self.record.kind
    }

    /// Returns the help, in which line feeds and backslashes are escaped; empty if there is none.
    pub fn help(&self) -> &'f str {
        self.record.help.of(&self.all.texts)
    }

    /// Returns the number of samples.
    pub fn len(&self) -> usize {
        self.record.len as usize
    }

    /// Returns whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.record.len == 0
    }

    /// Returns each sample as it is written after the family's name: suffix, labels, a blank and the value.
    pub fn samples(&self) -> impl Iterator<Item = &'f str> + use<'f> {
        let all = self.all;
        let mut next = self.first();
        std::iter::from_fn(move || {
            let (line, following) = all.line(next?)?;
            next = following;
            line.strip_suffix('\n')
        })
    }

    /// Returns the index of the first sample.
    pub(crate) fn first(&self) -> Option<u32> {
        (!self.is_empty()).then_some(self.record.first)
    }

    /// Returns the line of a sample of the family, less the name, and the index of the next one.
    pub(crate) fn line(&self, index: u32) -> Option<(&'f str, Option<u32>)> {
        self.all.line(index)
    }

    /// Returns whether each value is one that a counter can have.
    pub(crate) fn has_counter_values(&self) -> bool {
        self.record.has_counter_values
    }
}

impl Span {
    pub(super) fn of(self, texts: &str) -> &str {
        texts.get(self.start as usize..(self.start + self.len) as usize).unwrap_or_default()
    }
}

/// Returns the names that the samples of a family can have, and that of the family itself.
pub(super) fn sample_names(family: &str, kind: ExternalKind) -> impl Iterator<Item = String> {
    [""].iter().chain(kind.suffixes()).map(move |suffix| format!("{family}{suffix}"))
}
