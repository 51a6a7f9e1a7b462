//! Calls of both clients over every kind of socket, against the fake and against a real Kamailio.

#[cfg(feature = "tokio")]
use crate::driver::Async;
use crate::driver::{Driver, connect};
use crate::recorded::body;
use fake_kamailio::{Fake, Then};
use kamailio_binrpc::{Arg, Client, Cookie, Error, Target, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use testbed::Kamailio;

/// The tests that both the fake and a real Kamailio pass.
fn any_kamailio<D: Driver>(target: &Target) {
    calls_a_method::<D>(target);
    sends_arguments::<D>(target);
    remains_usable_after_a_fault::<D>(target);
    more_calls_than_the_window_are_answered_in_order::<D>(target);
    discards_replies_to_calls_queued_before::<D>(target);
    receives_a_reply_larger_than_an_ethernet_packet::<D>(target);
    continues_after_a_deadline_was_extended::<D>(target);
}

fn calls_a_method<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let uptime = client.call("core.uptime", &[]).unwrap().records().unwrap().first().unwrap();
    assert!(uptime.get("uptime").and_then(Value::as_u64).is_some(), "{uptime:?}");
    assert!(client.receive().unwrap().is_none(), "no call awaits a reply");
}

fn sends_arguments<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let reply = client.call("core.echo", &["hello".into()]).unwrap();
    assert_eq!(reply.records().unwrap().first().and_then(Value::as_bytes), Some(&b"hello"[..]));
    let sent = [-5, 0, 127, 128, 255, 256, 65_536, i32::MAX, i32::MIN];
    let reply = client.call("core.printi", &sent.map(Arg::from)).unwrap();
    let got: Vec<_> = reply.records().unwrap().iter().map(|record| record.value.as_i64().unwrap()).collect();
    assert_eq!(got, sent.map(i64::from));
    assert!(client.call("core.echo", &[]).unwrap().records().unwrap().is_empty());
}

fn remains_usable_after_a_fault<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let error = client.call("no.such.command", &[]).unwrap().records().unwrap_err();
    assert_eq!(error.to_string(), "Kamailio replied with fault 500: command no.such.command not found");
    assert!(client.call("core.version", &[]).unwrap().records().is_ok());
}

