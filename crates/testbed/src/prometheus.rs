use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{address::Address, folder::Folder, group::Group, program::find};

/// A running Prometheus server, killed and removed on drop.
#[derive(Debug)]
pub struct Prometheus {
    group: Group,
    folder: Folder,
    address: Address,
}

impl Prometheus {
    /// Starts a server that scrapes `/metrics` of the targets ("host:port"), as the job "testbed", and
    /// returns when it is ready.
    #[must_use]
    pub fn start(targets: &[&str], interval: Duration) -> Self {
        Self::start_with(targets, interval, "")
    }

    /// The same with further options of the job, in YAML's flow style: `scheme: https, basic_auth: {…}`.
    #[must_use]
    pub fn start_with(targets: &[&str], interval: Duration, options: &str) -> Self {
        let program = find("prometheus");
        let (address, folder) = (Address::claim(), Folder::new());
        let ms = interval.as_millis();
        let config = format!(
            "global: {{scrape_interval: {ms}ms, scrape_timeout: {ms}ms}}\n\
             scrape_configs: [{{job_name: testbed, static_configs: [{{targets: {targets:?}}}], {options}}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        let args = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={}:{PORT}", address.ip),
        ];
        let group = Group::spawn(&program, args.iter().map(OsStr::new), &[], &folder.path().join("log"));
        let prometheus = Self { group, folder, address };
        prometheus.wait_until_ready();
        prometheus
    }

    /// The result of an instant query: `data.result` of the HTTP API's answer.
    #[must_use]
    pub fn query(&self, promql: &str) -> Value {
        let mut path = String::from("/api/v1/query?query=");
        for byte in promql.bytes() {
            let _ = write!(path, "%{byte:02X}");
        }
        self.get(&path)["result"].take()
    }

    /// `data` of the HTTP API's answer for a path, such as "/api/v1/targets".
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.fetch(path).unwrap_or_else(|e| panic!("Prometheus does not answer {path}: {e}"));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let mut json: Value =
            serde_json::from_str(body).unwrap_or_else(|e| panic!("{path}: {e} in {answer}"));
        assert_eq!(json["status"], "success", "{path}: {json}");
        json["data"].take()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.fetch("/-/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.0 200")) {
            assert!(self.group.is_running(), "Prometheus did not start. It logged:\n{}", self.log());
            assert!(Instant::now() < deadline, "Prometheus does not answer. It logged:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// HTTP/1.0, so that the answer is neither chunked nor compressed and ends with the connection.
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

/// It takes about half a second; this is for a machine that is busy with many tests.
const START_TIMEOUT: Duration = Duration::from_secs(30);
