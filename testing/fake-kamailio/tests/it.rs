//! Tests of the fake Kamailio, over plain sockets and with the library's blocking client.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use fake_kamailio::{Captures, Fake, Then};
use kamailio_binrpc::wire::{self, Kind, Nodes};
use kamailio_binrpc::{Client, Cookie, Error, Value};
use serde_json::Value as Json;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures")
}

fn index() -> Vec<Json> {
    let index: Json = serde_json::from_slice(&fs::read(captures().join("index.json")).unwrap()).unwrap();
    index["captures"].as_array().unwrap().clone()
}

fn client(uri: &str) -> Client {
    Client::connect(&uri.parse().unwrap(), Instant::now() + Duration::from_secs(10)).unwrap()
}

fn address(uri: &str) -> &str {
    uri.split_once(':').unwrap().1
}

/// Encodes a call.
fn request(method: &str, args: &[&str]) -> Vec<u8> {
    let mut packet = Vec::new();
    let args: Vec<_> = args.iter().map(|arg| (*arg).into()).collect();
    wire::encode_request(Cookie(7), method, &args, &mut packet).unwrap();
    packet
}

#[test]
fn replies_are_the_recorded_bytes_with_the_cookie_of_the_call() {
    let fake = Fake::start();
    let mut stream = TcpStream::connect(address(&fake.tcp())).unwrap();
    stream.write_all(&fs::read(captures().join("5.6.3/tm.stats.req")).unwrap()).unwrap();
    let recorded = fs::read(captures().join("5.6.3/tm.stats.reply")).unwrap();
    let mut answer = vec![0; recorded.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, recorded);

    stream.write_all(&request("tm.stats", &[])).unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head, [0xa1, 0x10, (recorded.len() - 7) as u8, 7], "a cookie of 7 has one byte");
}

#[test]
fn datagrams_are_split_as_kamailio_split_them() {
    for capture in index() {
        let (Some(sizes), "udp") = (capture["datagrams"].as_array(), capture["transport"].as_str().unwrap())
        else {
            continue;
        };
        let fake = Fake::replay(Captures::of(capture["version"].as_str().unwrap()));
        let name =
            Path::new(capture["request"].as_str().unwrap()).file_stem().unwrap().to_str().unwrap().to_owned();
        fake.answer_with(&name);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let request = fs::read(captures().join(capture["request"].as_str().unwrap())).unwrap();
        socket.send_to(&request, address(&fake.udp())).unwrap();
        let mut buffer = vec![0; 65_535];
        let received: Vec<usize> = sizes.iter().map(|_| socket.recv(&mut buffer).unwrap()).collect();
        let recorded: Vec<usize> = sizes.iter().map(|size| size.as_u64().unwrap() as usize).collect();
        assert_eq!(received, recorded, "{name}");
    }
}

#[test]
fn the_capture_with_the_shortest_name_is_replayed_unless_another_is_chosen() {
    let fake = Fake::start();
    let mut client = client(&fake.unix());
    let short = client.call("dispatcher.list", &[]).unwrap().packet().len();
    assert_eq!(short as u64, fs::metadata(captures().join("5.6.3/dispatcher.list.reply")).unwrap().len());
    fake.answer_with("dispatcher.list.50dest");
    let chosen = client.call("dispatcher.list", &[]).unwrap().packet().len();
    assert_eq!(
        chosen as u64,
        fs::metadata(captures().join("5.6.3/dispatcher.list.50dest.reply")).unwrap().len()
    );
    fake.answer_with("dispatcher.list.1025dest");
    let reply = client.call("dispatcher.list", &[]).unwrap().records();
    assert!(
        matches!(reply, Err(Error::Fault { code: 500, reason }) if reason == "Internal error creating dest")
    );
}

#[test]
fn statistics_of_groups_are_composed_from_the_capture_of_all() {
    let fake = Fake::start();
    let mut client = client(&fake.unix());
    let reply = client.call("stats.fetch", &["registrar:".into(), "core.drop_requests".into()]).unwrap();
    let members = reply.records().unwrap().first().and_then(Value::members).unwrap();
    let names: Vec<_> = members.iter().map(|member| String::from_utf8_lossy(member.name.unwrap())).collect();
    let (last, registrar) = names.split_last().unwrap();
    assert_eq!(last, "core.drop_requests");
    assert!(registrar.len() >= 3 && registrar.iter().all(|name| name.starts_with("registrar.")), "{names:?}");
}

