//! One list of tests for both clients over every transport, against the fake and against a real Kamailio.

use crate::recorded::body;
use fake_kamailio::{Captures, Fake, Then};
use kamailio_binrpc::{Arg, Client, Cookie, Error, Reply, Target, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use testbed::Kamailio;

/// What both clients are.
trait Driver: Sized {
    fn connect(target: &Target, deadline: Instant) -> Result<Self, Error>;
    fn set_deadline(&mut self, deadline: Instant);
    fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error>;
    fn send(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error>;
    fn receive(&mut self) -> Result<Option<Reply<'_>>, Error>;
}

impl Driver for Client {
    fn connect(target: &Target, deadline: Instant) -> Result<Self, Error> {
        Self::connect(target, deadline)
    }

    fn set_deadline(&mut self, deadline: Instant) {
        self.set_deadline(deadline);
    }

    fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        self.call(method, args)
    }

    fn send(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.send(method, args)
    }

    fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        self.receive()
    }
}

/// The async client and a thread's worth of runtime.
#[cfg(feature = "tokio")]
struct Async {
    client: kamailio_binrpc::tokio::Client,
    runtime: tokio::runtime::Runtime,
}

#[cfg(feature = "tokio")]
impl Driver for Async {
    fn connect(target: &Target, deadline: Instant) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(kamailio_binrpc::tokio::Client::connect(target, deadline))?;
        Ok(Self { client, runtime })
    }

    fn set_deadline(&mut self, deadline: Instant) {
        self.client.set_deadline(deadline);
    }

    fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        self.runtime.block_on(self.client.call(method, args))
    }

    fn send(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.client.send(method, args)
    }

    fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        self.runtime.block_on(self.client.receive())
    }
}

/// What any Kamailio has to answer, the fake and the real one.
fn any_kamailio<D: Driver>(target: &Target) {
    calls_a_method::<D>(target);
    sends_arguments::<D>(target);
    reports_a_fault_and_goes_on::<D>(target);
    has_more_calls_than_the_window_and_faults_in_place::<D>(target);
    passes_over_replies_to_calls_sent_before::<D>(target);
    receives_a_list_longer_than_a_packet_of_ethernet::<D>(target);
    ends_at_the_deadline_and_not_before::<D>(target);
}

fn connect<D: Driver>(target: &Target) -> D {
    D::connect(target, Instant::now() + Duration::from_secs(20)).unwrap_or_else(|error| panic!("{error}"))
}

fn calls_a_method<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let uptime = client.call("core.uptime", &[]).unwrap().records().unwrap().first().unwrap();
    assert!(uptime.get("uptime").and_then(Value::unsigned).is_some(), "{uptime:?}");
    assert!(client.receive().unwrap().is_none(), "nothing is awaited");
}

fn sends_arguments<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let reply = client.call("core.echo", &["hello".into()]).unwrap();
    assert_eq!(reply.records().unwrap().first().and_then(Value::bytes), Some(&b"hello"[..]));
    let sent = [-5, 0, 127, 128, 255, 256, 65_536, i32::MAX, i32::MIN];
    let reply = client.call("core.printi", &sent.map(Arg::from)).unwrap();
    let got: Vec<_> = reply.records().unwrap().iter().map(|record| record.value.signed().unwrap()).collect();
    assert_eq!(got, sent.map(i64::from));
    assert!(client.call("core.echo", &[]).unwrap().records().unwrap().is_empty());
}

fn reports_a_fault_and_goes_on<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let error = client.call("no.such.command", &[]).unwrap().records().unwrap_err();
    assert_eq!(error.to_string(), "Kamailio answered with fault 500: command no.such.command not found");
    assert!(client.call("core.version", &[]).unwrap().records().is_ok());
}

