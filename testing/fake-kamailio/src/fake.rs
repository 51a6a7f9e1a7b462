//! The interface of the server for tests.

use crate::captures::Captures;
use crate::packet::Packet;
use crate::script::{Mangled, Script, Then};
use crate::server::Server;
use kamailio_binrpc::wire::Kind;
use kamailio_binrpc::{Cookie, Target};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, io, process};

/// A running server. A change of its behaviour applies to all calls that it has not answered yet. In place of a method, `*`
/// stands for every method. Dropping the server closes its connections and removes its sockets.
pub struct Fake {
    server: Server,
    targets: Vec<Target>,
    /// The directory to remove on drop.
    directory: Option<PathBuf>,
}

/// Counts of stream connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// All that were ever accepted, also those that were closed at once.
    pub accepted: usize,
    /// Those that are open.
    pub open: usize,
    /// The most that were open at the same time.
    pub most: usize,
}

impl Fake {
    /// A Kamailio 5.6.3 on sockets of its own, one of each transport.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start() -> Self {
        Self::replay(Captures::of("5.6.3"))
    }

    /// The same with other captures.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn replay(captures: Captures) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("fake-kamailio-{}-{count}", process::id()));
        let started = fs::create_dir(&directory).and_then(|()| Self::listen_in(captures, &directory));
        let mut fake = started.unwrap_or_else(|error| {
            panic!("cannot start a fake Kamailio in {}: {error}", directory.display())
        });
        fake.directory = Some(directory);
        fake
    }

    /// A server on the unix sockets `ctl` and `ctld` in a directory, and on free TCP and UDP ports of 127.0.0.1.
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn listen_in(captures: Captures, directory: &Path) -> io::Result<Self> {
        let target = |text: String| text.parse::<Target>().map_err(io::Error::other);
        let mut server = Server::new(Script::new(captures));
        let targets = vec![
            server.listen(&target(format!("unix:{}/ctl", directory.display()))?)?,
            server.listen(&target(format!("unixd:{}/ctld", directory.display()))?)?,
            server.listen_tcp("127.0.0.1", 0)?,
            server.listen_udp("127.0.0.1", 0)?,
        ];
        Ok(Self { server, targets, directory: None })
    }

    /// A server on the given sockets. The file of a unix socket is replaced.
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn listen(captures: Captures, targets: &[Target]) -> io::Result<Self> {
        let mut server = Server::new(Script::new(captures));
        let targets = targets.iter().map(|target| server.listen(target)).collect::<io::Result<_>>()?;
        Ok(Self { server, targets, directory: None })
    }

    /// URI of the unix stream socket.
    pub fn unix(&self) -> String {
        self.uri("unix:")
    }

    /// URI of the unix datagram socket.
    pub fn unixd(&self) -> String {
        self.uri("unixd:")
    }

    /// URI of the TCP port.
    pub fn tcp(&self) -> String {
        self.uri("tcp:")
    }

    /// URI of the UDP port.
    pub fn udp(&self) -> String {
        self.uri("udp:")
    }

    /// Answers from the named capture (`dispatcher.list.50dest`) the request that it was made with.
    ///
    /// # Panics
    /// If there is no such capture.
    pub fn answer_with(&self, capture: &str) {
        self.server.script().captures.choose(capture);
    }

    /// Answers a method with a packet of that body, [`Kind::Reply`] or [`Kind::Fault`], whatever the arguments.
    pub fn answer(&self, method: &str, kind: Kind, body: &[u8]) {
        self.server.script().overridden.insert(method.to_owned(), Packet { kind, body: body.to_vec() });
    }

    /// Forgets a method: it is no longer listed, and a fault.
    pub fn remove(&self, method: &str) {
        self.server.script().removed.insert(method.to_owned());
    }

    /// Waits before each answer.
    pub fn delay(&self, delay: Duration) {
        self.server.script().delay = delay;
    }

    /// Waits before each answer to a method, instead.
    pub fn delay_method(&self, method: &str, delay: Duration) {
        self.server.script().delays.insert(method.to_owned(), delay);
    }

    /// Writes so many bytes at a time, and pauses after each.
    pub fn chop(&self, bytes: usize, pause: Duration) {
        self.server.script().chop = Some((bytes.max(1), pause));
    }

    /// Answers a method with nothing, and the calls behind it as ever.
    pub fn skip(&self, method: &str) {
        self.server.script().skipped.insert(method.to_owned());
    }

    /// Cuts the answers to a method off after so many bytes.
    pub fn truncate(&self, method: &str, bytes: usize, then: Then) {
        self.server.script().truncated.insert(method.to_owned(), (bytes, then));
    }

    /// Declares a length for the answers to a method that is not theirs.
    pub fn lie(&self, method: &str, declared: u32) {
        self.server.script().declared.insert(method.to_owned(), declared);
    }

    /// Answers a method with these bytes, which need not be a packet.
    pub fn garbage(&self, method: &str, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.mangle(method, Then::GoOn, move |_, _| vec![bytes.clone()]);
    }

    /// Answers a method with what is made of the call's cookie and the packet that would be sent: datagrams, or parts of
    /// a stream.
    pub fn mangle(
        &self,
        method: &str,
        then: Then,
        make: impl Fn(Cookie, &[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) {
        let mangled = Mangled { then, make: Arc::new(make) };
        self.server.script().mangled.insert(method.to_owned(), mangled);
    }

    /// Sends the reply to a method behind the next one. Only on streams: a datagram that is awaited is waited for.
    pub fn postpone(&self, method: &str) {
        self.server.script().postponed.insert(method.to_owned());
    }

    /// Says something on each stream before it is asked anything.
    pub fn greet(&self, bytes: &[u8]) {
        self.server.script().greeting = bytes.to_vec();
    }

    /// Accepts connections and closes them, as Kamailio does from the 129th on.
    pub fn refuse(&self, refuse: bool) {
        self.server.script().refuse = refuse;
    }

    /// Accepts connections and calls, and never answers, as a Kamailio that is stopped or busy.
    pub fn silent(&self, silent: bool) {
        self.server.script().silent = silent;
    }

    /// Closes each connection after so many replies.
    pub fn close_after(&self, replies: usize) {
        self.server.script().close_after = Some(replies);
    }

    /// Behaves again. Captures that were chosen remain so.
    pub fn behave(&self) {
        let mut script = self.server.script();
        *script = Script::new(script.captures.clone());
    }

    /// How many connections there were.
    pub fn connections(&self) -> Connections {
        self.server.counts().connections
    }

    /// The calls that arrived, in order: the method, then the arguments, with blanks between.
    pub fn calls(&self) -> Vec<String> {
        self.server.counts().calls.clone()
    }

    /// How often a method was called.
    pub fn count(&self, method: &str) -> usize {
        let calls = &self.server.counts().calls;
        calls.iter().filter(|call| call.split(' ').next() == Some(method)).count()
    }

    fn uri(&self, scheme: &str) -> String {
        let uris = self.targets.iter().map(Target::to_string);
        uris.into_iter()
            .find(|uri| uri.starts_with(scheme))
            .unwrap_or_else(|| panic!("it does not listen on {scheme}"))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.stop();
        for target in &self.targets {
            if let Target::Unix(path) | Target::UnixDatagram(path) = target {
                let _ = fs::remove_file(path);
            }
        }
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir(directory);
        }
    }
}
