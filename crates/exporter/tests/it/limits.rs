//! Limits on slow, numerous and greedy clients.

use crate::support::web::{Directory, hash};
use crate::support::{ClientResponse, Exporter, UNREACHABLE, samples};
use fake_kamailio::{Fake, body};
use kamailio_binrpc::wire::{Arg, Kind};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

fn connect(exporter: &Exporter, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Returns whether the exporter has closed the connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 64]), Ok(read) if read > 0)
}

const INCOMPLETE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: ";
const MIB: f64 = 1048576.0;

fn slow_clients(exporter: &Exporter, incomplete: &[u8], scrape: impl Fn() -> String) {
    let half_open: Vec<_> = (0..1000).map(|_| connect(exporter, incomplete)).collect();
    let start = Instant::now();
    scrape();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // These clients send one byte at a time.
    let mut slow: Vec<_> = (0..100).map(|_| connect(exporter, incomplete)).collect();
    for _ in 0..3 {
        for stream in &mut slow {
            // The exporter has evicted some of them.
            let _ = stream.write_all(b"x");
        }
        let page = samples(&scrape());
        assert!(exporter.memory() < 32.0 * MIB, "{} MiB", exporter.memory() / MIB);
        assert!(page["process_open_fds"] < 300.0, "{page:?}");
        std::thread::sleep(Duration::from_secs(1));
    }
    println!("{} MiB", exporter.memory() / MIB);
    drop((half_open, slow));
}

#[test]
fn a_thousand_half_open_connections_do_not_stop_a_scrape() {
    let exporter = Exporter::start(&UNREACHABLE);
    slow_clients(&exporter, INCOMPLETE, || exporter.exposition());
}

#[test]
fn a_thousand_connections_with_long_request_headers_do_not_fill_the_memory() {
    let exporter = Exporter::start(&UNREACHABLE);
    let incomplete = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(30_000));
    slow_clients(&exporter, incomplete.as_bytes(), || exporter.exposition());
}

#[test]
fn a_thousand_half_open_tls_handshakes_do_not_stop_a_scrape() {
    let directory = Directory::new();
    let file = directory.tls("", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let exporter = Exporter::start(&["--web.config.file", &file, UNREACHABLE[0], UNREACHABLE[1]]);
    let url = format!("https://{}/metrics", exporter.address());
    // The start of a handshake record whose header declares 16 KiB.
    slow_clients(&exporter, &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3], || {
        // The clients have used up the handshakes of their address, so curl has another one.
        let got = directory.curl(&["--interface", "127.0.0.2", "--cacert", "ca.pem", "-u", "a:b", &url]);
        assert_eq!(got.status, 200, "{got:?}");
        got.body
    });
}

/// Starts a Kamailio with so many statistics that the exposition is over 1 MB.
fn with_many_statistics() -> Fake {
    let fake = Fake::start();
    let names: Vec<_> =
        (0..9000).map(|number| format!("script.a_statistic_with_a_long_name_{number:060}")).collect();
    let members: Vec<_> = names.iter().map(|name| (Some(name.as_str()), Arg::from("7"))).collect();
    fake.answer("stats.fetch", Kind::Reply, &body(&[Arg::Struct(&members)]));
    fake
}

#[test]
fn a_hundred_clients_that_read_one_byte_per_second_do_not_fill_the_memory() {
    let fake = with_many_statistics();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "stats.fetch"]);
    let len = exporter.exposition().len();
    assert!(len > 1_000_000, "the exposition has only {len} bytes");
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut slow: Vec<_> = (0..100).map(|_| connect(&exporter, request)).collect();
    for _ in 0..3 {
        for stream in &mut slow {
            let _ = stream.read(&mut [0; 1]);
        }
        exporter.exposition();
        assert!(exporter.memory() < 32.0 * MIB, "{}", exporter.memory() / MIB);
        std::thread::sleep(Duration::from_secs(1));
    }
    println!("{} MiB with slow readers", exporter.memory() / MIB);
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let fake = with_many_statistics();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web");
    let address = format!("unix:{}", path.display());
    let common = ["-u", &fake.unix(), "-m", "stats.fetch", "--web.listen-address", &address];
    let exporter = Exporter::start(&[&common[..], &["--web.write-timeout", "300ms"]].concat());
    let len = exporter.exposition().len();
    // The buffers of a unix socket hold a few hundred kilobytes, less than the response.
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() < len, "{} of {len} bytes", answer.len());
}

