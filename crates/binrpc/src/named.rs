//! The members of a struct by name, as serde's maps and sequences need them.

use crate::value::{Members, Value};
use std::collections::HashMap;

/// The values with the same name.
pub(crate) enum Values<'a> {
    One(Value<'a>),
    /// Two or more, in the order of the wire.
    Many(Vec<Value<'a>>),
}

/// The names of a struct in the order of their first occurrence, each with its values. Members without a name in a struct
/// that also has names are collected under the empty name.
///
/// Replies with hundreds of thousands of names are within the limits, so names are looked up in a hash map.
pub(crate) fn by_name(members: Members<'_>) -> Vec<(&[u8], Values<'_>)> {
    let mut names: Vec<(&[u8], Values<'_>)> = Vec::new();
    let mut indices = HashMap::new();
    for member in members {
        let name = member.name.unwrap_or_default();
        let index = *indices.entry(name).or_insert(names.len());
        match names.get_mut(index) {
            None => names.push((name, Values::One(member.value))),
            Some((_, Values::Many(values))) => values.push(member.value),
            Some((_, values @ Values::One(_))) => {
                if let Values::One(first) = *values {
                    *values = Values::Many(vec![first, member.value]);
                }
            }
        }
    }
    names
}

/// Whether a struct stands for an array: it has members, and none has a name.
pub(crate) fn is_sequence(members: Members<'_>) -> bool {
    !members.is_empty() && members.iter().all(|member| member.name.is_none())
}
