//! Decoded values: views into the body of a reply that need no allocation of their own.

mod members;
mod node;
mod number;
mod owned;
mod text;

pub use members::{Iter, Member, Members};
pub(crate) use node::{Node, Shape};
pub(crate) use number::big_endian;
pub use number::{Double, Int};
pub use owned::{OwnedMembers, OwnedValue};
pub(crate) use text::Text;

use crate::decimal;
use std::borrow::Cow;
use std::fmt;

/// A decoded value, borrowed from the reply that contains it.
///
/// The accessors are named as those of `serde_json::Value`, and return `None` for a value of another type. `as_u64` and `as_i64`
/// both accept every int, because the protocol does not transmit [whether an int is signed](Int).
///
/// ```
/// use kamailio_binrpc::{Int, Value};
///
/// let value = Value::Int(Int::from(-5));
/// assert_eq!(value.as_i64(), Some(-5));
/// assert_eq!(value.as_str(), None);
/// assert_eq!(Value::Str(b"AP").as_str(), Some("AP"));
/// ```
///
/// The enum is exhaustive: the types are those of Kamailio's `ctl/binrpc.h`, and have not changed since version 1 of the
/// protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number. BINRPC does not transmit whether the number is signed: see [`Int`].
    Int(Int),
    /// A fixed-point number in thousandths.
    Double(Double),
    /// A string, without the NUL that terminates strings on the wire. The bytes need not be UTF-8: Kamailio copies them
    /// from SIP messages and databases.
    Str(&'a [u8]),
    /// Raw bytes. The type exists in the protocol, but no method of Kamailio uses it.
    Bytes(&'a [u8]),
    /// Members with and without names, in the order of the wire. Names may repeat. What Kamailio's methods call an array
    /// is a struct whose members have no names.
    Struct(Members<'a>),
    /// An array of the protocol's own array type, which Kamailio 5.6.3 and 6.2-dev define and never send.
    Array(Members<'a>),
}

impl<'a> Value<'a> {
    /// Returns the bytes of a string or of raw bytes.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Str(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the text of a string whose bytes are UTF-8.
    pub fn as_str(self) -> Option<&'a str> {
        str::from_utf8(self.as_bytes()?).ok()
    }

    /// Returns the text of a string, with U+FFFD in place of bytes that are not UTF-8. Only such text is allocated.
    ///
    /// ```
    /// use kamailio_binrpc::Value;
    ///
    /// assert_eq!(Value::Str(b"M\xfcnchen").to_str_lossy().as_deref(), Some("M\u{fffd}nchen"));
    /// ```
    pub fn to_str_lossy(self) -> Option<Cow<'a, str>> {
        self.as_bytes().map(String::from_utf8_lossy)
    }

    /// Returns an int, read as [unsigned](Int::as_u64).
    pub fn as_u64(self) -> Option<u64> {
        match self {
            Self::Int(int) => Some(int.as_u64()),
            _ => None,
        }
    }

    /// Returns an int, read as [signed](Int::as_i64).
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(int.as_i64()),
            _ => None,
        }
    }

    /// Returns a double, unless it means ["no value"](Double::as_f64), or an int, read as signed.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Double(double) => double.as_f64(),
            Self::Int(int) => Some(int.as_i64() as f64),
            _ => None,
        }
    }

    /// Reads a number that is not negative: an int, a whole double, or decimal digits.
    ///
    /// The type of a number differs between methods and versions: `stats.fetch` sends digits, `core.shmmem` sends ints in
    /// 5.6 and doubles in 6.2.
    ///
    /// ```
    /// use kamailio_binrpc::{Double, Value};
    ///
    /// assert_eq!(Value::Str(b"42").parse_u64(), Some(42));
    /// assert_eq!(Value::Double(Double::from_milli(42_000)).parse_u64(), Some(42));
    /// assert_eq!(Value::Str(b"+42").parse_u64(), None);
    /// ```
    pub fn parse_u64(self) -> Option<u64> {
        match self {
            Self::Int(int) => Some(int.as_u64()),
            Self::Double(double) => double.whole().and_then(|number| u64::try_from(number).ok()),
            Self::Str(text) => decimal::unsigned(text),
            _ => None,
        }
    }

    /// Reads a number that may be negative: an int, a whole double, or decimal digits with or without a minus sign.
    ///
    /// Kamailio prints a negative statistic as an unsigned number of 64 bits (`kex/core_stats.c`, `rpc_fetch_add_stat`):
    ///
    /// ```
    /// use kamailio_binrpc::Value;
    ///
    /// assert_eq!(Value::Str(b"18446744073709551611").parse_i64(), Some(-5));
    /// ```
    pub fn parse_i64(self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(int.as_i64()),
            Self::Double(double) => double.whole(),
            Self::Str(text) => decimal::signed(text),
            _ => None,
        }
    }

    /// Reads any number: an int, a double that has a value, or a decimal number with or without a fraction.
    ///
    /// ```
    /// use kamailio_binrpc::Value;
    ///
    /// assert_eq!(Value::Str(b"-1.5").parse_f64(), Some(-1.5));
    /// assert_eq!(Value::Str(b"NaN").parse_f64(), None);
    /// ```
    pub fn parse_f64(self) -> Option<f64> {
        match self {
            Self::Str(text) => decimal::fraction(text),
            _ => self.as_f64(),
        }
    }

    /// Returns `None` for a string that is `<null string>`, and any other value unchanged.
    ///
    /// Kamailio prints a C null pointer so (`ctl/binrpc_run.c`, `rpc_struct_add`). BINRPC cannot tell the null pointer from
    /// a string with the same text, so no other accessor interprets the text.
    ///
    /// ```
    /// use kamailio_binrpc::Value;
    ///
    /// assert_eq!(Value::Str(b"<null string>").non_null().and_then(Value::as_str), None);
    /// assert_eq!(Value::Str(b"udp:10.0.0.1:5060").non_null().and_then(Value::as_str), Some("udp:10.0.0.1:5060"));
    /// ```
    pub fn non_null(self) -> Option<Self> {
        (self != Self::Str(NULL_STRING)).then_some(self)
    }

    /// Returns the members of a struct or the elements of an array.
    pub fn members(self) -> Option<Members<'a>> {
        match self {
            Self::Struct(members) | Self::Array(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the first member with this name, if the value is a struct.
    pub fn get(self, name: &str) -> Option<Self> {
        match self {
            Self::Struct(members) => members.get(name),
            _ => None,
        }
    }

    /// Returns every member with this name, in the order of the wire; none if the value is not a struct.
    ///
    /// See [`Members::get_all`] for an example.
    pub fn get_all<'n>(self, name: &'n str) -> impl Iterator<Item = Self> + use<'a, 'n> {
        let members = match self {
            Self::Struct(members) => members,
            _ => Members::default(),
        };
        members.get_all(name)
    }

    /// Follows a path of member names through nested structs. The empty path leads to the value itself.
    ///
    /// ```
    /// # use kamailio_binrpc::wire::Nodes;
    /// use kamailio_binrpc::Value;
    ///
    /// # let body = b"\x03\x95\x08LATENCY\0\x03\x45AVG\0\x12\x64\x83\x83";
    /// # let mut nodes = Nodes::new();
    /// # nodes.decode(body)?;
    /// # let destination = nodes.members(body).first().unwrap();
    /// let average = destination.path(&["LATENCY", "AVG"]).and_then(Value::as_f64);
    /// assert_eq!(average, Some(0.1));
    /// # Ok::<(), kamailio_binrpc::DecodeError>(())
    /// ```
    // A value is larger than what functions return in registers. Reading it back from memory stalled the CPU for a tenth of
    // the time that a list of destinations takes.
    #[inline(always)]
    pub fn path(self, path: &[&str]) -> Option<Self> {
        let Some((last, structs)) = path.split_last() else { return Some(self) };
        let Self::Struct(mut members) = self else { return None };
        for name in structs {
            members = members.inside(name)?;
        }
        members.get(last)
    }

    /// Copies the value, so that the copy outlives the reply.
    pub fn into_owned(self) -> OwnedValue {
        OwnedValue::new(self)
    }
}

/// Strings are printed as text, in which bytes that are not UTF-8 are escaped: `Str("sip:127.0.0.1")`.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => int.fmt(f),
            Self::Double(double) => double.fmt(f),
            Self::Str(bytes) => f.debug_tuple("Str").field(&Text(bytes)).finish(),
            Self::Bytes(bytes) => f.debug_tuple("Bytes").field(&Text(bytes)).finish(),
            Self::Struct(members) => f.debug_tuple("Struct").field(members).finish(),
            Self::Array(members) => f.debug_tuple("Array").field(members).finish(),
        }
    }
}

/// Kamailio's text for a C null pointer.
const NULL_STRING: &[u8] = b"<null string>";
