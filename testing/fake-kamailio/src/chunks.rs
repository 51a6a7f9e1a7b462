//! Splits replies into datagrams as module ctl does.

/// Returns the lengths of the datagrams of a packet.
///
/// Kamailio builds each struct in a buffer of its own, and gathers the buffers when sending (`ctl/binrpc_run.c`,
/// `body_fill_iovec`): a piece ends after the beginning and before the end of each struct, and 96 pieces, of which the
/// header is the first, are one datagram.
pub(crate) fn datagrams(header_len: usize, body: &[u8]) -> Vec<usize> {
    let mut pieces = vec![header_len];
    let mut start = 0;
    let mut at = 0;
    while let Some(mark) = body.get(at) {
        let (size, kind) = (usize::from(mark >> 4), mark & 0x0f);
        let piece_ends = match (kind, size) {
            (STRUCT, 0) => Some(at + 1),
            (STRUCT, 8) => Some(at),
            _ => None,
        };
        if let Some(end) = piece_ends {
            pieces.push(end - start);
            start = end;
        }
        let digits = if kind != DOUBLE && size > 8 { size & 7 } else { 0 };
        let len = match (kind, size) {
            (STRUCT, _) => 0,
            _ if digits > 0 => {
                body.iter().skip(at + 1).take(digits).fold(0, |len, byte| len << 8 | usize::from(*byte))
            }
            _ => size,
        };
        at = at.saturating_add(1 + digits).saturating_add(len);
    }
    pieces.push(body.len() - start);
    pieces.chunks(PIECES).map(|pieces| pieces.iter().sum()).collect()
}

/// `MAX_MSG_CHUNKS`.
const PIECES: usize = 96;
const DOUBLE: u8 = 2;
const STRUCT: u8 = 3;
