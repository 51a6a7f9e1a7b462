//! Input that no Kamailio sends is rejected early, with a human-readable message, and uses hardly any memory.

use crate::recorded::{reply, reply_header};
use kamailio_binrpc::wire::{self, Kind, MAX_BODY, MAX_DEPTH, MAX_VALUES, Nodes};
use kamailio_binrpc::{Arg, Cookie, DecodeError, Error, Session, Value};
use std::io;

fn refused(body: &[u8]) -> String {
    let mut nodes = Nodes::new();
    let error = nodes.decode(body).unwrap_err();
    assert!(nodes.members(body).is_empty(), "a rejected body leaves no values");
    error.to_string()
}

#[test]
fn malformed_bodies_have_human_readable_errors() {
    for (body, message) in [
        (&b"\x20\x01"[..], "int at offset 0 declares 2 bytes, but the body ends after 1"),
        (b"\x10\x00\x71abc\0", "string at offset 2 declares 7 bytes, but the body ends after 4"),
        (
            b"\xc1\xff\xff\xff\xfeabc",
            "string at offset 0 declares 4294967294 bytes, but the body ends after 3",
        ),
        (
            b"\xf1\xff\xff\xff\xff\xff\xff\xff",
            "string at offset 0 declares 72057594037927935 bytes, but the body ends after 0",
        ),
        (b"\xa6\x00", "body ends inside the length of the bytes at offset 0"),
        (b"\x90\x09\0\0\0\0\0\0\0\0\0", "int at offset 0 has 9 bytes, which is over the limit of 8"),
        (b"\x92\0\0\0\0\0\0\0\0\0", "double at offset 0 has 9 bytes, which is over the limit of 8"),
        (b"\xf2", "double at offset 0 has 15 bytes, which is over the limit of 8"),
        (b"\x80", "type mark 0x80 at offset 0 is reserved"),
        (b"\x81", "type mark 0x81 at offset 0 is reserved"),
        (b"\x03\x85\x83", "type mark 0x85 at offset 1 is reserved"),
        (b"\x86", "type mark 0x86 at offset 0 is reserved"),
        (b"\x13", "type mark 0x13 at offset 0 is reserved"),
        (b"\x03\x93\x00", "type mark 0x93 at offset 1 is reserved"),
        (b"\x07", "value at offset 0 is of the unknown type 7"),
        (b"\x10\x01\x1f\x00", "value at offset 2 is of the unknown type 15"),
        (b"\x25a\0\x00", "name at offset 0 is not inside a struct"),
        (b"\x03\x04\x25a\0\x00\x84\x83", "name at offset 2 is not inside a struct"),
        (b"\x03\x25a\0\x83", "expected the value of a named member at offset 4, found none"),
        (b"\x03\x25a\0\x25b\0\x00\x83", "expected the value of a named member at offset 4, found none"),
        (b"\x03\x25a\0", "expected the value of a named member at offset 4, found none"),
        (b"\x83", "struct ends at offset 0, but never started"),
        (b"\x03\x83\x83", "struct ends at offset 2, but never started"),
        (b"\x84", "array ends at offset 0, but never started"),
        (b"\x03\x84", "array ends at offset 1, but the innermost open value is of another type"),
        (b"\x03\x04\x83", "struct ends at offset 2, but the innermost open value is of another type"),
        (b"\x03\x00\x03", "body ends inside a struct or array; still open: 2"),
    ] {
        assert_eq!(refused(body), message, "{body:02x?}");
    }
}

