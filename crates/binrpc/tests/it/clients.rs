//! Features of both clients besides calls, tested over one kind of socket where the kind does not matter.

#[cfg(feature = "tokio")]
use crate::driver::Async;
use crate::driver::{Driver, connect};
use crate::drivers::answers_like_kamailio;
use fake_kamailio::{Captures, Fake, body};
use kamailio_binrpc::wire::{self, MAX_IN_FLIGHT};
use kamailio_binrpc::{Arg, Client, Error, Resolved, Target, Value};
use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// Generates each test for both clients.
macro_rules! client_tests {
    ($($test:ident),* $(,)?) => {
        mod blocking {
            $(
                #[test]
                fn $test() {
                    super::$test::<super::Client>();
                }
            )*
        }

        #[cfg(feature = "tokio")]
        mod asynchronous {
            $(
                #[test]
                fn $test() {
                    super::$test::<super::Async>();
                }
            )*
        }
    };
}

client_tests!(
    connects_to_resolved_addresses,
    does_not_connect_after_the_deadline,
    ignores_empty_datagrams,
    reports_a_timeout_while_the_socket_is_full,
    reports_why_a_socket_was_lost,
    receives_a_datagram_as_large_as_the_socket_allows,
    recovers_from_a_timeout,
    waits_until_a_datagram_fits,
    waits_without_using_the_processor,
    disconnects_with_the_last_reply_when_finished,
    does_not_use_a_lost_connection,
    has_a_timeout_for_each_call,
    speaks_ipv6,
    stays_within_a_budget_of_memory,
    waits_while_the_backlog_is_full,
);

/// A full backlog blocks the blocking client and refuses the async client. Both wait until the deadline.
fn waits_while_the_backlog_is_full<D: Driver>() {
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
    // The thread fills the backlog, and blocks when the backlog is full.
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

/// The client tries the addresses in order; the target appears only in errors.
fn connects_to_resolved_addresses<D: Driver>() {
    let fake = Fake::start();
    let address = |uri: &str| uri.split_once(':').unwrap().1.parse().unwrap();
    let path = |uri: &str| uri.split_once(':').unwrap().1.into();
    let closed = address("tcp:127.0.0.1:1");
    let call = |target: &str, resolved: Resolved| {
        let target = target.parse().unwrap();
        let mut client = D::connect_resolved(&target, &resolved, Duration::from_secs(20))?;
        client.call("core.uptime", &[])?.records().map(drop)
    };
    call("tcp:name.invalid:2049", Resolved::Tcp(vec![closed, address(&fake.tcp())])).unwrap();
    call("udp:name.invalid:2049", Resolved::Udp(vec![address(&fake.udp())])).unwrap();
    call("unix:/nonexistent", Resolved::Unix(path(&fake.unix()))).unwrap();
    call("unixd:/nonexistent", Resolved::UnixDatagram(path(&fake.unixd()))).unwrap();
    assert_eq!((fake.connections().accepted, fake.calls().len()), (2, 4));
    for (addresses, part) in [(vec![], "the host has no address"), (vec![closed], "refused")] {
        let error = call("tcp:name.invalid:2049", Resolved::Tcp(addresses)).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("cannot connect to tcp:name.invalid:2049: "), "{message}");
        assert!(message.contains(part), "{message}");
        let cause = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
        assert!(cause.to_string().contains(part), "{cause}");
    }
}

/// A finished client is disconnected with the last reply, which the caller has not received yet.
fn disconnects_with_the_last_reply_when_finished<D: Driver>() {
    let fake = Fake::start();
    for (uri, finishes) in [(fake.unix(), true), (fake.tcp(), true), (fake.unix(), false), (fake.udp(), true)]
    {
        let mut client = connect::<D>(&uri.parse().unwrap());
        // More calls than the window allows, so that the last one is sent late.
        let calls = MAX_IN_FLIGHT + 8;
        for _ in 0..calls {
            client.queue("core.uptime", &[]).unwrap();
        }
        if finishes {
            client.finish();
        }
        for _ in 0..calls {
            let reply = client.receive().unwrap().expect("a reply to each call");
            assert!(reply.records().is_ok());
        }
        assert!(uri.starts_with("udp:") || closes(&fake) == finishes, "{uri}");
        assert!(client.receive().unwrap().is_none());
    }
    let mut client = connect::<D>(&fake.unix().parse().unwrap());
    assert!(client.call("core.uptime", &[]).unwrap().records().is_ok());
    client.finish();
    assert!(closes(&fake), "after the last reply");
}

