//! Decodes bytes into values.

use super::{
    END, LONG, MAX_BODY, MAX_DEPTH, MAX_VALUES, T_ARRAY, T_BYTES, T_DOUBLE, T_INT, T_NAME, T_STR, T_STRUCT,
};
use crate::error::{DecodeError, Flaw};
use crate::value::{Members, Node, Shape, big_endian};
use std::num::NonZeroU32;

/// The flat table of the values in a body, with one entry for each value. The name of a member is in the entry of the value.
///
/// A table keeps its memory from one body to the next.
///
/// ```
/// use kamailio_binrpc::{Value, wire::Nodes};
///
/// let body = b"\x10\x2a";
/// let mut nodes = Nodes::new();
/// nodes.decode(body)?;
/// assert_eq!(nodes.members(body).first().and_then(Value::as_u64), Some(42));
/// # Ok::<(), kamailio_binrpc::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    nodes: Vec<Node>,
}

impl Nodes {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the table by the table of `body`, in one pass over the bytes. After an error the table is empty.
    ///
    /// # Errors
    /// The bytes are not values, or exceed [`MAX_BODY`], [`MAX_VALUES`] or [`MAX_DEPTH`].
    pub fn decode(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        self.nodes.clear();
        let decoded = self.read(body).map_err(DecodeError);
        if decoded.is_err() {
            self.nodes.clear();
        }
        decoded
    }

    /// Returns the number of bytes of memory that the table holds, in use or spare.
    pub fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    /// Returns the records of the body that was decoded last. `body` must be that body.
    pub fn members<'a>(&'a self, body: &'a [u8]) -> Members<'a> {
        Members::new(body, &self.nodes)
    }

    fn read(&mut self, body: &[u8]) -> Result<(), Flaw> {
        if body.len() > MAX_BODY {
            return Err(Flaw::BodyOverLimit { len: body.len() as u64 });
        }
        self.nodes.reserve((body.len() / TYPICAL_LEN).clamp(FEW_VALUES, TYPICAL_VALUES));
        let mut reader = Reader { body, at: 0 };
        let mut open = Open { around: [(0, T_STRUCT); MAX_DEPTH], depth: 0 };
        let mut name = None;
        while let Some(mark) = reader.mark() {
            let (shape, span) = match mark.kind {
                T_NAME if name.is_some() => return Err(Flaw::NameWithoutValue { at: mark.at }),
                T_NAME if open.innermost() != Some(T_STRUCT) => {
                    return Err(Flaw::NameOutsideStruct { at: mark.at });
                }
                T_NAME => {
                    name = Some(reader.text(mark)?);
                    continue;
                }
                T_STRUCT | T_ARRAY if mark.size == END => {
                    if name.is_some() {
                        return Err(Flaw::NameWithoutValue { at: mark.at });
                    }
                    open.end(mark, &mut self.nodes)?;
                    continue;
                }
                T_STRUCT | T_ARRAY if mark.size != 0 => return Err(mark.reserved()),
                T_STRUCT | T_ARRAY => {
                    open.start(mark, self.nodes.len())?;
                    (if mark.kind == T_STRUCT { Shape::Struct } else { Shape::Array }, Span::default())
                }
                T_INT => (Shape::Int, reader.number(mark)?),
                T_DOUBLE => (Shape::Double, reader.number(mark)?),
                T_STR => (Shape::Str, reader.text(mark)?),
                T_BYTES => (Shape::Bytes, reader.bytes(mark)?),
                kind => return Err(Flaw::UnknownType { kind, at: mark.at }),
            };
            if self.nodes.len() == MAX_VALUES {
                return Err(Flaw::ValuesOverLimit);
            }
            let Span { at: name_at, len: name_len } = name.take().unwrap_or_default();
            self.nodes.push(Node {
                name_at: NonZeroU32::new(name_at),
                name_len,
                at: span.at,
                len: span.len,
                inside: 0,
                shape,
            });
        }
        match (name, open.depth) {
            (Some(_), _) => Err(Flaw::NameWithoutValue { at: reader.at }),
            (None, 0) => Ok(()),
            (None, open) => Err(Flaw::Unterminated { open }),
        }
    }
}

/// The byte before a value: the type, and either the size of the value or the size of the length that follows.
#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    kind: u8,
    size: u8,
}