fn has_more_calls_than_the_window_and_faults_in_place<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let methods = ["core.uptime", "no.such.command", "core.version", "core.shmmem", "core.echo"];
    let sent: Vec<_> =
        methods.iter().cycle().take(150).map(|method| (client.send(method, &[]).unwrap(), *method)).collect();
    for (cookie, method) in sent {
        let reply = client.receive().unwrap().unwrap();
        assert_eq!(reply.cookie(), cookie);
        let record = reply.records().map(|records| records.first());
        let fits = match (method, record) {
            ("core.uptime", Ok(Some(record))) => record.get("uptime").is_some(),
            ("core.version", Ok(Some(record))) => {
                record.bytes().is_some_and(|text| text.starts_with(b"kamailio "))
            }
            ("core.shmmem", Ok(Some(record))) => record.get("fragments").is_some(),
            ("core.echo", Ok(None)) => true,
            ("no.such.command", Err(Error::Fault { code: 500, .. })) => true,
            _ => false,
        };
        assert!(fits, "{method}: {reply:?}");
    }
    assert!(client.receive().unwrap().is_none());
}

fn passes_over_replies_to_calls_sent_before<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    client.send("core.uptime", &[]).unwrap();
    client.send("no.such.command", &[]).unwrap();
    let reply = client.call("core.echo", &["hello".into()]).unwrap();
    assert_eq!(reply.records().unwrap().first().and_then(Value::bytes), Some(&b"hello"[..]));
    assert!(client.receive().unwrap().is_none());
}

fn receives_a_list_longer_than_a_packet_of_ethernet<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let reply = client.call("system.listMethods", &[]).unwrap();
    assert!(reply.packet().len() > 1_500);
    let methods = reply.records().unwrap();
    assert!(methods.iter().any(|method| method.value == Value::Str(b"system.listMethods")));
}

fn ends_at_the_deadline_and_not_before<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    client.set_deadline(Instant::now());
    client.send("core.uptime", &[]).unwrap();
    let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
    assert_eq!(error.to_string(), "the deadline passed with 1 of 1 reply outstanding");
    client.set_deadline(Instant::now() + Duration::from_secs(20));
    assert!(client.receive().unwrap().unwrap().records().is_ok());
}

fn answers_like_kamailio<D: Driver>(_: &Fake, target: &Target) {
    any_kamailio::<D>(target);
}

fn takes_bytes_one_by_one<D: Driver>(fake: &Fake, target: &Target) {
    fake.chop(1, Duration::ZERO);
    let mut client = connect::<D>(target);
    let reply = client.call("tm.stats", &[]).unwrap();
    let current = reply.records().unwrap().first().and_then(|record| record.get("current"));
    assert!(current.is_some(), "{reply:?}");
}

fn takes_large_replies_while_it_has_more_to_write<D: Driver>(fake: &Fake, target: &Target) {
    fake.answer_with("dispatcher.list.1000dest");
    let mut client = connect::<D>(target);
    for _ in 0..40 {
        client.send("dispatcher.list", &[]).unwrap();
    }
    for _ in 0..40 {
        let reply = client.receive().unwrap().unwrap();
        assert_eq!(reply.packet().len(), 72_520);
        assert!(reply.records().is_ok());
    }
}