/// A reply that is late is not lost on a stream. A datagram may be, so that the client only waits for it.
fn recovers_from_a_timeout<D: Driver>() {
    let fake = Fake::start();
    for (uri, is_stream) in
        [(fake.unix(), true), (fake.tcp(), true), (fake.unixd(), false), (fake.udp(), false)]
    {
        fake.behave();
        let mut client = connect::<D>(&uri.parse().unwrap());
        let timed_out = |error: &Error| kinds(error).0 == ErrorKind::TimedOut;
        fake.delay_method("core.uptime", Duration::from_secs(1));
        client.set_timeout(Duration::from_millis(50));
        assert!(timed_out(&client.call("core.uptime", &[]).unwrap_err()), "{uri}");
        client.set_timeout(Duration::from_secs(20));
        assert!(client.receive().unwrap().unwrap().records().is_ok(), "{uri}");
        assert!(client.call("core.version", &[]).unwrap().records().is_ok(), "{uri}");

        fake.skip("core.uptime");
        client.set_timeout(Duration::from_millis(50));
        for _ in 0..2 {
            // Again, because a second call would be queued if the first were forgotten.
            let error = client.call("core.uptime", &[]).map(drop).unwrap_err();
            assert!(timed_out(&error) || !is_stream, "{uri}: {error}");
        }
        client.set_timeout(Duration::from_secs(20));
        let begin = Instant::now();
        let called = client.call("core.version", &[]).map(|reply| reply.records().is_ok());
        match called {
            Ok(is_ok) => assert!(is_ok && is_stream, "{uri}"),
            Err(error) => {
                let message = "the datagrams of a reply are overdue, and may be lost: connect again";
                assert!(error.to_string() == message && !is_stream, "{uri}: {error}");
            }
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{uri}: {:?}", begin.elapsed());
    }
}

fn does_not_use_a_lost_connection<D: Driver>() {
    let message = "the connection was lost: connect again";
    let fake = Fake::start();
    fake.close_after(1);
    let server = DatagramServer::new();
    let targets =
        [fake.unix().parse().unwrap(), fake.tcp().parse().unwrap(), server.target.clone(), closed_udp()];
    let mut clients = targets.map(|target| (connect::<D>(&target), target));
    drop(server);
    for (client, target) in &mut clients {
        client.queue("core.uptime", &[]).unwrap();
        client.queue("core.uptime", &[]).unwrap();
        client.set_timeout(Duration::from_secs(20));
        let lost =
            std::iter::repeat_with(|| client.receive().map(drop)).take(2).find_map(Result::err).unwrap();
        assert_ne!(kinds(&lost).0, ErrorKind::TimedOut, "{target}");
        let before = processor_time();
        for error in
            [client.receive().map(drop).unwrap_err(), client.call("core.uptime", &[]).map(drop).unwrap_err()]
        {
            assert_eq!(
                (kinds(&error).0, error.to_string().as_str()),
                (ErrorKind::NotConnected, message),
                "{target}"
            );
        }
        let used = processor_time() - before;
        assert!(used < Duration::from_millis(30), "{target}: {used:?}");
    }
}

/// A UDP port on which no process listens: the system reports that to the sender.
fn closed_udp() -> Target {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    format!("udp:{}", socket.local_addr().unwrap()).parse().unwrap()
}

/// Kamailio splits a reply between structs only, so a unix datagram can be larger than any UDP datagram.
fn receives_a_datagram_as_large_as_the_socket_allows<D: Driver>() {
    let fake = Fake::start();
    let text = [b'x'; 65_000];
    fake.answer("core.echo", wire::Kind::Reply, &body(&[Arg::Str(&text), Arg::Str(&text), Arg::Str(&text)]));
    let mut client = connect::<D>(&fake.unixd().parse().unwrap());
    client.set_timeout(Duration::from_secs(2));
    let reply = client.call("core.echo", &[]).unwrap();
    let sizes: Vec<_> =
        reply.records().unwrap().iter().map(|record| record.value.as_bytes().unwrap().len()).collect();
    assert_eq!(sizes, [text.len(); 3]);
}

/// Whether the last connection is closed within half a second.
fn closes(fake: &Fake) -> bool {
    (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        fake.connections().open == 0
    })
}

/// An idle client does not expire, and each call has the full timeout.
fn has_a_timeout_for_each_call<D: Driver>() {
    let fake = Fake::start();
    let mut client = D::connect(&fake.unix().parse().unwrap(), Duration::from_secs(2)).unwrap();
    fake.delay_method("core.uptime", Duration::from_millis(400));
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(400));
        assert!(client.call("core.uptime", &[]).unwrap().records().is_ok());
    }
    fake.delay_method("core.uptime", Duration::from_secs(60));
    client.set_timeout(Duration::from_millis(50));
    let begin = Instant::now();
    let error = client.call("core.uptime", &[]).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the timeout of 50ms passed with 1 of 4 replies outstanding");
    assert!((50..2_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::TimedOut));
}

