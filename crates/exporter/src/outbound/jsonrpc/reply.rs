//! Reads the JSON of a reply into the body of a BINRPC reply, in one pass, so that nothing above knows JSON.

use super::value::{Name, Position, Written};
use kamailio_binrpc::wire::Body;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;
use std::fmt;

/// The result of a call, as its reply has it.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call succeeded; the records are in the body.
    Result {
        /// Whether the result is a list of records. If not, it is the last of the records that the method returned.
        is_list: bool,
    },
    /// Kamailio refused the call. The body has the code and the reason as a BINRPC fault has them.
    Fault {
        /// The code.
        code: i32,
        /// The reason, cut to 255 bytes.
        reason: String,
    },
}

/// Reads the reply to the request with this `id`, and replaces `body` by its records. The error is a human-readable message.
pub fn read(json: &[u8], id: u32, body: &mut Body) -> Result<Outcome, String> {
    body.clear();
    let Parsed { id: found, fault, result } = parse(json, body)?;
    match found {
        Scalar::Number(found) if found == i64::from(id) => {}
        Scalar::Number(found) => return Err(format!("the reply has the id {found} instead of {id}")),
        Scalar::Text(_) => return Err(format!("the reply has a text as its id instead of {id}")),
        Scalar::Other => return Err("the reply has no id".to_owned()),
    }
    match fault {
        Some(Fault { code, reason }) => {
            body.clear();
            body.int(code.into());
            body.text(reason.as_bytes());
            Ok(Outcome::Fault { code, reason })
        }
        None => match result {
            Some(is_list) => Ok(Outcome::Result { is_list }),
            None => Err("the reply has neither a result nor an error".to_owned()),
        },
    }
}

/// Returns the `id` of a reply, if it is a number.
pub(super) fn id(json: &[u8]) -> Option<i64> {
    match parse(json, &mut Body::new()).ok()?.id {
        Scalar::Number(id) => Some(id),
        Scalar::Text(_) | Scalar::Other => None,
    }
}

