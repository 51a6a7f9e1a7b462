use crate::scenario::Scenario;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Mutex;
use std::time::Duration;

/// The beginning of a TLS record with a handshake that is 16 KiB long.
const HALF_RECORD: &[u8] = &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];

#[test]
fn half_open_connections_from_one_address() {
    let scenario = Scenario::new();
    for (name, bytes) in [("silent", &b""[..]), ("half a record", HALF_RECORD), ("one byte", &[0x16])] {
        let kept = Mutex::new(Vec::new());
        scenario.survives(name, 2, |_, call| {
            let stream = scenario.send(1, bytes);
            let mut kept = kept.lock().unwrap();
            kept.extend(stream);
            if call % 1000 == 999 {
                kept.drain(..500);
            }
        });
    }
}

#[test]
fn connections_that_are_closed_at_once() {
    let scenario = Scenario::new();
    scenario.survives("closed", 2, |_, _| drop(scenario.send(1, b"")));
    scenario.survives("half closed", 2, |_, _| {
        if let Some(stream) = scenario.send(1, HALF_RECORD) {
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    scenario.survives("plain requests to a TLS port", 2, |_, _| {
        drop(scenario.send(1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    });
}

#[test]
fn a_thousand_connections_from_three_hundred_addresses() {
    let scenario = Scenario::new();
    for (name, bytes) in [("silent", &b""[..]), ("half a record", HALF_RECORD)] {
        let kept = Mutex::new(VecDeque::new());
        scenario.survives(name, 2, |thread, call| {
            let stream = scenario.send((call * 2 + thread) % 300, bytes);
            let mut kept = kept.lock().unwrap();
            kept.extend(stream);
            if kept.len() > 1000 {
                kept.pop_front();
            }
        });
    }
}

#[test]
fn connections_that_send_a_byte_now_and_then() {
    let scenario = Scenario::new();
    let mut slow: Vec<_> = (0..400).filter_map(|number| scenario.send(number % 40, HALF_RECORD)).collect();
    let slow = Mutex::new(&mut slow);
    scenario.survives("slow", 1, |_, _| {
        for stream in slow.lock().unwrap().iter_mut() {
            let _ = stream.write_all(b"x");
        }
        std::thread::sleep(Duration::from_millis(5));
    });
}

#[test]
fn requests_without_end_on_a_connection_that_is_kept() {
    for (name, start) in [("refused", Scenario::new as fn() -> Scenario), ("served", Scenario::open)] {
        let scenario = start();
        let client = scenario.directory.tls_client();
        let requests = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
        let connections = [const { Mutex::new(None) }; 2];
        scenario.survives(name, 2, |thread, _| {
            let mut connection = connections[thread].lock().unwrap();
            let sent = match &mut *connection {
                None => scenario.connect(thread).map(|stream| {
                    *connection = Some(client.over(stream));
                }),
                Some(open) => open.send(&requests).and_then(|()| {
                    let mut responses = Vec::new();
                    while responses.windows(9).filter(|start| start == b"HTTP/1.1 ").count() < 100 {
                        let mut bytes = [0; 1 << 14];
                        let read = open.stream().read(&mut bytes)?;
                        responses.extend_from_slice(&bytes[..read]);
                        if read == 0 {
                            return Err(ErrorKind::UnexpectedEof.into());
                        }
                    }
                    Ok(())
                }),
            };
            if sent.is_err() {
                *connection = None;
            }
        });
    }
}

#[test]
fn requests_of_clients_that_need_no_password() {
    let scenario = Scenario::open();
    let client = scenario.directory.tls_client();
    for (name, path) in
        [("kept after a response", "/metrics"), ("busy", "/slow"), ("reading nothing", "/large")]
    {
        let kept = Mutex::new(VecDeque::new());
        scenario.survives(name, 2, |thread, call| {
            let Ok(stream) = scenario.connect((call * 2 + thread) % 300) else { return };
            let mut connection = client.over(stream);
            let _ = connection.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
            let mut kept = kept.lock().unwrap();
            kept.push_back(connection);
            if kept.len() > 1000 {
                kept.pop_front();
            }
        });
    }
}
