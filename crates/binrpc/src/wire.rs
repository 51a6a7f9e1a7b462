//! Packets and values as bytes, for servers, test tools and drivers of your own: encoding, decoding, and the limits.
//!
//! The format is that of Kamailio's `ctl/binrpc.h`. The encoder writes the fewest bytes, as Kamailio does. The decoder
//! accepts everything that the format allows.
//!
//! ```
//! use kamailio_binrpc::wire::{self, Kind, Nodes};
//! use kamailio_binrpc::{Cookie, Value};
//!
//! let mut packet = Vec::new();
//! wire::encode(Kind::Reply, Cookie(7), &["kamailio 5.6.3".into()], &mut packet)?;
//!
//! let header = wire::header(&packet)?.expect("a complete header");
//! assert_eq!((header.kind, header.cookie), (Kind::Reply, Cookie(7)));
//! let body = &packet[header.header_len..];
//! let mut nodes = Nodes::new();
//! nodes.decode(body)?;
//! assert_eq!(nodes.members(body).first().and_then(Value::as_str), Some("kamailio 5.6.3"));
//! # Ok::<(), kamailio_binrpc::Error>(())
//! ```

mod body;
mod decode;
mod encode;

pub use body::Body;
pub use decode::Nodes;
pub use encode::{Arg, encode, encode_request};

use crate::error::{DecodeError, Flaw};
use crate::value::big_endian;
use std::fmt;

/// The number that a request and its reply have in common. Kamailio uses 0 in the reply to a request that it cannot read.
///
/// ```
/// use kamailio_binrpc::Cookie;
///
/// assert_eq!(Cookie(0x1bad_cafe).to_string(), "1badcafe");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cookie(pub u32);

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The type of a packet.
///
/// ```
/// use kamailio_binrpc::wire::{self, Kind};
///
/// let header = wire::header(b"\xa1\x30\x00\x07")?.expect("a complete header");
/// assert_eq!(header.kind, Kind::Fault);
/// # Ok::<(), kamailio_binrpc::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A call: the method, followed by the arguments.
    Request = 0,
    /// A reply: any number of records.
    Reply = 1,
    /// A refused call: a code and a reason.
    Fault = 3,
}

/// The header of a packet.
///
/// ```
/// use kamailio_binrpc::{Cookie, wire::{self, Header}};
///
/// let header: Header = wire::header(b"\xa1\x10\x05\x07")?.expect("a complete header");
/// assert_eq!((header.cookie, header.header_len, header.body_len), (Cookie(7), 4, 5));
/// assert_eq!(wire::header(b"\xa1\x10\x05")?, None);
/// # Ok::<(), kamailio_binrpc::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Header {
    /// The type of the packet.
    pub kind: Kind,
    /// The cookie. Kamailio drops leading zeros, so the bytes of a cookie may differ between request and reply.
    pub cookie: Cookie,
    /// Number of bytes of the header, 4 to 10.
    pub header_len: usize,
    /// Number of bytes after the header, at most [`MAX_BODY`].
    pub body_len: usize,
}

/// Decodes the header of the packet at the beginning of `bytes`. Returns `None` if more bytes are needed.
///
/// # Errors
/// The bytes are not a header, which is detected at the first wrong byte, or the body is larger than [`MAX_BODY`].
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

/// Maximum nesting of structs and arrays. Kamailio's deepest reply has six levels. Code that walks a reply may recurse to
/// this depth.
pub const MAX_DEPTH: usize = 32;
/// Maximum number of bytes in the body of a reply. 2,000 dispatcher destinations take 0.25 MB, 10,000 registered contacts
/// about 4 MB.
pub const MAX_BODY: usize = 8 << 20;
/// Maximum number of values in a reply, whose table takes 6 MB. 5,000 dispatcher destinations have 35,000 values.
pub const MAX_VALUES: usize = 1 << 18;
/// Maximum number of bytes in a request, header included. Kamailio resets a connection that sends more
/// (`ctl/io_listener.c`, `STREAM_BUF_SIZE`), and a datagram cannot hold more.
pub const MAX_REQUEST: usize = 65_535;
/// Maximum number of calls that await their replies. Kamailio drops the rest of a reply that the client does not read within
/// 10 ms (`IO_LISTEN_TX_TIMEOUT`), so replies must not pile up. This many small replies fit into the buffer of any socket.
pub const MAX_IN_FLIGHT: usize = 32;
/// Maximum number of bytes of requests that await their replies: half of Kamailio's read buffer, so that no write has to
/// wait.
pub const MAX_IN_FLIGHT_BYTES: usize = 32 << 10;

/// The magic number 0xA and the version 1.
const MAGIC_AND_VERSION: u8 = 0xa1;
const FIXED_HEADER: usize = 2;
/// The bit in a mark's size that makes the other bits the number of bytes of a length, which follows.
const LONG: u8 = 8;
/// The size in a mark that ends a struct or an array: a length of no bytes.
const END: u8 = 8;
const T_INT: u8 = 0;
const T_STR: u8 = 1;
const T_DOUBLE: u8 = 2;
const T_STRUCT: u8 = 3;
const T_ARRAY: u8 = 4;
/// Kamailio calls it AVP. The value follows the name.
const T_NAME: u8 = 5;
const T_BYTES: u8 = 6;