impl Mark {
    fn what(self) -> &'static str {
        match self.kind {
            T_INT => "int",
            T_STR => "string",
            T_DOUBLE => "double",
            T_STRUCT => "struct",
            T_ARRAY => "array",
            T_NAME => "name",
            _ => "bytes",
        }
    }

    fn reserved(self) -> Flaw {
        Flaw::ReservedMark { mark: self.size << 4 | self.kind, at: self.at }
    }
}

/// A range of bytes in the body.
#[derive(Clone, Copy, Default)]
struct Span {
    at: u32,
    len: u32,
}

/// Invariant: `at <= body.len() <= MAX_BODY`.
struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    #[inline]
    fn mark(&mut self) -> Option<Mark> {
        let byte = *self.body.get(self.at)?;
        let mark = Mark { at: self.at, kind: byte & 0x0f, size: byte >> 4 };
        self.at += 1;
        Some(mark)
    }

    #[inline]
    fn number(&mut self, mark: Mark) -> Result<Span, Flaw> {
        // A double has no long form. A nibble of 8 is a size, where an int would announce a length.
        let len = if mark.kind == T_DOUBLE { mark.size.into() } else { self.len(mark)? };
        if len > MAX_NUMBER {
            return Err(Flaw::Oversized { what: mark.what(), at: mark.at, len });
        }
        self.take(mark, len)
    }

    /// The length counts the NUL. A string without a NUL is kept as is.
    #[inline]
    fn text(&mut self, mark: Mark) -> Result<Span, Flaw> {
        let mut span = self.bytes(mark)?;
        if span.len > 0 && self.body.get(self.at - 1) == Some(&0) {
            span.len -= 1;
        }
        Ok(span)
    }

    #[inline]
    fn bytes(&mut self, mark: Mark) -> Result<Span, Flaw> {
        let len = self.len(mark)?;
        self.take(mark, len)
    }

    #[inline]
    fn len(&mut self, mark: Mark) -> Result<u64, Flaw> {
        if mark.size & LONG == 0 {
            return Ok(mark.size.into());
        }
        let end = self.at + usize::from(mark.size & !LONG);
        if end == self.at {
            return Err(mark.reserved());
        }
        let Some(len) = self.body.get(self.at..end) else {
            return Err(Flaw::TruncatedLength { what: mark.what(), at: mark.at });
        };
        self.at = end;
        Ok(big_endian(len))
    }

    #[inline]
    fn take(&mut self, mark: Mark, len: u64) -> Result<Span, Flaw> {
        let left = self.body.len() - self.at;
        if len > left as u64 {
            return Err(Flaw::Truncated { what: mark.what(), at: mark.at, len, left });
        }
        let span = Span { at: self.at as u32, len: len as u32 };
        self.at += len as usize;
        Ok(span)
    }
}

/// The structs and arrays that have started and not ended: the first `depth` of `around`, each with the index of its entry.
struct Open {
    around: [(usize, u8); MAX_DEPTH],
    depth: usize,
}

impl Open {
    #[inline]
    fn innermost(&self) -> Option<u8> {
        Some(self.around.get(self.depth.checked_sub(1)?)?.1)
    }

    #[inline]
    fn start(&mut self, mark: Mark, node: usize) -> Result<(), Flaw> {
        *self.around.get_mut(self.depth).ok_or(Flaw::DepthOverLimit { at: mark.at })? = (node, mark.kind);
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn end(&mut self, mark: Mark, nodes: &mut [Node]) -> Result<(), Flaw> {
        match self.innermost() {
            None => return Err(Flaw::EndWithoutStart { what: mark.what(), at: mark.at }),
            Some(kind) if kind != mark.kind => {
                return Err(Flaw::EndOfOther { what: mark.what(), at: mark.at });
            }
            Some(_) => self.depth -= 1,
        }
        let after = nodes.len();
        if let Some(&(index, _)) = self.around.get(self.depth)
            && let Some(node) = nodes.get_mut(index)
        {
            node.inside = (after - index - 1) as u32;
        }
        Ok(())
    }
}

/// Bytes of a typical value with its name: that of a statistic.
const TYPICAL_LEN: usize = 32;
/// Values of a short reply, which may be shorter than those of statistics. The table is allocated at once for so many.
const FEW_VALUES: usize = 64;
/// Values of a long reply. The table is allocated at once for so many, and grows for more: a body can be a single string.
const TYPICAL_VALUES: usize = 1024;
/// Maximum number of bytes of an int or a double: the widest C integer.
const MAX_NUMBER: u64 = 8;
