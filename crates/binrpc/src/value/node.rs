//! The flat table behind the values: where the bytes of each value are.

use super::{Double, Int, Members, Value};
use std::num::NonZeroU32;

/// An entry of the table: where a value's bytes are, and how many entries after it are nested inside the value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// A name follows its mark, so no name begins at offset 0.
    pub(crate) name_at: Option<NonZeroU32>,
    pub(crate) name_len: u32,
    pub(crate) at: u32,
    pub(crate) len: u32,
    /// 0 except for structs and arrays, whose contents follow their entry.
    pub(crate) inside: u32,
    pub(crate) shape: Shape,
}

impl Node {
    #[inline]
    pub(super) fn name<'a>(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        self.name_at.map(|at| slice(body, at.get(), self.name_len))
    }

    #[inline]
    pub(super) fn value<'a>(&self, body: &'a [u8], inside: &'a [Self]) -> Value<'a> {
        let bytes = self.bytes(body);
        match self.shape {
            Shape::Int => Value::Int(Int::from_wire(bytes)),
            Shape::Double => Value::Double(Double::from_wire(bytes)),
            Shape::Str => Value::Str(bytes),
            Shape::Bytes => Value::Bytes(bytes),
            Shape::Struct => Value::Struct(Members::new(body, inside)),
            Shape::Array => Value::Array(Members::new(body, inside)),
        }
    }

    #[inline]
    pub(super) fn bytes<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        slice(body, self.at, self.len)
    }
}

/// The type of an entry's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Int,
    Double,
    Str,
    Bytes,
    Struct,
    Array,
}

#[inline]
fn slice(body: &[u8], at: u32, len: u32) -> &[u8] {
    let at = at as usize;
    body.get(at..at + len as usize).unwrap_or_default()
}