/// The client calls the budget before each wait, with more bytes each time. The call ends when the budget refuses.
fn stays_within_a_budget_of_memory<D: Driver>() {
    let fake = Fake::start();
    fake.answer_with("dispatcher.list.1000dest");
    let mut client = connect::<D>(&fake.unix().parse().unwrap());
    let mut asked = Vec::new();
    client.queue("dispatcher.list", &[]).unwrap();
    let unlimited = |bytes| {
        asked.push(bytes);
        Ok(())
    };
    assert!(client.receive_within(unlimited).unwrap().unwrap().records().is_ok());
    assert!(asked.is_sorted() && asked.first().is_some_and(|bytes| *bytes < 1_000), "{asked:?}");
    assert!(asked.last().is_some_and(|bytes| *bytes > 64_000), "{asked:?}");
    let mut client = connect::<D>(&fake.unix().parse().unwrap());
    client.queue("dispatcher.list", &[]).unwrap();
    let limited = |bytes| if bytes > 64_000 { Err(io::Error::other("over budget")) } else { Ok(()) };
    let error = client.receive_within(limited).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "over budget");
}

/// Uses a port of the IPv6 loopback address that was free a moment ago.
fn speaks_ipv6<D: Driver>() {
    let port = TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    for scheme in ["tcp", "udp"] {
        let target: Target = format!("{scheme}:[::1]:{port}").parse().unwrap();
        let fake = Fake::listen(Captures::of("5.6.3"), std::slice::from_ref(&target)).unwrap();
        answers_like_kamailio::<D>(&fake, &target);
    }
}

fn does_not_connect_after_the_deadline<D: Driver>() {
    let fake = Fake::start();
    // Many times: whether a socket is connected before the deadline is looked at depends on the scheduler.
    for uri in [fake.unix(), fake.tcp(), fake.unixd(), fake.udp()].iter().cycle().take(100) {
        let error = D::connect(&uri.parse().unwrap(), Instant::now()).map(drop).unwrap_err();
        assert_eq!(error.to_string(), format!("the deadline passed while connecting to {uri}"));
    }
}

/// A unix datagram socket that a test answers on by hand.
struct DatagramServer {
    socket: UnixDatagram,
    target: Target,
    _directory: tempfile::TempDir,
}

impl DatagramServer {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ctl");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, target: Target::UnixDatagram(path), _directory: directory }
    }

    /// Sends datagrams until the system accepts no more.
    fn fill(&self) -> UnixDatagram {
        let Target::UnixDatagram(path) = &self.target else { unreachable!() };
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        while filler.send_to(b"filler", path).is_ok() {}
        filler
    }

    /// Receives up to the next request, and answers it with these datagrams before the reply. Fails if the client sends
    /// anything else.
    fn answer(&self, before: &[&[u8]]) {
        let mut buffer = [0; 1_000];
        loop {
            let (len, address) = self.socket.recv_from(&mut buffer).unwrap();
            if &buffer[..len] == b"filler" {
                continue;
            }
            let header = wire::header(&buffer[..len]).unwrap().expect("a request");
            for bytes in before {
                self.socket.send_to_addr(bytes, &address).unwrap();
            }
            let packet = crate::recorded::reply(b"\x10\x2a", header.cookie);
            self.socket.send_to_addr(&packet, &address).unwrap();
            return;
        }
    }
}

fn answer_of_a_call<D: Driver>(client: &mut D) -> Option<u64> {
    client.call("core.uptime", &[]).unwrap().records().unwrap().first().and_then(Value::as_u64)
}

fn ignores_empty_datagrams<D: Driver>() {
    let server = DatagramServer::new();
    let mut client = connect::<D>(&server.target);
    std::thread::scope(|scope| {
        scope.spawn(|| server.answer(&[b"", b""]));
        assert_eq!(answer_of_a_call(&mut client), Some(42));
        // No datagram is sent but the request.
        scope.spawn(|| server.answer(&[]));
        assert_eq!(answer_of_a_call(&mut client), Some(42));
    });
}

/// Kamailio's queue is full for a while.
fn waits_until_a_datagram_fits<D: Driver>() {
    let server = DatagramServer::new();
    let _filler = server.fill();
    let mut client = connect::<D>(&server.target);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            server.answer(&[]);
        });
        assert_eq!(answer_of_a_call(&mut client), Some(42));
    });
}

