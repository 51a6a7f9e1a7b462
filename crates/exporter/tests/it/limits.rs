//! Clients that are slow, many, or greedy.

use crate::support::web::{Directory, hash};
use crate::support::{Answer, Exporter, samples};
use fake_kamailio::Fake;
use kamailio_binrpc::wire::{self, Arg, Cookie, Kind};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

const NOBODY: [&str; 2] = ["-u", "unix:/nonexistent/kamailio_ctl"];

fn connect(exporter: &Exporter, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Whether the other side has closed it.
fn is_closed(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 64]), Ok(read) if read > 0)
}

const HALF: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: ";
const MIB: f64 = 1048576.0;

fn slow_clients(exporter: &Exporter, half: &[u8], scrape: impl Fn() -> String) {
    let half_open: Vec<_> = (0..1000).map(|_| connect(exporter, half)).collect();
    let start = Instant::now();
    scrape();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // And some that go on and on, a byte at a time.
    let mut slow: Vec<_> = (0..100).map(|_| connect(exporter, half)).collect();
    for _ in 0..3 {
        for stream in &mut slow {
            // Some are closed in favour of others.
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
    let exporter = Exporter::start(&NOBODY);
    slow_clients(&exporter, HALF, || exporter.page());
}

#[test]
fn a_thousand_connections_with_a_long_head_do_not_fill_the_memory() {
    let exporter = Exporter::start(&NOBODY);
    let half = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(30_000));
    slow_clients(&exporter, half.as_bytes(), || exporter.page());
}

#[test]
fn a_thousand_half_open_tls_handshakes_do_not_stop_a_scrape() {
    let directory = Directory::new();
    let file = directory.tls("", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let exporter = Exporter::start(&["--web.config.file", &file, NOBODY[0], NOBODY[1]]);
    let url = format!("https://{}/metrics", exporter.address());
    // The beginning of a record of type handshake that would be 16 KiB long.
    slow_clients(&exporter, &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3], || {
        // Handshakes have a budget for each address: whoever uses it up is refused, and another address is not.
        let got = directory.curl(&["--interface", "127.0.0.2", "--cacert", "ca.pem", "-u", "a:b", &url]);
        assert_eq!(got.status, 200, "{got:?}");
        got.body
    });
}

/// A Kamailio with so many statistics that their page is more than a megabyte.
fn with_a_long_page() -> Fake {
    let fake = Fake::start();
    let names: Vec<_> =
        (0..9000).map(|number| format!("script.a_statistic_with_a_long_name_{number:060}")).collect();
    let members: Vec<_> = names.iter().map(|name| (Some(name.as_str()), Arg::from("7"))).collect();
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(1), &[Arg::Struct(&members)], &mut packet).unwrap();
    let body = packet.split_off(wire::header(&packet).unwrap().unwrap().header_len);
    fake.answer("stats.fetch", Kind::Reply, &body);
    fake
}

#[test]
fn a_hundred_that_take_no_more_than_a_byte_a_second_do_not_fill_the_memory() {
    let fake = with_a_long_page();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "stats.fetch"]);
    let len = exporter.page().len();
    assert!(len > 1_000_000, "the page has {len} bytes");
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut slow: Vec<_> = (0..100).map(|_| connect(&exporter, request)).collect();
    for _ in 0..3 {
        for stream in &mut slow {
            let _ = stream.read(&mut [0; 1]);
        }
        exporter.page();
        assert!(exporter.memory() < 32.0 * MIB, "{}", exporter.memory() / MIB);
        std::thread::sleep(Duration::from_secs(1));
    }
    println!("{} MiB with slow readers", exporter.memory() / MIB);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let fake = with_a_long_page();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web");
    let address = format!("unix:{}", path.display());
    let common = ["-u", &fake.unix(), "-m", "stats.fetch", "--web.listen-address", &address];
    let exporter = Exporter::start(&[&common[..], &["--web.write-timeout", "300ms"]].concat());
    let len = exporter.page().len();
    // A unix socket has room for a few hundred kilobytes.
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() < len, "{} of {len} bytes", answer.len());
}

#[test]
fn a_request_that_takes_too_long_is_cut_off() {
    let exporter = Exporter::start(&["--web.header-timeout", "300ms", NOBODY[0], NOBODY[1]]);
    for bytes in [&b""[..], HALF] {
        let start = Instant::now();
        let mut stream = connect(&exporter, bytes);
        assert!(is_closed(&mut stream));
        assert!((0.25..3.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }
    // A byte now and then does not help.
    let mut stream = connect(&exporter, HALF);
    stream.set_nonblocking(true).unwrap();
    let start = Instant::now();
    while stream.write_all(b"x").is_ok() && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_connection_may_be_idle_for_a_while() {
    let exporter =
        Exporter::start(&["--web.header-timeout", "200ms", "--web.idle-timeout", "1s", NOBODY[0], NOBODY[1]]);
    let mut stream = connect(&exporter, b"");
    let mut read = [0; 1024];
    for pause in [0, 500, 500] {
        std::thread::sleep(Duration::from_millis(pause));
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let read = stream.read(&mut read).unwrap();
        assert!(read > 0, "it was closed after {pause} ms");
    }
    let start = Instant::now();
    assert!(is_closed(&mut stream));
    assert!((0.9..3.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[test]
fn with_all_places_taken_the_longest_waiting_goes() {
    let exporter = Exporter::start(&["--web.max-connections", "3", NOBODY[0], NOBODY[1]]);
    let mut served = connect(&exporter, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(served.read(&mut [0; 1024]).unwrap() > 0);
    let mut first = connect(&exporter, HALF);
    let _second = connect(&exporter, HALF);
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert!(is_closed(&mut first));
    served.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(served.read(&mut [0; 1024]).unwrap() > 0, "who was served went before who was not");
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
fn the_head_of_a_request_has_a_size() {
    let exporter = Exporter::start(&["--web.max-header-size", "8192", NOBODY[0], NOBODY[1]]);
    let head = |size| {
        format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {}\r\n\r\n", "y".repeat(size))
    };
    assert_eq!(Answer::read(connect(&exporter, head(4000).as_bytes())).status, 200);
    assert_eq!(Answer::read(connect(&exporter, head(8200).as_bytes())).status, 431);
}

#[test]
fn the_process_metrics_can_be_left_out() {
    let exporter = Exporter::start(&["--web.disable-exporter-metrics", NOBODY[0], NOBODY[1]]);
    let page = exporter.page();
    assert!(page.contains("kamailio_up") && page.contains("kamailio_exporter_build_info"), "{page}");
    assert!(!page.contains("process_"), "{page}");
}

#[test]
fn descriptors_are_bounded_however_fast_clients_connect() {
    let directory = Directory::new();
    let file = directory.tls("", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let exporter = Exporter::start(&["--web.config.file", &file, NOBODY[0], NOBODY[1]]);
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
    // The connections, and those that are being closed.
    assert!((100..256 + 16 + 10).contains(&(most - before)), "{most} descriptors, {before} before");
}
