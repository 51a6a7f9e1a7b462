//! Slow and greedy clients.

use crate::support::web::{Directory, basic, hash};
use crate::support::{ClientResponse, TestServer, is_closed};
use std::io::{Read, Write as _};
use std::time::{Duration, Instant};

const HALF: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: ";
const HEALTHY: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn a_request_that_takes_too_long_is_closed() {
    let server = TestServer::with_limits(None, |limits| limits.timeouts.header = Duration::from_millis(300));
    for bytes in [&b""[..], HALF] {
        let start = Instant::now();
        let mut stream = server.connect(bytes);
        assert!(is_closed(&mut stream));
        assert!((0.25..3.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }
}

#[test]
fn an_idle_connection_is_closed_after_the_idle_timeout() {
    let server = TestServer::with_limits(None, |limits| {
        limits.timeouts.header = Duration::from_millis(200);
        limits.timeouts.idle = Duration::from_secs(1);
    });
    let mut stream = server.connect(b"");
    for pause in [0, 500, 500] {
        std::thread::sleep(Duration::from_millis(pause));
        stream.write_all(HEALTHY).unwrap();
        assert!(!is_closed(&mut stream), "closed after {pause} ms");
    }
    let start = Instant::now();
    assert!(is_closed(&mut stream));
    assert!((0.9..3.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[test]
fn a_client_that_reads_nothing_is_closed() {
    let server = TestServer::with_limits(None, |limits| limits.timeouts.write = Duration::from_millis(300));
    let mut stream = server.connect(&b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20));
    std::thread::sleep(Duration::from_millis(1500));
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    assert!(response.starts_with(b"HTTP/1.1 200") && response.len() < 20 << 20, "{} bytes", response.len());
}

#[test]
fn beyond_the_connection_limit_the_connection_that_waits_longest_is_closed() {
    let server = TestServer::with_limits(None, |limits| limits.connections = 3);
    let mut served = server.connect(HEALTHY);
    assert!(!is_closed(&mut served));
    let mut first = server.connect(HALF);
    let _second = server.connect(HALF);
    assert_eq!(server.get("/-/healthy").status, 200);
    assert!(is_closed(&mut first));
    served.write_all(HEALTHY).unwrap();
    assert!(!is_closed(&mut served), "a served connection was evicted before one that was not");
}

#[test]
fn the_limit_on_the_header_is_exact() {
    let server = TestServer::with_limits(None, |limits| limits.header = 8192);
    for (size, status) in [(4000, 200), (8192, 200), (8193, 431), (12_000, 431), (100_000, 431)] {
        let start = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ";
        let request = format!("{start}{}\r\n\r\n", "y".repeat(size - start.len() - 4));
        assert_eq!(request.len(), size);
        let mut stream = server.connect(b"");
        // The response may come before all of a long request is written.
        let _ = stream.write_all(request.as_bytes());
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        assert!(response.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{size} bytes");
    }
}

/// HTTP/2 counts 32 bytes more for each header (RFC 9113, section 6.5.2).
#[test]
fn the_limit_on_headers_is_exact_over_http2_too() {
    let directory = Directory::new();
    let file = directory.tls("", "");
    let server = TestServer::with_limits(Some(&file), |limits| limits.header = 8192);
    let client = directory.tls_client().with_http2();
    // GET, https, `/` and the authority `x`, and the name `x` of another header.
    let others = [(":method", 3), (":scheme", 5), (":path", 1), (":authority", 1), ("x", 0)];
    let others: usize = others.iter().map(|(name, value)| name.len() + value + 32).sum();
    for (size, is_served) in [(4000, true), (8191, true), (8192, true), (8193, false), (12_000, false)] {
        let length = size - others;
        // HPACK (RFC 7541): an integer of seven bits, and more in bytes of seven.
        let rest = length - 127;
        let length_bytes = [0x7f, rest as u8 | 0x80, u8::try_from(rest >> 7).unwrap()];
        let headers = [&b"\x82\x87\x84\x01\x01x\x00\x01x"[..], &length_bytes, &vec![b'y'; length]].concat();
        let [.., high, low] = headers.len().to_be_bytes();
        let frame = [&[0, high, low, 1, 5, 0, 0, 0, 1], &headers[..]].concat();
        let mut connection = client.connect(server.address());
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
        connection.send(&frame).unwrap();
        let first = response_headers(connection.stream());
        // The status 200 is in HPACK's table.
        assert_eq!(first == Some(0x88), is_served, "{size} bytes: {first:?}");
    }
}

/// Returns the first byte of the first header frame.
fn response_headers(stream: &mut impl Read) -> Option<u8> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).ok()?;
        if head[3] == 1 {
            return payload.first().copied();
        }
    }
}

#[test]
fn malformed_requests_are_refused_and_the_connection_closed() {
    let server = TestServer::start(None);
    for request in [
        "CONNECT host:80 HTTP/1.1\r\nHost: host:80\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET host:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: <script>\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@x\r\n\r\n",
        "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT [::1]:80 HTTP/1.0\r\n\r\n",
        "GET http:///metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    ] {
        let response = ClientResponse::read(server.connect(request.as_bytes()));
        assert_eq!(response.status, 400, "{request}");
    }
    let absolute = "GET http://other/-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(ClientResponse::read(server.connect(absolute.as_bytes())).status, 200);
    let old = "GET /-/healthy HTTP/1.0\r\n\r\n";
    assert_eq!(ClientResponse::read(server.connect(old.as_bytes())).status, 200);
}

#[test]
fn half_open_connections_do_not_delay_the_end() {
    let mut server = TestServer::start(None);
    let half_open: Vec<_> = (0..10).map(|_| server.connect(HALF)).collect();
    // A later connection is accepted after those.
    assert_eq!(server.get("/-/healthy").status, 200);
    let start = Instant::now();
    server.end().unwrap();
    // Requests in progress would have ten seconds.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    drop(half_open);
}

#[test]
fn a_request_in_progress_ends_before_the_server_stops() {
    let mut server = TestServer::start(None);
    let slow = server.connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    // A later connection is served after that one.
    assert_eq!(server.get("/-/healthy").status, 200);
    server.end().unwrap();
    assert_eq!(ClientResponse::read(slow).text(), "Slow\n");
}

#[test]
fn unauthenticated_clients_do_not_evict_authenticated_ones() {
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let server = TestServer::with_limits(Some(&file), |limits| limits.connections = 20);
    let request = format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", basic("a", "b"));
    let mut known = server.connect(request.as_bytes());
    assert!(!is_closed(&mut known));
    let strangers: Vec<_> = (0..100).map(|_| server.connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    known.write_all(request.as_bytes()).unwrap();
    assert!(!is_closed(&mut known));
    drop(strangers);
}
