//! The peculiarities of the protocol, one test each, with the bytes beside their meaning.

use crate::recorded::{body, decoded, read, reply, with_cookie};
use fake_kamailio::{Fake, Then};
use kamailio_binrpc::wire::{self, Kind, MAX_IN_FLIGHT, Nodes};
use kamailio_binrpc::{Arg, Client, Cookie, Error, Int, Session, Value};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// The only record of a body.
fn int(body: &[u8]) -> Int {
    decoded(body, |records| match records.first() {
        Some(Value::Int(int)) => int,
        other => panic!("{other:?}"),
    })
}

fn milli(body: &[u8]) -> i64 {
    decoded(body, |records| match records.first() {
        Some(Value::Double(double)) => double.milli(),
        other => panic!("{other:?}"),
    })
}

fn text(body: &[u8]) -> Vec<u8> {
    decoded(body, |records| match records.first() {
        Some(Value::Str(bytes)) => bytes.to_vec(),
        other => panic!("{other:?}"),
    })
}

fn encoded(arg: Arg<'_>) -> Vec<u8> {
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(1), &[arg], &mut packet).unwrap();
    body(&packet).to_vec()
}

fn connect(uri: &str) -> Client {
    Client::connect(&uri.parse().unwrap(), Instant::now() + Duration::from_secs(5)).unwrap()
}

/// The packet of a reply as a session returns it, or the error of the records.
fn received(packet: &[u8]) -> Result<Vec<u8>, Error> {
    let mut session = Session::stream();
    let cookie = session.queue("core.uptime", &[]).unwrap();
    session.feed(&with_cookie(packet, cookie));
    let reply = session.poll().unwrap().unwrap();
    reply.records().map(|_| reply.packet().to_vec())
}

#[test]
fn header_sizes_are_in_the_second_byte() {
    for (bytes, kind, cookie, body_len) in [
        (&b"\xa1\x10\x05\x07"[..], Kind::Reply, 7, 5),
        (b"\xa1\x13\x52\x1b\xad\xca\xfe", Kind::Reply, 0x1bad_cafe, 0x52),
        (b"\xa1\x17\x01\x7c\x1b\xad\xca\xfe", Kind::Reply, 0x1bad_cafe, 0x017c),
        (b"\xa1\x1b\x02\xb2\xff\x1b\xad\xca\xfe", Kind::Reply, 0x1bad_cafe, 0x02b2ff),
        (b"\xa1\x3c\x00\x00\x00\x00\x00", Kind::Fault, 0, 0),
        (b"\xa1\x01\x00\x01\x02", Kind::Request, 0x0102, 0),
    ] {
        let header = wire::header(bytes).unwrap().unwrap();
        assert_eq!((header.kind, header.cookie, header.body_len), (kind, Cookie(cookie), body_len));
        assert_eq!(header.header_len, bytes.len());
    }
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(0), &[], &mut packet).unwrap();
    assert_eq!(packet, b"\xa1\x10\x00\x00", "a length or cookie of 0 is not omitted");
}

#[test]
fn a_cookie_is_a_number_and_not_its_bytes() {
    let mut session = Session::stream();
    let cookie = session.queue("core.uptime", &[]).unwrap();
    // With leading zeros, which Kamailio never sends, and in the fewest bytes, which Kamailio always sends.
    for packet in [reply(b"\x10\x01", cookie), {
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, cookie, &[Arg::Int(1)], &mut packet).unwrap();
        packet
    }] {
        assert_eq!(wire::header(&packet).unwrap().unwrap().cookie, cookie);
    }
    let short = wire::header(b"\xa1\x10\x00\x07").unwrap().unwrap();
    let long = wire::header(b"\xa1\x13\x00\x00\x00\x00\x07").unwrap().unwrap();
    assert_eq!(short.cookie, long.cookie);
}

