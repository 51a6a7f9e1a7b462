//! Starts a program that has an HTTP server.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{address::Address, directory::Directory, group::Group, paths::find};

/// A program with an HTTP server, with a directory and an address of its own; killed and removed on drop.
#[derive(Debug)]
pub struct Service {
    group: Group,
    directory: Directory,
    address: Address,
    program: PathBuf,
}

impl Service {
    /// Starts a node_exporter with only the textfile collector, which reads the `*.prom` files of a directory.
    #[must_use]
    pub fn node_exporter(textfiles: &Path) -> Self {
        Self::start(&find("prometheus-node-exporter"), "/", |_| {
            vec![
                "--collector.disable-defaults".to_owned(),
                "--collector.textfile".to_owned(),
                format!("--collector.textfile.directory={}", textfiles.display()),
            ]
        })
    }

    /// Starts a Pushgateway without persistence.
    #[must_use]
    pub fn pushgateway() -> Self {
        // Debian's default is one file for all instances on a machine.
        Self::start(&find("prometheus-pushgateway"), "/-/ready", |_| vec!["--persistence.file=".to_owned()])
    }

    /// Starts a program with its listen address and these arguments, and returns when it responds to `path` with status 200.
    pub(crate) fn start(program: &Path, path: &str, arguments: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let (address, directory) = (Address::claim(), Directory::new());
        let mut arguments = arguments(directory.path());
        arguments.push(format!("--web.listen-address={}:{PORT}", address.ip));
        let arguments = arguments.iter().map(OsStr::new);
        let group = Group::spawn(program, arguments, &[], &directory.path().join("log"));
        let service = Self { group, directory, address, program: program.to_owned() };
        service.wait_until_ready(path);
        service
    }

    /// Returns the address as "host:port".
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{PORT}", self.address.ip)
    }

    /// Returns the exposition under `/metrics`.
    #[must_use]
    pub fn exposition(&self) -> String {
        self.get("/metrics")
    }

    /// Returns the log so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Returns the body of the response to a request for `path`.
    pub(crate) fn get(&self, path: &str) -> String {
        let answer = self
            .fetch(path)
            .unwrap_or_else(|e| panic!("{} does not respond to {path}: {e}", self.program.display()));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        body.to_owned()
    }

    fn wait_until_ready(&self, path: &str) {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.fetch(path).is_ok_and(|answer| answer.starts_with("HTTP/1.0 200")) {
            let program = self.program.display();
            assert!(self.group.is_running(), "{program} did not start. It logged:\n{}", self.log());
            assert!(Instant::now() < deadline, "{program} does not answer. It logged:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a request of HTTP/1.0, whose response is neither chunked nor compressed, and ends with the connection.
    fn fetch(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(SocketAddr::from((self.address.ip, PORT)))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

const PORT: u16 = 25_090;

/// Prometheus takes about half a second, and longer on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
