//! Phones that are registered over TCP, TLS and websocket.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{group::Group, paths::find};

/// Phones that are registered over TCP, TLS and websocket, and keep their connections until dropped.
#[derive(Debug)]
#[must_use = "the phones hang up when this is dropped"]
pub struct Phones {
    _streams: [TcpStream; 2],
    _tls: Group,
}

impl Phones {
    /// Registers the phones, and returns when Kamailio has accepted all of them.
    pub(crate) fn register(ip: Ipv4Addr, dir: &Path) -> Self {
        let mut tcp = connect(ip, SIP_PORT);
        send(&mut tcp, register("tcp", ip).as_bytes());
        expect(&mut tcp, "SIP/2.0 200 ");

        let mut websocket = connect(ip, HTTP_PORT);
        send(&mut websocket, handshake(ip).as_bytes());
        expect(&mut websocket, "HTTP/1.1 101 ");
        send(&mut websocket, &frame(register("ws", ip).as_bytes()));
        expect(&mut websocket, "SIP/2.0 200 ");

        Self { _streams: [tcp, websocket], _tls: over_tls(ip, dir) }
    }
}

/// Registers a phone over TLS with OpenSSL's client, whose input pipe stays open and so keeps the connection open.
fn over_tls(ip: Ipv4Addr, dir: &Path) -> Group {
    let (message, log) = (dir.join("phone-tls"), dir.join("phone-tls-log"));
    fs::write(&message, register("tls", ip))
        .unwrap_or_else(|e| panic!("cannot write {}: {e}", message.display()));
    let openssl = find("openssl");
    let server = format!("{ip}:{TLS_PORT}");
    let args = ["-c".as_ref(), CLIENT.as_ref(), openssl.as_os_str(), message.as_os_str(), server.as_ref()];
    let group = Group::spawn(&find("sh"), args, &[], &log);
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let answer = fs::read_to_string(&log).unwrap_or_default();
        if answer.contains("SIP/2.0 200 ") {
            return group;
        }
        assert!(Instant::now() < deadline, "no registration over TLS in {TIMEOUT:?}: {answer}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn register(transport: &str, ip: Ipv4Addr) -> String {
    let protocol = transport.to_uppercase();
    format!(
        "REGISTER sip:localhost SIP/2.0\r\n\
         Via: SIP/2.0/{protocol} {ip}:{PHONE_PORT};branch=z9hG4bK{transport};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{transport}@localhost>;tag={transport}\r\n\
         To: <sip:{transport}@localhost>\r\n\
         Call-ID: {transport}-phone\r\n\
         CSeq: 1 REGISTER\r\n\
         Contact: <sip:{transport}@{ip}:{PHONE_PORT};transport={transport}>\r\n\
         Expires: 600\r\n\
         User-Agent: good-phone\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// RFC 7118, section 4; the key is the example of RFC 6455.
fn handshake(ip: Ipv4Addr) -> String {
    format!(
        "GET / HTTP/1.1\r\n\
         Host: {ip}:{HTTP_PORT}\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: sip\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A text frame of a client (RFC 6455, section 5.2). The mask of zeros leaves the message unchanged.
fn frame(message: &[u8]) -> Vec<u8> {
    let length =
        u16::try_from(message.len()).unwrap_or_else(|_| panic!("a message of {} bytes", message.len()));
    let [high, low] = length.to_be_bytes();
    [&[0x81, 0x80 | 126, high, low, 0, 0, 0, 0], message].concat()
}

fn connect(ip: Ipv4Addr, port: u16) -> TcpStream {
    let stream = TcpStream::connect((ip, port)).and_then(|stream| {
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(stream)
    });
    stream.unwrap_or_else(|e| panic!("cannot connect to {ip}:{port}: {e}"))
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap_or_else(|e| panic!("cannot send to Kamailio: {e}"));
}

/// Reads until a response that starts with `start` has arrived.
fn expect(stream: &mut TcpStream, start: &str) {
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(start) {
        let mut bytes = [0; 4_096];
        let n = stream.read(&mut bytes).unwrap_or_else(|e| panic!("no {start:?} from Kamailio: {e}"));
        assert!(n > 0, "{start:?} was expected: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&bytes[..n]);
    }
}

const CLIENT: &str = r#"{ cat "$1"; exec sleep 86400; } | "$0" s_client -quiet -connect "$2""#;

const SIP_PORT: u16 = 25_060;
const TLS_PORT: u16 = 25_061;
/// In demo/many-modules.sh.
const HTTP_PORT: u16 = 25_062;
/// The port in the contacts of the phones.
const PHONE_PORT: u16 = 25_080;

const TIMEOUT: Duration = Duration::from_secs(10);
