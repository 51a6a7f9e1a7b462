//! Encodes values into bytes.

use super::{
    Cookie, END, FIXED_HEADER, Kind, LONG, MAGIC_AND_VERSION, MAX_BODY, MAX_DEPTH, MAX_REQUEST, T_ARRAY,
    T_BYTES, T_DOUBLE, T_INT, T_NAME, T_STR, T_STRUCT,
};
use crate::error::{EncodeError, Misfit};
use crate::value::Text;
use std::fmt;

/// An argument of a call.
///
/// ```
/// use kamailio_binrpc::Arg;
///
/// let args: [Arg<'_>; 3] = ["location".into(), 42.into(), Arg::Double(0.5)];
/// assert_eq!(args[0], Arg::Str(b"location"));
/// assert_eq!(format!("{args:?}"), r#"[Str("location"), Int(42), Double(0.5)]"#);
/// ```
#[derive(Clone, Copy, PartialEq)]
pub enum Arg<'a> {
    /// A whole number. Numbers from `i32::MIN` to `u32::MAX` are encoded as Kamailio encodes its ints. Kamailio reads only
    /// the lowest 32 bits of any other number.
    Int(i64),
    /// A number within ±9.2e15, which is rounded to thousandths.
    Double(f64),
    /// A string. Methods that read a C string stop at the first NUL.
    Str(&'a [u8]),
    /// Raw bytes. No method of Kamailio accepts them.
    Bytes(&'a [u8]),
    /// Members with and without names. Kamailio's `rpc_scan` replies with fault 500 to calls that contain a struct.
    Struct(&'a [(Option<&'a str>, Self)]),
    /// Values of the protocol's array type. No method of Kamailio accepts them.
    Array(&'a [Self]),
}

/// Text is printed as text.
impl fmt::Debug for Arg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => f.debug_tuple("Int").field(number).finish(),
            Self::Double(number) => f.debug_tuple("Double").field(number).finish(),
            Self::Str(bytes) => f.debug_tuple("Str").field(&Text(bytes)).finish(),
            Self::Bytes(bytes) => f.debug_tuple("Bytes").field(&Text(bytes)).finish(),
            Self::Struct(members) => f.debug_tuple("Struct").field(members).finish(),
            Self::Array(values) => f.debug_tuple("Array").field(values).finish(),
        }
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Str(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    /// Creates a string: no method of Kamailio accepts bytes.
    fn from(text: &'a [u8]) -> Self {
        Self::Str(text)
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

/// Appends a packet to `out`. After an error `out` is unchanged. See the [module](super) for an example.
///
/// # Errors
/// The request is larger than [`MAX_REQUEST`], the body is larger than [`MAX_BODY`], values are nested deeper than
/// [`MAX_DEPTH`], or a double is out of range.
pub fn encode(kind: Kind, cookie: Cookie, records: &[Arg<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode_all(kind, cookie, records.iter().copied(), out)
}

/// Appends a call to `out`. After an error `out` is unchanged.
///
/// # Errors
/// Those of [`encode`], and a method name that contains a NUL.
pub fn encode_request(
    cookie: Cookie,
    method: &str,
    args: &[Arg<'_>],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if method.contains('\0') {
        return Err(EncodeError(Misfit::MethodWithNul));
    }
    let records = std::iter::once(Arg::from(method)).chain(args.iter().copied());
    encode_all(Kind::Request, cookie, records, out)
}

fn encode_all<'a>(
    kind: Kind,
    cookie: Cookie,
    mut records: impl Iterator<Item = Arg<'a>>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let begin = out.len();
    // Space for the longest header comes first, so that the body moves by a few bytes at most.
    out.extend_from_slice(&[0; MAX_HEADER]);
    let packed = records.try_for_each(|record| put(&record, 0, out)).and_then(|()| {
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

fn pack_header(kind: Kind, cookie: Cookie, body_len: usize) -> ([u8; MAX_HEADER], usize) {
    let (len, len_size) = fewest_bytes(body_len as u64);
    let (cookie, cookie_size) = fewest_bytes(cookie.0.into());
    // Neither may be omitted, so 0 takes one byte.
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
        Arg::Int(int) => put_int(int, out),
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

pub(super) fn put_int(int: i64, out: &mut Vec<u8>) {
    // The bits of a C int, whose sign needs all four bytes.
    let bits = if i32::try_from(int).is_ok() { u64::from(int as u32) } else { int as u64 };
    put_bytes(T_INT, bits, out);
}

pub(super) fn put_bytes(kind: u8, bits: u64, out: &mut Vec<u8>) {
    let (bytes, size) = fewest_bytes(bits);
    if kind == T_DOUBLE {
        out.push((size as u8) << 4 | kind);
    } else {
        put_mark(kind, size, out);
    }
    out.extend_from_slice(&bytes[8 - size..]);
}

pub(super) fn put_text(kind: u8, text: &[u8], out: &mut Vec<u8>) {
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

/// The eight bytes of a number, and how many of them at the end are significant.
fn fewest_bytes(number: u64) -> ([u8; 8], usize) {
    (number.to_be_bytes(), 8 - number.leading_zeros() as usize / 8)
}

/// Length and cookie take up to four bytes each.
const MAX_HEADER: usize = FIXED_HEADER + 8;
/// 2⁶³, the first number of thousandths that does not fit into an `i64`.
pub(super) const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
