//! What a collector is: one RPC method, and how its reply is a table.
//!
//! A reply is a list of records. A table's `rows` leads from them down to the rows, `labels` tell the rows apart, and
//! each of `fields` turns a value of the row into a sample. One function, `extract`, does that for any table; a collector
//! is data.

use kamailio_binrpc::{Members, Value};
use prometheus_exposition::{Family, Kind, Number};

/// One RPC method of Kamailio, and the families that come from its reply.
pub struct Collector {
    /// The collector's name, which is the method's where that has only one collector: `dispatcher.list`.
    pub name: &'static str,
    /// The method.
    pub method: &'static str,
    /// Calls, each a method and its arguments, whose reply says the same and is better: the first one that the server has
    /// is made instead.
    pub instead: &'static [&'static str],
    /// The Kamailio module that provides the method (`core` if none has to be loaded).
    pub module: &'static str,
    /// What it tells: a sentence.
    pub help: &'static str,
    /// With which arguments the method is called, and how often.
    pub call: Call,
    /// The first version of Kamailio that has the method; `None` if every version that is in use has it.
    pub since: Option<&'static str>,
    /// What the call costs Kamailio.
    pub cost: Cost,
    /// Whether `auto` has it: what is cheap to ask for and worth watching.
    pub default: bool,
    /// What is read from the reply.
    pub tables: &'static [Table],
    /// Reads replies that are printed as text, in place of the tables' keys.
    pub map: Option<Map>,
    /// Reasons of faults that mean "there is none", which is a reply without rows.
    pub none_configured: &'static [&'static str],
    /// Whether the reply grows with the installation: such calls go last.
    pub large: bool,
}

/// How what a call costs Kamailio grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Not at all: a few numbers that it has at hand.
    Constant,
    /// With the number of what is listed: processes, destinations, nodes, statistics.
    List,
    /// With a table that it walks under its locks, though the reply may be short: dialogs, connections, slots.
    Walk,
}

/// The calls that a collector makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One, with these arguments.
    Once(&'static [&'static str]),
    /// One with each of these arguments.
    Each(&'static [&'static str]),
    /// One for each group of statistics that the operator names, with `group:` as its argument.
    EachGroup,
    /// All groups of statistics that the server has, in as many calls as Kamailio can answer.
    EveryGroup,
    /// One for each dialog profile that the operator names, with the profile and perhaps a value as arguments.
    EachProfile,
    /// None of Kamailio's: the page that the operator names.
    Page,
    /// One for each value that another method lists, asked for at the first contact.
    EachOf(Listing),
    /// The same for a method that wants an int.
    EachNumberOf(Listing),
}

/// A method that lists what another one can be called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// The method.
    pub method: &'static str,
    /// The names that lead from its records down to the values; none if the records are the values.
    pub path: &'static [&'static str],
}

/// Rows of a reply, and what each of them has.
pub struct Table {
    /// The names that lead from a record down to the rows; `*` is any name, and the empty name is a nameless member.
    /// None: each record is a row.
    pub rows: &'static [&'static str],
    /// The labels of every sample of a row.
    pub labels: &'static [Label],
    /// The samples of a row. The first collectors have the names that the Go exporter's users know.
    pub fields: &'static [Field],
    /// Samples that the Go exporter does not have: not served where its methods are named without `auto`.
    pub more: &'static [Field],
    /// Labels that a row has only if another row has the same `labels`. If these do not tell them apart either, their
    /// order does.
    pub tell_apart: &'static [Label],
    /// Whether there are hundreds of fields, one for each name, so that names have to be looked up.
    pub wide: bool,
}

/// A label of a row, or of one field of it.
pub struct Label {
    /// The label's name.
    pub name: &'static str,
    /// Where its value comes from.
    pub value: LabelValue,
}

/// Where a label's value comes from.
pub enum LabelValue {
    /// A path in the row or, for the labels of a table, in one of the structs around the row, the nearest first.
    At(&'static [&'static str]),
    /// The name of the struct that `*` in the path to the rows stands for.
    Name,
    /// Always the same.
    Is(&'static str),
    /// An argument of the call, from 0.
    Argument(usize),
}

