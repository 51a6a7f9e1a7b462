//! Writes the values of a JSON result into a BINRPC body.
//!
//! Module jsonrpcs writes the values of an RPC method differently from module ctl (`jsonrpcs_mod.c`):
//!
//! * The records are an array, if the method is known to return several; otherwise the last of them is the result.
//! * An array is an array, and a named member of an array is an object of its own: `[{"SET": …}, {"SET": …}]`.
//! * A number may have more than 32 bits, and a double without a fraction has no decimal point.
//! * A null pointer is `null`.
//!
//! Names may repeat in an object, and their order may be significant.

use kamailio_binrpc::wire::Body;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A name in an object.
pub(super) struct Name(pub(super) String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Writes a value into the body, and returns whether the value is an array.
pub(super) struct Written<'b> {
    pub(super) body: &'b mut Body,
    pub(super) position: Position,
}

/// The position of a value in a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// The result: an array has the records, and anything else is the only one.
    Result,
    /// A record, or the value of a member.
    Inside,
    /// In an array, where an object with one member is a member of the array.
    Array,
}

impl<'de> DeserializeSeed<'de> for Written<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Written<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<bool, E> {
        self.body.int(number);
        Ok(false)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<bool, E> {
        match i64::try_from(number) {
            Ok(number) => self.body.int(number),
            Err(_) => self.body.double(number as f64),
        }
        Ok(false)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<bool, E> {
        self.body.double(number);
        Ok(false)
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<bool, E> {
        self.body.int(is.into());
        Ok(false)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        self.body.text(text.as_bytes());
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.body.text(NULL_STRING);
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<bool, A::Error> {
        let (at, is_result) = (self.body.len(), self.position == Position::Result);
        let position = if is_result { Position::Inside } else { Position::Array };
        if !is_result {
            self.body.begin(at);
        }
        while values.next_element_seed(Written { body: &mut *self.body, position })?.is_some() {}
        if !is_result {
            self.body.end();
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let at = self.body.len();
        let mut count = 0_u32;
        let mut begun = self.position != Position::Array;
        if begun {
            self.body.begin(at);
        }
        while let Some(Name(name)) = members.next_key()? {
            if count == 1 && !begun {
                self.body.begin(at);
                begun = true;
            }
            count = count.saturating_add(1);
            self.body.name(name.as_bytes());
            members.next_value_seed(Written { body: &mut *self.body, position: Position::Inside })?;
        }
        match (begun, count) {
            (true, _) => self.body.end(),
            (false, 0) => self.body.wrap(at),
            (false, _) => {}
        }
        Ok(false)
    }
}

/// The text of module ctl for a null pointer (`ctl/binrpc_run.c`, `rpc_struct_add`).
const NULL_STRING: &[u8] = b"<null string>";
