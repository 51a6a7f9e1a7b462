//! Packets and values as bytes: the functions that read and write them, and the limits. No sockets here.
//!
//! The format is that of Kamailio's `ctl/binrpc.h`. What is written is what Kamailio would write, the fewest bytes;
//! what is read is all that the format allows.

mod decode;
mod encode;

pub use decode::Nodes;
pub use encode::{Arg, encode, encode_request};

use crate::error::{DecodeError, Flaw};
use std::fmt;

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
