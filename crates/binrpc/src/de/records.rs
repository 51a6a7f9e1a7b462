//! All records of a reply as the source of one type.

use super::error::DeserializeError;
use super::value::{Elements, FromValue};
use crate::value::Members;
use serde::de::{Deserializer, Error as _, Visitor};

pub(super) struct FromRecords<'de>(pub(super) Members<'de>);

impl<'de> FromRecords<'de> {
    /// The only record.
    fn only(&self) -> Result<FromValue<'de>, DeserializeError> {
        let mut records = self.0.iter();
        match (records.next(), records.count()) {
            (Some(record), 0) => Ok(FromValue(record.value)),
            (None, _) => Err(DeserializeError::custom("the reply has no records, expected one")),
            (Some(_), others) => Err(DeserializeError::custom(format_args!(
                "the reply has {} records, expected one: read the reply into a Vec or a tuple",
                others + 1
            ))),
        }
    }

    fn elements(&self) -> Elements<'de, impl Iterator<Item = crate::Value<'de>> + use<'de>> {
        Elements::new(self.0.iter().map(|record| record.value))
    }
}

macro_rules! from_the_only_record {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, DeserializeError> {
            self.only()?.$method($($arg,)* visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for FromRecords<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.only() {
            Ok(record) => record.deserialize_any(visitor),
            Err(_) => visitor.visit_seq(self.elements()),
        }
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

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.only() {
            _ if self.0.is_empty() => visitor.visit_none(),
            Ok(record) if record.is_none() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.0.is_empty() { visitor.visit_unit() } else { self.only()?.deserialize_unit(visitor) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_unit()
    }

    from_the_only_record! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_u8()
        deserialize_u16() deserialize_u32() deserialize_u64() deserialize_f32() deserialize_f64() deserialize_char()
        deserialize_str() deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_map()
        deserialize_identifier() deserialize_unit_struct(name: &'static str)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }
}