#[test]
fn unknown_and_removed_methods_are_not_found() {
    let fake = Fake::start();
    let mut client = client(&fake.unix());
    let fault = client.call("no.such", &[]).unwrap().records().unwrap_err();
    assert_eq!(fault.to_string(), "Kamailio replied with fault 500: command no.such not found");

    let listed = |client: &mut Client| -> Vec<Vec<u8>> {
        let reply = client.call("system.listMethods", &[]).unwrap();
        reply.records().unwrap().iter().map(|name| name.value.as_bytes().unwrap().to_vec()).collect()
    };
    let before = listed(&mut client);
    fake.remove("tm.stats");
    let after = listed(&mut client);
    assert_eq!(after.len() + 1, before.len());
    assert!(before.contains(&b"tm.stats".to_vec()) && !after.contains(&b"tm.stats".to_vec()));
    let fault = client.call("tm.stats", &[]).unwrap().records().unwrap_err();
    assert_eq!(fault.to_string(), "Kamailio replied with fault 500: command tm.stats not found");
    fake.behave();
    assert!(client.call("tm.stats", &[]).unwrap().records().is_ok());
}

#[test]
fn overridden_replies_garbage_and_wrong_lengths_are_sent_as_given() {
    let fake = Fake::start();
    fake.answer("core.uptime", Kind::Reply, b"\x10\x2a");
    fake.answer("core.version", Kind::Fault, b"\x20\x01\x94");
    let mut client = client(&fake.unix());
    let reply = client.call("core.uptime", &[]).unwrap();
    assert_eq!(reply.records().unwrap().first().and_then(Value::as_u64), Some(42));
    let fault = client.call("core.version", &[]).unwrap().records();
    assert!(matches!(fault, Err(Error::Fault { code: 404, .. })));

    fake.garbage("tm.stats", b"HTTP/1.1 400 Bad Request\r\n\r\n");
    fake.lie("sl.stats", 0x01_00_00_00);
    let mut stream = TcpStream::connect(address(&fake.tcp())).unwrap();
    stream.write_all(&request("tm.stats", &[])).unwrap();
    stream.write_all(&request("sl.stats", &[])).unwrap();
    let mut answer = [0; 28 + 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[..28], b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(&answer[28..], b"\xa1\x1c\x01\x00\x00\x00");
}

#[test]
fn replies_can_be_delayed_chopped_skipped_truncated_and_cut_off() {
    let fake = Fake::start();
    fake.delay(Duration::from_millis(30));
    fake.delay_method("core.version", Duration::from_millis(90));
    fake.chop(40, Duration::from_millis(20));
    fake.skip("core.info");
    fake.truncate("sl.stats", 10, Then::GoOn);
    fake.truncate("tm.stats", 10, Then::Close);
    let recorded = |name: &str| fs::read(captures().join(format!("5.6.3/{name}.reply"))).unwrap();
    let mut stream = TcpStream::connect(address(&fake.tcp())).unwrap();
    for method in ["core.uptime", "core.info", "core.version", "sl.stats", "tm.stats", "core.uptime"] {
        stream.write_all(&request(method, &[])).unwrap();
    }
    let start = Instant::now();
    let mut answers = Vec::new();
    // The server closes the stream with unread bytes: the client gets the reply, then the end or a reset.
    if let Err(error) = stream.read_to_end(&mut answers) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    // Delays of 30 + 90 + 30 + 30 ms, and at least 3 pauses of 20 ms.
    assert!(start.elapsed() >= Duration::from_millis(240), "{:?}", start.elapsed());
    let mut expected = b"\xa1\x10\x52\x07".to_vec();
    expected.extend(&recorded("core.uptime")[7..]);
    let version = &recorded("core.version")[7..];
    expected.extend([0xa1, 0x10, version.len() as u8, 7]);
    expected.extend(version);
    for name in ["sl.stats", "tm.stats"] {
        let body = &recorded(name)[7..];
        expected.extend([0xa1, 0x10, body.len() as u8, 7]);
        expected.extend(&body[..6]);
    }
    assert_eq!(answers, expected);
    assert_eq!(fake.count("core.info"), 1);
}

#[test]
fn replies_can_be_mangled_postponed_preceded_and_repeated() {
    let fake = Fake::start();
    fake.greet(b"220 ");
    fake.postpone("core.version");
    fake.mangle("*", Then::GoOn, |Cookie(cookie), good| vec![vec![cookie as u8], good[..2].to_vec()]);
    let mut stream = TcpStream::connect(address(&fake.tcp())).unwrap();
    stream.write_all(&[request("core.version", &[]), request("core.uptime", &[])].concat()).unwrap();
    let mut answer = [0; 4 + 3 + 3];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"220 \x07\xa1\x10\x07\xa1\x10");

    fake.mangle("core.info", Then::Repeat, |_, _| vec![b"once".to_vec(), b"again".to_vec()]);
    stream.write_all(&request("core.info", &[])).unwrap();
    let mut answer = [0; 4 + 5 * 1000];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[..4], b"once");
    assert!(answer[4..].chunks(5).all(|chunk| chunk == b"again"));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(&request("core.info", &[]), address(&fake.udp())).unwrap();
    let received: Vec<_> = (0..4).map(|_| socket.recv(&mut answer).unwrap()).collect();
    assert_eq!(received, [4, 5, 5, 5]);
    fake.behave();
    wait_for(|| {
        socket.send_to(&request("core.uptime", &[]), address(&fake.udp())).unwrap();
        socket.recv(&mut answer).unwrap() > 5
    });
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    wait_for(|| fake.connections().open == 0);
}

