//! Slow, greedy and hostile clients: their behaviour, and the expected effect. The exporter responds to scrapes during and
//! after each attack. `tests/it` tests each limit by itself, and `tests/attacks` floods with TLS and users.

use crate::support::{Exporter, eventually, samples};
use fake_kamailio::Fake;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// A kind of misbehaving clients.
pub(crate) struct Clients {
    /// The description in the document, with the clients as the subject.
    pub(crate) what: &'static str,
    /// The effect, as described in the document.
    pub(crate) then: &'static str,
    /// Misbehaves, and returns the connections to keep open.
    how: fn(&str) -> Vec<TcpStream>,
}

pub(crate) const CLIENTS: &[Clients] = &[
    Clients {
        what: "send half a request and wait (500 clients)",
        then: "the connections that have been idle longest are evicted, and all are closed after `--web.header-timeout`",
        how: |address| (0..500).map(|_| send(address, b"GET /metrics HTTP/1.1\r\nHost: ")).collect(),
    },
    Clients {
        what: "connect and send nothing (3,000 clients)",
        then: "as above; at most 256 connections (`--web.max-connections`) are open",
        // In batches, because the test process has a limit on its file descriptors too.
        how: |address| {
            (0..6).for_each(|_| drop((0..400).map(|_| send(address, b"")).collect::<Vec<_>>()));
            (0..600).map(|_| send(address, b"")).collect()
        },
    },
    Clients {
        what: "send the request headers one byte at a time (50 clients)",
        then: "`--web.header-timeout` applies to the request headers in total",
        how: |address| {
            let mut slow: Vec<_> = (0..50).map(|_| send(address, b"GET")).collect();
            for byte in b" /metrics" {
                for stream in &mut slow {
                    let _ = stream.write_all(&[*byte]);
                }
                thread::sleep(Duration::from_millis(20));
            }
            slow
        },
    },
    Clients {
        what: "close their sending side and wait for the response",
        then: "the scrape is cancelled, as for a client that disconnected",
        how: |address| {
            let stream = send(address, REQUEST);
            stream.shutdown(Shutdown::Write).unwrap();
            vec![stream]
        },
    },
    Clients {
        what: "send 100 requests at once, on one connection",
        then: "the responses are sent one after another, in order",
        how: |address| {
            let mut stream = send(address, &REQUEST.repeat(100));
            let mut answers = String::new();
            while answers.matches("HTTP/1.1 200 OK").count() < 100 {
                let mut chunk = [0; 65_536];
                let read = stream.read(&mut chunk).unwrap();
                assert!(read > 0, "{} answers", answers.matches("HTTP/1.1 200 OK").count());
                answers.push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
            vec![stream]
        },
    },
    Clients {
        what: "send an invalid request: a TLS handshake, garbage, line feeds, a request with two lengths",
        then: "status 400, or the connection is closed",
        how: |address| {
            let garbage: Vec<u8> = (0..=255).cycle().take(10_000).collect();
            for bytes in [
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
                &garbage,
                b"\n\n\n\n\0",
                b"GET /metrics HTTP/9.9\r\n\r\n",
                b"GET  HTTP/1.1\r\n\r\n",
                b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                b"GET /metrics HTTP/1.1\r\nHo st: x\r\n\r\n",
            ] {
                let status = status(send(address, bytes));
                assert!(
                    matches!(status, None | Some(400)),
                    "{status:?} for {:?}",
                    String::from_utf8_lossy(bytes)
                );
            }
            Vec::new()
        },
    },
    Clients {
        what: "send request headers of 1 MiB, or the same header 100,000 times",
        then: "status 431, or the connection is closed (`--web.max-header-size`)",
        how: |address| {
            for head in [format!("X: {}\r\n", "y".repeat(1 << 20)), "X: y\r\n".repeat(100_000)] {
                let status = status(send(address, format!("GET /metrics HTTP/1.1\r\n{head}\r\n").as_bytes()));
                assert!(matches!(status, None | Some(431)), "{status:?}");
            }
            Vec::new()
        },
    },
    Clients {
        what: "use other HTTP methods, with a body",
        then: "status 405",
        how: |address| {
            for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "BREW"] {
                let head =
                    format!("{method} /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
                let status = status(send(address, head.as_bytes()));
                // The target of CONNECT is not a path.
                assert!(matches!(status, Some(405)) || method == "CONNECT", "{status:?} for {method}");
            }
            Vec::new()
        },
    },
    Clients {
        what: "send a request and disconnect (500 times)",
        then: "the scrape is cancelled, and its connection to Kamailio closed",
        how: |address| {
            (0..500).for_each(|_| drop(send(address, REQUEST)));
            Vec::new()
        },
    },
    Clients {
        what: "send a request and never read the response (100 clients)",
        then: "unread responses are limited to 8 MiB in total, and connections are closed after `--web.write-timeout`",
        how: |address| (0..100).map(|_| send(address, &REQUEST.repeat(20))).collect(),
    },
];

#[test]
fn whatever_clients_do_a_scrape_beside_them_is_answered() {
    thread::scope(|scope| {
        for clients in CLIENTS {
            scope.spawn(|| trial(clients));
        }
    });
}

fn trial(clients: &Clients) {
    let what = clients.what;
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "1s"]);
    let open = (clients.how)(exporter.address());
    let (mut times, mut page) = (Vec::new(), None);
    while page.is_none() {
        assert!(times.len() < TRIES, "{what}: the answers came after {times:?}");
        let start = Instant::now();
        // Beyond the limit of concurrent requests, the exporter responds with status 503.
        let answer = eventually(|| match exporter.get("/metrics") {
            answer if answer.status == 200 => Ok(answer),
            answer => Err(format!("{what}: {}", answer.text())),
        });
        times.push(start.elapsed());
        page = Some(samples(&answer.text())).filter(|_| start.elapsed() <= DEADLINE);
    }
    println!("{:>8.1} ms beside clients that {what}", times.last().unwrap().as_secs_f64() * 1e3);
    let page = page.unwrap();
    assert_eq!(page["kamailio_up"], 1.0, "{what}");
    assert!(page["process_open_fds"] < 300.0, "{what}: {} descriptors", page["process_open_fds"]);
    drop(open);
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0, "{what}");
    assert!(exporter.peak_memory() < 32 << 20, "{what}: {} bytes", exporter.peak_memory());
    assert!(!exporter.log().contains("panicked"), "{what}: {}", exporter.log());
    eventually(|| match fake.connections().open {
        0 => Ok(()),
        open => Err(format!("{what}: {open} connections to Kamailio are left")),
    });
    assert!(fake.connections().most <= 40, "{what}: {:?}", fake.connections());
}

fn send(address: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The exporter may respond and close the connection before it has read the whole request.
    let _ = stream.write_all(bytes);
    stream
}

/// Returns the status of the response; `None` if the connection is closed without a response.
fn status(mut stream: TcpStream) -> Option<u16> {
    // The exporter does not wait for the rest of a request.
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// `--kamailio.timeout` of the tests, and 100 ms for the response itself.
const DEADLINE: Duration = Duration::from_millis(1_100);
/// The number of attempts, because a busy machine delays a correct program as well.
const TRIES: usize = 5;
const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
