//! A stand-in for Kamailio's module jsonrpcs, which can send anything.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server with HTTP and jsonrpcs' own TCP on one port, and UDP on another, whose responses are chosen by method. It runs
/// as long as the test.
pub(crate) struct Server {
    address: String,
    udp: String,
    state: Arc<State>,
}

/// A response of the server.
#[derive(Clone, Debug)]
pub(crate) enum Response {
    /// A reply with this `result`.
    Result(&'static str),
    /// These bytes in place of a reply. Over HTTP, they are the body of the response. `{id}` stands for the id of the request.
    Json(String),
    /// These bytes in place of an HTTP response, with `{id}` as above. The server closes the connection afterwards, if the
    /// bytes say so or announce more than they have.
    Bytes(String),
    /// The first bytes in place of an HTTP response, and then the second ones until the client disconnects.
    Endless(String, String),
    /// No response.
    Silence,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: serde_json::Value,
}

#[derive(Default)]
struct State {
    responses: Mutex<BTreeMap<&'static str, Response>>,
    requests: Mutex<Vec<Request>>,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let udp = socket.local_addr().unwrap().to_string();
        let state = Arc::new(State::default());
        let of_udp = state.clone();
        thread::spawn(move || of_udp.datagrams(&socket));
        let of_tcp = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, stream) = (of_tcp.clone(), stream.unwrap());
                state.accepted.fetch_add(1, Ordering::SeqCst);
                state.open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    state.stream(&stream);
                    state.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, udp, state }
    }

    /// `127.0.0.1:port`, of HTTP and TCP.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}/RPC", self.address)
    }

    pub(crate) fn jsonrpc_tcp(&self) -> String {
        format!("jsonrpc+tcp:{}", self.address)
    }

    pub(crate) fn jsonrpc_udp(&self) -> String {
        format!("jsonrpc+udp:{}", self.udp)
    }

    /// Chooses the response to a method; `*` stands for every method that has none.
    pub(crate) fn respond(&self, method: &'static str, response: Response) {
        self.state.responses.lock().unwrap().insert(method, response);
    }

    /// Resets all responses.
    pub(crate) fn behave(&self) {
        self.state.responses.lock().unwrap().clear();
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Returns the number of connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Returns the number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

impl State {
    fn stream(&self, stream: &TcpStream) {
        let mut first = [0];
        match stream.peek(&mut first) {
            Ok(1) if first == *b"{" => drop(self.tcp(stream)),
            Ok(1) => while self.http(stream).is_some() {},
            _ => {}
        }
    }

    /// Replies to one HTTP request; `None` closes the connection.
    fn http(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let header = |name: &str| {
            let pair =
                lines.iter().find_map(|line| line.split_once(": ").filter(|(found, _)| *found == name));
            pair.map(|(_, value)| value.to_owned())
        };
        let mut body = vec![0; header("content-length")?.parse().unwrap()];
        reader.read_exact(&mut body).ok()?;
        let path = lines.first()?.split(' ').nth(1)?.to_owned();
        let (response, id) = self.response(path, header("authorization"), &body);
        match response {
            Response::Bytes(bytes) => {
                stream.write_all(bytes.replace("{id}", &id).as_bytes()).ok()?;
                let closes = bytes.contains("Content-Length: 9999") || bytes.contains("Connection: close");
                (!closes).then_some(())
            }
            Response::Endless(once, forever) => repeat(stream, &once, &forever),
            Response::Silence => wait(stream),
            Response::Result(_) | Response::Json(_) => {
                let json = json(response, &id);
                let status = if json.starts_with("{\"error\"") { "500 Method Not Found" } else { "200 OK" };
                let headers = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    json.len()
                );
                stream.write_all(&[headers.as_bytes(), json.as_bytes()].concat()).ok()
            }
        }
    }

    /// Replies to one request, and closes the connection, as Kamailio does.
    fn tcp(&self, mut stream: &TcpStream) -> Option<()> {
        let mut body = vec![0; MAX_REQUEST];
        let len = stream.read(&mut body).ok()?;
        let (response, id) = self.response(String::new(), None, &body[..len]);
        match response {
            Response::Endless(once, forever) => repeat(stream, &once, &forever),
            Response::Silence => wait(stream),
            response => stream.write_all(json(response, &id).as_bytes()).ok(),
        }
    }

    fn datagrams(&self, socket: &UdpSocket) {
        let mut body = vec![0; MAX_REQUEST];
        while let Ok((len, peer)) = socket.recv_from(&mut body) {
            let (response, id) = self.response(String::new(), None, &body[..len]);
            if !matches!(response, Response::Silence) {
                // A client that has gone is not an error of the server.
                let _ = socket.send_to(json(response, &id).as_bytes(), peer);
            }
        }
    }

    /// Records a request, and returns the response and the id of the request.
    fn response(&self, path: String, authorization: Option<String>, body: &[u8]) -> (Response, String) {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        let (method, id) = (body["method"].as_str().unwrap().to_owned(), body["id"].to_string());
        self.requests.lock().unwrap().push(Request { path, authorization, body });
        let responses = self.responses.lock().unwrap();
        let response = responses.get(method.as_str()).or_else(|| responses.get("*")).cloned();
        let default = || {
            let known = RESULTS.iter().find(|(known, _)| *known == method);
            known.map_or(Response::Json(FAULT.to_owned()), |(_, result)| Response::Result(result))
        };
        (response.unwrap_or_else(default), id)
    }
}

fn json(response: Response, id: &str) -> String {
    match response {
        Response::Result(result) => format!("{{\"jsonrpc\": \"2.0\", \"result\": {result}, \"id\": {id}}}"),
        Response::Json(json) | Response::Bytes(json) => json.replace("{id}", id),
        Response::Endless(..) | Response::Silence => String::new(),
    }
}

fn repeat(mut stream: &TcpStream, once: &str, forever: &str) -> Option<()> {
    stream.write_all(once.as_bytes()).ok()?;
    while stream.write_all(forever.as_bytes()).is_ok() {}
    None
}

/// Waits until the client disconnects.
fn wait(mut stream: &TcpStream) -> Option<()> {
    while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    None
}

const RESULTS: [(&str, &str); 5] = [
    ("system.listMethods", r#"["system.listMethods", "core.uptime", "core.shmmem", "tm.stats", "sl.stats"]"#),
    (
        "core.uptime",
        r#"{"now": "Thu Jan  1 00:01:00 2026", "up_since": "Thu Jan  1 00:00:00 2026", "uptime": 60}"#,
    ),
    (
        "core.shmmem",
        r#"{"total": 5242880000, "free": 1, "used": 2, "real_used": 3, "max_used": 4, "fragments": 5}"#,
    ),
    ("tm.stats", r#"{"current": 7, "waiting": 1, "total": 4294967295, "2xx": 12}"#),
    ("sl.stats", r#"{"200": 3, "xxx": 0}"#),
];
const FAULT: &str = r#"{"error": {"code": 500, "message": "Method Not Found"}, "id": {id}}"#;
/// No test sends a longer request.
const MAX_REQUEST: usize = 64 << 10;
