//! Packets and values as bytes: the functions that read and write them, and the limits. No sockets here.
//!
//! The format is that of Kamailio's `ctl/binrpc.h`. What is written is what Kamailio would write, the fewest bytes;
//! what is read is all that the format allows.

use crate::error::{DecodeError, EncodeError, Flaw, Misfit};
use crate::value::{Members, Node, Shape};
use std::fmt;
use std::num::NonZeroU32;

/// The number that a reply has in common with its request. 0 is what Kamailio answers to a request that it cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cookie(pub u32);

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The type of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call: the method, then the arguments.
    Request = 0,
    /// Its reply: any number of records.
    Reply = 1,
    /// Its refusal: a code and a reason.
    Fault = 3,
}

/// A value to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg<'a> {
    /// A whole number. From `i32::MIN` to `u32::MAX` it goes out as Kamailio's own ints do; Kamailio reads the lowest
    /// 32 bits of anything else.
    Int(i64),
    /// A number that is rounded to thousandths, within ±9.2e15.
    Double(f64),
    /// A string. Methods that want a C string stop at its first NUL.
    Str(&'a [u8]),
    /// Bytes. No method of Kamailio takes them.
    Bytes(&'a [u8]),
    /// Members with and without a name. Kamailio answers fault 500 to a method that would read them (`rpc_scan`).
    Struct(&'a [(Option<&'a str>, Self)]),
    /// Values without names, as the wire's type 4. No method of Kamailio takes them.
    Array(&'a [Self]),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text.as_bytes())
    }
}

impl From<i32> for Arg<'_> {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<f64> for Arg<'_> {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

/// What the first bytes of a packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The packet's type.
    pub kind: Kind,
    /// Its cookie: a number, of which Kamailio drops leading zeros, so the bytes of request and reply may differ.
    pub cookie: Cookie,
    /// Bytes of the header, 4 to 10.
    pub header_len: usize,
    /// Bytes behind the header, up to [`MAX_BODY`].
    pub body_len: usize,
}

/// Appends a packet to `out`, which is left as it was if there is an error.
///
/// # Errors
/// A request of more than [`MAX_REQUEST`] bytes, header included, a body of more than [`MAX_BODY`], nesting deeper than
/// [`MAX_DEPTH`], a double that does not fit.
pub fn encode(kind: Kind, cookie: Cookie, records: &[Arg<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let begin = out.len();
    // The widest header, so that the body is written where it stays but for a few bytes.
    out.extend_from_slice(&[0; MAX_HEADER]);
    let packed = records.iter().try_for_each(|record| put(record, 0, out)).and_then(|()| {
        let len = out.len() - begin - MAX_HEADER;
        let (head, head_len) = pack_header(kind, cookie, len);
        match kind {
            Kind::Request if head_len + len > MAX_REQUEST => {
                Err(EncodeError(Misfit::RequestOverLimit { len: head_len + len }))
            }
            _ if len > MAX_BODY => Err(EncodeError(Misfit::ReplyOverLimit { len })),
            _ => Ok((head, head_len)),
        }
    });
    match packed {
        Ok((head, head_len)) => {
            out.splice(begin..begin + MAX_HEADER, head.into_iter().take(head_len));
            Ok(())
        }
        Err(error) => {
            out.truncate(begin);
            Err(error)
        }
    }
}

/// Appends a call to `out`, which is left as it was if there is an error.
///
/// # Errors
/// Those of [`encode`], and a method with a NUL in its name.
pub fn encode_request(
    cookie: Cookie,
    method: &str,
    args: &[Arg<'_>],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if method.contains('\0') {
        return Err(EncodeError(Misfit::MethodWithNul));
    }
    let mut records = Vec::with_capacity(1 + args.len());
    records.push(Arg::from(method));
    records.extend_from_slice(args);
    encode(Kind::Request, cookie, &records, out)
}

/// Reads the header of the packet that `bytes` begin with. None: more bytes are needed.
///
/// # Errors
/// Bytes that are no header, as soon as the first of them tells; a body of more than [`MAX_BODY`] bytes.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, DecodeError> {
    match bytes.first() {
        None => return Ok(None),
        Some(&MAGIC_AND_VERSION) => {}
        Some(first) if first >> 4 == MAGIC_AND_VERSION >> 4 => {
            return Err(DecodeError(Flaw::Version { version: first & 0x0f }));
        }
        Some(&first) => return Err(DecodeError(Flaw::NotBinrpc { first })),
    }
    let Some(flags) = bytes.get(1) else { return Ok(None) };
    let kind = match flags >> 4 {
        0 => Kind::Request,
        1 => Kind::Reply,
        3 => Kind::Fault,
        kind => return Err(DecodeError(Flaw::PacketType { kind })),
    };
    let cookie_at = FIXED_HEADER + usize::from(flags >> 2 & 3) + 1;
    let header_len = cookie_at + usize::from(flags & 3) + 1;
    let Some(len) = bytes.get(FIXED_HEADER..cookie_at) else { return Ok(None) };
    let len = big_endian(len);
    if len > MAX_BODY as u64 {
        return Err(DecodeError(Flaw::BodyOverLimit { len }));
    }
    let Some(cookie) = bytes.get(cookie_at..header_len) else { return Ok(None) };
    let cookie = Cookie(big_endian(cookie) as u32);
    Ok(Some(Header { kind, cookie, header_len, body_len: len as usize }))
}

