//! Metric families, and the values of their samples.

/// A metric family: the content of its `HELP` and `TYPE` lines.
///
/// ```
/// use prometheus_exposition::{Family, Kind};
///
/// const REQUESTS: Family = Family { name: "http_requests", kind: Kind::Counter, help: "Requests received." };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name; that of a counter has no `_total`, which the exposition appends.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The meaning of the values and their unit, as one sentence.
    pub help: &'static str,
}

/// The type of a [`Family`].
///
/// ```
/// use prometheus_exposition::{Families, Family, Format, Kind, Labels, Samples};
///
/// const JOBS: Family = Family { name: "jobs", kind: Kind::Counter, help: "Jobs done." };
///
/// let mut families = Families::default();
/// let jobs = families.add(&JOBS);
/// let mut samples = Samples::new(1);
/// samples.push(jobs, Labels::NONE, 7u64.into());
/// let text = Format::TEXT.write(&families, &[&samples]);
/// assert_eq!(text, b"# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total 7\n");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A number that only grows, from 0 at a restart. The exposition appends `_total` to the name.
    Counter,
    /// A counter with an established name that does not end in `_total`. OpenMetrics requires the suffix, so its type there is
    /// `unknown`.
    BareCounter,
    /// A number that goes up and down.
    Gauge,
    /// A number of unknown nature. OpenMetrics calls the type `unknown`.
    Untyped,
}

/// The index of a family in [`Families`](crate::Families), which is its position in the exposition.
pub type FamilyId = usize;

/// The value of a sample. Integers stay integers, because a float loses digits above 2^53.
///
/// ```
/// use prometheus_exposition::Number;
///
/// assert_eq!(Number::from(u64::MAX), Number::Unsigned(u64::MAX));
/// assert_eq!(Number::from(-5i64).as_f64(), -5.0);
/// assert!(!Number::from(-0.5).is_counter_value());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer that is never negative.
    Unsigned(u64),
    /// An integer.
    Signed(i64),
    /// Any other number.
    Float(f64),
}

/// The result of pushing a sample.
///
/// ```
/// use prometheus_exposition::{Labels, Pushed, Samples};
///
/// let mut samples = Samples::new(1);
/// assert_eq!(samples.push(0, Labels::NONE, 1u64.into()), Pushed::Added);
/// assert_eq!(samples.push(0, Labels::NONE, 2u64.into()), Pushed::Duplicate);
/// let labels = samples.labels([("queue", "a")]);
/// assert_eq!(samples.push(0, labels, 3u64.into()), Pushed::OverLimit);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The sample was added.
    Added,
    /// The sample was left out: its series exists already, or its family's name or type conflicts with an earlier family.
    Duplicate,
    /// The sample was left out: its family, or all samples together, have reached a limit.
    OverLimit,
}

impl Number {
    /// Returns whether a counter can have this value: it is not negative, and is a number.
    pub fn is_counter_value(self) -> bool {
        match self {
            Self::Unsigned(_) => true,
            Self::Signed(value) => value >= 0,
            Self::Float(value) => value >= 0.0,
        }
    }

    /// Returns the nearest float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Unsigned(value) => value as f64,
            Self::Signed(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Signed(value)
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_neither_negative_nor_not_a_number() {
        for (number, expected) in [
            (Number::Unsigned(0), true),
            (Number::Signed(0), true),
            (Number::Signed(-1), false),
            (Number::Float(0.0), true),
            (Number::Float(-0.5), false),
            (Number::Float(f64::INFINITY), true),
            (Number::Float(f64::NAN), false),
        ] {
            assert_eq!(number.is_counter_value(), expected, "{number:?}");
        }
    }

    #[test]
    fn each_number_is_a_float() {
        for (number, float) in [(3u64.into(), 3.0), (Number::from(-3i64), -3.0), (0.5.into(), 0.5)] {
            assert_eq!(number.as_f64(), float);
        }
    }
}
