//! Lists of values.

use super::{Node, OwnedMembers, Shape, Value, text::Text};
use std::fmt;

/// The records of a reply, the members of a struct, or the elements of an array, in the order of the wire.
///
/// ```
/// # use kamailio_binrpc::wire::Nodes;
/// use kamailio_binrpc::{Members, Value};
///
/// fn longest_name(members: Members<'_>) -> usize {
///     members.iter().filter_map(|member| Some(member.name?.len())).max().unwrap_or(0)
/// }
///
/// # let body = b"\x03\x65total\0\x10\x01\x55free\0\x10\x02\x83";
/// # let mut nodes = Nodes::new();
/// # nodes.decode(body)?;
/// # let memory = nodes.members(body).first().and_then(Value::members).unwrap();
/// assert_eq!(longest_name(memory), "total".len());
/// assert_eq!(memory.get("free").and_then(Value::as_u64), Some(2));
/// # Ok::<(), kamailio_binrpc::DecodeError>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Members<'a> {
    body: &'a [u8],
    nodes: &'a [Node],
}

impl<'a> Members<'a> {
    pub(crate) fn new(body: &'a [u8], nodes: &'a [Node]) -> Self {
        Self { body, nodes }
    }

    /// Returns an iterator over all members. Skipping a struct costs no more than skipping an int.
    pub fn iter(self) -> Iter<'a> {
        Iter { rest: self }
    }

    /// Returns the value of the first member with this name.
    #[inline]
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        self.find(name).map(|(node, inside)| node.value(self.body, inside))
    }

    /// Returns the values of all members with this name, in the order of the wire.
    ///
    /// ```
    /// # use kamailio_binrpc::wire::Nodes;
    /// # use kamailio_binrpc::Value;
    /// # let body = b"\x03\x45SET\0\x10\x07\x45SET\0\x10\x08\x83";
    /// # let mut nodes = Nodes::new();
    /// # nodes.decode(body)?;
    /// # let records = nodes.members(body).first().and_then(Value::members).unwrap();
    /// let sets: Vec<_> = records.get_all("SET").filter_map(Value::as_u64).collect();
    /// assert_eq!(sets, [7, 8]);
    /// # Ok::<(), kamailio_binrpc::DecodeError>(())
    /// ```
    pub fn get_all<'n>(self, name: &'n str) -> impl Iterator<Item = Value<'a>> + use<'a, 'n> {
        self.iter().filter(|member| member.name == Some(name.as_bytes())).map(|member| member.value)
    }

    /// The members of the first member with this name, if that is a struct.
    #[inline]
    pub(super) fn inside(self, name: &str) -> Option<Self> {
        let (node, inside) = self.find(name)?;
        (node.shape == Shape::Struct).then_some(Self { body: self.body, nodes: inside })
    }

    /// The entry of the first member with this name, and the entries nested inside it.
    #[inline]
    fn find(self, name: &str) -> Option<(&'a Node, &'a [Node])> {
        let mut nodes = self.nodes;
        // The length alone rules out most members.
        while let Some((node, after)) = nodes.split_first() {
            let (inside, after) = after.split_at_checked(node.inside as usize)?;
            if node.name_len as usize == name.len() && node.name(self.body) == Some(name.as_bytes()) {
                return Some((node, inside));
            }
            nodes = after;
        }
        None
    }

    /// Returns the first value, with or without a name.
    pub fn first(self) -> Option<Value<'a>> {
        self.iter().next().map(|member| member.value)
    }

    /// Returns whether there are no members.
    pub fn is_empty(self) -> bool {
        self.nodes.is_empty()
    }

    /// Copies the members, so that the copy outlives the reply.
    pub fn into_owned(self) -> OwnedMembers {
        OwnedMembers::new(self)
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = Member<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Members<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Members<'_> {}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// An iterator over [`Members`].
///
/// ```
/// use kamailio_binrpc::Members;
///
/// assert_eq!(Members::default().iter().next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: Members<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Member<'a>> {
        let (node, after) = self.rest.nodes.split_first()?;
        let (inside, after) = after.split_at_checked(node.inside as usize)?;
        self.rest.nodes = after;
        let name = node.name(self.rest.body);
        Some(Member { name, value: node.value(self.rest.body, inside) })
    }
}

impl std::iter::FusedIterator for Iter<'_> {}

/// A value and its name, if the value has one.
///
/// ```
/// use kamailio_binrpc::{Int, Member, Value};
///
/// let member = Member { name: Some(b"ID"), value: Value::Int(Int::from(7)) };
/// assert_eq!(format!("{member:?}"), r#""ID": Int(7)"#);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The name, without the NUL that terminates names on the wire. Records, elements of an array, and the members of a
    /// struct that stands for an array have no name.
    pub name: Option<&'a [u8]>,
    /// The value.
    pub value: Value<'a>,
}

/// `"name": value`, or the value alone.
impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name {
            write!(f, "{:?}: ", Text(name))?;
        }
        self.value.fmt(f)
    }
}