#[test]
fn a_client_that_sends_its_request_headers_too_slowly_is_disconnected() {
    let exporter = Exporter::start(&["--web.header-timeout", "300ms", UNREACHABLE[0], UNREACHABLE[1]]);
    for bytes in [&b""[..], INCOMPLETE] {
        let start = Instant::now();
        let mut stream = connect(&exporter, bytes);
        assert!(is_closed(&mut stream));
        assert!((0.25..3.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }
    // A byte every 50 ms does not extend the time.
    let mut stream = connect(&exporter, INCOMPLETE);
    stream.set_nonblocking(true).unwrap();
    let start = Instant::now();
    while stream.write_all(b"x").is_ok() && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn an_idle_connection_stays_open_until_the_idle_timeout() {
    let exporter = Exporter::start(&[
        "--web.header-timeout",
        "200ms",
        "--web.idle-timeout",
        "1s",
        UNREACHABLE[0],
        UNREACHABLE[1],
    ]);
    let mut stream = connect(&exporter, b"");
    let mut read = [0; 1024];
    for pause in [0, 500, 500] {
        std::thread::sleep(Duration::from_millis(pause));
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let read = stream.read(&mut read).unwrap();
        assert!(read > 0, "the exporter closed the connection after {pause} ms");
    }
    let start = Instant::now();
    assert!(is_closed(&mut stream));
    assert!((0.9..3.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[test]
fn beyond_the_limit_the_longest_waiting_new_connection_is_evicted() {
    let exporter = Exporter::start(&["--web.max-connections", "3", UNREACHABLE[0], UNREACHABLE[1]]);
    let mut served = connect(&exporter, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(served.read(&mut [0; 1024]).unwrap() > 0);
    let mut first = connect(&exporter, INCOMPLETE);
    let _second = connect(&exporter, INCOMPLETE);
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert!(is_closed(&mut first));
    served.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(served.read(&mut [0; 1024]).unwrap() > 0, "the exporter evicted a connection that it had served");
}

#[test]
fn concurrent_requests_are_limited() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("ctl");
    let silent = UnixListener::bind(&socket).unwrap();
    let exporter = Exporter::start(&["-u", socket.to_str().unwrap(), "-t", "2s", "--web.max-requests", "1"]);
    std::thread::scope(|scope| {
        let request = scope.spawn(|| exporter.get("/metrics").status);
        let _connection = silent.accept().unwrap();
        // A request for the same metrics would share the scrape.
        let answer = exporter.get("/metrics?collect[]=tm.stats");
        assert_eq!(answer.status, 503);
        assert_eq!(answer.text(), "Limit of concurrent requests reached (1), try again later.\n");
        assert_eq!(exporter.get("/-/healthy").status, 200);
        assert_eq!(request.join().unwrap(), 200);
    });
}

#[test]
fn the_size_of_request_headers_is_limited() {
    let exporter = Exporter::start(&["--web.max-header-size", "8192", UNREACHABLE[0], UNREACHABLE[1]]);
    let headers = |size| {
        format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {}\r\n\r\n", "y".repeat(size))
    };
    assert_eq!(ClientResponse::read(connect(&exporter, headers(4000).as_bytes())).status, 200);
    assert_eq!(ClientResponse::read(connect(&exporter, headers(8200).as_bytes())).status, 431);
}

#[test]
fn process_metrics_can_be_disabled() {
    let exporter = Exporter::start(&["--web.disable-exporter-metrics", UNREACHABLE[0], UNREACHABLE[1]]);
    let page = exporter.exposition();
    assert!(page.contains("kamailio_up") && page.contains("kamailio_exporter_build_info"), "{page}");
    assert!(!page.contains("process_"), "{page}");
}

#[test]
fn the_number_of_descriptors_is_bounded_however_fast_clients_connect() {
    let directory = Directory::new();
    let file = directory.tls("", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let exporter = Exporter::start(&["--web.config.file", &file, UNREACHABLE[0], UNREACHABLE[1]]);
    let hello = directory.tls_client().client_hello();
    let before = exporter.open_files();
    let end = Instant::now() + Duration::from_secs(3);
    let most = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut kept = std::collections::VecDeque::new();
                while Instant::now() < end {
                    kept.push_back(connect(&exporter, &hello));
                    if kept.len() > 300 {
                        kept.pop_front();
                    }
                }
            });
        }
        let mut most = 0;
        while Instant::now() < end {
            most = most.max(exporter.open_files());
        }
        most
    });
    println!("{} descriptors", most - before);
    // The connections, those in the process of being closed, and some slack.
    assert!((100..256 + 16 + 10).contains(&(most - before)), "{most} descriptors, {before} before");
}