#[test]
fn an_int_has_a_sign_in_four_bytes_only() {
    for (bytes, unsigned, signed) in [
        (&b"\x00"[..], 0, 0),
        (b"\x10\x00", 0, 0),
        (b"\x10\x7f", 127, 127),
        (b"\x10\x80", 128, 128),
        (b"\x10\xff", 255, 255),
        (b"\x20\x01\x00", 256, 256),
        (b"\x30\xff\xff\xff", 0xff_ffff, 0xff_ffff),
        (b"\x40\x7f\xff\xff\xff", 0x7fff_ffff, 0x7fff_ffff),
        (b"\x40\x80\x00\x00\x00", 0x8000_0000, -0x8000_0000),
        (b"\x40\xff\xff\xff\xfb", 0xffff_fffb, -5),
    ] {
        let int = int(bytes);
        assert_eq!((int.as_u64(), int.as_i64(), int.size() as usize), (unsigned, signed, bytes.len() - 1));
    }
}

#[test]
fn an_unsigned_counter_is_cast_into_an_int() {
    // The total of core.shmmem on a Kamailio 5.6 with 3000 MiB.
    let total = decoded(body(&read("5.6.3/shm3000M.core.shmmem.reply")), |records| {
        records.first().and_then(|record| record.get("total")).and_then(Value::as_u64)
    });
    assert_eq!(total, Some(3_145_728_000));
    assert_eq!(encoded(Arg::Int(3_145_728_000)), b"\x40\xbb\x80\x00\x00");
    assert_eq!(encoded(Arg::Int(-1)), encoded(Arg::Int(u32::MAX.into())));
}

#[test]
fn an_int_may_have_up_to_eight_bytes_and_the_long_form() {
    assert_eq!(int(b"\x90\x02\x12\x34").as_u64(), 0x1234);
    assert_eq!(int(b"\xa0\x00\x02\x12\x34").as_u64(), 0x1234);
    assert_eq!(int(b"\xf0\0\0\0\0\0\0\x01\x2a").as_u64(), 42);
    assert_eq!(int(b"\x90\x04\xff\xff\xff\xfb").as_i64(), -5);
    assert_eq!(int(b"\x50\xff\xff\xff\xff\xff").as_i64(), 0xff_ffff_ffff);
    let eight = int(b"\x90\x08\xff\xff\xff\xff\xff\xff\xff\xfb");
    assert_eq!((eight.as_u64(), eight.as_i64(), eight.size()), (u64::MAX - 4, -5, 8));
    assert_eq!(encoded(Arg::Int(i64::MIN)), b"\x90\x08\x80\0\0\0\0\0\0\0");
    assert_eq!(encoded(Arg::Int(1 << 32)), b"\x50\x01\0\0\0\0");
}

#[test]
fn a_statistic_is_text_in_which_a_negative_number_is_huge() {
    let negative = decoded(body(&read("5.6.3/stats.fetch_vals-.reply")), |records| {
        let value = records.first().and_then(|record| record.get("vals.neg")).and_then(Value::as_bytes);
        String::from_utf8(value.unwrap().to_vec()).unwrap()
    });
    assert_eq!(negative, "18446744073709551611");
    assert_eq!(negative.parse::<u64>().unwrap() as i64, -5);
}

#[test]
fn a_double_is_thousandths_with_a_sign_in_eight_bytes_only() {
    for (bytes, thousandths) in [
        (&b"\x02"[..], 0),
        (b"\x22\x03\xe8", 1_000),
        (b"\x12\xff", 255),
        (b"\x42\xb6\xf1\xa9\xf8", 3_069_291_000),
        (b"\x72\xff\xff\xff\xff\xff\xff\xff", (1 << 56) - 1),
    ] {
        assert_eq!(milli(bytes), thousandths);
    }
    let q = decoded(body(&read("6.2-dev/core.shmmem_k.reply")), |records| {
        records.first().and_then(|record| record.get("free")).and_then(Value::as_f64)
    });
    assert!(q.is_some_and(|free| free > 0.0), "{q:?}");
    assert_eq!(encoded(Arg::Double(1.0)), b"\x22\x03\xe8");
    assert_eq!(encoded(Arg::Double(-1.0)), b"\x82\xff\xff\xff\xff\xff\xff\xfc\x18");
    assert_eq!(encoded(Arg::Double(0.0005)), b"\x12\x01");
}

#[test]
fn the_mark_0x82_is_a_double_of_eight_bytes() {
    assert_eq!(milli(b"\x82\xff\xff\xff\xff\xff\xff\xfc\x18"), -1_000);
    let q = decoded(body(&read("5.6.3/ul.lookup_location_noq@localhost.reply")), |records| {
        records.first().and_then(|aor| aor.path(&["Contacts", "Contact", "Q"])).and_then(Value::as_f64)
    });
    assert_eq!(q, Some(-1.0));
}

