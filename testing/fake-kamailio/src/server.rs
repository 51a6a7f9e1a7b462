//! Sockets and threads.

use crate::fake::Connections;
use crate::packet::Packet;
use crate::script::{self, Reaction, Script};
use kamailio_binrpc::wire::{self, Kind};
use kamailio_binrpc::{Cookie, Target};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, mem, slice};

/// Listening threads, and one thread for each connection.
pub(crate) struct Server {
    shared: Arc<Shared>,
    threads: Vec<Listening>,
}

struct Listening {
    wake: Box<dyn Fn() -> bool + Send + Sync>,
    handle: JoinHandle<()>,
}

struct Shared {
    script: Mutex<Script>,
    counts: Mutex<Counts>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

/// Connections and calls so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: Connections,
    pub(crate) calls: Vec<String>,
    open: HashMap<usize, Stream>,
}

impl Server {
    pub(crate) fn new(script: Script) -> Self {
        let shared = Shared {
            script: Mutex::new(script),
            counts: Mutex::default(),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
        };
        Self { shared: Arc::new(shared), threads: Vec::new() }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.shared.script)
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.shared.counts)
    }

    pub(crate) fn listen(&mut self, target: &Target) -> io::Result<Target> {
        match target {
            Target::Unix(path) => {
                let _ = fs::remove_file(path);
                let listener = UnixListener::bind(path)?;
                let path = path.clone();
                let wake = move || UnixStream::connect(&path).is_ok();
                self.serve(wake, move |shared| accept(shared, || Ok(Stream::Unix(listener.accept()?.0))));
                Ok(target.clone())
            }
            Target::UnixDatagram(path) => {
                let _ = fs::remove_file(path);
                let socket = UnixDatagram::bind(path)?;
                socket.set_read_timeout(Some(STOP_CHECK_INTERVAL))?;
                socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
                let sender = socket.try_clone()?;
                self.serve(
                    || true,
                    move |shared| {
                        answer_datagrams(
                            shared,
                            |buffer| socket.recv_from(buffer),
                            move |bytes, peer| sender.send_to_addr(bytes, peer),
                        );
                    },
                );
                Ok(target.clone())
            }
            Target::Tcp(endpoint) => self.listen_tcp(endpoint.host(), endpoint.port()),
            Target::Udp(endpoint) => self.listen_udp(endpoint.host(), endpoint.port()),
        }
    }

    pub(crate) fn listen_tcp(&mut self, host: &str, port: u16) -> io::Result<Target> {
        let listener = TcpListener::bind((host, port))?;
        let address = listener.local_addr()?;
        let target = format!("tcp:{address}").parse().map_err(io::Error::other)?;
        let wake = move || TcpStream::connect(address).is_ok();
        self.serve(wake, move |shared| accept(shared, || Ok(Stream::Tcp(listener.accept()?.0))));
        Ok(target)
    }

    pub(crate) fn listen_udp(&mut self, host: &str, port: u16) -> io::Result<Target> {
        let socket = UdpSocket::bind((host, port))?;
        socket.set_read_timeout(Some(STOP_CHECK_INTERVAL))?;
        let target = format!("udp:{}", socket.local_addr()?).parse().map_err(io::Error::other)?;
        let sender = socket.try_clone()?;
        self.serve(
            || true,
            move |shared| {
                answer_datagrams(
                    shared,
                    |buffer| socket.recv_from(buffer),
                    move |bytes, peer| sender.send_to(bytes, peer),
                );
            },
        );
        Ok(target)
    }

    pub(crate) fn stop(&mut self) {
        *lock(&self.shared.stopped) = true;
        self.shared.stop.notify_all();
        for thread in mem::take(&mut self.threads) {
            if (thread.wake)() {
                let _ = thread.handle.join();
            }
        }
        for stream in self.counts().open.values() {
            stream.shutdown();
        }
    }

    /// Starts a thread. `wake` unblocks it when the server stops, and returns whether that succeeded.
    fn serve(
        &mut self,
        wake: impl Fn() -> bool + Send + Sync + 'static,
        body: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) {
        let shared = Arc::clone(&self.shared);
        let handle = thread::spawn(move || body(&shared));
        self.threads.push(Listening { wake: Box::new(wake), handle });
    }
}

impl Shared {
    /// Waits, at most until the server stops. Returns whether it has stopped.
    fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut stopped = lock(&self.stopped);
        while !*stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            stopped = self.stop.wait_timeout(stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *stopped
    }

    /// Waits for the pause, and returns whether to send the last bytes again.
    fn goes_on(&self, pause: Duration) -> bool {
        !self.pause(pause) && lock(&self.script).repeats()
    }

