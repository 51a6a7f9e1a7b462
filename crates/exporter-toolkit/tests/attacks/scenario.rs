//! Prometheus, and attackers beside it.

use crate::support::TestServer;
use crate::support::web::{Directory, TlsClient, basic, connect_from, hash};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A server under attack.
pub(crate) struct Scenario {
    pub(crate) directory: Directory,
    pub(crate) server: TestServer,
    stop: AtomicBool,
    calls: AtomicUsize,
    _alone: MutexGuard<'static, ()>,
}

/// The scrapes of a Prometheus: how long each took, or `None` for a failure.
#[derive(Debug)]
pub(crate) struct Scrapes(Vec<Option<Duration>>);

impl Scenario {
    /// Starts a server with a user.
    pub(crate) fn new() -> Self {
        Self::with(Directory::new(), &hash("secret"))
    }

    /// Starts a server without users.
    pub(crate) fn open() -> Self {
        let directory = Directory::new();
        let file = directory.tls("", "");
        Self::start(directory, &file)
    }

    pub(crate) fn with(directory: Directory, hash: &str) -> Self {
        let file = directory.tls("", &format!("basic_auth_users: {{prometheus: {hash}}}\n"));
        Self::start(directory, &file)
    }

    fn start(directory: Directory, file: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // Both ends of each connection are in this process.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
        let server = TestServer::with_limits(Some(file), |limits| limits.connections = CONNECTIONS);
        Self { directory, server, stop: AtomicBool::new(false), calls: AtomicUsize::new(0), _alone: alone }
    }

    /// Runs an attack in each of `threads` threads while a Prometheus scrapes, and returns its scrapes. An attack is called
    /// again and again with the number of its thread and of the call.
    pub(crate) fn attack(&self, threads: usize, attack: impl Fn(usize, usize) + Sync) -> Scrapes {
        let client = self.directory.tls_client();
        let mut prometheus = Prometheus::new(&client, self.server.address());
        prometheus.scrape().expect("the scrape before the attack");
        self.server.longest_hold();
        self.stop.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let attack = &attack;
                scope.spawn(move || {
                    let start = Instant::now();
                    for call in 0.. {
                        if self.stop.load(Ordering::Relaxed) {
                            self.calls.fetch_add(call, Ordering::Relaxed);
                            break;
                        }
                        attack(thread, call);
                        let due = start + CALL * u32::try_from(call).unwrap();
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                });
            }
            // The attack is under way before it is measured.
            std::thread::sleep(Duration::from_millis(250));
            let mut scrapes = Vec::new();
            for number in 0..SCRAPES {
                // Half of the scrapes need a new connection.
                if number % 2 == 0 {
                    prometheus.disconnect();
                }
                scrapes.push(prometheus.scrape().ok());
                std::thread::sleep(INTERVAL);
            }
            self.stop.store(true, Ordering::Relaxed);
            Scrapes(scrapes)
        })
    }

    /// Runs an attack and checks the guarantees that hold under every attack. On a machine that is busy with other work, it may
    /// need some tries.
    pub(crate) fn survives(&self, name: &str, threads: usize, attack: impl Fn(usize, usize) + Sync) {
        let mut failures = Vec::new();
        while failures.len() < TRIES {
            let scrapes = self.attack(threads, &attack);
            match self.check(name, &scrapes) {
                Ok(()) => return,
                Err(failure) => failures.push(failure),
            }
        }
        panic!("{name}: {failures:#?}");
    }

    fn check(&self, name: &str, scrapes: &Scrapes) -> Result<(), String> {
        let failed = scrapes.0.iter().filter(|scrape| scrape.is_none()).count();
        let mut times: Vec<_> = scrapes.0.iter().flatten().collect();
        times.sort();
        let (Some(median), Some(slowest)) = (times.get(times.len() / 2), times.last()) else {
            return Err("no scrape has succeeded".to_owned());
        };
        let hold = self.server.longest_hold();
        let calls = self.calls.swap(0, Ordering::Relaxed);
        println!(
            "{name}: {failed} of {SCRAPES} failed, median {median:?}, slowest {slowest:?}, held {hold:?}, {calls} calls"
        );
        let lines = self.server.log().matches(" WARN ").count();
        // Over all tries, and the attacks of one scenario.
        assert!(lines < 100, "{name}: {lines} log lines");
        let missed_two = scrapes.0.windows(2).any(|two| two.iter().all(Option::is_none));
        if missed_two || failed > 1 || **median > Duration::from_millis(500) {
            return Err(format!("{scrapes:?}"));
        }
        if hold > Duration::from_millis(50) {
            return Err(format!("the serving thread was held for {hold:?}"));
        }
        Ok(())
    }

    /// Connects from one of many addresses.
    pub(crate) fn connect(&self, attacker: usize) -> io::Result<TcpStream> {
        connect_from(attacker_address(attacker), self.server.address())
    }

    /// Connects and sends these bytes. The attacker does not mind a failure.
    pub(crate) fn send(&self, attacker: usize, bytes: &[u8]) -> Option<TcpStream> {
        let mut stream = self.connect(attacker).ok()?;
        stream.write_all(bytes).ok()?;
        Some(stream)
    }
}

fn attacker_address(attacker: usize) -> IpAddr {
    let [.., high, low] = u32::try_from(attacker).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 66, high, low).into()
}

/// A client as Prometheus is: it keeps its connection, and connects again if that was closed.
struct Prometheus<'c> {
    client: &'c TlsClient,
    address: &'c str,
    connection: Option<crate::support::web::TlsConnection<Distant>>,
}

impl<'c> Prometheus<'c> {
    fn new(client: &'c TlsClient, address: &'c str) -> Self {
        Self { client, address, connection: None }
    }

    fn disconnect(&mut self) {
        self.connection = None;
    }

    fn scrape(&mut self) -> io::Result<Duration> {
        let start = Instant::now();
        if let Some(connection) = &mut self.connection
            && get(connection).is_ok()
        {
            return Ok(start.elapsed());
        }
        let stream = connect_from(Ipv4Addr::new(127, 9, 9, 9).into(), self.address)?;
        stream.set_read_timeout(Some(SCRAPE_TIMEOUT))?;
        let mut connection = self.client.over(Distant { stream, wrote: true });
        get(&mut connection)?;
        self.connection = Some(connection);
        Ok(start.elapsed())
    }
}

fn get(connection: &mut crate::support::web::TlsConnection<Distant>) -> io::Result<()> {
    match connection.try_get("/metrics", &basic("prometheus", "secret"))? {
        200 => Ok(()),
        status => Err(io::Error::other(status.to_string())),
    }
}

/// A connection over a distance: each response takes a round trip.
struct Distant {
    stream: TcpStream,
    wrote: bool,
}

impl Read for Distant {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.wrote) {
            std::thread::sleep(ROUND_TRIP);
        }
        self.stream.read(into)
    }
}

impl Write for Distant {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wrote = true;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

const TRIES: usize = 3;
const SCRAPES: usize = 12;
/// Prometheus' default.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
/// 4,000 calls a second from two threads. At a higher rate the kernel's accept queue would overflow and keep out any client.
const CALL: Duration = Duration::from_micros(500);
const INTERVAL: Duration = Duration::from_millis(20);
/// The round trip of a distant client, in which attackers can fill the pool.
const ROUND_TRIP: Duration = Duration::from_millis(100);
/// So few that an attacker can fill them within a round trip, even on a busy machine.
const CONNECTIONS: usize = 16;
