//! Responses, as a client of a test reads them, and times.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

/// A response.
pub(crate) struct ClientResponse {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl ClientResponse {
    pub(crate) fn read(mut stream: impl Read) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP response");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Tries until it succeeds, for ten seconds.
pub(crate) fn eventually<T>(mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match attempt() {
            Ok(result) => return result,
            Err(error) if Instant::now() > end => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Returns how long a thread has waited for a processor, by the path of its statistics.
pub(crate) fn processor_delay(statistics: &str) -> Duration {
    let statistics = std::fs::read_to_string(statistics).unwrap();
    Duration::from_nanos(statistics.split(' ').nth(1).unwrap().parse().unwrap())
}

/// The path of the statistics of the thread that reads it.
pub(crate) const THIS_THREAD: &str = "/proc/thread-self/schedstat";
