//! A gateway that records requests, and responds as configured.

use super::eventually;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A gateway that runs as long as the test.
pub(crate) struct Gateway {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

struct Shared {
    answer: Mutex<Vec<u8>>,
    requests: Mutex<Vec<Request>>,
}

impl Gateway {
    /// Starts a gateway that responds with status 200.
    pub(crate) fn start() -> Self {
        Self::start_on("127.0.0.1:0", None)
    }

    /// Starts a gateway at an address of its own, optionally with TLS.
    pub(crate) fn start_on(address: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared =
            Arc::new(Shared { answer: Mutex::new(answer("200 OK", "")), requests: Mutex::default() });
        let gateway = Self { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, tls, shared) = (stream.unwrap(), tls.clone(), shared.clone());
                std::thread::spawn(move || match tls {
                    None => shared.converse(stream),
                    Some(tls) => {
                        shared.converse(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream));
                    }
                });
            }
        });
        gateway
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the response to further requests.
    pub(crate) fn answer(&self, status: &str, body: &str) {
        self.respond_raw(answer(status, body));
    }

    /// Sends these bytes and closes the connection. Without bytes, stays silent until the client disconnects.
    pub(crate) fn respond_raw(&self, answer: impl Into<Vec<u8>>) {
        *self.shared.answer.lock().unwrap() = answer.into();
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits for a number of requests, and returns the last one.
    pub(crate) fn request(&self, number: usize) -> Request {
        eventually(|| {
            let requests = self.requests();
            requests.get(number - 1).cloned().ok_or_else(|| format!("only {} requests", requests.len()))
        })
    }
}

impl Shared {
    fn converse(&self, stream: impl Read + Write) {
        let mut stream = BufReader::new(stream);
        let Some(request) = read(&mut stream) else { return };
        self.requests.lock().unwrap().push(request);
        let answer = self.answer.lock().unwrap().clone();
        if answer.is_empty() {
            let _ = stream.read(&mut [0]);
        }
        let _ = stream.get_mut().write_all(&answer).and_then(|()| stream.get_mut().flush());
    }
}

/// Reads a request; `None` if the connection or the handshake failed.
fn read(stream: &mut BufReader<impl Read>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ').map(str::to_owned);
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<_, _> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Request {
        method: first.next()?,
        path: first.next()?,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}
