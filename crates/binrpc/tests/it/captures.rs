use crate::recorded::{INDEX, body, decoded, json, packets, read, replies, with_cookie};
use kamailio_binrpc::wire::{self, Kind};
use kamailio_binrpc::{Arg, Cookie, Session, Value};
use serde_json::Value as Json;

fn captures() -> &'static Vec<Json> {
    INDEX["captures"].as_array().unwrap()
}

fn text<'a>(capture: &'a Json, key: &str) -> &'a str {
    capture[key].as_str().unwrap()
}

#[test]
fn replies_decode_to_the_values_in_the_index() {
    for capture in captures() {
        let name = text(capture, "reply");
        let packet = read(name);
        let header = wire::header(&packet).unwrap().unwrap();
        let kind = if text(capture, "type") == "fault" { Kind::Fault } else { Kind::Reply };
        assert_eq!(header.kind, kind, "{name}");
        assert_eq!(u64::from(header.cookie.0), capture["cookie"].as_u64().unwrap(), "{name}");
        assert_eq!(header.body_len as u64, capture["payload_len"].as_u64().unwrap(), "{name}");
        assert_eq!(packet.len() as u64, capture["total_len"].as_u64().unwrap(), "{name}");
        let records: Vec<Json> =
            decoded(body(&packet), |records| records.iter().map(|record| json(record.value)).collect());
        assert_eq!(&records, capture["records"].as_array().unwrap(), "{name}");
    }
    assert_eq!(captures().len(), 462);
}

#[test]
fn requests_decode_to_method_and_arguments() {
    for capture in captures() {
        let name = text(capture, "request");
        let packet = read(name);
        let header = wire::header(&packet).unwrap().unwrap();
        assert_eq!(
            (header.kind, header.body_len + header.header_len),
            (Kind::Request, packet.len()),
            "{name}"
        );
        let values: Vec<Json> = decoded(body(&packet), |records| {
            let plain = |value: Value<'_>| match value {
                Value::Int(int) => int.as_i64().into(),
                Value::Double(double) => double.as_f64().into(),
                other => String::from_utf8_lossy(other.as_bytes().unwrap()).into(),
            };
            records.iter().map(|record| plain(record.value)).collect()
        });
        assert_eq!(values[0], capture["method"], "{name}");
        assert_eq!(&values[1..], capture["args"].as_array().unwrap(), "{name}");
    }
}

/// Kamailio writes the fewest bytes, and so does the encoder.
#[test]
fn decoding_and_encoding_gives_the_same_bytes() {
    for capture in captures() {
        for name in [text(capture, "request"), text(capture, "reply")] {
            let packet = read(name);
            let header = wire::header(&packet).unwrap().unwrap();
            let mut again = Vec::new();
            decoded(body(&packet), |records| {
                let records: Vec<Arg<'_>> = records.iter().map(|record| arg(record.value)).collect();
                wire::encode(header.kind, header.cookie, &records, &mut again).unwrap();
            });
            assert!(again == packet, "{name}");
        }
    }
}

#[test]
fn requests_are_encoded_as_kamcmd_encodes_them() {
    for capture in captures() {
        let args: Vec<Arg<'_>> = capture["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().map_or_else(|| Arg::Int(arg.as_i64().unwrap()), Arg::from))
            .collect();
        let mut request = Vec::new();
        wire::encode_request(Cookie(0x1bad_cafe), text(capture, "method"), &args, &mut request).unwrap();
        assert!(request == read(text(capture, "request")), "{}", text(capture, "request"));
    }
}

#[test]
fn pipelined_calls_are_answered_in_order() {
    let mut seen = 0;
    for stream in INDEX["streams"].as_array().unwrap() {
        let Some(expected) = stream["replies"].as_array() else { continue };
        let (requests, bytes) = (read(text(stream, "request")), read(text(stream, "reply")));
        let packets = packets(&bytes);
        assert_eq!(packets.len(), expected.len());
        let mut session = Session::stream();
        let mut input = Vec::new();
        for (packet, expected) in packets.iter().zip(expected) {
            let header = wire::header(packet).unwrap().unwrap();
            assert_eq!(u64::from(header.cookie.0), expected["cookie"].as_u64().unwrap());
            assert_eq!(packet.len() as u64, expected["total_len"].as_u64().unwrap());
            let cookie = session.queue(text(expected, "method"), &[]).unwrap();
            input.extend(with_cookie(packet, cookie));
        }
        session.feed(&input);
        for (packet, expected) in packets.iter().zip(expected) {
            let reply = session.poll().unwrap().unwrap();
            assert_eq!(body(reply.packet()), body(packet));
            assert_eq!(reply.records().is_err(), expected["type"] == "fault");
            seen += 1;
        }
        assert!(session.poll().unwrap().is_none());
        assert_eq!(self::packets(&requests).len(), expected.len());
    }
    assert_eq!(seen, 20);
}

/// Kamailio dropped parts of replies that were not read in time, and continued with the next reply.
#[test]
fn corrupt_streams_yield_no_wrong_reply() {
    let mut seen = 0;
    for stream in INDEX["streams"].as_array().unwrap() {
        let Some(decodable) = stream["replies_decodable"].as_u64() else { continue };
        let decodable = decodable as usize;
        let bytes = read(text(stream, "reply"));
        assert_eq!(bytes.len() as u64, stream["bytes"].as_u64().unwrap());
        let packets = packets(&bytes);
        let intact = packets.iter().map(|packet| packet.len()).sum::<usize>();
        let mut session = Session::stream();
        let mut input = Vec::new();
        let cookies: Vec<Cookie> = (0..20).map(|_| session.queue("dispatcher.list", &[]).unwrap()).collect();
        for (packet, cookie) in packets.iter().zip(&cookies) {
            input.extend(with_cookie(packet, *cookie));
        }
        input.extend(&bytes[intact..]);
        session.feed(&input);
        let replies = replies(&mut session);
        for (reply, cookie) in replies.iter().zip(&cookies).take(decodable) {
            assert_eq!(reply.0, *cookie);
            assert!(reply.1.starts_with("[Struct"), "{reply:?}");
        }
        assert!(replies[decodable..].iter().all(|(_, text)| !text.starts_with("[Struct")), "{replies:?}");
        assert!(replies.len() > decodable || session.awaiting() > 0);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

/// A value as an argument, whose parts are leaked until the test ends.
fn arg(value: Value<'_>) -> Arg<'_> {
    match value {
        Value::Int(int) if int.size() == 4 => Arg::Int(int.as_u64() as i64),
        Value::Int(int) => Arg::Int(int.as_i64()),
        Value::Double(double) => Arg::Double(double.milli() as f64 / 1000.0),
        Value::Str(bytes) => Arg::Str(bytes),
        Value::Bytes(bytes) => Arg::Bytes(bytes),
        Value::Struct(members) => {
            let members = members
                .iter()
                .map(|member| (member.name.map(|name| str::from_utf8(name).unwrap()), arg(member.value)));
            Arg::Struct(members.collect::<Vec<_>>().leak())
        }
        Value::Array(values) => {
            Arg::Array(values.iter().map(|member| arg(member.value)).collect::<Vec<_>>().leak())
        }
    }
}
