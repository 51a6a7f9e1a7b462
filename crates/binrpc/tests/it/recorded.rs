//! The captures, and replies made from captures with the cookies of a session.

use kamailio_binrpc::wire::{self, Nodes};
use kamailio_binrpc::{Cookie, Members, Session, Value};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub(crate) static INDEX: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_slice(&read("index.json")).unwrap());

/// A file in the directory `captures`.
pub(crate) fn read(name: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The body of a packet.
pub(crate) fn body(packet: &[u8]) -> &[u8] {
    &packet[wire::header(packet).unwrap().unwrap().header_len..]
}

/// Passes the records of a body to a closure.
pub(crate) fn decoded<T>(body: &[u8], look: impl FnOnce(Members<'_>) -> T) -> T {
    let mut nodes = Nodes::new();
    nodes.decode(body).unwrap();
    look(nodes.members(body))
}

/// The packets at the beginning of a stream, up to the first malformed header.
pub(crate) fn packets(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while let Ok(Some(header)) = wire::header(stream) {
        let end = header.header_len + header.body_len;
        let Some((packet, rest)) = stream.split_at_checked(end) else { break };
        packets.push(packet);
        stream = rest;
    }
    packets
}

/// A packet with its cookie replaced, in four bytes.
pub(crate) fn with_cookie(packet: &[u8], cookie: Cookie) -> Vec<u8> {
    let header = wire::header(packet).unwrap().unwrap();
    let len_end = 2 + usize::from(packet[1] >> 2 & 3) + 1;
    let flags = packet[1] | 3;
    [&[packet[0], flags], &packet[2..len_end], &cookie.0.to_be_bytes(), &packet[header.header_len..]].concat()
}

/// The header of a reply with a body of `len` bytes.
pub(crate) fn reply_header(len: u32, cookie: Cookie) -> Vec<u8> {
    [&[0xa1, 0x1f][..], &len.to_be_bytes(), &cookie.0.to_be_bytes()].concat()
}

/// A reply with this body.
pub(crate) fn reply(body: &[u8], cookie: Cookie) -> Vec<u8> {
    [reply_header(body.len() as u32, cookie), body.to_vec()].concat()
}

/// Polls all replies of a session: each cookie, with the records or the error as text.
pub(crate) fn replies(session: &mut Session) -> Vec<(Cookie, String)> {
    let mut replies = Vec::new();
    loop {
        match session.poll() {
            Ok(Some(reply)) => {
                let records = reply.records().map(|records| format!("{records:?}"));
                replies.push((reply.cookie(), records.unwrap_or_else(|error| error.to_string())));
            }
            Ok(None) => return replies,
            Err(error) => {
                replies.push((Cookie(0), error.to_string()));
                return replies;
            }
        }
    }
}

/// A value in the form of the index.
pub(crate) fn json(value: Value<'_>) -> Json {
    let text = |bytes: &[u8]| Json::from(String::from_utf8_lossy(bytes));
    match value {
        Value::Int(int) => serde_json::json!({ "int": int.as_i64() }),
        Value::Double(double) => serde_json::json!({
            "double": double.milli() as f64 / 1000.0,
            "milli": double.milli().to_string(),
        }),
        Value::Str(bytes) => serde_json::json!({ "str": text(bytes) }),
        Value::Bytes(bytes) => serde_json::json!({ "bytes": text(bytes) }),
        Value::Struct(members) => {
            let members: Vec<Json> = members
                .iter()
                .map(|member| Json::from(vec![member.name.map_or(Json::Null, text), json(member.value)]))
                .collect();
            serde_json::json!({ "struct": members })
        }
        Value::Array(values) => {
            let values: Vec<Json> = values.iter().map(|member| json(member.value)).collect();
            serde_json::json!({ "array": values })
        }
    }
}