fn reports_a_timeout_while_the_socket_is_full<D: Driver>() {
    let server = DatagramServer::new();
    let _filler = server.fill();
    let mut client = connect::<D>(&server.target);
    client.set_timeout(Duration::from_millis(50));
    let error = client.call("core.uptime", &[]).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the timeout of 50ms passed with 1 of 1 reply outstanding");
}

/// Returns the kind of an error, and the kind of the system's error that caused it.
fn kinds(error: &Error) -> (ErrorKind, Option<ErrorKind>) {
    let Error::Io(error) = error else { panic!("{error}") };
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    (error.kind(), cause.map(io::Error::kind))
}

fn reports_why_a_socket_was_lost<D: Driver>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp:{}", listener.local_addr().unwrap()).parse().unwrap();
    let mut client = connect::<D>(&target);
    std::thread::scope(|scope| {
        // The system resets a connection that is closed with a request unread.
        scope.spawn(|| listener.accept().unwrap().0.peek(&mut [0]).unwrap());
        let error = client.call("core.uptime", &[]).map(drop).unwrap_err();
        assert_eq!(kinds(&error), (ErrorKind::UnexpectedEof, Some(ErrorKind::ConnectionReset)));
    });
    let server = DatagramServer::new();
    let mut client = connect::<D>(&server.target);
    server.socket.shutdown(Shutdown::Read).unwrap();
    let error = client.call("core.uptime", &[]).map(drop).unwrap_err();
    assert_eq!(kinds(&error), (ErrorKind::UnexpectedEof, Some(ErrorKind::BrokenPipe)));
    let server = DatagramServer::new();
    let mut client = connect::<D>(&server.target);
    drop(server);
    let error = client.call("core.uptime", &[]).map(drop).unwrap_err();
    assert_eq!(kinds(&error), (ErrorKind::ConnectionRefused, Some(ErrorKind::ConnectionRefused)));
}

/// The fake listens in the process of the test.
#[cfg(feature = "tokio")]
#[test]
fn the_process_that_listens_on_a_unix_stream_is_known() {
    let fake = Fake::start();
    let pid = |uri: &str| connect::<Async>(&uri.parse().unwrap()).client.peer_pid();
    assert_eq!(pid(&fake.unix()), Some(std::process::id()));
    for uri in [fake.unixd(), fake.tcp(), fake.udp()] {
        assert_eq!(pid(&uri), None, "{uri}");
    }
}

fn waits_without_using_the_processor<D: Driver>() {
    let fake = Fake::start();
    fake.silent(true);
    for uri in [fake.unix(), fake.tcp(), fake.unixd(), fake.udp()] {
        let mut client = connect::<D>(&uri.parse().unwrap());
        client.set_timeout(Duration::from_millis(300));
        let before = processor_time();
        assert!(client.call("core.uptime", &[]).is_err());
        let used = processor_time() - before;
        assert!(used < Duration::from_millis(30), "{uri}: {used:?}");
    }
}

/// The time that this thread has used the processor.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

#[cfg(feature = "tokio")]
#[test]
fn calls_of_a_session_are_sent_before_their_replies_are_awaited() {
    let fake = Fake::start();
    for (uri, sent_at_once) in [(fake.unix(), 2), (fake.tcp(), 2), (fake.unixd(), 1), (fake.udp(), 1)] {
        let target: Target = uri.parse().unwrap();
        let mut session = kamailio_binrpc::Session::of(&target);
        let cookies = [(); 2].map(|()| session.queue("core.version", &[]).unwrap());
        let before = fake.calls().len();
        let mut client = connect::<Async>(&target);
        client.client.adopt(session).unwrap();
        let start = Instant::now();
        while fake.calls().len() < before + sent_at_once {
            assert!(start.elapsed() < Duration::from_secs(20), "{uri}: {:?}", fake.calls());
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(fake.calls().len(), before + sent_at_once, "{uri}");
        assert_eq!(cookies.map(|_| client.receive().unwrap().unwrap().cookie()), cookies, "{uri}");
        assert!(client.receive().unwrap().is_none());
        let error = client.client.adopt(kamailio_binrpc::Session::of(&target)).unwrap_err();
        assert!(error.to_string().contains("only before its first call"), "{error}");
    }
    let mut client = connect::<Async>(&fake.unix().parse().unwrap());
    client.client.adopt(kamailio_binrpc::Session::datagram()).unwrap_err();
    assert!(client.call("core.version", &[]).is_ok(), "the client keeps its own session");
}
