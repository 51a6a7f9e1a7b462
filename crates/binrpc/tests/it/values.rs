//! The accessors of values, and how values are printed.

use crate::recorded::{body, decoded, read};
use kamailio_binrpc::wire::{self, Kind};
use kamailio_binrpc::{Arg, Cookie, Double, Int, Members, OwnedMembers, OwnedValue, Value};

fn with_record<T>(record: Arg<'_>, look: impl FnOnce(Value<'_>) -> T) -> T {
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(1), &[record], &mut packet).unwrap();
    decoded(body(&packet), |records| look(records.first().unwrap()))
}

#[test]
fn a_value_of_another_type_is_none() {
    let int = Value::Int(Int::from(-5));
    let double = Value::Double(Double::from_milli(1_500));
    let none = Value::Double(Double::from_milli(i64::MIN));
    let text = Value::Str(b"AP");
    let bytes = Value::Bytes(b"\xff");
    let empty = Value::Struct(Members::default());
    let array = Value::Array(Members::default());
    let values = [int, double, none, text, bytes, empty, array];
    assert_eq!(values.map(Value::as_u64), [Some(0xffff_fffb), None, None, None, None, None, None]);
    assert_eq!(values.map(Value::as_i64), [Some(-5), None, None, None, None, None, None]);
    assert_eq!(values.map(Value::as_f64), [Some(-5.0), Some(1.5), None, None, None, None, None]);
    assert_eq!(values.map(Value::as_str), [None, None, None, Some("AP"), None, None, None]);
    let lossy = values.map(|value| value.to_str_lossy().map(|text| text.into_owned()));
    let texts = ["AP", "\u{fffd}"].map(|text| Some(text.to_owned()));
    assert_eq!(lossy[3..5], texts);
    assert!(lossy[..3].iter().chain(&lossy[5..]).all(Option::is_none));
    assert_eq!(
        values.map(|value| value.as_bytes().map(<[u8]>::len)),
        [None, None, None, Some(2), Some(1), None, None]
    );
    assert_eq!(
        values.map(|value| value.members().is_some()),
        [false, false, false, false, false, true, true]
    );
    assert!(values.iter().all(|value| value.get("a").is_none() && value.get_all("a").next().is_none()));
    assert!(values.iter().all(|value| value.path(&["a"]).is_none() && value.path(&[]) == Some(*value)));
}

#[test]
fn numbers_are_parsed_from_every_type() {
    let double = |milli| Value::Double(Double::from_milli(milli));
    for (value, unsigned, signed, float) in [
        (Value::Int(Int::from(-5)), Some(0xffff_fffb), Some(-5), Some(-5.0)),
        (double(2_000), Some(2), Some(2), Some(2.0)),
        (double(-2_000), None, Some(-2), Some(-2.0)),
        (double(1_500), None, None, Some(1.5)),
        (double(i64::MIN), None, None, None),
        (
            Value::Str(b"18446744073709551611"),
            Some(u64::MAX - 4),
            Some(-5),
            Some(18_446_744_073_709_551_611.0),
        ),
        (Value::Str(b"-5"), None, Some(-5), Some(-5.0)),
        (Value::Str(b"five"), None, None, None),
        (Value::Bytes(b"5"), None, None, None),
        (Value::Struct(Members::default()), None, None, None),
    ] {
        assert_eq!(
            (value.parse_u64(), value.parse_i64(), value.parse_f64()),
            (unsigned, signed, float),
            "{value:?}"
        );
    }
}

#[test]
fn all_members_with_a_name_are_found_in_order() {
    let inner = [(Some("a"), Arg::Int(7))];
    let members = [
        (Some("a"), Arg::Int(1)),
        (Some("b"), Arg::Struct(&inner)),
        (None, Arg::Int(2)),
        (Some("a"), Arg::Int(3)),
    ];
    with_record(Arg::Struct(&members), |record| {
        let found: Vec<_> = record.get_all("a").map(|value| value.as_u64().unwrap()).collect();
        assert_eq!(found, [1, 3], "members of nested structs are not included");
        assert_eq!(record.get("a").and_then(Value::as_u64), Some(1));
        assert_eq!(record.get_all("c").count(), 0);
        assert_eq!(record.path(&["b", "a"]).and_then(Value::as_u64), Some(7));
        assert_eq!(record.path(&["a", "a"]), None, "an int has no members");
        assert_eq!(record.members().unwrap().iter().count(), 4);
        assert!(!record.members().unwrap().is_empty());
    });
}

#[test]
fn values_are_printed_as_text() {
    let members = [
        (Some("URI"), Arg::Str(b"sip:\xff\"a\"\n\xc3\xa9")),
        (Some("ID"), Arg::Int(-5)),
        (None, Arg::Double(0.5)),
        (None, Arg::Array(&[Arg::Bytes(b"\0x")])),
    ];
    with_record(Arg::Struct(&members), |record| {
        let text = r#"Struct(["URI": Str("sip:\xff\"a\"\né"), "ID": Int(4294967291 or -5), Double(0.5), Array([Bytes("\0x")])])"#;
        assert_eq!(format!("{record:?}"), text);
        assert_eq!(format!("{:?}", record.into_owned()), text);
        let members = record.members().unwrap();
        assert_eq!(format!("{members:?}"), text[7..text.len() - 1]);
        assert_eq!(format!("{:?}", members.into_owned()), text[7..text.len() - 1]);
    });
    assert_eq!(format!("{:?}", Value::Double(Double::from_milli(i64::MIN))), "Double(no value)");
    assert_eq!(format!("{:?}", Int::from(5)), "Int(5)");
}

#[test]
fn owned_values_outlive_the_reply_and_equal_the_original() {
    let (owned, value): (OwnedMembers, OwnedValue) =
        decoded(body(&read("5.6.3/dispatcher.list.reply")), |records| {
            let owned = records.into_owned();
            assert_eq!(owned.as_members(), records);
            assert_eq!(OwnedMembers::from(records), owned);
            let record = records.first().unwrap();
            assert_eq!(OwnedValue::from(record), record.into_owned());
            let set = record.path(&["RECORDS", "SET"]).unwrap();
            assert_ne!(set.into_owned(), record.into_owned());
            assert_ne!(OwnedMembers::default(), owned);
            (owned, set.into_owned())
        });
    let first = owned.as_members().first().unwrap();
    assert_eq!(first.get("NRSETS").and_then(Value::as_u64), Some(4));
    assert_eq!(first.path(&["RECORDS", "SET"]), Some(value.as_value()));
    assert_eq!(value.as_value().get("ID").and_then(Value::as_i64), Some(0));
}

#[test]
fn arguments_are_printed_as_text() {
    let owned = "c".to_owned();
    let args = [
        Arg::from("a\"b"),
        Arg::from(&owned),
        Arg::from(&b"\xff"[..]),
        Arg::Bytes(b"d"),
        Arg::from(-5),
        Arg::from(0.5),
        Arg::Struct(&[(Some("x"), Arg::Int(1)), (None, Arg::Str(b"y"))]),
        Arg::Array(&[Arg::Int(2)]),
    ];
    assert_eq!(
        format!("{args:?}"),
        r#"[Str("a\"b"), Str("c"), Str("\xff"), Bytes("d"), Int(-5), Double(0.5), "#.to_owned()
            + r#"Struct([(Some("x"), Int(1)), (None, Str("y"))]), Array([Int(2)])]"#
    );
}
