//! `Serialize` for values.

use crate::named::{self, Values};
use crate::value::{Members, OwnedMembers, OwnedValue, Value};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Serializes a value in its natural form:
///
/// * an int as a signed number, as `kamcmd` prints it, because BINRPC does not transmit whether an int is signed;
/// * a double as a floating-point number, and a double without a value as `None`;
/// * a string as text in which U+FFFD replaces what is not UTF-8;
/// * a struct as a map, in which the values of a repeated name are a sequence;
/// * an array, and a struct whose members have no names, as a sequence.
///
/// ```
/// use kamailio_binrpc::{Double, Value};
///
/// assert_eq!(serde_json::to_string(&Value::Double(Double::from_milli(29)))?, "0.029");
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Int(int) => serializer.serialize_i64(int.as_i64()),
            Self::Double(double) => match double.as_f64() {
                Some(number) => serializer.serialize_f64(number),
                None => serializer.serialize_none(),
            },
            Self::Str(text) => serializer.serialize_str(&String::from_utf8_lossy(text)),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Struct(members) if named::is_sequence(members) => sequence(members, serializer),
            Self::Struct(members) => map(members, serializer),
            Self::Array(elements) => sequence(elements, serializer),
        }
    }
}

/// Serializes records as a sequence, and the members of a struct as [`Value::Struct`] is serialized.
impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.is_empty() || named::is_sequence(*self) {
            true => sequence(*self, serializer),
            false => map(*self, serializer),
        }
    }
}

impl Serialize for OwnedValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_value().serialize(serializer)
    }
}

impl Serialize for OwnedMembers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_members().serialize(serializer)
    }
}

fn sequence<S: Serializer>(members: Members<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(members.iter().map(|member| member.value))
}

fn map<S: Serializer>(members: Members<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let names = named::by_name(members);
    let mut map = serializer.serialize_map(Some(names.len()))?;
    for (name, values) in names {
        let name = String::from_utf8_lossy(name);
        match values {
            Values::One(value) => map.serialize_entry(&name, &value)?,
            Values::Many(values) => map.serialize_entry(&name, &values)?,
        }
    }
    map.end()
}