#[test]
fn malformed_headers_are_rejected_at_the_first_wrong_byte() {
    for (bytes, message) in [
        (
            &b"H"[..],
            "expected a packet that begins with 0xa1, found 0x48: the peer does not speak BINRPC, or the stream is out of step",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "expected a packet that begins with 0xa1, found 0x48: the peer does not speak BINRPC, or the stream is out of step",
        ),
        (
            b"\x00",
            "expected a packet that begins with 0xa1, found 0x00: the peer does not speak BINRPC, or the stream is out of step",
        ),
        (b"\xa2", "BINRPC version 2 is not supported, only version 1 is"),
        (b"\xa1\x2f", "packet type 2 is neither reply (1) nor fault (3)"),
        (b"\xa1\xff", "packet type 15 is neither reply (1) nor fault (3)"),
        (b"\xa1\x18\x80\x00\x01", "reply body of 8388609 bytes is over the limit of 8388608"),
        (b"\xa1\x1c\xff\xff\xff\xff", "reply body of 4294967295 bytes is over the limit of 8388608"),
    ] {
        let error = wire::header(bytes).unwrap_err();
        assert_eq!(error.to_string(), message, "{bytes:02x?}");
        let mut session = Session::stream();
        session.feed(bytes);
        assert_eq!(session.poll().unwrap_err(), error);
    }
    let mut session = Session::stream();
    session.feed(b"\xa1\x00\x00\x01");
    let error = session.poll().unwrap_err();
    assert_eq!(error.to_string(), "expected a reply, found a request: the peer is not a BINRPC server");
}

#[test]
fn an_incomplete_header_is_not_an_error() {
    let header = [0xa1, 0x3f, 0, 0, 1, 0, 1, 2, 3, 4];
    for len in 0..header.len() {
        assert_eq!(wire::header(&header[..len]), Ok(None), "{len}");
    }
    let whole = wire::header(&header).unwrap().unwrap();
    assert_eq!(
        (whole.kind, whole.cookie, whole.header_len, whole.body_len),
        (Kind::Fault, Cookie(0x01020304), 10, 256)
    );
}

#[test]
fn a_declared_length_allocates_no_memory() {
    let mut session = Session::stream();
    let cookie = session.queue("core.uptime", &[]).unwrap();
    session.feed(&reply_header(u32::MAX, cookie));
    assert!(session.poll().is_err());

    // The longest body allowed takes no memory before its bytes arrive.
    let mut session = Session::stream();
    let cookie = session.queue("core.uptime", &[]).unwrap();
    session.feed(&reply_header(MAX_BODY as u32, cookie));
    assert!(session.poll().unwrap().is_none());
    assert!(session.spare().len() <= 2 * 65_536);
}

#[test]
fn a_large_string_does_not_make_the_table_of_values_large() {
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(1), &[Arg::Bytes(&[7; 1 << 20])], &mut packet).unwrap();
    let header = wire::header(&packet).unwrap().unwrap();
    let mut nodes = Nodes::new();
    nodes.decode(&packet[header.header_len..]).unwrap();
    assert!(nodes.memory() <= 64 << 10, "{} bytes", nodes.memory());
}

#[test]
fn three_million_nested_structs_are_an_error() {
    let body = [vec![0x03; 3_000_000], vec![0x83; 3_000_000]].concat();
    assert_eq!(refused(&body), format!("struct at offset 32 is nested deeper than the limit of {MAX_DEPTH}"));
    let body = [[0x04; MAX_DEPTH], [0x84; MAX_DEPTH]].concat();
    Nodes::new().decode(&body).unwrap();
}

#[test]
fn two_hundred_thousand_members_are_decoded() {
    let mut body = vec![0x03];
    for number in 0..200_000_u32 {
        body.push(0x55);
        body.extend(number.to_le_bytes());
        body.extend(b"\x10\x01");
    }
    body.extend(b"\x45end\0\x10\x2a\x83");
    let mut nodes = Nodes::new();
    nodes.decode(&body).unwrap();
    let record = nodes.members(&body).first().unwrap();
    assert_eq!(record.members().unwrap().iter().count(), 200_001);
    assert_eq!(record.get("end").and_then(Value::as_u64), Some(42));
}

