//! What a collector is: one RPC method, and how its reply is a table.
//!
//! A reply is a list of records. `rows` leads from them down to the rows, `labels` tell the rows apart, and each of
//! `fields` turns a value of the row into a sample. [`walk`](crate::walk) does that for any table; a collector is data.

use crate::metric::{Family, Kind, Number};
use kamailio_binrpc::Value;

/// One RPC method of Kamailio, and the families that come from its reply.
pub struct Collector {
    /// The method's name, which is the collector's: `dispatcher.list`.
    pub name: &'static str,
    /// The Kamailio module that provides the method (`core` if none has to be loaded).
    pub module: &'static str,
    /// What it tells: a sentence.
    pub help: &'static str,
    /// With which arguments the method is called, and how often.
    pub call: Call,
    /// The names that lead from a record down to the rows. None: each record is a row.
    pub rows: &'static [&'static str],
    /// The labels of every sample of a row.
    pub labels: &'static [Label],
    /// The samples of a row.
    pub fields: &'static [Field],
    /// Reasons of faults that mean "there is none", which is a reply without rows.
    pub none_configured: &'static [&'static str],
    /// Whether the reply grows with the installation: such calls go last.
    pub large: bool,
}

/// The calls that a collector makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One, with these arguments.
    Once(&'static [&'static str]),
    /// One for each group of statistics that was asked for, with `group:` as its argument.
    EachGroup,
}

/// A label of a row, or of one field of it.
pub struct Label {
    /// The label's name.
    pub name: &'static str,
    /// Where its value stands: a path in the row, or in one of the structs around the row, the nearest first.
    pub path: &'static [&'static str],
}

/// One value of a row, and the family that it is a sample of.
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
pub enum Key {
    /// At this path of names. Of several values with the same name the first counts. The empty path is the row itself.
    At(&'static [&'static str]),
    /// Under each name that the function turns into labels: `4xx` into `code="4xx"`.
    Each(EachKey),
}

/// Tells which labels a name gives, if the value under it belongs to the family.
pub type EachKey = for<'n> fn(&'n [u8]) -> Option<[(&'static str, &'n [u8]); 2]>;

/// Reads a value as a number. `Ok(None)`: the value says that there is none.
pub type Read = for<'v> fn(Value<'v>) -> Result<Option<Number>, Unreadable>;

/// A value that is not what its field expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Collector {
    /// A collector that calls `name` without arguments and has no rows, labels or fields yet.
    pub const fn new(name: &'static str, module: &'static str, help: &'static str) -> Self {
        Self {
            name,
            module,
            help,
            call: Call::Once(&[]),
            rows: &[],
            labels: &[],
            fields: &[],
            none_configured: &[],
            large: false,
        }
    }
}

/// A label whose value stands at `path`.
pub const fn label(name: &'static str, path: &'static [&'static str]) -> Label {
    Label { name, path }
}

/// A counter that Kamailio sends as an unsigned number.
pub const fn counter(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Counter, name, help, unsigned)
}

/// A gauge that may be below zero.
pub const fn gauge(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Gauge, name, help, signed)
}

/// A gauge of bytes, or of anything else that is never below zero and may pass 2^31.
pub const fn size(key: Key, name: &'static str, help: &'static str) -> Field {
    field(key, Kind::Gauge, name, help, unsigned)
}

/// A gauge that is 1 for each row, and says what it says by its labels.
pub const fn row(name: &'static str, help: &'static str, labels: &'static [Label]) -> Field {
    Field { labels, ..field(Key::At(&[]), Kind::Gauge, name, help, one) }
}

/// Any field.
pub const fn field(key: Key, kind: Kind, name: &'static str, help: &'static str, read: Read) -> Field {
    Field { key, family: Family { name, kind, help }, labels: &[], read }
}

/// The member of this name.
pub const fn at(path: &'static [&'static str]) -> Key {
    Key::At(path)
}

/// An int read as unsigned, or a double that is not below zero. Kamailio casts its unsigned counters into the ints of
/// the protocol (`tm/t_stats.c`, `rpc->struct_add` with type `d`), newer versions send some as doubles.
pub fn unsigned(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match value {
        Value::Int(int) => Ok(Some(Number::Unsigned(int.unsigned()))),
        Value::Double(_) => match signed(value)? {
            Some(Number::Signed(milli)) if milli < 0 => Err(Unreadable),
            Some(Number::Float(number)) if number < 0.0 => Err(Unreadable),
            number => Ok(number),
        },
        _ => Err(Unreadable),
    }
}

/// An int read as signed, or a double. A double without a value is none.
pub fn signed(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match value {
        Value::Int(int) => Ok(Some(Number::Signed(int.signed()))),
        Value::Double(double) if double.milli() % 1000 == 0 => {
            Ok(Some(Number::Signed(double.milli() / 1000)))
        }
        Value::Double(double) => Ok(double.value().map(Number::Float)),
        _ => Err(Unreadable),
    }
}

/// 1, whatever the value.
pub fn one(_: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(Some(Number::Unsigned(1)))
}

/// A statistic: a decimal string, which Kamailio prints from a signed long as unsigned, so that -5 arrives as
/// 18446744073709551611 (`kex/core_stats.c`, `rpc_fetch_add_stat`); or a plain number.
pub fn statistic(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    let Some(digits) = value.bytes() else { return signed(value) };
    let digits = std::str::from_utf8(digits).map_err(|_| Unreadable)?;
    let number = match digits.strip_prefix('-') {
        Some(negative) => whole(negative).and_then(|n| 0i64.checked_sub_unsigned(n)),
        None => whole(digits).map(u64::cast_signed),
    };
    number.map(|number| Some(Number::Signed(number))).ok_or(Unreadable)
}

/// Decimal digits and nothing else: no sign, no blank, no exponent.
fn whole(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
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