/// The flat table of the values in a body: one entry for each value, a member's name in the entry of its value.
/// It keeps its memory from one body to the next.
#[derive(Debug, Default)]
pub struct Nodes {
    nodes: Vec<Node>,
}

impl Nodes {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the table by that of `body`, in one pass over its bytes; after an error it is empty.
    ///
    /// # Errors
    /// Bytes that are no values, or more of them than [`MAX_BODY`], [`MAX_VALUES`] and [`MAX_DEPTH`] allow.
    pub fn decode(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        self.nodes.clear();
        let decoded = self.read(body).map_err(DecodeError);
        if decoded.is_err() {
            self.nodes.clear();
        }
        decoded
    }

    /// The records of the body that was decoded last, which has to be given again.
    pub fn members<'a>(&'a self, body: &'a [u8]) -> Members<'a> {
        Members::new(body, &self.nodes)
    }

    fn read(&mut self, body: &[u8]) -> Result<(), Flaw> {
        if body.len() > MAX_BODY {
            return Err(Flaw::BodyOverLimit { len: body.len() as u64 });
        }
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

/// The byte before a value: its type, and its size or the size of the length that follows.
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

/// Some bytes of the body.
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
        // A double has no long form: the nibble goes on to 8, where an int would announce a length.
        let len = if mark.kind == T_DOUBLE { mark.size.into() } else { self.len(mark)? };
        if len > MAX_NUMBER {
            return Err(Flaw::Oversized { what: mark.what(), at: mark.at, len });
        }
        self.take(mark, len)
    }

