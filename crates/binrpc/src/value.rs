//! Decoded values: views into the body of a reply, and nothing that is allocated for them.

use std::fmt;
use std::num::NonZeroU32;

/// One decoded value. It borrows from the reply that it came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number, whose sign the wire does not tell: see [`Int`].
    Int(Int),
    /// A fixed-point number, in thousandths.
    Double(Double),
    /// A string without the NUL that ends it on the wire. Bytes, not UTF-8: Kamailio sends what SIP messages brought.
    Str(&'a [u8]),
    /// Bytes. Kamailio knows the type and sends none.
    Bytes(&'a [u8]),
    /// Members with and without a name, in the order of the wire; names may repeat. Kamailio's arrays are structs
    /// of nameless members.
    Struct(Members<'a>),
    /// An array of the wire's own type 4, which Kamailio defines, and which 5.6.3 and 6.2-dev do not send.
    Array(Members<'a>),
}

impl<'a> Value<'a> {
    /// What a struct or an array holds.
    pub fn members(self) -> Option<Members<'a>> {
        match self {
            Self::Struct(members) | Self::Array(members) => Some(members),
            _ => None,
        }
    }

    /// The first member of that name, if this is a struct that has one.
    pub fn get(self, name: &str) -> Option<Self> {
        match self {
            Self::Struct(members) => members.get(name),
            _ => None,
        }
    }

    /// The value at the end of a path of member names; itself for an empty path.
    // A value is larger than what functions return in registers. Where it went through memory, reading it waited for
    // that: a tenth of the time that a list of destinations takes.
    #[inline(always)]
    pub fn path(self, path: &[&str]) -> Option<Self> {
        let Some((last, structs)) = path.split_last() else { return Some(self) };
        let Self::Struct(mut members) = self else { return None };
        for name in structs {
            members = members.inside(name)?;
        }
        members.get(last)
    }

    /// The bytes of a string or of bytes.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Str(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An int, read as [unsigned](Int::unsigned).
    pub fn unsigned(self) -> Option<u64> {
        match self {
            Self::Int(int) => Some(int.unsigned()),
            _ => None,
        }
    }

    /// An int, read as [signed](Int::signed).
    pub fn signed(self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(int.signed()),
            _ => None,
        }
    }

    /// A double, unless it is ["no value"](Double::value).
    pub fn double(self) -> Option<f64> {
        match self {
            Self::Double(double) => double.value(),
            _ => None,
        }
    }
}

/// A whole number of 0 to 8 bytes.
///
/// Kamailio writes a C `int` in the fewest bytes and casts unsigned counters into it (`ctl/binrpc.h`,
/// `binrpc_write_int`), so 4 bytes are a negative number or one from 2³¹ up, and only who knows the field can say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    bits: u64,
    size: u8,
}

impl Int {
    /// The number, if the field is unsigned: a counter, a size.
    pub fn unsigned(self) -> u64 {
        self.bits
    }

    /// The number, if the field can be negative. Kamailio extends no sign, so it is one in 4 and in 8 bytes only.
    pub fn signed(self) -> i64 {
        match self.size {
            4 => i64::from(self.bits as u32 as i32),
            _ => self.bits as i64,
        }
    }

    /// How many bytes it had on the wire, 0 to 8.
    pub fn size(self) -> u8 {
        self.size
    }
}

/// A fixed-point number: thousandths in 0 to 8 bytes, signed in 8 (`ctl/binrpc.h`, `binrpc_add_double_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Double {
    milli: i64,
}

impl Double {
    /// The thousandths as they were sent.
    pub fn milli(self) -> i64 {
        self.milli
    }

    /// The number, or None for what Kamailio's cast makes of a number that is too large for the wire, of infinity and
    /// of NaN: `i64::MIN` thousandths, and up to Kamailio 5.4, which casts to an `int`, the four bytes of `i32::MIN`.
    pub fn value(self) -> Option<f64> {
        (!NO_VALUE.contains(&self.milli)).then(|| self.milli as f64 / 1000.0)
    }
}

/// The second would also be a true 2147483.648, which no field of Kamailio is known to reach.
const NO_VALUE: [i64; 2] = [i64::MIN, 1 << 31];

/// The records of a reply, the members of a struct or the values of an array, in the order of the wire.
#[derive(Clone, Copy, Default)]
pub struct Members<'a> {
    body: &'a [u8],
    nodes: &'a [Node],
}

impl<'a> Members<'a> {
    pub(crate) fn new(body: &'a [u8], nodes: &'a [Node]) -> Self {
        Self { body, nodes }
    }

    /// All of them. To step over a struct costs no more than to step over an int.
    pub fn iter(self) -> Iter<'a> {
        Iter { rest: self }
    }

    /// The value of the first member of that name.
    #[inline]
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        self.find(name).map(|(node, inside)| node.value(self.body, inside))
    }

    /// What is in the first member of that name, if that is a struct.
    #[inline]
    fn inside(self, name: &str) -> Option<Self> {
        let (node, inside) = self.find(name)?;
        (node.shape == Shape::Struct).then_some(Self { body: self.body, nodes: inside })
    }

    /// The node of the first member of that name, and those inside it.
    #[inline]
    fn find(self, name: &str) -> Option<(&'a Node, &'a [Node])> {
        let mut nodes = self.nodes;
        // Of most members only the length of the name is looked at.
        while let Some((node, after)) = nodes.split_first() {
            let (inside, after) = after.split_at_checked(node.inside as usize)?;
            if node.name_len as usize == name.len() && node.name(self.body) == Some(name.as_bytes()) {
                return Some((node, inside));
            }
            nodes = after;
        }
        None
    }

    /// The first value, named or not.
    pub fn first(self) -> Option<Value<'a>> {
        self.iter().next().map(|member| member.value)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.nodes.is_empty()
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

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// The iterator of [`Members`].
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

/// A value and its name, if it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member<'a> {
    /// The name, without the NUL that ends it on the wire. None: a record, a value of an array, or one of those
    /// nameless members that make a struct an array.
    pub name: Option<&'a [u8]>,
    /// The value.
    pub value: Value<'a>,
}

/// A value in the flat table of a body: where its bytes are, and how many nodes of the table are inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// A name is behind its mark, so none begins at 0.
    pub(crate) name_at: Option<NonZeroU32>,
    pub(crate) name_len: u32,
    pub(crate) at: u32,
    pub(crate) len: u32,
    /// 0 for all but structs and arrays; these are followed by what is in them.
    pub(crate) inside: u32,
    pub(crate) shape: Shape,
}

impl Node {
    #[inline]
    fn name<'a>(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        self.name_at.map(|at| slice(body, at.get(), self.name_len))
    }

    #[inline]
    fn value<'a>(&self, body: &'a [u8], inside: &'a [Self]) -> Value<'a> {
        let bytes = slice(body, self.at, self.len);
        match self.shape {
            Shape::Int => Value::Int(Int { bits: bits(bytes), size: bytes.len() as u8 }),
            Shape::Double => Value::Double(Double { milli: bits(bytes) as i64 }),
            Shape::Str => Value::Str(bytes),
            Shape::Bytes => Value::Bytes(bytes),
            Shape::Struct => Value::Struct(Members::new(body, inside)),
            Shape::Array => Value::Array(Members::new(body, inside)),
        }
    }
}

/// What a node is.
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

/// Big endian. At most 8 bytes, which the decoder sees to.
fn bits(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}
