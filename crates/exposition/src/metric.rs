//! Metric families, and the numbers in them.

/// A metric family: what its `HELP` and `TYPE` lines say.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The family's name; a counter's is without `_total`, which the exposition adds.
    pub name: &'static str,
    /// What kind of number its samples are.
    pub kind: Kind,
    /// What it measures, in which unit: a sentence.
    pub help: &'static str,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up, from 0 at a restart. The exposition appends `_total`.
    Counter,
    /// A counter whose name is without `_total` because dashboards know it so. OpenMetrics calls it `unknown`.
    BareCounter,
    /// Goes up and down.
    Gauge,
    /// Nobody knows. OpenMetrics calls it `unknown`.
    Untyped,
}

/// A family's index among the [`Families`](crate::Families), which is its position in the exposition.
pub type FamilyId = usize;

/// A sample's value. Integers stay integers: above 2^53 a float would lose digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A count that is never below zero.
    Unsigned(u64),
    /// A whole number that may be below zero.
    Signed(i64),
    /// Everything else.
    Float(f64),
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is there.
    Added,
    /// A sample of its family with the same labels is there already, and is kept.
    Duplicate,
    /// Its family is full, or the scrape is.
    OverLimit,
}

impl Number {
    /// Whether a counter can have this value.
    pub fn counts(self) -> bool {
        match self {
            Self::Unsigned(_) => true,
            Self::Signed(value) => value >= 0,
            Self::Float(value) => value >= 0.0,
        }
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}