#[test]
fn more_values_than_the_limit_are_an_error() {
    let mut body = vec![0x00; MAX_VALUES];
    Nodes::new().decode(&body).unwrap();
    body.push(0x00);
    assert_eq!(refused(&body), "reply body has more values than the limit of 262144");
}

#[test]
fn a_table_with_the_wrong_body_does_not_panic() {
    let body = b"\x03\x25a\0\x41abc\0\x83\x40\xff\xff\xff\xff";
    let mut nodes = Nodes::new();
    nodes.decode(body).unwrap();
    let members = nodes.members(&body[..5]);
    assert_eq!(members.first().unwrap().get("a"), Some(Value::Str(b"")));
}

#[test]
fn a_malformed_body_fails_one_call() {
    let mut session = Session::stream();
    let first = session.queue("core.uptime", &[]).unwrap();
    let second = session.queue("core.version", &[]).unwrap();
    session.feed(&reply(b"\x07", first));
    session.feed(&reply(b"\x10\x01", second));
    let error = session.poll().unwrap().unwrap().records().unwrap_err();
    assert_eq!(error.to_string(), "value at offset 0 is of the unknown type 7");
    assert!(matches!(error, Error::Decode(_)));
    assert!(session.poll().unwrap().unwrap().records().is_ok());
}