    /// The length counts the NUL. A string that ends in none is taken as it is.
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

/// The structs and arrays that have begun and not ended: the first `depth` of `around`, each with its node's index.
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

fn pack_header(kind: Kind, cookie: Cookie, body_len: usize) -> ([u8; MAX_HEADER], usize) {
    let (len, len_size) = fewest_bytes(body_len as u64);
    let (cookie, cookie_size) = fewest_bytes(cookie.0.into());
    // Neither may be left out, so a 0 has one byte.
    let (len_size, cookie_size) = (len_size.max(1), cookie_size.max(1));
    let mut head = [0; MAX_HEADER];
    head[0] = MAGIC_AND_VERSION;
    head[1] = (kind as u8) << 4 | (len_size as u8 - 1) << 2 | (cookie_size as u8 - 1);
    let fields = len[8 - len_size..].iter().chain(&cookie[8 - cookie_size..]);
    head.iter_mut().skip(FIXED_HEADER).zip(fields).for_each(|(to, from)| *to = *from);
    (head, FIXED_HEADER + len_size + cookie_size)
}

fn put(arg: &Arg<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match *arg {
        Arg::Int(int) => {
            // A C int's bits: the sign is in them when they are four, and not in fewer.
            let bits = if i32::try_from(int).is_ok() { u64::from(int as u32) } else { int as u64 };
            put_bytes(T_INT, bits, out);
        }
        Arg::Double(double) => {
            let milli = (double * 1000.0).round();
            if !(-TWO_TO_63..TWO_TO_63).contains(&milli) {
                return Err(EncodeError(Misfit::DoubleOutOfRange { double }));
            }
            put_bytes(T_DOUBLE, milli as i64 as u64, out);
        }
        Arg::Str(text) => put_text(T_STR, text, out),
        Arg::Bytes(bytes) => {
            put_mark(T_BYTES, bytes.len(), out);
            out.extend_from_slice(bytes);
        }
        Arg::Struct(_) | Arg::Array(_) if depth == MAX_DEPTH => {
            return Err(EncodeError(Misfit::DepthOverLimit));
        }
        Arg::Struct(members) => {
            out.push(T_STRUCT);
            for (name, value) in members {
                if let Some(name) = name {
                    put_text(T_NAME, name.as_bytes(), out);
                }
                put(value, depth + 1, out)?;
            }
            out.push(END << 4 | T_STRUCT);
        }
        Arg::Array(values) => {
            out.push(T_ARRAY);
            for value in values {
                put(value, depth + 1, out)?;
            }
            out.push(END << 4 | T_ARRAY);
        }
    }
    Ok(())
}

fn put_bytes(kind: u8, bits: u64, out: &mut Vec<u8>) {
    let (bytes, size) = fewest_bytes(bits);
    if kind == T_DOUBLE {
        out.push((size as u8) << 4 | kind);
    } else {
        put_mark(kind, size, out);
    }
    out.extend_from_slice(&bytes[8 - size..]);
}

fn put_text(kind: u8, text: &[u8], out: &mut Vec<u8>) {
    put_mark(kind, text.len() + 1, out);
    out.extend_from_slice(text);
    out.push(0);
}

fn put_mark(kind: u8, len: usize, out: &mut Vec<u8>) {
    if len < LONG.into() {
        out.push((len as u8) << 4 | kind);
    } else {
        let (bytes, size) = fewest_bytes(len as u64);
        out.push((LONG | size as u8) << 4 | kind);
        out.extend_from_slice(&bytes[8 - size..]);
    }
}

/// The number's eight bytes, and how many at their end matter.
fn fewest_bytes(number: u64) -> ([u8; 8], usize) {
    (number.to_be_bytes(), 8 - number.leading_zeros() as usize / 8)
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Structs and arrays inside of each other. Kamailio's deepest reply has six; what walks a reply may recurse this far.
pub const MAX_DEPTH: usize = 32;
/// Bytes in the body of a reply. 2,000 dispatcher destinations are 0.25 MB, and 10,000 registered contacts about 4 MB.
pub const MAX_BODY: usize = 8 << 20;
/// Values in a reply: a table of 6 MB. 5,000 dispatcher destinations have 35,000.
pub const MAX_VALUES: usize = 1 << 18;
/// Bytes in a request, header included: Kamailio resets a connection that sends more (`ctl/io_listener.c`,
/// `STREAM_BUF_SIZE`), and no datagram has more.
pub const MAX_REQUEST: usize = 65_535;
/// Calls that are unanswered at a time. Kamailio drops what is left of a reply that the client has not taken within 10
/// ms (`IO_LISTEN_TX_TIMEOUT`), so replies must not pile up; this many small ones fit in any socket's buffer.
pub const MAX_IN_FLIGHT: usize = 32;
/// Bytes of requests that are unanswered at a time: half of what Kamailio reads into, so that no write has to wait.
pub const MAX_IN_FLIGHT_BYTES: usize = 32 << 10;

/// The magic number 0xA and the version 1.
const MAGIC_AND_VERSION: u8 = 0xa1;
const FIXED_HEADER: usize = 2;
/// Length and cookie have up to four bytes each.
const MAX_HEADER: usize = FIXED_HEADER + 8;
/// Bytes of an int or a double: the widest C integer.
const MAX_NUMBER: u64 = 8;
/// In a mark's size: the rest of it counts the bytes of a length that follows.
const LONG: u8 = 8;
/// A mark's size that ends a struct or an array: a length of no bytes.
const END: u8 = 8;
const T_INT: u8 = 0;
const T_STR: u8 = 1;
const T_DOUBLE: u8 = 2;
const T_STRUCT: u8 = 3;
const T_ARRAY: u8 = 4;
/// Kamailio's AVP: a name, whose value follows.
const T_NAME: u8 = 5;
const T_BYTES: u8 = 6;
/// 2⁶³: thousandths from here on are no `i64`.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