#[test]
fn the_lowest_double_means_no_value() {
    assert_eq!(milli(b"\x82\x80\0\0\0\0\0\0\0"), i64::MIN);
    let negative = decoded(body(&read("5.6.3/stats.fetchn_vals-.reply")), |records| {
        let value = records.first().and_then(|record| record.get("vals.neg")).unwrap();
        (value.as_f64(), matches!(value, Value::Double(double) if double.milli() == i64::MIN))
    });
    assert_eq!(negative, (None, true));
    // Up to Kamailio 5.4 the cast is to an int.
    let double = |bytes: &'static [u8]| decoded(bytes, |records| records.first().and_then(Value::as_f64));
    assert_eq!(double(b"\x42\x80\0\0\0"), None);
    assert_eq!(double(b"\x42\x80\0\0\x01"), Some(2_147_483.649));
}

#[test]
fn the_length_of_a_string_counts_its_nul() {
    assert_eq!(text(b"\x41abc\0"), b"abc");
    assert_eq!(text(b"\x11\0"), b"");
    assert_eq!(text(b"\x01"), b"", "a string of no bytes is empty");
    assert_eq!(text(b"\x21a\0"), b"a");
    assert_eq!(text(b"\x41a\0b\0"), b"a\0b", "only the last NUL is removed");
    assert_eq!(text(b"\x31abc"), b"abc", "without a NUL no byte is removed");
    for len in [0, 6, 7, 254, 255, 65_534, 65_535, 70_000] {
        let sent = vec![b'x'; len];
        let bytes = encoded(Arg::Str(&sent));
        assert_eq!(text(&bytes), sent);
        let mark: &[u8] = match len + 1 {
            1 => b"\x11",
            7 => b"\x71",
            8 => b"\x91\x08",
            255 => b"\x91\xff",
            256 => b"\xa1\x01\x00",
            65_535 => b"\xa1\xff\xff",
            65_536 => b"\xb1\x01\x00\x00",
            _ => b"\xb1\x01\x11\x71",
        };
        assert!(bytes.starts_with(mark), "{len}: {:02x?}", &bytes[..4.min(bytes.len())]);
    }
}

#[test]
fn strings_are_bytes() {
    let latin1 = b"\x91\x08M\xfcnchen\0";
    assert_eq!(text(latin1), b"M\xfcnchen");
    let name = b"\x03\x35\xff\xfe\0\x10\x01\x83";
    decoded(name, |records| {
        let member = records.first().unwrap().members().unwrap().iter().next().unwrap();
        assert_eq!(member.name, Some(&b"\xff\xfe"[..]));
    });
}

#[test]
fn null_pointers_are_the_text_null_string() {
    // The text is left to the caller, because a string may have the same text.
    assert_eq!(text(b"\x91\x0e<null string>\0"), b"<null string>");
    assert_eq!(Value::Str(b"<null string>").non_null(), None);
    for other in [Value::Str(b"<null string> "), Value::Str(b""), Value::Bytes(b"<null string>")] {
        assert_eq!(other.non_null(), Some(other));
    }
}

#[test]
fn arrays_are_structs_of_nameless_members() {
    let tree = decoded(body(&read("5.6.3/mtree.list_mtree.reply")), |records| {
        let value = records.first().and_then(|record| record.get("tvalue")).unwrap();
        value
            .members()
            .unwrap()
            .iter()
            .map(|member| (member.name.is_none(), member.value.as_bytes().unwrap().to_vec()))
            .collect::<Vec<_>>()
    });
    assert_eq!(tree, [(true, b"us".to_vec())]);
}

#[test]
fn structs_may_be_nameless_members_of_structs() {
    decoded(b"\x03\x03\x25a\0\x10\x01\x83\x10\x02\x83", |records| {
        let members: Vec<_> = records.first().unwrap().members().unwrap().iter().collect();
        assert_eq!(members[0].value.get("a").and_then(Value::as_u64), Some(1));
        assert_eq!((members[1].name, members[1].value.as_u64()), (None, Some(2)));
    });
}

