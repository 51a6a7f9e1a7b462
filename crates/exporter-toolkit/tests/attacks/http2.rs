use crate::scenario::Scenario;
use std::io::Read as _;
use std::sync::Mutex;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame of a type, with flags, on a stream.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// GET, https, `/`, and an authority.
const HEADERS: &[u8] = b"\x82\x87\x84\x01\x01x";

/// Sends these frames again and again, each time on a connection of its own.
fn survives(name: &str, frames: &[u8]) {
    let scenario = Scenario::new();
    let client = scenario.directory.tls_client().with_http2();
    scenario.survives(name, 2, |thread, _| {
        let Ok(stream) = scenario.connect(thread) else { return };
        let mut connection = client.over(stream);
        let _ = connection.send(&[PREFACE, frames].concat());
        let _ = connection.stream().read(&mut [0; 1024]);
    });
}

#[test]
fn streams_that_are_reset_at_once() {
    let frames: Vec<u8> = (0..500)
        .flat_map(|number| {
            let stream = number * 2 + 1;
            [frame(1, 5, stream, HEADERS), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
        })
        .collect();
    survives("rapid reset", &frames);
}

#[test]
fn pings_settings_and_windows_without_end() {
    survives("pings", &frame(6, 0, 0, b"kamailio").repeat(2000));
    survives("settings", &frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(2000));
    survives("windows", &frame(8, 0, 0, &[0, 0, 0, 1]).repeat(2000));
}

#[test]
fn headers_without_end() {
    let start = frame(1, 1, 1, HEADERS);
    let go_on = frame(9, 0, 1, b"\x00\x01x\x7f\x00").repeat(500);
    survives("continuations", &[start, go_on].concat());
    // A name that is indexed, again and again: each byte is a header of 4 KiB.
    let long = [&b"\x40\x01x\x7f\xe1\x1e"[..], &[b'y'; 4000]].concat();
    survives("references", &frame(1, 5, 1, &[HEADERS, &long, &[0xbe; 8000]].concat()));
    // A window of 0: nothing of the responses can be sent.
    let closed = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let requests: Vec<u8> = (0..32).flat_map(|number| frame(1, 5, number * 2 + 1, HEADERS)).collect();
    survives("closed window", &[closed, requests].concat());
}

#[test]
fn frames_without_end_on_a_connection_that_is_kept() {
    // A request whose response takes a while, and its body.
    let start = frame(1, 4, 1, b"\x83\x87\x04\x05/slow\x01\x01x");
    // SETTINGS and PING would wait for the client to read the acknowledgements.
    for (name, start, frames) in [
        ("windows", &[][..], frame(8, 0, 0, &[0, 0, 0, 1])),
        ("priorities", &[], frame(2, 0, 3, &[0, 0, 0, 0, 1])),
        ("unknown types", &[], frame(99, 0, 0, b"")),
        ("empty data", &start, frame(0, 0, 1, b"")),
        ("acknowledged pings", &[], frame(6, 1, 0, b"kamailio")),
    ] {
        let scenario = Scenario::new();
        let client = scenario.directory.tls_client().with_http2();
        let (preface, frames) = ([PREFACE, start].concat(), frames.repeat((1 << 20) / frames.len()));
        let connections = [const { Mutex::new(None) }; 2];
        scenario.survives(name, 2, |thread, _| {
            let mut connection = connections[thread].lock().unwrap();
            let sent = match &mut *connection {
                None => scenario.connect(thread).and_then(|stream| {
                    let open = connection.insert(client.over(stream));
                    open.send(&preface)
                }),
                Some(open) => open.send(&frames),
            };
            if sent.is_err() {
                *connection = None;
            }
        });
    }
}