#[test]
fn connections_can_be_refused_or_ignored() {
    let fake = Fake::start();
    fake.refuse(true);
    let mut stream = TcpStream::connect(address(&fake.tcp())).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    fake.refuse(false);
    fake.silent(true);
    let mut stream = TcpStream::connect(address(&fake.tcp())).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    stream.write_all(&request("core.uptime", &[])).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(fake.calls(), ["core.uptime"]);
}

#[test]
fn counts_connections_and_has_at_most_128() {
    let fake = Fake::start();
    let mut clients: Vec<_> = (0..128).map(|_| TcpStream::connect(address(&fake.tcp())).unwrap()).collect();
    let mut surplus = TcpStream::connect(address(&fake.tcp())).unwrap();
    assert_eq!(surplus.read(&mut [0]).unwrap(), 0);
    let counts = fake.connections();
    assert_eq!((counts.accepted, counts.open, counts.most), (129, 128, 128));
    clients.truncate(1);
    wait_for(|| fake.connections().open == 1);
    assert_eq!(fake.connections().most, 128);
    assert!(client(&fake.unix()).call("core.uptime", &[]).unwrap().records().is_ok());
}

#[test]
fn bad_requests_are_faults_and_close_the_connection() {
    let fake = Fake::start();
    for (bytes, cookie) in
        [(&b"GET / HTTP/1.1\r\n\r\n"[..], 0), (b"\xa1\x10\x01\x09\x00", 9), (b"\xa1\x00\x00\x09", 9)]
    {
        let mut stream = TcpStream::connect(address(&fake.tcp())).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let header = wire::header(&answer).unwrap().unwrap();
        assert_eq!((header.kind, header.cookie), (Kind::Fault, Cookie(cookie)));
        let mut nodes = Nodes::new();
        let body = &answer[header.header_len..];
        nodes.decode(body).unwrap();
        let values: Vec<_> = nodes.members(body).iter().map(|record| record.value).collect();
        assert_eq!(values[0].as_i64(), Some(400));
        assert_eq!(values[1].as_bytes(), Some(&b"bad request: corrupted packet"[..]));
    }
}

#[test]
fn drop_removes_sockets_and_threads() {
    let fake = Fake::start();
    let (unix, tcp) = (fake.unix(), fake.tcp());
    let socket = PathBuf::from(address(&unix));
    let mut open = client(&unix);
    assert!(socket.exists());
    let start = Instant::now();
    drop(fake);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(!socket.parent().unwrap().exists());
    assert!(
        matches!(open.call("core.uptime", &[]), Err(Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof)
    );
    assert_eq!(TcpStream::connect(address(&tcp)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let again = Fake::listen(Captures::of("6.2-dev"), &[tcp.parse().unwrap()]).unwrap();
    assert!(client(&again.tcp()).call("core.uptime", &[]).unwrap().records().is_ok());
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < until, "the condition was not met within 5 s");
        std::thread::sleep(Duration::from_millis(1));
    }
}