    fn react(&self, cookie: Cookie, payload: &[u8], answered: usize) -> Reaction {
        let Some((method, args)) = script::call(payload) else {
            return bad_request(cookie, "bad request method: record doesn't match type");
        };
        let call = [slice::from_ref(&method), &args[..]].concat().join(" ");
        lock(&self.counts).calls.push(call);
        lock(&self.script).react(cookie, payload, &method, &args, answered)
    }
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn shutdown(&self) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    fn prepare(&self) -> io::Result<Self> {
        match self {
            Self::Unix(stream) => {
                stream.set_nonblocking(false).and_then(|()| stream.try_clone()).map(Self::Unix)
            }
            Self::Tcp(stream) => stream
                .set_nonblocking(false)
                .and_then(|()| stream.set_nodelay(true))
                .and_then(|()| stream.try_clone())
                .map(Self::Tcp),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

fn accept(shared: &Arc<Shared>, next: impl Fn() -> io::Result<Stream>) {
    loop {
        let accepted = next();
        // `stop` makes the last connection itself.
        if shared.pause(Duration::ZERO) {
            return;
        }
        let Ok(stream) = accepted else {
            shared.pause(PAUSE);
            continue;
        };
        let mut counts = lock(&shared.counts);
        counts.connections.accepted += 1;
        let id = counts.connections.accepted;
        if lock(&shared.script).refuse || counts.open.len() >= MOST_CONNECTIONS {
            continue;
        }
        let Ok(copy) = stream.prepare() else { continue };
        counts.open.insert(id, copy);
        counts.connections.open = counts.open.len();
        counts.connections.most = counts.connections.most.max(counts.open.len());
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let mut stream = stream;
            // A disconnected client is not an error of the server.
            let _ = answer_stream(&shared, &mut stream);
            let mut counts = lock(&shared.counts);
            counts.open.remove(&id);
            counts.connections.open = counts.open.len();
            drop(stream);
        });
    }
}

fn answer_stream(shared: &Shared, stream: &mut Stream) -> io::Result<()> {
    let mut unread = Vec::new();
    let mut buffer = vec![0; MOST_BYTES];
    let mut answered = 0;
    let mut postponed = Vec::new();
    let greeting = lock(&shared.script).greeting.clone();
    stream.write_all(&greeting)?;
    loop {
        while let Some(mut reaction) = next_reaction(shared, &mut unread, answered) {
            if shared.pause(reaction.delay) {
                return Ok(());
            }
            if reaction.postponed {
                postponed = reaction.bytes;
                continue;
            }
            reaction.bytes.append(&mut postponed);
            let (size, pause) = reaction.chop.unwrap_or((reaction.bytes.len().max(1), Duration::ZERO));
            for chunk in reaction.bytes.chunks(size) {
                stream.write_all(chunk)?;
                if shared.pause(pause) {
                    return Ok(());
                }
            }
            while !reaction.repeat.is_empty() && shared.goes_on(Duration::ZERO) {
                stream.write_all(&reaction.repeat)?;
            }
            answered += usize::from(!reaction.bytes.is_empty());
            if reaction.close {
                return Ok(());
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => unread.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Removes the first packet of `unread`, and returns the reaction to it.
fn next_reaction(shared: &Shared, unread: &mut Vec<u8>, answered: usize) -> Option<Reaction> {
    let header = match wire::header(unread) {
        Ok(header) => header?,
        Err(_) => {
            unread.clear();
            return Some(bad_request(Cookie(0), "bad request: corrupted packet"));
        }
    };
    if header.kind != Kind::Request || header.body_len == 0 {
        unread.clear();
        return Some(bad_request(header.cookie, "bad request: corrupted packet"));
    }
    let end = header.header_len + header.body_len;
    let reaction = shared.react(header.cookie, unread.get(header.header_len..end)?, answered);
    unread.drain(..end);
    Some(reaction)
}

fn answer_datagrams<P: Send + 'static>(
    shared: &Arc<Shared>,
    receive: impl Fn(&mut [u8]) -> io::Result<(usize, P)>,
    send: impl Fn(&[u8], &P) -> io::Result<usize> + Send + Sync + 'static,
) {
    let send = Arc::new(send);
    let mut buffer = vec![0; MOST_BYTES];
    let mut answered = 0;
    while !shared.pause(Duration::ZERO) {
        let (read, peer) = match receive(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            // UDP reports a closed peer at the next call.
            Err(_) => continue,
        };
        let mut packet = buffer[..read].to_vec();
        let Some(reaction) = next_reaction(shared, &mut packet, answered) else { continue };
        if shared.pause(reaction.delay) {
            return;
        }
        answered += 1;
        let (sizes, pause) = match reaction.chop {
            Some((size, pause)) => (vec![size; reaction.bytes.len().div_ceil(size)], pause),
            None => (reaction.datagrams, Duration::ZERO),
        };
        let mut rest = &reaction.bytes[..];
        for size in sizes {
            let (datagram, after) = rest.split_at(size.min(rest.len()));
            // Like ctl, give up the reply when a datagram cannot be sent.
            if datagram.is_empty() || send(datagram, &peer).is_err() || shared.pause(pause) {
                break;
            }
            // Other clients wait for their replies meanwhile.
            if !pause.is_zero() && lock(&shared.script).chop.is_none() {
                break;
            }
            rest = after;
        }
        // UDP does not report that a peer has gone, so other clients are served meanwhile.
        if !reaction.repeat.is_empty() {
            let (shared, send) = (shared.clone(), send.clone());
            thread::spawn(move || while shared.goes_on(PAUSE) && send(&reaction.repeat, &peer).is_ok() {});
        }
    }
}

/// Follows `ctl/binrpc_run.c`, `process_rpc_req`: sends the fault, then closes a stream.
fn bad_request(cookie: Cookie, reason: &str) -> Reaction {
    let fault = Packet::fault(400, reason);
    let (bytes, _) = fault.bytes(cookie, fault.body.len() as u32);
    Reaction { datagrams: vec![bytes.len()], bytes, close: true, ..Reaction::default() }
}

/// Locks a mutex even if a test panicked while it held the lock: that panic is the one to report.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `MAX_IO_READ_CONNECTIONS`.
const MOST_CONNECTIONS: usize = 128;
/// `STREAM_BUF_SIZE` and `DGRAM_BUF_SIZE`.
const MOST_BYTES: usize = 65_535;
/// The pause after a failed accept, for example without free descriptors, and between repeated datagrams.
const PAUSE: Duration = Duration::from_millis(10);
/// The interval at which a thread that waits for a datagram checks whether the server has stopped.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// The time to wait for space in the client's queue of datagrams.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