#[test]
fn structs_and_arrays_are_encoded_up_to_the_limit_on_depth() {
    let wrap_array = |inner| Arg::Array(vec![inner].leak());
    let wrap_struct = |inner| Arg::Struct(vec![(None, inner)].leak());
    for wrap in [&wrap_array as &dyn Fn(Arg<'static>) -> Arg<'static>, &wrap_struct] {
        for (depth, is_valid) in [(MAX_DEPTH - 1, true), (MAX_DEPTH, true), (MAX_DEPTH + 1, false)] {
            let nested = (0..depth).fold(Arg::Int(1), |inner, _| wrap(inner));
            let encoded = wire::encode(Kind::Reply, Cookie(1), &[nested], &mut Vec::new());
            assert_eq!(encoded.is_ok(), is_valid, "{depth} {encoded:?}");
        }
    }
}

#[test]
fn calls_that_cannot_be_encoded_have_human_readable_errors() {
    let nested = (0..MAX_DEPTH).fold(Arg::Int(1), |inner, _| Arg::Array(vec![inner].leak()));
    for (method, arg, message) in [
        ("core.echo", Arg::Str(&[b'x'; 65_536]), "request of 65562 bytes is over Kamailio's limit of 65535"),
        ("core\0echo", Arg::Int(1), "method name contains a NUL, at which Kamailio would stop reading"),
        (
            "core.echo",
            Arg::Double(1e16),
            "double 10000000000000000 is outside the range from -9223372036854775 to 9223372036854775",
        ),
        (
            "core.echo",
            Arg::Double(f64::NAN),
            "double NaN is outside the range from -9223372036854775 to 9223372036854775",
        ),
        ("core.echo", Arg::Array(&[nested]), "arguments are nested deeper than the limit of 32"),
    ] {
        let mut out = b"kept".to_vec();
        let error = wire::encode_request(Cookie(0x1bad_cafe), method, &[arg], &mut out).unwrap_err();
        assert_eq!((error.to_string().as_str(), &out[..]), (message, &b"kept"[..]));
        let mut session = Session::stream();
        assert!(matches!(session.queue(method, &[arg]), Err(Error::Encode(_))));
        assert_eq!((session.awaiting(), session.outgoing()), (0, &[][..]));
        session.queue("core.uptime", &[]).unwrap();
        assert!(session.outgoing().ends_with(b"\x91\x0ccore.uptime\0"));
    }
    let mut out = b"kept".to_vec();
    let body = vec![b'x'; MAX_BODY];
    let error = wire::encode(Kind::Reply, Cookie(1), &[Arg::Bytes(&body)], &mut out).unwrap_err();
    assert_eq!(error.to_string(), "reply body of 8388612 bytes is over the limit of 8388608");
    assert_eq!(out, b"kept");
    session_takes_the_longest_request();
}

fn session_takes_the_longest_request() {
    let mut session = Session::stream();
    let longest = vec![b'x'; 65_535 - 8 - 12 - 5];
    session.queue("core.echo", &[Arg::Str(&longest)]).unwrap();
    assert!(session.outgoing().len() > 65_530 && session.outgoing().len() <= wire::MAX_REQUEST);
}

#[test]
fn other_errors_have_human_readable_messages() {
    let fault = Error::Fault { code: 404, reason: "No such queue".to_owned() };
    assert_eq!(fault.to_string(), "Kamailio replied with fault 404: No such queue");
    assert_eq!(Error::NoReply.to_string(), "Kamailio skipped this call and replied to a later one");
    let error = Error::from(io::Error::new(io::ErrorKind::TimedOut, "the deadline passed"));
    assert_eq!(error.to_string(), "the deadline passed");
    let decode: DecodeError = Nodes::new().decode(b"\x83").unwrap_err();
    assert_eq!(Error::from(decode.clone()).to_string(), decode.to_string());
}

/// A body and a reply of exactly the limit, and of one byte more.
#[test]
fn the_limit_on_bodies_is_exact() {
    let mut body = vec![0x81 | 0x40, 0, 0, 0, 0];
    for (len, fits) in [(MAX_BODY, true), (MAX_BODY + 1, false)] {
        body.resize(len, b'x');
        // A string in long form, with a length of four bytes.
        body[1..5].copy_from_slice(&u32::try_from(len - 5).unwrap().to_be_bytes());
        body[len - 1] = 0;
        let mut nodes = Nodes::new();
        let decoded = nodes.decode(&body);
        assert_eq!(decoded.is_ok(), fits, "{len}: {decoded:?}");
        if fits {
            let text = nodes.members(&body).first().and_then(Value::as_bytes).unwrap();
            assert_eq!(text.len(), len - 6);
        }
        let mut packet = Vec::new();
        // The encoder writes a length of three bytes, and a NUL.
        let text = Arg::Str(&body[5..]);
        assert_eq!(wire::encode(Kind::Reply, Cookie(1), &[text], &mut packet).is_ok(), fits, "{len}");
    }
}

#[test]
fn the_limit_on_requests_is_exact() {
    let text = [b'x'; wire::MAX_REQUEST];
    let encode = |len: usize| {
        let mut out = Vec::new();
        let args = [Arg::Str(&text[..len])];
        wire::encode_request(Cookie(0x1bad_cafe), "core.echo", &args, &mut out).map(|()| out.len())
    };
    let overhead = encode(60_000).unwrap() - 60_000;
    assert_eq!(encode(wire::MAX_REQUEST - overhead), Ok(wire::MAX_REQUEST));
    assert!(encode(wire::MAX_REQUEST - overhead + 1).is_err());
}

#[test]
fn a_string_may_have_no_bytes_at_all() {
    let mut nodes = Nodes::new();
    // Without a length, with a length of one byte, and as a name of nothing.
    let body = b"\x01\x91\x00\x03\x05\x10\x07\x83";
    nodes.decode(body).unwrap();
    let records: Vec<_> = nodes.members(body).iter().map(|record| record.value).collect();
    assert_eq!(records[..2], [Value::Str(b""), Value::Str(b"")]);
    assert_eq!(records[2].get("").and_then(Value::as_u64), Some(7));
}

#[test]
fn errors_name_the_type_of_a_truncated_value() {
    for (body, what) in [
        (&b"\x10"[..], "int"),
        (b"\x21a", "string"),
        (b"\x12", "double"),
        (b"\x03\x35a", "name"),
        (b"\x16", "bytes"),
    ] {
        let error = Nodes::new().decode(body).unwrap_err().to_string();
        assert!(error.contains(&format!("{what} at offset")), "{error}");
    }
}