fn parse(json: &[u8], body: &mut Body) -> Result<Parsed, String> {
    // Strings are bytes from SIP messages in any encoding, which Kamailio does not convert.
    let json = String::from_utf8_lossy(json);
    if json.trim_ascii_start().starts_with('[') {
        return Err("the reply is a batch, but the request was a single call".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_str(&json);
    let parsed = Envelope { body }.deserialize(&mut deserializer).and_then(|parsed| {
        deserializer.end()?;
        Ok(parsed)
    });
    parsed.map_err(|error| match error.classify() {
        Category::Eof => format!("the reply ends early: {error}"),
        _ => format!("the reply is not valid: {error}"),
    })
}

struct Envelope<'b> {
    body: &'b mut Body,
}

/// The members of a reply apart from the result.
struct Parsed {
    id: Scalar,
    fault: Option<Fault>,
    /// Whether the result is a list.
    result: Option<bool>,
}

impl<'de> DeserializeSeed<'de> for Envelope<'_> {
    type Value = Parsed;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parsed, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_> {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC reply")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Parsed, A::Error> {
        let mut parsed = Parsed { id: Scalar::Other, fault: None, result: None };
        while let Some(Name(name)) = members.next_key()? {
            match name.as_str() {
                "result" if parsed.result.is_some() => return Err(Error::duplicate_field("result")),
                "result" => {
                    let written = Written { body: &mut *self.body, position: Position::Result };
                    parsed.result = Some(members.next_value_seed(written)?);
                }
                "error" => parsed.fault = members.next_value()?,
                "id" => parsed.id = members.next_value()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(parsed)
    }
}

/// The `error` of a reply.
struct Fault {
    code: i32,
    reason: String,
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fault;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the error of a JSON-RPC reply")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fault, A::Error> {
                let mut fault = Fault { code: 0, reason: String::new() };
                while let Some(Name(name)) = members.next_key()? {
                    match (name.as_str(), members.next_value()?) {
                        ("code", Scalar::Number(code)) => fault.code = i32::try_from(code).unwrap_or(0),
                        ("message", Scalar::Text(mut reason)) => {
                            let end = (0..=MAX_REASON).rev().find(|end| reason.is_char_boundary(*end));
                            reason.truncate(end.unwrap_or(0));
                            fault.reason = reason;
                        }
                        _ => {}
                    }
                }
                Ok(fault)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A number or a text; anything else is skipped, and takes no memory.
enum Scalar {
    Number(i64),
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(i64::try_from(number).map_or(Scalar::Other, Scalar::Number))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Scalar, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Maximum number of bytes of a fault's reason, as in BINRPC.
const MAX_REASON: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use kamailio_binrpc::wire::{self, Kind, Nodes};
    use kamailio_binrpc::{Arg, Cookie, Value};

    fn result(json: &str) -> Result<Outcome, String> {
        read(format!(r#"{{"jsonrpc": "2.0", "result": {json}, "id": 7}}"#).as_bytes(), 7, &mut Body::new())
    }

    /// Asserts that a result is read as these records.
    fn assert_records(json: &str, records: &[Arg<'_>]) {
        let mut body = Body::new();
        let reply = format!("{{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{json},\n\t\"id\":\t7\n}}");
        assert_eq!(
            read(reply.as_bytes(), 7, &mut body),
            Ok(Outcome::Result { is_list: json.starts_with('[') }),
            "{json}"
        );
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, Cookie(7), records, &mut packet).unwrap();
        let header = wire::header(&packet).unwrap().unwrap();
        assert_eq!(body.as_bytes(), &packet[header.header_len..], "{json}");
        Nodes::new().decode(body.as_bytes()).unwrap();
    }

    #[test]
    fn a_reply_has_the_records_of_binrpc() {
        assert_records("\"kamailio 5.6.3\"", &["kamailio 5.6.3".into()]);
        assert_records("[]", &[]);
        assert_records("{}", &[Arg::Struct(&[])]);
        assert_records(
            "[\"a\", 1, {\"b\": 2}]",
            &["a".into(), Arg::Int(1), Arg::Struct(&[(Some("b"), Arg::Int(2))])],
        );
        assert_records(
            "{\"uptime\": 3, \"up_since\": \"Thu\"}",
            &[Arg::Struct(&[(Some("uptime"), Arg::Int(3)), (Some("up_since"), "Thu".into())])],
        );
    }

    /// `dispatcher.list`, `cdp.list_peers`, `pike.top`.
    #[test]
    fn names_repeat_and_arrays_have_named_members() {
        let destination = |uri| [(Some("URI"), Arg::from(uri)), (Some("PRIORITY"), Arg::Int(0))];
        let (first, second) = (destination("sip:a"), destination("sip:b"));
        let destinations = [(Some("DEST"), Arg::Struct(&first)), (Some("DEST"), Arg::Struct(&second))];
        let set = [(Some("ID"), Arg::Int(1)), (Some("TARGETS"), Arg::Struct(&destinations))];
        let sets = [(Some("SET"), Arg::Struct(&set))];
        let list = [(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&sets))];
        assert_records(
            r#"{"NRSETS": 1, "RECORDS": [{"SET": {"ID": 1, "TARGETS": [
                {"DEST": {"URI": "sip:a", "PRIORITY": 0}}, {"DEST": {"URI": "sip:b", "PRIORITY": 0}}]}}]}"#,
            &[Arg::Struct(&list)],
        );
        assert_records(
            r#"{"FQDN": "a", "Details": {}, "FQDN": "b", "Details": []}"#,
            &[Arg::Struct(&[
                (Some("FQDN"), "a".into()),
                (Some("Details"), Arg::Struct(&[])),
                (Some("FQDN"), "b".into()),
                (Some("Details"), Arg::Struct(&[])),
            ])],
        );
        let item = [(Some("ip"), Arg::from("::1")), (Some("hits"), Arg::Int(2))];
        assert_records(
            r#"{"list": [{"ip": "::1", "hits": 2}, "text", {}]}"#,
            &[Arg::Struct(&[(
                Some("list"),
                Arg::Struct(&[(None, Arg::Struct(&item)), (None, "text".into()), (None, Arg::Struct(&[]))]),
            )])],
        );
    }

    #[test]
    fn values_are_those_of_binrpc() {
        for (json, value) in [
            ("-5", Arg::Int(-5)),
            ("2147483647", Arg::Int(2_147_483_647)),
            ("-2147483648", Arg::Int(-2_147_483_648)),
            ("12.5", Arg::Double(12.5)),
            ("1.234568e+12", Arg::Double(1.234_568e12)),
            ("\"18446744073709551611\"", "18446744073709551611".into()),
            ("null", "<null string>".into()),
            ("true", Arg::Int(1)),
            (r#""a\n\u0007\"ä""#, "a\n\u{7}\"ä".into()),
        ] {
            assert_records(json, &[value]);
        }
    }

    #[test]
    fn numbers_that_binrpc_confuses_are_exact() {
        let mut body = Body::new();
        let numbers = br#"{"result": [4294967295, 9007199254740993, 18446744073709551616, 1e300], "id": 7}"#;
        read(numbers, 7, &mut body).unwrap();
        let mut nodes = Nodes::new();
        nodes.decode(body.as_bytes()).unwrap();
        let read: Vec<_> =
            nodes.members(body.as_bytes()).iter().map(|record| record.value.as_i64()).collect();
        assert_eq!(read, [Some(4_294_967_295), Some(9_007_199_254_740_993), None, None]);
    }

    #[test]
    fn bytes_in_another_encoding_are_replaced() {
        let mut body = Body::new();
        read(b"{\"result\": \"J\xfcrgen\", \"id\": 7}", 7, &mut body).unwrap();
        let mut nodes = Nodes::new();
        nodes.decode(body.as_bytes()).unwrap();
        assert_eq!(nodes.members(body.as_bytes()).first().and_then(Value::as_str), Some("J\u{fffd}rgen"));
    }

    #[test]
    fn a_fault_has_kamailios_code_and_message() {
        let mut body = Body::new();
        let reply =
            br#"{"jsonrpc":"2.0","error":{"code":500,"message":"Method Not Found","data":[1]},"id":7}"#;
        let fault = Outcome::Fault { code: 500, reason: "Method Not Found".to_owned() };
        assert_eq!(read(reply, 7, &mut body), Ok(fault));
        let mut nodes = Nodes::new();
        nodes.decode(body.as_bytes()).unwrap();
        assert_eq!(nodes.members(body.as_bytes()).iter().count(), 2);
        let long = format!(r#"{{"error":{{"code":-32000,"message":"{}"}},"id":7}}"#, "ä".repeat(200));
        let Ok(Outcome::Fault { code: -32_000, reason }) = read(long.as_bytes(), 7, &mut body) else {
            panic!("not a fault")
        };
        assert_eq!(reason.len(), 254);
    }

    #[test]
    fn invalid_replies_have_a_human_readable_error() {
        for (json, part) in [
            ("", "ends early"),
            ("{\"result\": {\"a\": 1", "ends early"),
            ("<html>", "not valid"),
            ("{\"result\": nan, \"id\": 7}", "not valid"),
            ("{\"result\": 1, \"id\": 7} x", "trailing characters"),
            (" [{\"result\": 1, \"id\": 7}]", "the reply is a batch"),
            ("\"text\"", "expected a JSON-RPC reply"),
            ("{\"result\": 1, \"result\": 2, \"id\": 7}", "duplicate field"),
            ("{\"result\": 1, \"id\": 8}", "the id 8 instead of 7"),
            ("{\"result\": 1, \"id\": \"7\"}", "a text as its id"),
            ("{\"result\": 1}", "has no id"),
            ("{\"id\": 7}", "neither a result nor an error"),
            ("{\"error\": \"text\", \"id\": 7}", "expected the error of a JSON-RPC reply"),
        ] {
            let error = read(json.as_bytes(), 7, &mut Body::new()).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
        let deep = "[".repeat(200);
        assert!(result(&deep).unwrap_err().contains("recursion limit"));
    }
}
