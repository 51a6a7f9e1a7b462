//! Replies as types, and types as text.

use crate::recorded::{INDEX, body, decoded, read};
use crate::roundtrip::{plain_tree, with_args};
use kamailio_binrpc::wire::{self, Kind, Nodes};
use kamailio_binrpc::{Arg, Cookie, Error, Session, from_records, from_reply, from_value};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

/// The members of a struct.
type Struct<'a> = &'a [(Option<&'a str>, Arg<'a>)];

/// The body of a reply with these records.
fn encoded(records: &[Arg<'_>]) -> Vec<u8> {
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(1), records, &mut packet).unwrap();
    body(&packet).to_vec()
}

fn from_body<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    decoded(body, |records| from_records(records).map_err(|error| error.to_string()))
}

fn from<T: for<'de> Deserialize<'de>>(records: &[Arg<'_>]) -> Result<T, String> {
    from_body(&encoded(records))
}

fn accepts<T: for<'de> Deserialize<'de> + PartialEq + Debug>(record: Arg<'_>, expected: T) {
    assert_eq!(from(&[record]), Ok(expected), "{record:?}");
}

fn rejects<T: for<'de> Deserialize<'de> + Debug>(record: Arg<'_>, message: &str) {
    assert_eq!(from::<T>(&[record]).unwrap_err(), message, "{record:?}");
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Transactions {
    current: u32,
    total: u32,
    #[serde(rename = "2xx")]
    accepted: u64,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Dispatcher {
    nrsets: u8,
    records: Sets,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Sets {
    #[serde(rename = "SET")]
    sets: Vec<Set>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Set {
    id: i32,
    targets: Targets,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Targets {
    #[serde(rename = "DEST")]
    destinations: Vec<Destination>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Destination {
    uri: String,
    latency: Latency,
    attrs: Option<Attributes>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Latency {
    avg: f64,
    max: u32,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Attributes {
    duid: String,
    socket: Option<String>,
}

/// Reads a capture, and the same again from the JSON of the result.
fn recorded<T>(name: &str) -> T
where
    T: for<'de> Deserialize<'de> + Serialize + PartialEq + Debug,
{
    let packet = read(&format!("5.6.3/{name}.reply"));
    let mut session = Session::stream();
    let cookie = session.queue("core.uptime", &[]).unwrap();
    session.feed(&crate::recorded::with_cookie(&packet, cookie));
    let value = from_reply(&session.poll().unwrap().unwrap()).unwrap();
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
    value
}

#[test]
fn recorded_replies_are_types() {
    let transactions = Transactions { current: 322, total: 1695, accepted: 1503 };
    assert_eq!(recorded::<Transactions>("tm.stats"), transactions);

    let dispatcher: Dispatcher = recorded("dispatcher.list");
    assert_eq!((dispatcher.nrsets, dispatcher.records.sets.len()), (4, 4));
    let [first, second, ..] = &dispatcher.records.sets[..] else { panic!("{dispatcher:?}") };
    assert_eq!((first.id, first.targets.destinations.len()), (0, 1), "a single member is a sequence");
    let destination = &first.targets.destinations[0];
    assert_eq!((destination.uri.as_str(), &destination.attrs), ("sip:127.0.0.1:5195", &None));
    assert_eq!(destination.latency, Latency { avg: 0.1, max: 2 });
    assert_eq!((second.id, second.targets.destinations.len()), (7, 2));
    let attributes = Attributes { duid: "b".to_owned(), socket: None };
    assert_eq!(second.targets.destinations[0].attrs, Some(attributes));

    assert_eq!(recorded::<String>("core.version"), "kamailio 5.6.3 (x86_64/linux) ");
    assert!(recorded::<Vec<String>>("system.listMethods").len() > 100);
}

#[test]
fn a_fault_is_the_error_of_the_call() {
    let mut session = Session::stream();
    let cookie = session.queue("core.uptime", &[]).unwrap();
    session.feed(&crate::recorded::with_cookie(&read("5.6.3/no.such.command.reply"), cookie));
    let error = from_reply::<Transactions>(&session.poll().unwrap().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Fault { code: 500, .. }), "{error}");

    let cookie = session.queue("core.uptime", &[]).unwrap();
    session.feed(&crate::recorded::reply(b"\x10\x01", cookie));
    let error = from_reply::<String>(&session.poll().unwrap().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "invalid type: integer `1`, expected a string");
    assert!(matches!(error, Error::Deserialize(_)));
}

#[test]
fn numbers_are_read_by_the_sign_of_the_type() {
    accepts(Arg::Int(3_145_728_000), 3_145_728_000_u32);
    accepts(Arg::Int(3_145_728_000), 3_145_728_000_u64);
    accepts(Arg::Int(3_145_728_000), -1_149_239_296_i32);
    accepts(Arg::Int(-5), -5_i64);
    accepts(Arg::Int(-5), -5_i16);
    accepts(Arg::Int(-5), -5_i8);
    accepts(Arg::Int(200), 200_u8);
    accepts(Arg::Int(60_000), 60_000_u16);
    accepts(Arg::Int(-5), -5.0_f64);
    accepts(Arg::Double(-1.5), -1.5_f32);
    accepts(Arg::Double(1.0), 1_u32);
    accepts(Arg::Double(-7.0), -7_i32);
    accepts(Arg::Int(0), false);
    accepts(Arg::Int(1), true);
    rejects::<u8>(Arg::Int(256), "invalid value: integer `256`, expected u8");
    rejects::<u32>(Arg::Double(1.5), "invalid type: floating point `1.5`, expected u32");
    rejects::<u32>(Arg::Double(-1.0), "invalid type: floating point `-1.0`, expected u32");
    rejects::<bool>(Arg::Int(2), "invalid type: integer `2`, expected a boolean");
    rejects::<i32>(Arg::Array(&[]), "invalid type: sequence, expected i32");
    rejects::<i32>(Arg::Struct(&[]), "invalid type: map, expected i32");
    rejects::<f64>(Arg::Bytes(b"x"), "invalid type: byte array, expected f64");
}

#[test]
fn numbers_are_read_from_text() {
    accepts("42".into(), 42_u32);
    accepts("42".into(), 42_i8);
    accepts("18446744073709551611".into(), 18_446_744_073_709_551_611_u64);
    accepts("18446744073709551611".into(), -5_i64);
    accepts("-5".into(), -5_i32);
    accepts("0.029".into(), 0.029_f64);
    accepts("1".into(), true);
    rejects::<u32>("-5".into(), "invalid type: string \"-5\", expected u32");
    rejects::<u32>("".into(), "invalid type: string \"\", expected u32");
    rejects::<f64>("NaN".into(), "invalid type: string \"NaN\", expected f64");
    rejects::<i64>(Arg::Str(b"\xff"), "invalid type: byte array, expected i64");
}

#[test]
fn no_value_is_none() {
    let body = b"\x82\x80\0\0\0\0\0\0\0";
    assert_eq!(from_body::<Option<f64>>(body), Ok(None));
    assert_eq!(from_body::<Json>(body), Ok(Json::Null));
    let message = "invalid type: a double without a value, expected f64";
    assert_eq!(from_body::<f64>(body).unwrap_err(), message);
    accepts(Arg::Double(0.5), Some(0.5));
    accepts("<null string>".into(), None::<String>);
    accepts("<null string>".into(), "<null string>".to_owned());
    accepts("".into(), Some(String::new()));
    accepts("a".into(), Some(vec!["a".to_owned()]));
    assert_eq!(from::<Option<Vec<u32>>>(&[1.into(), 2.into()]), Ok(Some(vec![1, 2])));
    assert_eq!(from::<Option<String>>(&[]), Ok(None), "a reply without records");
}

#[test]
fn strings_are_text_or_bytes() {
    accepts(Arg::Str(b"M\xfcnchen"), "M\u{fffd}nchen".to_owned());
    accepts(Arg::Bytes(b"abc"), "abc".to_owned());
    accepts("x".into(), 'x');
    rejects::<String>(Arg::Int(1), "invalid type: integer `1`, expected a string");
    decoded(&encoded(&["abc".into()]), |records| {
        assert_eq!(from_records::<&str>(records).unwrap(), "abc");
        assert_eq!(from_records::<&[u8]>(records).unwrap(), b"abc");
        assert!(from_records::<&[u8]>(Default::default()).is_err());
    });
    decoded(&encoded(&[Arg::Str(b"\xff")]), |records| {
        assert!(from_records::<&str>(records).is_err());
        assert_eq!(from_records::<&[u8]>(records).unwrap(), b"\xff");
        assert_eq!(from_records::<Vec<serde_bytes_like::Bytes>>(records).unwrap()[0].0, b"\xff");
    });
    rejects::<serde_bytes_like::Bytes>(Arg::Int(1), "invalid type: integer `1`, expected bytes");
}

/// A stand-in for the crate `serde_bytes`.
mod serde_bytes_like {
    use serde::de::{Deserialize, Deserializer, Visitor};
    use std::fmt;

    #[derive(Debug)]
    pub(super) struct Bytes(pub(super) Vec<u8>);

    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Expected;
            impl Visitor<'_> for Expected {
                type Value = Bytes;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                    Ok(Bytes(bytes.to_vec()))
                }
            }
            deserializer.deserialize_byte_buf(Expected)
        }
    }
}

#[test]
fn sequences_are_nameless_members_repeated_names_or_one_value() {
    let nameless: Struct<'_> = &[(None, 1.into()), (None, 2.into())];
    let repeated: Struct<'_> = &[(Some("a"), 1.into()), (Some("b"), 9.into()), (Some("a"), 2.into())];
    let nested: Struct<'_> = &[(Some("a"), Arg::Struct(nameless))];
    #[derive(Debug, Deserialize, PartialEq)]
    struct Numbers {
        #[serde(default)]
        a: Vec<u32>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Wrapped(Numbers);
    #[derive(Debug, Deserialize, PartialEq)]
    struct Maybe {
        a: Option<Vec<u32>>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct List(Vec<u32>);
    #[derive(Debug, Deserialize, PartialEq)]
    struct Listed {
        a: List,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Pair(u32, u32);
    #[derive(Debug, Deserialize, PartialEq)]
    struct Paired {
        a: Pair,
    }
    accepts(Arg::Struct(nested), Numbers { a: vec![1, 2] });
    accepts(Arg::Struct(repeated), Numbers { a: vec![1, 2] });
    accepts(Arg::Struct(repeated), Wrapped(Numbers { a: vec![1, 2] }));
    accepts(Arg::Struct(repeated), Maybe { a: Some(vec![1, 2]) });
    accepts(Arg::Struct(repeated), Listed { a: List(vec![1, 2]) });
    accepts(Arg::Struct(repeated), Paired { a: Pair(1, 2) });
    accepts(Arg::Struct(&[(Some("a"), 1.into())]), Numbers { a: vec![1] });
    accepts(Arg::Struct(&[(Some("a"), Arg::Struct(&[]))]), Numbers { a: vec![] });
    accepts(Arg::Struct(&[(Some("a"), Arg::Array(&[Arg::Int(1)]))]), Numbers { a: vec![1] });
    accepts(Arg::Struct(&[(Some("a"), Arg::Struct(nameless))]), HashMap::from([("a".to_owned(), (1, 2))]));
    accepts(Arg::Struct(&[]), Numbers { a: vec![] });
    accepts(Arg::Struct(repeated), IgnoredAnyStruct {});
    rejects::<HashMap<String, u32>>(Arg::Struct(repeated), "a: invalid type: sequence, expected u32");
    rejects::<HashMap<String, Numbers>>(
        Arg::Struct(repeated),
        "a: the name occurs 2 times, expected one: read the members into a Vec",
    );
    rejects::<HashMap<String, u32>>(Arg::Struct(nameless), "invalid type: map, expected a map");
    rejects::<Numbers>(Arg::Int(1), "invalid type: integer `1`, expected struct Numbers");
}

/// A type that ignores every field.
#[derive(Debug, Deserialize, PartialEq)]
struct IgnoredAnyStruct {}

#[test]
fn names_are_keys() {
    let members: Struct<'_> = &[(Some("200"), 5.into()), (Some("404"), 6.into())];
    accepts(Arg::Struct(members), BTreeMap::from([(200_u16, 5), (404, 6)]));
    let mixed: Struct<'_> = &[(Some("a"), 1.into()), (None, 2.into()), (None, 3.into())];
    assert_eq!(from::<Json>(&[Arg::Struct(mixed)]), Ok(json!({ "a": 1, "": [2, 3] })));
    rejects::<BTreeMap<u16, u32>>(Arg::Struct(mixed), "a: invalid type: string \"a\", expected u16");
}

#[test]
fn variants_are_text_or_the_only_member() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Active,
        Busy(u32),
    }
    accepts("active".into(), State::Active);
    accepts(Arg::Struct(&[(Some("busy"), "3".into())]), State::Busy(3));
    rejects::<State>("gone".into(), "unknown variant `gone`, expected `active` or `busy`");
    rejects::<State>(Arg::Int(1), "invalid type: integer `1`, expected enum State");
    let two: Struct<'_> = &[(Some("busy"), 3.into()), (Some("idle"), 4.into())];
    rejects::<State>(Arg::Struct(two), "a struct of 2 members, expected one, which names the variant");
}

#[test]
fn the_only_record_or_all_records_are_the_type() {
    assert_eq!(from::<Vec<u32>>(&[1.into(), 2.into()]), Ok(vec![1, 2]));
    assert_eq!(from::<Vec<u32>>(&[]), Ok(vec![]));
    assert_eq!(from::<(u32, String)>(&[1.into(), "a".into()]), Ok((1, "a".to_owned())));
    #[derive(Debug, Deserialize, PartialEq)]
    struct Pair(u32, u32);
    assert_eq!(from::<Pair>(&[1.into(), 2.into()]), Ok(Pair(1, 2)));
    #[derive(Debug, Deserialize, PartialEq)]
    struct List(Vec<u32>);
    assert_eq!(from::<List>(&[1.into(), 2.into()]), Ok(List(vec![1, 2])));
    #[derive(Debug, Deserialize, PartialEq)]
    struct Nothing;
    assert_eq!(from::<()>(&[]), Ok(()));
    assert_eq!(from::<()>(&[Arg::Struct(&[])]), Ok(()));
    assert_eq!(from::<Nothing>(&[Arg::Array(&[])]), Ok(Nothing));
    assert!(from::<()>(&[1.into()]).is_err() && from::<()>(&[Arg::Struct(&[(None, 1.into())])]).is_err());
    assert_eq!(from::<Option<u32>>(&[1.into()]), Ok(Some(1)));
    assert!(from::<IgnoredAny>(&[1.into(), 2.into()]).is_ok());
    assert_eq!(from::<Json>(&[1.into()]), Ok(json!(1)));
    assert_eq!(from::<Json>(&[1.into(), "a".into()]), Ok(json!([1, "a"])));
    assert_eq!(from::<u32>(&[]).unwrap_err(), "the reply has no records, expected one");
    let message = "the reply has 3 records, expected one: read the reply into a Vec or a tuple";
    assert_eq!(from::<u32>(&[1.into(), 2.into(), 3.into()]).unwrap_err(), message);
}

#[test]
fn a_tuple_is_all_values() {
    let three: Struct<'_> = &[(None, 1.into()), (None, 2.into()), (None, 3.into())];
    let message = "invalid length 3, expected a tuple of size 2";
    #[derive(Debug, Deserialize, PartialEq)]
    struct Pair(u32, u32);
    for record in [Arg::Struct(three), Arg::Array(&[1.into(), 2.into(), 3.into()])] {
        assert_eq!(from::<Vec<(u32, u32, u32)>>(&[record]), Ok(vec![(1, 2, 3)]));
        rejects::<Vec<(u32, u32)>>(record, &format!("[0]: {message}"));
    }
    assert_eq!(from::<(u32, u32)>(&[1.into(), 2.into(), 3.into()]).unwrap_err(), message);
    assert_eq!(from::<Pair>(&[1.into(), 2.into(), 3.into()]).unwrap_err(), message);
    assert!(from::<(u32, u32)>(&[1.into()]).unwrap_err().contains("expected a tuple of size 2"));
}

#[test]
fn errors_name_the_path_to_the_value() {
    let destination: Struct<'_> = &[(Some("URI"), "sip:a".into()), (Some("LATENCY"), 1.into())];
    let targets: Struct<'_> = &[(Some("DEST"), Arg::Struct(destination))];
    let set: Struct<'_> = &[(Some("ID"), 1.into()), (Some("TARGETS"), Arg::Struct(targets))];
    let sets: Struct<'_> = &[(Some("SET"), Arg::Struct(set))];
    let record: Struct<'_> = &[(Some("NRSETS"), 1.into()), (Some("RECORDS"), Arg::Struct(sets))];
    rejects::<Dispatcher>(
        Arg::Struct(record),
        "RECORDS.SET[0].TARGETS.DEST[0].LATENCY: invalid type: integer `1`, expected struct Latency",
    );
    let nested: Struct<'_> = &[(None, Arg::Struct(&[(None, "x".into())]))];
    rejects::<Vec<Vec<Vec<u32>>>>(Arg::Struct(nested), "[0][0][0]: invalid type: string \"x\", expected u32");
}

#[test]
fn fifty_thousand_names_are_read() {
    let mut body = vec![0x03];
    for number in 0..50_000 {
        body.extend(format!("\x75{number:06}\0\x10\x01").bytes());
    }
    body.push(0x83);
    let names = from_body::<HashMap<String, IgnoredAny>>(&body).unwrap();
    assert_eq!(names.len(), 50_000);
}

/// The JSON of each record, written by `Serialize`, is the JSON that `Deserialize` reads.
fn serialize_and_deserialize_agree(nodes: &Nodes, body: &[u8]) {
    let records = nodes.members(body);
    for record in records {
        let written = serde_json::to_value(record.value).unwrap();
        assert_eq!(from_value::<Json>(record.value).unwrap(), written, "{record:?}");
        assert_eq!(serde_json::to_value(record.value.into_owned()).unwrap(), written);
    }
    let all: Vec<Json> = records.iter().map(|record| serde_json::to_value(record.value).unwrap()).collect();
    assert_eq!(serde_json::to_value(records.into_owned()).unwrap(), Json::Array(all));
}

#[test]
fn captures_are_the_same_written_and_read() {
    let captures = INDEX["captures"].as_array().unwrap();
    for capture in captures {
        let packet = read(capture["reply"].as_str().unwrap());
        let mut nodes = Nodes::new();
        nodes.decode(body(&packet)).unwrap();
        serialize_and_deserialize_agree(&nodes, body(&packet));
    }
    assert!(captures.len() > 400);
}

#[test]
fn members_of_a_struct_are_a_map() {
    decoded(&encoded(&[Arg::Struct(&[(Some("a"), 1.into()), (Some("a"), NOTHING)])]), |records| {
        let members = records.first().unwrap().members().unwrap();
        assert_eq!(serde_json::to_value(members).unwrap(), json!({ "a": [1, {}] }));
    });
    decoded(&encoded(&[Arg::Bytes(b"ab")]), |records| {
        assert_eq!(serde_json::to_value(records).unwrap(), json!([[97, 98]]));
    });
}

const NOTHING: Arg<'_> = Arg::Struct(&[]);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_values_are_the_same_written_and_read(records in prop::collection::vec(plain_tree(), 0..4)) {
        let body = with_args(&records, encoded);
        let mut nodes = Nodes::new();
        nodes.decode(&body).unwrap();
        serialize_and_deserialize_agree(&nodes, &body);
    }
}