/// One value of a row, and the family that it is a sample of.
#[derive(Clone, Copy)]
pub struct Field {
    /// Where the value stands.
    pub key: Key,
    /// The family.
    pub family: Family,
    /// Labels that only this field's samples have.
    pub labels: &'static [Label],
    /// Reads the value.
    pub read: Read,
}

/// Where a field's values stand in a row.
#[derive(Clone, Copy)]
pub enum Key {
    /// At this path of names. Of several values with the same name the first counts. The empty path is the row itself.
    At(&'static [&'static str]),
    /// Under each name that the function turns into labels: `4xx` into `code="4xx"`. In a wide table, under those that
    /// no other field has taken.
    Each(EachKey),
    /// In a wide table: under each name that no other field has taken. If the first function makes a family of its own
    /// of the name, its sample has no labels; else the name becomes labels.
    Rest(ByName, EachKey),
    /// Wherever the collector's `map` finds it.
    Mapped,
}

impl Key {
    /// Whether only a struct can have such values.
    pub(crate) fn needs_members(&self) -> bool {
        matches!(self, Self::At([_, ..]) | Self::Each(_) | Self::Rest(..))
    }
}

/// Tells which labels a name gives, if the value under it belongs to the family.
pub type EachKey = for<'n> fn(&'n [u8]) -> Option<NameLabels<'n>>;

/// Labels that come from a name; one without a value is none.
pub(crate) type NameLabels<'n> = [(&'static str, &'n [u8]); 2];

/// Tells the family and the type of a value by its name alone.
pub(crate) type ByName = fn(&[u8]) -> Option<(String, &'static str)>;

/// Reads the records of a reply that is printed as text. It gives each value to the function.
pub(crate) type Map = fn(Members<'_>, &mut Emit<'_>);

/// Takes a value of a text: which field of the collector it belongs to (by its place in the first table), its labels,
/// and the number, `None` if it is unreadable.
pub(crate) type Emit<'e> = dyn FnMut(usize, &[(&'static str, &[u8])], Option<Number>) + 'e;

/// Reads a value as a number. `Ok(None)`: the value says that there is none.
pub(crate) type Read = for<'v> fn(Value<'v>) -> Result<Option<Number>, Unreadable>;

/// A value that is not what its field expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Collector {
    /// A collector in `auto` that calls `name` without arguments and has no tables yet.
    pub const fn new(name: &'static str, module: &'static str, help: &'static str) -> Self {
        Self {
            name,
            method: name,
            instead: &[],
            module,
            help,
            call: Call::Once(&[]),
            since: None,
            cost: Cost::Constant,
            default: true,
            tables: &[],
            map: None,
            none_configured: &[],
            large: false,
        }
    }

    /// One that is not in `auto`, because it costs Kamailio more or is of interest to few.
    pub const fn opt_in(name: &'static str, module: &'static str, help: &'static str) -> Self {
        Self { default: false, ..Self::new(name, module, help) }
    }

    /// All fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.tables.iter().flat_map(|table| table.fields.iter().chain(table.more))
    }
}

impl Table {
    /// A table whose rows are the records, without labels and fields yet.
    pub const NEW: Self =
        Self { rows: &[], labels: &[], fields: &[], more: &[], tell_apart: &[], wide: false };
}

impl Field {
    /// The same with labels of its own.
    pub const fn with(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }
}

/// A label whose value stands at `path`.
pub(crate) const fn label(name: &'static str, path: &'static [&'static str]) -> Label {
    Label { name, value: LabelValue::At(path) }
}

/// A label that is always the same.
pub(crate) const fn is(name: &'static str, value: &'static str) -> Label {
    Label { name, value: LabelValue::Is(value) }
}

/// A counter that Kamailio sends as an unsigned number.
pub(crate) const fn counter(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Counter, name, help, unsigned)
}

/// A gauge that may be below zero.
pub(crate) const fn gauge(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Gauge, name, help, signed)
}

/// A gauge of bytes, or of anything else that is never below zero and may pass 2^31.
pub(crate) const fn size(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Gauge, name, help, unsigned)
}

