//! A server with a small service, in a thread of the test, and a client for it.

pub(crate) mod client;
pub(crate) mod web;

pub(crate) use client::{ClientResponse, eventually};
use client::{THIS_THREAD, processor_delay};

use exporter_toolkit::{
    Error, Limits, ListenAddress, LogLimit, Request, Response, Server, StatusCode, WebConfig, text, with_body,
};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::OptionalWriter;

/// A running server, stopped on drop.
pub(crate) struct TestServer {
    address: String,
    web_config: Arc<WebConfig>,
    log: Log,
    heartbeat: Arc<Mutex<Duration>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl TestServer {
    /// Starts a server on a free port, with a web configuration file or none, and returns when it listens.
    pub(crate) fn start(file: Option<&str>) -> Self {
        Self::with(file, Limits::default(), "127.0.0.1:0").unwrap()
    }

    pub(crate) fn with_limits(file: Option<&str>, set: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        set(&mut limits);
        Self::with(file, limits, "127.0.0.1:0").unwrap()
    }

    pub(crate) fn with(file: Option<&str>, limits: Limits, address: &str) -> Result<Self, String> {
        let address: ListenAddress = address.parse()?;
        let log = Log::default();
        let heartbeat = Arc::new(Mutex::new(Duration::ZERO));
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, opened) = std::sync::mpsc::channel();
        let (file, subscriber, beat) = (file.map(Into::into), log.subscriber(), heartbeat.clone());
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let server = WebConfig::open(file).map(|web_config| {
                drop(started.send(Ok(web_config.clone())));
                Server::new(respond, web_config, limits)
            });
            let server = match server {
                Ok(server) => server?,
                Err(error) => {
                    drop(started.send(Err(error)));
                    return Ok(());
                }
            };
            let stop = async {
                // Dropped without a message, the sender stops the server too.
                let _ = stopped.await;
            };
            runtime.block_on(async {
                tokio::spawn(measure(beat));
                server.serve(&[address], stop).await
            })
        };
        let thread = std::thread::spawn(move || tracing::subscriber::with_default(subscriber, serve));
        let web_config = opened.recv().unwrap().map_err(|error: Error| error.to_string())?;
        let mut server = Self {
            address: String::new(),
            web_config,
            log,
            heartbeat,
            stop: Some(stop),
            thread: Some(thread),
        };
        server.address = eventually(|| {
            if server.thread.as_ref().is_some_and(JoinHandle::is_finished) {
                return Ok(Err(server.end().unwrap_err().to_string()));
            }
            let log = server.log();
            let line = log.lines().find_map(|line| line.split_once("Listening on address=\""));
            line.map(|(_, rest)| Ok(rest.trim_end_matches('"').to_owned())).ok_or(log.clone())
        })?;
        Ok(server)
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the log of the server's thread so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits until the log has `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        eventually(|| match self.log() {
            log if log.contains(text) => Ok(()),
            log => Err(format!("no {text:?} in {log}")),
        });
    }

    /// Returns the longest time since the last call that the serving thread was held by a task.
    pub(crate) fn longest_hold(&self) -> Duration {
        std::mem::take(&mut *self.heartbeat.lock().unwrap())
    }

    pub(crate) fn web_config(&self) -> &WebConfig {
        &self.web_config
    }

    pub(crate) fn get(&self, path: &str) -> ClientResponse {
        self.request("GET", path, &[])
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> ClientResponse {
        let mut stream = self.connect(b"");
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all((request + "\r\n").as_bytes()).unwrap();
        ClientResponse::read(stream)
    }

    /// Connects and sends these bytes.
    pub(crate) fn connect(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    }

    /// Stops the server and returns its result.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

async fn respond(request: Request) -> Response {
    match request.uri().path() {
        "/" => with_body(StatusCode::OK, "text/html; charset=UTF-8", "<h1>Test</h1>"),
        "/-/healthy" => text(StatusCode::OK, "Healthy\n"),
        "/metrics" => with_body(StatusCode::OK, "text/plain; version=0.0.4", "answer 42\n"),
        "/large" => text(StatusCode::OK, vec![b'x'; 1 << 20]),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(500)).await;
            text(StatusCode::OK, "Slow\n")
        }
        _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

/// Measures how long the serving thread works or is blocked between two turns of a task that wakes up often. The time that
/// it waits for a processor is not counted, so that other load on the machine does not matter.
async fn measure(longest: Arc<Mutex<Duration>>) {
    let mut last = (Instant::now(), processor_delay(THIS_THREAD));
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let now = (Instant::now(), processor_delay(THIS_THREAD));
        let held = (now.0 - last.0).saturating_sub(now.1 - last.1 + HEARTBEAT);
        let mut longest = longest.lock().unwrap();
        *longest = longest.max(held);
        last = now;
    }
}

const HEARTBEAT: Duration = Duration::from_millis(2);

/// The log of a server's thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_ansi(false)
            .with_writer(Limited { log, limit: LogLimit::new(&[]) })
            .finish()
    }
}

/// The writer of a log, as a program would limit it.
struct Limited {
    log: Log,
    limit: LogLimit,
}

impl<'w> MakeWriter<'w> for Limited {
    type Writer = OptionalWriter<Log>;

    fn make_writer(&'w self) -> Self::Writer {
        OptionalWriter::some(self.log.clone())
    }

    fn make_writer_for(&'w self, event: &Metadata<'_>) -> Self::Writer {
        if self.limit.admits(event) { self.make_writer() } else { OptionalWriter::none() }
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns whether the server has closed the connection.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 4096]), Ok(read) if read > 0)
}
