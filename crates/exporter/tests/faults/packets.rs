//! Builds packets, valid and invalid.

pub(crate) use fake_kamailio::body;
use kamailio_binrpc::Cookie;
use kamailio_binrpc::wire::{Arg, Kind};

/// Returns a packet with this first byte, type, cookie and declared length, which may be wrong.
pub(crate) fn packet(first: u8, kind: u8, Cookie(cookie): Cookie, len: u32, body: &[u8]) -> Vec<u8> {
    [&[first, kind << 4 | 0x0f], &len.to_be_bytes()[..], &cookie.to_be_bytes(), body].concat()
}

/// Returns a valid reply.
pub(crate) fn reply(cookie: Cookie, body: &[u8]) -> Vec<u8> {
    packet(0xa1, Kind::Reply as u8, cookie, body.len() as u32, body)
}

/// Returns the body of a packet with one struct of these members.
pub(crate) fn of_struct(members: &[(&str, Arg<'_>)]) -> Vec<u8> {
    let members: Vec<_> = members.iter().map(|(name, value)| (Some(*name), *value)).collect();
    body(&[Arg::Struct(&members)])
}

/// Returns the body of a `dispatcher.list` reply: one set with destinations of these addresses.
pub(crate) fn destinations<'u>(uris: impl IntoIterator<Item = &'u [u8]>) -> Vec<u8> {
    let rows: Vec<_> =
        uris.into_iter().map(|uri| [(Some("URI"), Arg::Str(uri)), (Some("FLAGS"), "AP".into())]).collect();
    let rows: Vec<_> = rows.iter().map(|row| (Some("DEST"), Arg::Struct(row))).collect();
    let set = [(Some("ID"), Arg::Int(1)), (Some("TARGETS"), Arg::Struct(&rows))];
    let sets = [(Some("SET"), Arg::Struct(&set))];
    body(&[Arg::Struct(&[(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&sets))])])
}
