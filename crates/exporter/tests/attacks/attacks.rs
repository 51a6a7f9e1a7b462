//! The attacks.

use crate::siege::Siege;
use crate::support::web::{Directory, TlsConnection, basic};
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Returns the configuration of one user. The check of the password takes a quarter of a second, which is usual.
fn users() -> String {
    format!("basic_auth_users: {{prometheus: {}}}\n", bcrypt::hash("secret", 12).unwrap())
}

/// The connections that an attacker keeps: the latest 1,000.
struct Kept<T>(Mutex<VecDeque<T>>);

impl<T> Kept<T> {
    fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    fn push(&self, connection: T) {
        let mut kept = self.0.lock().unwrap();
        kept.push_back(connection);
        let first = if kept.len() > 1000 { kept.pop_front() } else { None };
        // Closing takes a while, in which the other thread goes on.
        drop(kept);
        drop(first);
    }
}

/// The beginning of a TLS record with a handshake that is 16 KiB long.
const HALF_RECORD: &[u8] = &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];

#[test]
fn connections_and_passwords() {
    let siege = Siege::start(Directory::new(), &users());
    let client = siege.directory.tls_client();

    let kept = Kept::new();
    siege.survives("half a TLS record, 1,000 connections from 300 addresses", |thread, call| {
        let Ok(mut stream) = siege.connect((call * 2 + thread) % 300) else { return };
        let _ = stream.write_all(HALF_RECORD);
        kept.push(stream);
    });
    drop(kept);
    siege.survives("connections that are half closed at once, from one address", |_, _| {
        let Ok(stream) = siege.connect(1) else { return };
        let _ = stream.shutdown(Shutdown::Write);
    });
    let (number, kept) = (AtomicUsize::new(0), Kept::new());
    siege.survives("wrong passwords (bcrypt cost 12), 1,000 connections from 300 addresses", |_, _| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let Ok(stream) = siege.connect(number % 300) else { return };
        let mut connection = client.over(stream);
        let _ = connection.send(&request("/metrics", &number.to_string()));
        kept.push(connection);
    });
    drop(kept);
    siege.survives("100 wrong passwords in a row on each connection, from 300 addresses", |_, _| {
        let number = number.fetch_add(100, Ordering::Relaxed);
        let Ok(stream) = siege.connect(number / 100 % 300) else { return };
        let requests = (number..number + 100).map(|number| request("/", &number.to_string()));
        let mut connection = client.over(stream);
        let _ = connection.send(&requests.collect::<Vec<_>>().concat());
        let _ = connection.stream().read(&mut [0; 64]);
    });
}

fn request(path: &str, password: &str) -> Vec<u8> {
    let authorization = basic("prometheus", password);
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n").into_bytes()
}

#[test]
fn handshakes_with_an_rsa_key_of_4096_bits() {
    let directory = Directory::new();
    directory.rsa("server", 4096);
    let siege = Siege::start(directory, &users());
    let hello = siege.directory.tls_client().client_hello();
    for (name, addresses) in [("from one address", 1), ("from 300 addresses", 300)] {
        siege.survives(&format!("replayed ClientHellos, RSA-4096, {name}"), |thread, call| {
            let Ok(mut stream) = siege.connect((call * 2 + thread) % addresses) else { return };
            let _ = stream.write_all(&hello);
            let _ = stream.read(&mut [0; 16]);
        });
    }
}

#[test]
fn requests_of_clients_that_need_no_password() {
    let siege = Siege::start(Directory::new(), "");
    let client = siege.directory.tls_client();
    let http2 = siege.directory.tls_client().with_http2();

    let connections: Vec<_> = (0..200).map(|_| Mutex::new(None::<TlsConnection>)).collect();
    siege.survives(
        "200 connections that request /metrics, / and /-/status without a pause",
        |thread, call| {
            let number = call * 2 + thread;
            let mut connection = connections[number % connections.len()].lock().unwrap();
            let path = ["/metrics", "/metrics", "/", "/-/status"][number % 4];
            // Each connection has a request in progress all the time.
            let sent = match &mut *connection {
                Some(open) => read_response(open).and_then(|()| open.send(&request(path, ""))),
                None => siege
                    .connect(number % 300)
                    .and_then(|stream| connection.insert(client.over(stream)).send(&request(path, ""))),
            };
            if sent.is_err() {
                *connection = None;
            }
        },
    );
    drop(connections);
    let kept = Kept::new();
    siege.survives("1,000 connections from 300 addresses that read no response", |thread, call| {
        let Ok(stream) = siege.connect((call * 2 + thread) % 300) else { return };
        let mut connection = client.over(stream);
        let _ = connection.send(&request("/metrics", "").repeat(20));
        kept.push(connection);
    });
    drop(kept);
    siege.survives("requests with a deadline of a microsecond", |thread, call| {
        let Ok(stream) = siege.connect((call * 2 + thread) % 300) else { return };
        let mut connection = client.over(stream);
        let head = "GET /metrics?collect[]=tm.stats HTTP/1.1\r\nHost: x\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: 0.000001\r\n\r\n";
        let _ = connection.send(head.as_bytes());
        let _ = connection.stream().read(&mut [0; 64]);
    });
    siege.survives("HTTP/2 streams that are reset at once", |thread, call| {
        let Ok(stream) = siege.connect((call * 2 + thread) % 300) else { return };
        let mut connection = http2.over(stream);
        let _ = connection.send(&[PREFACE, &resets()].concat());
        let _ = connection.stream().read(&mut [0; 1024]);
    });
    // WINDOW_UPDATE by one byte.
    let windows = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1].repeat(10_000);
    let connections: Vec<_> = (0..200).map(|_| Mutex::new(None::<TlsConnection>)).collect();
    siege.survives("200 connections that send HTTP/2 frames without end", |thread, call| {
        let number = call * 2 + thread;
        let mut connection = connections[number % connections.len()].lock().unwrap();
        let sent = match &mut *connection {
            Some(open) => open.send(&windows),
            None => siege
                .connect(number % 300)
                .and_then(|stream| connection.insert(http2.over(stream)).send(PREFACE)),
        };
        if sent.is_err() {
            *connection = None;
        }
    });
}

/// Reads a response to its end.
fn read_response(connection: &mut TlsConnection) -> io::Result<()> {
    let (mut head, mut bytes) = (Vec::new(), [0; 1 << 14]);
    let mut end = None;
    while end.is_none_or(|end| head.len() < end) {
        let read = connection.stream().read(&mut bytes)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&bytes[..read]);
        end = end.or_else(|| {
            let text = str::from_utf8(&head[..head.len().min(1024)]).ok()?;
            let (headers, _) = text.split_once("\r\n\r\n")?;
            let length = headers.split("content-length: ").nth(1)?.lines().next()?;
            Some(headers.len() + 4 + length.parse::<usize>().ok()?)
        });
    }
    Ok(())
}

/// The beginning of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Returns 500 HTTP/2 requests that are reset at once.
fn resets() -> Vec<u8> {
    let mut frames = Vec::new();
    for number in 0..500u32 {
        let stream = (number * 2 + 1).to_be_bytes();
        // GET, https, `/`, and an authority.
        frames.extend([&[0, 0, 6, 1, 5], &stream[..], b"\x82\x87\x84\x01\x01x"].concat());
        frames.extend([&[0, 0, 4, 3, 0], &stream[..], &[0, 0, 0, 8]].concat());
    }
    frames
}