fn tells_how_many_replies_the_deadline_cut_off<D: Driver>(fake: &Fake, target: &Target) {
    fake.delay_method("core.version", Duration::from_secs(20));
    let begin = Instant::now();
    let mut client = D::connect(target, begin + Duration::from_millis(150)).unwrap();
    for method in ["core.uptime", "core.uptime", "core.version", "core.uptime"] {
        client.send(method, &[]).unwrap();
    }
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
    assert_eq!(error.to_string(), "the deadline passed with 2 of 4 replies outstanding");
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::TimedOut));
    assert!((150..2_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}

fn refuses_what_is_not_binrpc<D: Driver>(fake: &Fake, target: &Target) {
    fake.garbage("core.version", b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut client = connect::<D>(target);
    client.send("core.uptime", &[]).unwrap();
    client.send("core.version", &[]).unwrap();
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    for _ in 0..2 {
        let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert_eq!(
            error.to_string(),
            "the first byte of a packet is 0x48 and not 0xa1: this is not BINRPC, or the stream is out of step"
        );
    }
}

fn does_not_believe_a_length<D: Driver>(fake: &Fake, target: &Target) {
    fake.lie("core.uptime", u32::MAX);
    let error = connect::<D>(target).call("core.uptime", &[]).map(|reply| reply.cookie()).unwrap_err();
    assert_eq!(error.to_string(), "reply body of 4294967295 bytes is over the limit of 8388608");
}

/// Streams only: a datagram session does not send the call behind the one that is not answered.
fn reports_a_skipped_call<D: Driver>(fake: &Fake, target: &Target) {
    fake.skip("core.version");
    let mut client = connect::<D>(target);
    let methods = ["core.uptime", "core.version", "core.version", "core.uptime"];
    let sent: Vec<Cookie> = methods.iter().map(|method| client.send(method, &[]).unwrap()).collect();
    for (cookie, method) in sent.iter().zip(methods) {
        let reply = client.receive().unwrap().unwrap();
        assert_eq!(reply.cookie(), *cookie);
        let skipped = matches!(reply.records(), Err(Error::NoReply));
        assert_eq!(skipped, method == "core.version");
    }
}

fn delivers_what_came_before_the_connection_was_closed<D: Driver>(fake: &Fake, target: &Target) {
    fake.close_after(20);
    fake.delay(Duration::from_millis(2));
    let mut client = connect::<D>(target);
    for _ in 0..100 {
        client.send("core.uptime", &[]).unwrap();
    }
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    // By then it is closed: there are calls to write and replies to read, and the write fails.
    std::thread::sleep(Duration::from_millis(200));
    for _ in 1..20 {
        assert!(client.receive().unwrap().unwrap().records().is_ok());
    }
    let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
    assert_eq!(error.to_string(), "Kamailio closed the connection with 80 of 100 replies outstanding");
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof));
}

fn reports_a_connection_closed_in_the_middle_of_a_reply<D: Driver>(fake: &Fake, target: &Target) {
    fake.truncate("core.version", 9, Then::Close);
    let mut client = connect::<D>(target);
    client.send("core.uptime", &[]).unwrap();
    client.send("core.version", &[]).unwrap();
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
    assert_eq!(error.to_string(), "Kamailio closed the connection with 1 of 2 replies outstanding");
}

fn reports_a_connection_that_is_refused_a_place<D: Driver>(fake: &Fake, target: &Target) {
    fake.refuse(true);
    let error = connect::<D>(target).call("core.uptime", &[]).map(|reply| reply.cookie()).unwrap_err();
    assert_eq!(error.to_string(), "Kamailio closed the connection with 1 of 1 reply outstanding");
}

/// What the system says when nobody listens, in the words of its transport.
fn nobody_there<D: Driver>(target: &Target) {
    let outcome = D::connect(target, Instant::now() + Duration::from_secs(5)).and_then(|mut client| {
        client.send("core.uptime", &[])?;
        client.receive().map(|reply| reply.is_some())
    });
    let error = outcome.unwrap_err();
    let (kind, sentence) = match target {
        Target::Unix(_) | Target::UnixDatagram(_) => (
            ErrorKind::NotFound,
            format!("cannot connect to {target}: No such file or directory (os error 2)"),
        ),
        Target::Tcp(_) => (
            ErrorKind::ConnectionRefused,
            format!("cannot connect to {target}: Connection refused (os error 111)"),
        ),
        Target::Udp(_) => (
            ErrorKind::ConnectionRefused,
            "Connection refused (os error 111), with 1 of 1 reply outstanding".to_owned(),
        ),
    };
    assert_eq!(error.to_string(), sentence);
    assert!(matches!(error, Error::Io(error) if error.kind() == kind));
}

fn reports_that_nobody_is_there<D: Driver>(fake: &Fake, target: &Target) {
    // Its own sockets are taken, but nobody is at these.
    let nobody = match target {
        Target::Unix(path) | Target::UnixDatagram(path) => {
            target.to_string().replace(&path.display().to_string(), "/nonexistent/kamailio_ctl")
        }
        Target::Tcp(_) => "tcp:127.0.0.1:9".to_owned(),
        Target::Udp(_) => "udp:127.0.0.1:9".to_owned(),
    };
    nobody_there::<D>(&nobody.parse().unwrap());
    assert_eq!(fake.connections().accepted, 0);
}