fn more_calls_than_the_window_are_answered_in_order<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let methods = ["core.uptime", "no.such.command", "core.version", "core.shmmem", "core.echo"];
    let sent: Vec<_> = methods
        .iter()
        .cycle()
        .take(150)
        .map(|method| (client.queue(method, &[]).unwrap(), *method))
        .collect();
    for (cookie, method) in sent {
        let reply = client.receive().unwrap().unwrap();
        assert_eq!(reply.cookie(), cookie);
        let record = reply.records().map(|records| records.first());
        let fits = match (method, record) {
            ("core.uptime", Ok(Some(record))) => record.get("uptime").is_some(),
            ("core.version", Ok(Some(record))) => {
                record.as_bytes().is_some_and(|text| text.starts_with(b"kamailio "))
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

fn discards_replies_to_calls_queued_before<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    client.queue("core.uptime", &[]).unwrap();
    client.queue("no.such.command", &[]).unwrap();
    let reply = client.call("core.echo", &["hello".into()]).unwrap();
    assert_eq!(reply.records().unwrap().first().and_then(Value::as_bytes), Some(&b"hello"[..]));
    assert!(client.receive().unwrap().is_none());
}

fn receives_a_reply_larger_than_an_ethernet_packet<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    let reply = client.call("system.listMethods", &[]).unwrap();
    assert!(reply.packet().len() > 1_500);
    let methods = reply.records().unwrap();
    assert!(methods.iter().any(|method| method.value == Value::Str(b"system.listMethods")));
}

fn continues_after_a_deadline_was_extended<D: Driver>(target: &Target) {
    let mut client = connect::<D>(target);
    client.set_timeout(Instant::now());
    client.queue("core.uptime", &[]).unwrap();
    let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
    assert_eq!(error.to_string(), "the deadline passed with 1 of 1 reply outstanding");
    client.set_timeout(Instant::now() + Duration::from_secs(20));
    assert!(client.receive().unwrap().unwrap().records().is_ok());
}

pub(crate) fn answers_like_kamailio<D: Driver>(_: &Fake, target: &Target) {
    any_kamailio::<D>(target);
}

fn receives_a_reply_byte_by_byte<D: Driver>(fake: &Fake, target: &Target) {
    fake.chop(1, Duration::ZERO);
    let mut client = connect::<D>(target);
    let reply = client.call("tm.stats", &[]).unwrap();
    let current = reply.records().unwrap().first().and_then(|record| record.get("current"));
    assert!(current.is_some(), "{reply:?}");
}

fn reads_large_replies_while_writing<D: Driver>(fake: &Fake, target: &Target) {
    fake.answer_with("dispatcher.list.1000dest");
    let mut client = connect::<D>(target);
    for _ in 0..40 {
        client.queue("dispatcher.list", &[]).unwrap();
    }
    for _ in 0..40 {
        let reply = client.receive().unwrap().unwrap();
        // The cookie takes one to four bytes, as its value needs.
        assert!((72_517..=72_520).contains(&reply.packet().len()), "{} bytes", reply.packet().len());
        assert!(reply.records().is_ok());
    }
}

fn reports_how_many_replies_the_deadline_cut_off<D: Driver>(fake: &Fake, target: &Target) {
    fake.delay_method("core.version", Duration::from_secs(20));
    let mut client = connect::<D>(target);
    for method in ["core.uptime", "core.uptime", "core.version", "core.uptime"] {
        client.queue(method, &[]).unwrap();
    }
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    let begin = Instant::now();
    client.set_timeout(begin + Duration::from_millis(150));
    let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
    assert_eq!(error.to_string(), "the deadline passed with 2 of 4 replies outstanding");
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::TimedOut));
    assert!((150..2_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}

fn rejects_other_protocols<D: Driver>(fake: &Fake, target: &Target) {
    fake.garbage("core.version", b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut client = connect::<D>(target);
    client.queue("core.uptime", &[]).unwrap();
    client.queue("core.version", &[]).unwrap();
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    for _ in 0..2 {
        let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert_eq!(
            error.to_string(),
            "expected a packet that begins with 0xa1, found 0x48: the peer does not speak BINRPC, or the stream is out of step"
        );
    }
}

fn rejects_a_declared_length_over_the_limit<D: Driver>(fake: &Fake, target: &Target) {
    fake.lie("core.uptime", u32::MAX);
    let error = connect::<D>(target).call("core.uptime", &[]).map(|reply| reply.cookie()).unwrap_err();
    assert_eq!(error.to_string(), "reply body of 4294967295 bytes is over the limit of 8388608");
}

/// For streams only: a datagram session sends no call before the previous one is answered.
fn reports_a_skipped_call<D: Driver>(fake: &Fake, target: &Target) {
    fake.skip("core.version");
    let mut client = connect::<D>(target);
    let methods = ["core.uptime", "core.version", "core.version", "core.uptime"];
    let sent: Vec<Cookie> = methods.iter().map(|method| client.queue(method, &[]).unwrap()).collect();
    for (cookie, method) in sent.iter().zip(methods) {
        let reply = client.receive().unwrap().unwrap();
        assert_eq!(reply.cookie(), *cookie);
        let skipped = matches!(reply.records(), Err(Error::NoReply));
        assert_eq!(skipped, method == "core.version");
    }
}

fn returns_replies_received_before_the_connection_was_closed<D: Driver>(fake: &Fake, target: &Target) {
    fake.close_after(20);
    fake.delay(Duration::from_millis(2));
    let mut client = connect::<D>(target);
    for _ in 0..100 {
        client.queue("core.uptime", &[]).unwrap();
    }
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    // The connection is closed while calls are still to be written and replies still to be read. The write fails.
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
    client.queue("core.uptime", &[]).unwrap();
    client.queue("core.version", &[]).unwrap();
    assert!(client.receive().unwrap().unwrap().records().is_ok());
    let error = client.receive().map(|reply| reply.is_some()).unwrap_err();
    assert_eq!(error.to_string(), "Kamailio closed the connection with 1 of 2 replies outstanding");
}

fn reports_a_connection_closed_at_once<D: Driver>(fake: &Fake, target: &Target) {
    fake.refuse(true);
    let error = connect::<D>(target).call("core.uptime", &[]).map(|reply| reply.cookie()).unwrap_err();
    assert_eq!(error.to_string(), "Kamailio closed the connection with 1 of 1 reply outstanding");
}

/// The error of the operating system when no server listens, which depends on the kind of socket.
fn connection_refused<D: Driver>(target: &Target) {
    let outcome = D::connect(target, Instant::now() + Duration::from_secs(5)).and_then(|mut client| {
        client.queue("core.uptime", &[])?;
        client.receive().map(|reply| reply.is_some())
    });
    let error = outcome.unwrap_err();
    let (kind, message) = match target {
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
    assert_eq!(error.to_string(), message);
    assert!(matches!(error, Error::Io(error) if error.kind() == kind));
}

fn reports_that_no_server_listens<D: Driver>(fake: &Fake, target: &Target) {
    // The fake listens on its own sockets, not on these.
    let closed = match target {
        Target::Unix(path) | Target::UnixDatagram(path) => {
            target.to_string().replace(&path.display().to_string(), "/nonexistent/kamailio_ctl")
        }
        Target::Tcp(_) => "tcp:127.0.0.1:9".to_owned(),
        Target::Udp(_) => "udp:127.0.0.1:9".to_owned(),
    };
    connection_refused::<D>(&closed.parse().unwrap());
    assert_eq!(fake.connections().accepted, 0);
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
    kamailio_echoes_encoded_arguments::<D>(&target);
}

/// Kamailio's own parser checks the encoder: Kamailio echoes the arguments that were sent.
fn kamailio_echoes_encoded_arguments<D: Driver>(target: &Target) {
    let client = RefCell::new(connect::<D>(target));
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    // A C string ends at the first NUL.
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
            reply.records().unwrap().iter().map(|record| record.value.as_i64().unwrap()).collect();
        prop_assert_eq!(got, numbers.iter().map(|number| i64::from(*number)).collect::<Vec<_>>());
        let signed = body(reply.packet()).to_vec();
        let args: Vec<Arg<'_>> = numbers.iter().map(|number| Arg::from(*number as u32)).collect();
        let unsigned = client.call("core.printi", &args).unwrap();
        prop_assert_eq!(body(unsigned.packet()), signed);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Generates each test for one kind of socket.
macro_rules! tests {
    ($driver:ty, $uri:ident, [$($test:ident),* $(,)?]) => {
        $(
            #[test]
            fn $test() {
                with_fake::<$driver>(Fake::$uri, super::super::$test::<$driver>);
            }
        )*

        #[test]
        fn a_real_kamailio_replies_to_all_calls() {
            with_kamailio::<$driver>(Kamailio::$uri);
        }
    };
}

macro_rules! datagram_tests {
    ($driver:ty, $uri:ident, [$($more:ident),* $(,)?]) => {
        tests!($driver, $uri, [
            answers_like_kamailio,
            receives_a_reply_byte_by_byte,
            reads_large_replies_while_writing,
            reports_how_many_replies_the_deadline_cut_off,
            rejects_other_protocols,
            rejects_a_declared_length_over_the_limit,
            reports_that_no_server_listens,
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
                returns_replies_received_before_the_connection_was_closed,
                reports_a_connection_closed_in_the_middle_of_a_reply,
                reports_a_connection_closed_at_once,
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
    };
}

mod blocking {
    driver_tests!(Client);
}

#[cfg(feature = "tokio")]
mod asynchronous {
    driver_tests!(Async);
}
