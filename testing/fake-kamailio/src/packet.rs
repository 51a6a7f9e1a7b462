//! Packets with raw bodies.

use kamailio_binrpc::wire::{self, Kind, Nodes};
use kamailio_binrpc::{Arg, Cookie, Members};
use std::io;

/// A packet without its cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
}

impl Packet {
    /// Returns a fault as Kamailio encodes it.
    pub(crate) fn fault(code: u16, reason: &str) -> Self {
        let mut body = vec![0x20];
        body.extend(code.to_be_bytes());
        match reason.len() + 1 {
            len @ 0..8 => body.push((len as u8) << 4 | 1),
            len => body.extend([0x91, len.min(255) as u8]),
        }
        body.extend(reason.bytes().take(254));
        body.push(0);
        Self { kind: Kind::Fault, body }
    }

    /// Encodes the packet with a header that declares `len`. Length and cookie have no leading zeros.
    pub(crate) fn bytes(&self, cookie: Cookie, len: u32) -> (Vec<u8>, usize) {
        let size = |number: u32| (4 - number.leading_zeros() as usize / 8).max(1);
        let (len_size, cookie_size) = (size(len), size(cookie.0));
        let mut bytes =
            vec![0xa1, (self.kind as u8) << 4 | (len_size as u8 - 1) << 2 | (cookie_size as u8 - 1)];
        bytes.extend(&len.to_be_bytes()[4 - len_size..]);
        bytes.extend(&cookie.0.to_be_bytes()[4 - cookie_size..]);
        let header_len = bytes.len();
        bytes.extend(&self.body);
        (bytes, header_len)
    }
}

/// Encodes the body of a packet with these records.
///
/// # Panics
/// If the records do not fit into a packet.
#[must_use]
pub fn body(records: &[Arg<'_>]) -> Vec<u8> {
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(1), records, &mut packet).expect("the records fit into a packet");
    let header = wire::header(&packet).expect("the header is valid").expect("the header is complete");
    packet.split_off(header.header_len)
}

/// Parses bytes that are exactly one packet.
pub(crate) fn parse(bytes: &[u8]) -> io::Result<Packet> {
    let bad = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    let header = wire::header(bytes).map_err(|error| bad(error.to_string()))?;
    let header = header.ok_or_else(|| bad("half a header".to_owned()))?;
    match bytes.get(header.header_len..) {
        Some(body) if body.len() == header.body_len => Ok(Packet { kind: header.kind, body: body.to_vec() }),
        _ => Err(bad(format!("{} bytes are not one packet", bytes.len()))),
    }
}

/// Calls `read` with the records of a body; `None` if they cannot be decoded.
pub(crate) fn records<T>(body: &[u8], read: impl FnOnce(Members<'_>) -> T) -> Option<T> {
    let mut nodes = Nodes::new();
    nodes.decode(body).ok()?;
    Some(read(nodes.members(body)))
}
