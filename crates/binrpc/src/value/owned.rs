//! Values that outlive their reply.

use super::{Member, Members, Node, Shape, Value};
use std::fmt;
use std::num::NonZeroU32;

/// A copy of a [`Value`], as compact as the reply was.
///
/// ```
/// use kamailio_binrpc::{OwnedValue, Value};
///
/// let version: OwnedValue = {
///     let reply = b"kamailio 5.6.3".to_vec();
///     Value::Str(&reply).into_owned()
/// };
/// assert_eq!(version.as_value().as_str(), Some("kamailio 5.6.3"));
/// ```
#[derive(Clone)]
pub struct OwnedValue {
    /// Invariant: exactly one.
    records: OwnedMembers,
}

impl OwnedValue {
    pub(super) fn new(value: Value<'_>) -> Self {
        let mut records = OwnedMembers::default();
        records.push(Member { name: None, value });
        Self { records }
    }

    /// Returns the value, with all its accessors.
    pub fn as_value(&self) -> Value<'_> {
        self.records.as_members().first().unwrap_or(Value::Bytes(b""))
    }
}

impl PartialEq for OwnedValue {
    fn eq(&self, other: &Self) -> bool {
        self.as_value() == other.as_value()
    }
}

impl Eq for OwnedValue {}

impl fmt::Debug for OwnedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_value().fmt(f)
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        Self::new(value)
    }
}

/// A copy of [`Members`], for instance of all records of a reply.
///
/// ```
/// use kamailio_binrpc::{Members, OwnedMembers};
///
/// let records: OwnedMembers = Members::default().into_owned();
/// assert!(records.as_members().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct OwnedMembers {
    /// The bytes of all names and values, one after the other.
    bytes: Vec<u8>,
    nodes: Vec<Node>,
}

impl OwnedMembers {
    pub(super) fn new(members: Members<'_>) -> Self {
        let mut owned = Self::default();
        members.iter().for_each(|member| owned.push(member));
        owned
    }

    /// Returns the members, with all their accessors.
    pub fn as_members(&self) -> Members<'_> {
        Members::new(&self.bytes, &self.nodes)
    }

    /// Nesting is limited to [`MAX_DEPTH`](crate::wire::MAX_DEPTH), and so is this recursion.
    fn push(&mut self, member: Member<'_>) {
        if self.bytes.is_empty() {
            // The offset of a name is not 0.
            self.bytes.push(0);
        }
        let (name_at, name_len) = match member.name {
            Some(name) => {
                let (at, len) = self.push_bytes(name);
                (NonZeroU32::new(at), len)
            }
            None => (None, 0),
        };
        let number;
        let (shape, bytes) = match member.value {
            Value::Int(int) => {
                number = int.as_u64().to_be_bytes();
                (Shape::Int, last(&number, int.size()))
            }
            Value::Double(double) => {
                number = double.milli().to_be_bytes();
                (Shape::Double, last(&number, 8))
            }
            Value::Str(bytes) => (Shape::Str, bytes),
            Value::Bytes(bytes) => (Shape::Bytes, bytes),
            Value::Struct(_) => (Shape::Struct, &[][..]),
            Value::Array(_) => (Shape::Array, &[][..]),
        };
        let (at, len) = self.push_bytes(bytes);
        let index = self.nodes.len();
        self.nodes.push(Node { name_at, name_len, at, len, inside: 0, shape });
        if let Some(members) = member.value.members() {
            members.iter().for_each(|member| self.push(member));
            let inside = (self.nodes.len() - index - 1) as u32;
            if let Some(node) = self.nodes.get_mut(index) {
                node.inside = inside;
            }
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> (u32, u32) {
        let at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        (at, bytes.len() as u32)
    }
}

fn last(number: &[u8; 8], size: u8) -> &[u8] {
    number.get(8 - usize::from(size)..).unwrap_or_default()
}

impl PartialEq for OwnedMembers {
    fn eq(&self, other: &Self) -> bool {
        self.as_members() == other.as_members()
    }
}

impl Eq for OwnedMembers {}

impl fmt::Debug for OwnedMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_members().fmt(f)
    }
}

impl From<Members<'_>> for OwnedMembers {
    fn from(members: Members<'_>) -> Self {
        Self::new(members)
    }
}
