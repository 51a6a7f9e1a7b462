//! Tables: the rows of a reply, their labels, and a field for each value.

use super::Unreadable;
use super::read::{always_one, signed, unsigned};
use kamailio_binrpc::Value;
use prometheus_exposition::{Family, Kind, Number};

/// The rows of a reply, and the samples of each row.
pub struct Table {
    /// The path from a record down to the rows; `*` matches any name, and the empty name a nameless member. With an
    /// empty path, each record is a row.
    pub rows: &'static [&'static str],
    /// The labels of every sample of a row.
    pub labels: &'static [Label],
    /// The samples of a row. The first collectors use the names of the Go exporter, for its users' dashboards.
    pub fields: &'static [Field],
    /// Samples that the Go exporter does not have. They are not served if its methods are named without `auto`.
    pub extra_fields: &'static [Field],
    /// How rows with equal `labels` are told apart.
    pub equal_rows: EqualRows,
    /// Whether the fields are looked up by the names of the values, because there are hundreds of fields.
    pub by_name: bool,
}

/// How the rows of a table with equal labels are told apart.
#[derive(Clone, Copy)]
pub enum EqualRows {
    /// Kamailio has no equal rows. If there are any, the first is served, and the others are dropped and counted.
    Unexpected,
    /// By the label `index`, from the second of the rows on: the series of the first stays the same when others appear.
    Numbered,
    /// By these labels, which the extra fields always have, so that their series stay the same when an equal row appears.
    /// The fields have these labels only if there are equal rows, because the Go exporter does not have them. Rows that
    /// are equal nevertheless are numbered as well.
    Labelled(&'static [Label]),
}

impl EqualRows {
    /// The labels, if rows are told apart by labels.
    pub fn labels(self) -> &'static [Label] {
        match self {
            Self::Labelled(labels) => labels,
            Self::Unexpected | Self::Numbered => &[],
        }
    }
}

/// A label of a row, or of one field of a row.
pub struct Label {
    /// The label's name.
    pub name: &'static str,
    /// Where the label's value comes from.
    pub value: LabelValue,
}

/// Where a label's value comes from.
pub enum LabelValue {
    /// A path in the row. For the labels of a table, also in the structs around the row, the nearest first.
    At(&'static [&'static str]),
    /// A path in the row to a list of parameters such as `name=gw1;carrier=blue`. Each parameter that the operator names
    /// becomes a label of its own, in place of this one. If the operator names none, the label's value is the whole list.
    Parameters(&'static [&'static str]),
    /// The name of the struct that matches `*` in the path to the rows.
    MemberName,
    /// A constant.
    Constant(&'static str),
    /// An argument of the call, counted from 0.
    Argument(usize),
}

/// One value of a row, and the family that the value is a sample of.
#[derive(Clone, Copy)]
pub struct Field {
    /// Where the value is.
    pub key: Key,
    /// The family.
    pub family: Family,
    /// Labels that only this field's samples have.
    pub labels: &'static [Label],
    /// Reads the value.
    pub read: Read,
}

/// Where a field's values are in a row.
#[derive(Clone, Copy)]
pub enum Key {
    /// At this path of names; the first of several values with the same name. The empty path is the row itself.
    At(&'static [&'static str]),
    /// Under each name that the function turns into labels: `4xx` into `code="4xx"`. In a table that is read by name,
    /// only names that no [`Key::At`] has.
    Matching(NameMatcher),
    /// In a table that is read by name: under each name that no other field has. If the first function makes a family of
    /// the name, the sample has no labels; otherwise the second function turns the name into labels.
    Remaining(FamilyFromName, NameMatcher),
    /// Wherever the collector's `custom_reader` finds it.
    Custom,
}

impl Key {
    /// Whether only a struct can have such values.
    pub(crate) fn needs_members(&self) -> bool {
        matches!(self, Self::At([_, ..]) | Self::Matching(_) | Self::Remaining(..))
    }
}

/// Returns the labels that a name stands for, or `None` if the name does not belong to the family.
pub type NameMatcher = for<'n> fn(&'n [u8]) -> Option<NameLabels<'n>>;

/// Labels made from a name; one with an empty value is left out.
pub(crate) type NameLabels<'n> = [(&'static str, &'n [u8]); 2];

/// Returns the family and its type for a value, judged by the value's name alone.
pub(crate) type FamilyFromName = fn(&[u8]) -> Option<(String, &'static str)>;

/// Reads a value as a number; `Ok(None)` if the value means that there is none.
pub(crate) type Read = for<'v> fn(Value<'v>) -> Result<Option<Number>, Unreadable>;

impl Table {
    /// A table whose rows are the records, without labels and fields yet.
    pub const NEW: Self = Self {
        rows: &[],
        labels: &[],
        fields: &[],
        extra_fields: &[],
        equal_rows: EqualRows::Unexpected,
        by_name: false,
    };

    /// The fields, and after them the extra fields.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().chain(self.extra_fields)
    }
}

impl Field {
    /// The same field with labels of its own.
    pub const fn with(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }
}

/// A label whose value is at `path`.
pub(crate) const fn label(name: &'static str, path: &'static [&'static str]) -> Label {
    Label { name, value: LabelValue::At(path) }
}

/// A label with a constant value.
pub(crate) const fn is(name: &'static str, value: &'static str) -> Label {
    Label { name, value: LabelValue::Constant(value) }
}

/// A counter, which Kamailio sends as an unsigned number.
pub(crate) const fn counter(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Counter, name, help, unsigned)
}

/// A gauge that can be negative.
pub(crate) const fn gauge(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Gauge, name, help, signed)
}

/// A gauge that is never negative and can exceed 2^31, such as a number of bytes.
pub(crate) const fn unsigned_gauge(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Gauge, name, help, unsigned)
}

/// An info metric: a gauge that is 1 for each row and whose labels carry the information.
pub(crate) const fn info(name: &'static str, help: &'static str, labels: &'static [Label]) -> Field {
    field(Key::At(&[]), Kind::Gauge, name, help, always_one).with(labels)
}

/// A field with a reader of its own.
pub(crate) const fn field(key: Key, kind: Kind, name: &'static str, help: &'static str, read: Read) -> Field {
    Field { key, family: Family { name, kind, help }, labels: &[], read }
}

/// The key of the value at this path.
pub(crate) const fn at(path: &'static [&'static str]) -> Key {
    Key::At(path)
}
