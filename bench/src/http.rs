//! A minimal HTTP client with keep-alive, for benchmarks.

use std::io::{Read, Write};
use std::net::TcpStream;

/// A connection for one request after the other.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    /// The part of each request after the path.
    rest: String,
    input: Vec<u8>,
}

impl Http {
    /// Connects; `headers` are lines that end in CR LF.
    ///
    /// # Errors
    /// If connecting fails.
    pub fn connect(address: &str, headers: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let rest = format!(" HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        Ok(Self { stream, rest, input: vec![0; 4 << 20] })
    }

    /// Requests the metrics. Returns the size of the body in bytes.
    pub fn get(&mut self) -> usize {
        self.get_page("/metrics")
    }

    /// Requests another page. Returns the size of the body in bytes.
    pub fn get_page(&mut self, path: &str) -> usize {
        self.send(path);
        self.receive()
    }

    /// Sends a request.
    pub fn send(&mut self, path: &str) {
        let request = format!("GET {path}{}", self.rest);
        self.stream.write_all(request.as_bytes()).expect("the exporter reads");
    }

    /// Reads the response. Returns the size of the body in bytes.
    pub fn receive(&mut self) -> usize {
        let mut end = 0;
        let head = loop {
            end += self.read(end);
            if let Some(head) = self.input[..end].windows(4).position(|window| window == b"\r\n\r\n") {
                break head;
            }
        };
        let headers = String::from_utf8_lossy(&self.input[..head]).to_ascii_lowercase();
        assert!(headers.starts_with("http/1.1 200"), "{headers}");
        let value = |name: &str| {
            headers.lines().find_map(|line| line.strip_prefix(name).map(str::trim).map(str::to_owned))
        };
        let Some(length) = value("content-length:") else {
            // Chunked: the last chunk is empty.
            while !self.input[..end].ends_with(b"\r\n0\r\n\r\n") {
                end += self.read(end);
            }
            return end - head - 4;
        };
        let length: usize = length.parse().expect("a length");
        while end < head + 4 + length {
            end += self.read(end);
        }
        length
    }

    fn read(&mut self, end: usize) -> usize {
        let read = self.stream.read(&mut self.input[end..]).expect("the exporter answers");
        assert!(read > 0, "the exporter closed the connection");
        read
    }
}

/// The request headers of Prometheus.
pub const AS_PROMETHEUS: &str = "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
     version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n";
