//! One value as the source of one type.

use super::error::DeserializeError;
use crate::named::{self, Values};
use crate::value::{Members, Value};
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

#[derive(Clone, Copy)]
pub(super) struct FromValue<'de>(pub(super) Value<'de>);

impl<'de> FromValue<'de> {
    /// Whether the value is `<null string>` or a double that means "no value".
    pub(super) fn is_none(self) -> bool {
        match self.0 {
            Value::Double(double) => double.as_f64().is_none(),
            value => value.non_null().is_none(),
        }
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match (self.0.as_str(), self.0.to_str_lossy()) {
            (Some(text), _) => visitor.visit_borrowed_str(text),
            (None, Some(text)) => visitor.visit_string(text.into_owned()),
            (None, None) => Err(self.unexpected(&visitor)),
        }
    }

    fn unexpected<V: Visitor<'de>>(self, expected: &V) -> DeserializeError {
        let found = match self.0 {
            Value::Int(int) => Unexpected::Signed(int.as_i64()),
            Value::Double(double) => {
                double.as_f64().map_or(Unexpected::Other("a double without a value"), Unexpected::Float)
            }
            Value::Str(bytes) => str::from_utf8(bytes).map_or(Unexpected::Bytes(bytes), Unexpected::Str),
            Value::Bytes(bytes) => Unexpected::Bytes(bytes),
            Value::Struct(_) => Unexpected::Map,
            Value::Array(_) => Unexpected::Seq,
        };
        DeserializeError::invalid_type(found, expected)
    }

    /// The members of a struct that stands for an array, the elements of an array, or else the value alone.
    fn elements(self) -> Elements<'de, impl Iterator<Item = Value<'de>>> {
        let (members, alone) = match self.0 {
            Value::Array(members) => (Some(members), None),
            Value::Struct(members) if members.is_empty() || named::is_sequence(members) => {
                (Some(members), None)
            }
            value => (None, Some(value)),
        };
        Elements::new(members.into_iter().flat_map(values).chain(alone))
    }
}

fn values(members: Members<'_>) -> impl Iterator<Item = Value<'_>> {
    members.iter().map(|member| member.value)
}

macro_rules! numbers {
    ($($method:ident $parse:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
            match self.0.$parse() {
                Some(number) => visitor.$visit(number),
                None => Err(self.unexpected(&visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for FromValue<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.0 {
            Value::Int(int) => visitor.visit_i64(int.as_i64()),
            Value::Double(double) => match double.as_f64() {
                Some(number) => visitor.visit_f64(number),
                None => visitor.visit_none(),
            },
            Value::Str(_) => self.text(visitor),
            Value::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Struct(members) if !named::is_sequence(members) => {
                visitor.visit_map(Entries::new(members))
            }
            Value::Struct(_) | Value::Array(_) => visitor.visit_seq(self.elements()),
        }
    }

    numbers! {
        deserialize_i8 parse_i64 visit_i64
        deserialize_i16 parse_i64 visit_i64
        deserialize_i32 parse_i64 visit_i64
        deserialize_i64 parse_i64 visit_i64
        deserialize_u8 parse_u64 visit_u64
        deserialize_u16 parse_u64 visit_u64
        deserialize_u32 parse_u64 visit_u64
        deserialize_u64 parse_u64 visit_u64
        deserialize_f32 parse_f64 visit_f64
        deserialize_f64 parse_f64 visit_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.0.parse_u64() {
            Some(bit @ 0..=1) => visitor.visit_bool(bit == 1),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.0.as_bytes() {
            Some(bytes) => visitor.visit_borrowed_bytes(bytes),
            None => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.text(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.0.members() {
            Some(members) if members.is_empty() => visitor.visit_unit(),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_seq(self.elements())
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeserializeError> {
        self.elements().tuple(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.elements().tuple(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.0 {
            Value::Struct(members) if !named::is_sequence(members) => {
                visitor.visit_map(Entries::new(members))
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.deserialize_map(visitor)
    }

    /// A string is a variant without data. A struct with one member is a variant with data.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        match (self.0, self.0.to_str_lossy()) {
            (_, Some(text)) => {
                let variant: StringDeserializer<DeserializeError> = text.into_owned().into_deserializer();
                visitor.visit_enum(variant)
            }
            (Value::Struct(members), None) => match members.iter().count() {
                1 => visitor.visit_enum(MapAccessDeserializer::new(Entries::new(members))),
                count => Err(DeserializeError::custom(format_args!(
                    "a struct of {count} members, expected one, which names the variant"
                ))),
            },
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_unit()
    }
}

/// The values of a name that occurs more than once.
struct FromRepeated<'de>(Vec<Value<'de>>);

impl FromRepeated<'_> {
    fn not_one<T>(&self) -> Result<T, DeserializeError> {
        let message =
            format!("the name occurs {} times, expected one: read the members into a Vec", self.0.len());
        Err(DeserializeError::custom(message))
    }
}

impl<'de> Deserializer<'de> for FromRepeated<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_seq(Elements::new(self.0.into_iter()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    /// Not `deserialize_any`: the visitors of derived types would accept the values as fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DeserializeError> {
        self.not_one()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier
    }
}

/// A struct as a map.
struct Entries<'de> {
    names: std::vec::IntoIter<(&'de [u8], Values<'de>)>,
    /// The name and the values to read next.
    current: Option<(&'de [u8], Values<'de>)>,
}

impl<'de> Entries<'de> {
    fn new(members: Members<'de>) -> Self {
        Self { names: named::by_name(members).into_iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DeserializeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeserializeError> {
        self.current = self.names.next();
        let Some((name, _)) = self.current else { return Ok(None) };
        seed.deserialize(FromValue(Value::Str(name))).map(Some).map_err(|error| error.in_member(name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeserializeError> {
        let Some((name, values)) = self.current.take() else {
            return Err(DeserializeError::custom("a value was asked for before its name"));
        };
        let value = match values {
            Values::One(value) => seed.deserialize(FromValue(value)),
            Values::Many(values) => seed.deserialize(FromRepeated(values)),
        };
        value.map_err(|error| error.in_member(name))
    }
}

/// Values as a sequence.
pub(super) struct Elements<'de, I: Iterator<Item = Value<'de>>> {
    values: std::iter::Enumerate<I>,
}

impl<'de, I: Iterator<Item = Value<'de>>> Elements<'de, I> {
    pub(super) fn new(values: I) -> Self {
        Self { values: values.enumerate() }
    }

    /// Lets the visitor of a tuple read the values. A tuple that does not read all of them would lose the others.
    pub(super) fn tuple<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let tuple = visitor.visit_seq(&mut self)?;
        match self.values.next() {
            None => Ok(tuple),
            Some((read, _)) => Err(DeserializeError::custom(format_args!(
                "invalid length {}, expected a tuple of size {read}",
                read + 1 + self.values.count()
            ))),
        }
    }
}

impl<'de, I: Iterator<Item = Value<'de>>> SeqAccess<'de> for Elements<'de, I> {
    type Error = DeserializeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeserializeError> {
        let Some((index, value)) = self.values.next() else { return Ok(None) };
        seed.deserialize(FromValue(value)).map(Some).map_err(|error| error.in_element(index))
    }
}