/// A gauge that is 1 for each row, and says what it says by its labels.
pub(crate) const fn row(name: &'static str, help: &'static str, labels: &'static [Label]) -> Field {
    field(Key::At(&[]), Kind::Gauge, name, help, one).with(labels)
}

/// Any field.
pub(crate) const fn field(key: Key, kind: Kind, name: &'static str, help: &'static str, read: Read) -> Field {
    Field { key, family: Family { name, kind, help }, labels: &[], read }
}

/// The member of this name.
pub(crate) const fn at(path: &'static [&'static str]) -> Key {
    Key::At(path)
}

/// An int read as unsigned, or a double that is not below zero. Kamailio casts its unsigned counters into the ints of
/// the protocol (`tm/t_stats.c`, `rpc->struct_add` with type `d`), newer versions send some as doubles.
pub(crate) fn unsigned(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match value {
        Value::Int(int) => Ok(Some(Number::Unsigned(int.as_u64()))),
        Value::Double(_) => match signed(value)? {
            Some(Number::Signed(milli)) if milli < 0 => Err(Unreadable),
            Some(Number::Float(number)) if number < 0.0 => Err(Unreadable),
            number => Ok(number),
        },
        _ => Err(Unreadable),
    }
}

/// An int read as signed, or a double. A double without a value is none.
pub(crate) fn signed(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match value {
        Value::Int(int) => Ok(Some(Number::Signed(int.as_i64()))),
        Value::Double(double) if double.milli() % 1000 == 0 => {
            Ok(Some(Number::Signed(double.milli() / 1000)))
        }
        Value::Double(double) => Ok(double.as_f64().map(Number::Float)),
        _ => Err(Unreadable),
    }
}

/// 1, whatever the value.
pub(crate) fn one(_: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(Some(Number::Unsigned(1)))
}

/// A moment in seconds since 1970; 0 is none.
pub(crate) fn moment(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    let none = |number: &Number| matches!(number, Number::Unsigned(0) | Number::Signed(0));
    unsigned(value).map(|number| number.filter(|number| !none(number)))
}

/// 1 or 0.
pub(crate) fn flag(is: bool) -> Result<Option<Number>, Unreadable> {
    Ok(Some(Number::Unsigned(is.into())))
}

/// A statistic: a decimal string, which Kamailio prints from a signed long as unsigned, so that -5 arrives as
/// 18446744073709551611 (`kex/core_stats.c`, `rpc_fetch_add_stat`); or a plain number.
pub(crate) fn statistic(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    let Some(digits) = value.as_bytes() else { return signed(value) };
    let number = match digits.strip_prefix(b"-") {
        Some(negative) => whole(negative).and_then(|n| 0i64.checked_sub_unsigned(n)),
        None => whole(digits).map(u64::cast_signed),
    };
    number.map(|number| Some(Number::Signed(number))).ok_or(Unreadable)
}

/// Decimal digits and nothing else: no sign, no blank, no exponent.
fn whole(digits: &[u8]) -> Option<u64> {
    let (first, rest) = digits.split_first()?;
    let value = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    rest.iter().try_fold(value(first)?, |number, byte| number.checked_mul(10)?.checked_add(value(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statistic_is_a_signed_long_printed_as_unsigned() {
        for (text, number) in [
            ("0", 0),
            ("7182", 7182),
            ("9007199254740993", 9_007_199_254_740_993),
            ("18446744073709551611", -5),
            ("9223372036854775808", i64::MIN),
            ("-5", -5),
        ] {
            assert_eq!(statistic(Value::Str(text.as_bytes())), Ok(Some(Number::Signed(number))), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_number_is_unreadable() {
        for text in
            ["", " 12", "12 ", "1e3", "NaN", "inf", "0x1p4", "+1", "--1", "-", "18446744073709551616", "1.5"]
        {
            assert_eq!(statistic(Value::Str(text.as_bytes())), Err(Unreadable), "{text:?}");
        }
        assert_eq!(statistic(Value::Str(b"\xff")), Err(Unreadable));
        assert_eq!(unsigned(Value::Str(b"1")), Err(Unreadable));
        assert_eq!(signed(Value::Str(b"1")), Err(Unreadable));
    }
}