/// A backlog without room leaves a client waiting, or sends it away at once: it waits, until the deadline.
fn waits_for_room_in_the_backlog<D: Driver>() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let path = std::env::temp_dir().join(format!(
        "backlog-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let filler = path.clone();
    // It fills the backlog, and is stuck when it is full.
    std::thread::spawn(move || {
        while let Ok(stream) = UnixStream::connect(&filler) {
            if sender.send(stream).is_err() {
                return;
            }
        }
    });
    let mut taken = Vec::new();
    while let Ok(stream) = receiver.recv_timeout(Duration::from_millis(300)) {
        taken.push(stream);
    }
    assert!(taken.len() > 100);
    let target = Target::Unix(path.clone());
    let begin = Instant::now();
    let error = D::connect(&target, begin + Duration::from_millis(100)).map(drop).unwrap_err();
    assert_eq!(error.to_string(), format!("the deadline passed while connecting to {target}"));
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::TimedOut));
    assert!((100..5_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    drop((receiver, listener));
    std::fs::remove_file(&path).unwrap();
}

/// On a port of IPv6's loopback that was free a moment ago.
fn speaks_ipv6<D: Driver>() {
    let port = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    for scheme in ["tcp", "udp"] {
        let target: Target = format!("{scheme}:[::1]:{port}").parse().unwrap();
        let fake = Fake::listen(Captures::of("5.6.3"), std::slice::from_ref(&target)).unwrap();
        answers_like_kamailio::<D>(&fake, &target);
    }
}

fn with_fake<D: Driver>(uri: fn(&Fake) -> String, test: fn(&Fake, &Target)) {
    let fake = Fake::start();
    let target = uri(&fake).parse().unwrap();
    test(&fake, &target);
}

fn with_kamailio<D: Driver>(uri: fn(&Kamailio) -> String) {
    let kamailio = Kamailio::start();
    let target: Target = uri(&kamailio).parse().unwrap();
    any_kamailio::<D>(&target);
    any_kamailio::<D>(&target);
    kamailio_accepts_what_is_encoded::<D>(&target);
}

/// Kamailio's own parser is the judge of our encoder: what it echoes is what was sent.
fn kamailio_accepts_what_is_encoded<D: Driver>(target: &Target) {
    let client = RefCell::new(connect::<D>(target));
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    // A C string ends at its first NUL.
    let text = |most| prop::collection::vec(1..=u8::MAX, 0..most);
    let texts = prop::collection::vec(prop_oneof![text(9), text(300)], 1..9);
    let numbers = prop::collection::vec(prop_oneof![any::<i32>(), -300..300], 1..9);
    let outcome = runner.run(&(texts, numbers), |(texts, numbers)| {
        let mut client = client.borrow_mut();
        let args: Vec<Arg<'_>> = texts.iter().map(|text| Arg::Str(text)).collect();
        for method in ["core.echo", "core.prints"] {
            let reply = client.call(method, &args).unwrap();
            let got: Vec<_> = reply.records().unwrap().iter().map(|record| record.value).collect();
            prop_assert_eq!(got, texts.iter().map(|text| Value::Str(text)).collect::<Vec<_>>());
        }
        let args: Vec<Arg<'_>> = numbers.iter().map(|number| Arg::from(*number)).collect();
        let reply = client.call("core.printi", &args).unwrap();
        let got: Vec<_> =
            reply.records().unwrap().iter().map(|record| record.value.signed().unwrap()).collect();
        prop_assert_eq!(got, numbers.iter().map(|number| i64::from(*number)).collect::<Vec<_>>());
        let signed = body(reply.packet()).to_vec();
        let args: Vec<Arg<'_>> = numbers.iter().map(|number| Arg::from(*number as u32)).collect();
        let unsigned = client.call("core.printi", &args).unwrap();
        prop_assert_eq!(body(unsigned.packet()), signed);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// A test of each name for each transport.
macro_rules! tests {
    ($driver:ty, $uri:ident, [$($test:ident),* $(,)?]) => {
        $(
            #[test]
            fn $test() {
                with_fake::<$driver>(Fake::$uri, super::super::$test::<$driver>);
            }
        )*

        #[test]
        fn a_real_kamailio() {
            with_kamailio::<$driver>(Kamailio::$uri);
        }
    };
}

macro_rules! datagram_tests {
    ($driver:ty, $uri:ident, [$($more:ident),* $(,)?]) => {
        tests!($driver, $uri, [
            answers_like_kamailio,
            takes_bytes_one_by_one,
            takes_large_replies_while_it_has_more_to_write,
            tells_how_many_replies_the_deadline_cut_off,
            refuses_what_is_not_binrpc,
            does_not_believe_a_length,
            reports_that_nobody_is_there,
            $($more),*
        ]);
    };
}

macro_rules! stream_tests {
    ($driver:ty, $uri:ident) => {
        datagram_tests!(
            $driver,
            $uri,
            [
                reports_a_skipped_call,
                delivers_what_came_before_the_connection_was_closed,
                reports_a_connection_closed_in_the_middle_of_a_reply,
                reports_a_connection_that_is_refused_a_place,
            ]
        );
    };
}

macro_rules! driver_tests {
    ($driver:ty) => {
        use super::*;

        mod unix {
            use super::*;
            stream_tests!($driver, unix);
        }

        mod unixd {
            use super::*;
            datagram_tests!($driver, unixd, []);
        }

        mod tcp {
            use super::*;
            stream_tests!($driver, tcp);
        }

        mod udp {
            use super::*;
            datagram_tests!($driver, udp, []);
        }

        #[test]
        fn speaks_ipv6() {
            super::speaks_ipv6::<$driver>();
        }

        #[test]
        fn waits_for_room_in_the_backlog() {
            super::waits_for_room_in_the_backlog::<$driver>();
        }
    };
}

mod blocking {
    driver_tests!(Client);
}

#[cfg(feature = "tokio")]
mod asynchronous {
    driver_tests!(Async);
}

#[cfg(feature = "tokio")]
#[test]
fn a_peer_is_connected_to_and_nothing_else_and_the_target_is_named() {
    use kamailio_binrpc::tokio::{Client, Peer};

    let fake = Fake::start();
    let address = fake.tcp().trim_start_matches("tcp:").parse().unwrap();
    let path = fake.unix().trim_start_matches("unix:").into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = |target: &str, peer: Peer| {
        let (target, deadline) = (target.parse().unwrap(), Instant::now() + Duration::from_secs(20));
        runtime.block_on(async {
            let mut client = Client::connect_to(&peer, &target, deadline).await?;
            client.call("core.uptime", &[]).await?.records().map(drop)
        })
    };
    let closed = "127.0.0.1:1".parse().unwrap();
    call("tcp:name.invalid:2049", Peer::Tcp(vec![closed, address])).unwrap();
    call("unix:/nonexistent", Peer::Unix(path)).unwrap();
    assert_eq!(fake.connections().accepted, 2);
    for (peer, part) in [(vec![], "it has no address"), (vec![closed], "refused")] {
        let error = call("tcp:name.invalid:2049", Peer::Tcp(peer)).unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to tcp:name.invalid:2049: "), "{error}");
        assert!(error.contains(part), "{error}");
    }
}

#[cfg(feature = "tokio")]
#[test]
fn the_connection_ends_with_the_last_reply_and_not_with_the_caller() {
    let fake = Fake::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (uri, ends) in [(fake.unix(), true), (fake.tcp(), true), (fake.unix(), false)] {
            let deadline = Instant::now() + Duration::from_secs(20);
            let mut client =
                kamailio_binrpc::tokio::Client::connect(&uri.parse().unwrap(), deadline).await.unwrap();
            // More calls than the window takes, so that the last one goes out late.
            let calls = kamailio_binrpc::wire::MAX_IN_FLIGHT + 8;
            for _ in 0..calls {
                client.send("core.uptime", &[]).unwrap();
            }
            if ends {
                client.end();
            }
            for _ in 0..calls {
                let reply = client.receive().await.unwrap().expect("a reply to each call");
                assert!(reply.records().is_ok());
            }
            assert_eq!(closes(&fake), ends, "{uri}");
            assert!(client.receive().await.unwrap().is_none());
        }
    });
}

/// Whether the last connection is closed within half a second.
#[cfg(feature = "tokio")]
fn closes(fake: &Fake) -> bool {
    (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        fake.connections().open == 0
    })
}