#[test]
fn the_array_type_is_decoded_although_kamailio_sends_none() {
    decoded(b"\x04\x10\x07\x41abc\0\x03\x83\x84\x03\x25v\0\x04\x84\x83", |records| {
        let Some(Value::Array(values)) = records.first() else { panic!("expected an array") };
        assert_eq!(values.iter().count(), 3);
        assert_eq!(values.get("abc"), None);
        let inner = records.iter().nth(1).unwrap().value.get("v");
        assert!(matches!(inner, Some(Value::Array(values)) if values.is_empty()));
    });
}

#[test]
fn names_repeat_and_their_order_matters() {
    let sets = decoded(body(&read("5.6.3/dispatcher.list.reply")), |records| {
        let sets = records.first().and_then(|record| record.get("RECORDS")).and_then(Value::members).unwrap();
        assert!(sets.iter().all(|set| set.name == Some(b"SET")));
        sets.iter().map(|set| set.value.get("ID").and_then(Value::as_i64).unwrap()).collect::<Vec<_>>()
    });
    assert!(sets.len() > 1, "{sets:?}");
    let expected = crate::recorded::INDEX["captures"]
        .as_array()
        .unwrap()
        .iter()
        .find(|capture| capture["reply"] == "5.6.3/dispatcher.list.reply")
        .unwrap()["records"]
        .to_string();
    let mut rest = expected.as_str();
    for set in sets {
        let id = format!(r#"["ID",{{"int":{set}}}]"#);
        rest = &rest[rest.find(&id).unwrap_or_else(|| panic!("{id} is not in order")) + id.len()..];
    }
}

#[test]
fn a_fault_is_a_packet_type_whatever_its_code() {
    for (name, fault) in [
        ("stats.fetch", 400),
        ("mqueue.get_size_nosuch", 404),
        ("no.such.command", 500),
        ("sca.subscribers", 600),
    ] {
        match received(&read(&format!("6.2-dev/{name}.reply"))) {
            Err(Error::Fault { code, reason }) => {
                assert!(code == fault && !reason.is_empty(), "{code} {reason}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // A reply that looks like a fault, and faults without a code or a reason.
    assert!(received(b"\xa1\x10\x06\x01\x20\x01\xf4\x21x\0").is_ok());
    for (packet, code, reason) in [
        (&b"\xa1\x30\x00\x01"[..], 0, ""),
        (b"\xa1\x30\x01\x01\x00", 0, ""),
        (b"\xa1\x30\x03\x01\x20\x01\x94", 404, ""),
        (b"\xa1\x30\x08\x01\x40\xff\xff\xff\xff\x21x\0", -1, "x"),
        (b"\xa1\x30\x04\x01\x10\x01\x10\x2a", 1, "42"),
        (b"\xa1\x30\x05\x01\x10\x01\x22\x05\xdc", 1, "1.5"),
        (b"\xa1\x30\x04\x01\x10\x01\x03\x83", 1, ""),
        (b"\xa1\x30\x04\x01\x10\x01\x11\xff", 1, "\u{fffd}"),
    ] {
        match received(packet) {
            Err(Error::Fault { code: got, reason: text }) => assert_eq!((got, text.as_str()), (code, reason)),
            other => panic!("{packet:02x?}: {other:?}"),
        }
    }
    let long = encoded_fault(&"x".repeat(5_000));
    assert!(matches!(received(&long), Err(Error::Fault { reason, .. }) if reason.len() == 255));
}

fn encoded_fault(reason: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    wire::encode(Kind::Fault, Cookie(1), &[500.into(), reason.into()], &mut packet).unwrap();
    packet
}

#[test]
fn a_reply_may_be_empty() {
    let mut session = Session::stream();
    let cookie = session.queue("core.echo", &[]).unwrap();
    session.feed(&with_cookie(&read("5.6.3/core.echo.reply"), cookie));
    assert!(session.poll().unwrap().unwrap().records().unwrap().is_empty());
    let mut nodes = Nodes::new();
    nodes.decode(body(&read("5.6.3/stats.fetch_nosuch-.reply"))).unwrap();
    assert!(nodes.members(b"\x03\x83").first().unwrap().members().unwrap().is_empty(), "an empty struct");
}

#[test]
fn a_reply_may_be_larger_than_64_kib() {
    let packet = read("6.2-dev/dispatcher.list.1000dest.reply");
    assert!(packet.len() > 100_000);
    assert_eq!(body(&received(&packet).unwrap()), body(&packet));
}

#[test]
fn a_set_of_more_than_1024_destinations_is_a_fault() {
    assert!(received(&read("5.6.3/dispatcher.list.1024dest.reply")).is_ok());
    let error = received(&read("5.6.3/dispatcher.list.1025dest.reply")).unwrap_err();
    assert_eq!(error.to_string(), "Kamailio replied with fault 500: Internal error creating dest");
}

#[test]
fn the_datagrams_of_a_reply_are_joined() {
    let fake = Fake::start();
    fake.answer_with("dispatcher.list.1000dest");
    for uri in [fake.unixd(), fake.udp()] {
        let mut client = connect(&uri);
        let reply = client.call("dispatcher.list", &[]).unwrap();
        assert_eq!(body(reply.packet()), body(&read("5.6.3/dispatcher.list.1000dest.reply")), "{uri}");
    }
}

#[test]
fn a_reply_cut_short_puts_the_stream_out_of_step() {
    // A slow reader receives the beginning of a reply and then the next reply.
    let fake = Fake::start();
    fake.truncate("dispatcher.list", 200, Then::GoOn);
    let mut client = connect(&fake.unix());
    let methods =
        ["core.uptime", "dispatcher.list", "tm.stats", "core.uptime", "stats.fetch", "system.listMethods"];
    for method in methods {
        client.queue(method, &[]).unwrap();
    }
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    let mut good = 0;
    let error = loop {
        match client.receive() {
            Ok(Some(reply)) => good += usize::from(reply.records().is_ok()),
            Ok(None) => panic!("all packets were taken for replies"),
            Err(error) => break error,
        }
    };
    assert_eq!(good, 0);
    assert!(matches!(error, Error::Decode(_)), "{error}");
}

#[test]
fn calls_in_flight_are_limited() {
    let mut session = Session::stream();
    for _ in 0..1_000 {
        session.queue("core.uptime", &[]).unwrap();
    }
    assert_eq!(crate::recorded::packets(session.outgoing()).len(), MAX_IN_FLIGHT);
}

#[test]
fn a_silent_server_is_left_at_the_deadline() {
    let fake = Fake::start();
    fake.silent(true);
    for uri in [fake.unix(), fake.unixd(), fake.tcp(), fake.udp()] {
        let begin = Instant::now();
        let mut client = connect(&uri);
        client.set_timeout(begin + Duration::from_millis(100));
        client.queue("core.uptime", &[]).unwrap();
        client.queue("core.version", &[]).unwrap();
        let error = client.receive().unwrap_err();
        assert_eq!(error.to_string(), "the deadline passed with 2 of 2 replies outstanding");
        assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::TimedOut));
        assert!((100..5_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    }
}

#[test]
fn the_129th_connection_is_closed() {
    let fake = Fake::start();
    let mut open: Vec<Client> = (0..128).map(|_| connect(&fake.unix())).collect();
    let mut surplus = connect(&fake.unix());
    let error = surplus.call("core.uptime", &[]).unwrap_err();
    assert_eq!(error.to_string(), "Kamailio closed the connection with 1 of 1 reply outstanding");
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof));
    assert!(open[127].call("core.uptime", &[]).unwrap().records().is_ok());
}

#[test]
fn a_dropped_client_leaves_no_connection() {
    let fake = Fake::start();
    for _ in 0..200 {
        connect(&fake.unix()).call("core.uptime", &[]).unwrap();
        connect(&fake.tcp()).queue("core.uptime", &[]).unwrap();
    }
    let until = Instant::now() + Duration::from_secs(5);
    while fake.connections().open > 0 || fake.connections().accepted < 400 {
        assert!(Instant::now() < until, "{:?}", fake.connections());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_unix_datagram_client_has_an_abstract_address() {
    let fake = Fake::start();
    let ours = format!("@kamailio-binrpc-{}-", std::process::id());
    let listed = || std::fs::read_to_string("/proc/net/unix").unwrap();
    let mut client = connect(&fake.unixd());
    assert!(client.call("core.uptime", &[]).unwrap().records().is_ok());
    let address = listed().split_whitespace().find(|word| word.starts_with(&ours)).map(str::to_owned);
    assert!(address.is_some(), "the client has an abstract address");
}
