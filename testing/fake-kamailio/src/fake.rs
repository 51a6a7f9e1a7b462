//! The interface of the server for tests.

use crate::captures::Captures;
use crate::packet::Packet;
use crate::script::{Mangled, Script, Then};
use crate::server::Server;
use kamailio_binrpc::wire::Kind;
use kamailio_binrpc::{Cookie, Target};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};
use tempfile::{Builder, TempDir};

/// A running server. A change of its behaviour applies to all calls without a reply so far. The method `*` stands for every
/// method that is not named, except in [`remove`](Self::remove). Dropping the server closes its connections and removes its
/// sockets.
pub struct Fake {
    server: Server,
    targets: Vec<Target>,
    /// The directory to remove on drop.
    directory: Option<TempDir>,
}

/// Counts of stream connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// All accepted connections, including those that were closed at once.
    pub accepted: usize,
    /// Open connections.
    pub open: usize,
    /// The maximum of connections that were open at the same time.
    pub most: usize,
}

impl Fake {
    /// Starts a server that replays Kamailio 5.6.3, on one socket of each transport.
    ///
    /// # Panics
    /// If the server cannot be started.
    pub fn start() -> Self {
        Self::replay(Captures::of("5.6.3"))
    }

    /// Starts a server that replays these captures, on one socket of each transport.
    ///
    /// # Panics
    /// If the server cannot be started.
    pub fn replay(captures: Captures) -> Self {
        // Other users may enter it: only the socket's mode decides who can connect.
        let directory =
            Builder::new().prefix("fake-kamailio-").permissions(Permissions::from_mode(0o755)).tempdir();
        let started = directory.and_then(|directory| {
            let mut fake = Self::listen_in(captures, directory.path())?;
            fake.directory = Some(directory);
            Ok(fake)
        });
        started.unwrap_or_else(|error| panic!("cannot start a fake Kamailio: {error}"))
    }

    /// Starts a server on the unix sockets `ctl` and `ctld` in a directory, and on free TCP and UDP ports of 127.0.0.1.
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

    /// Starts a server on the given sockets. The files of unix sockets are replaced.
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

    /// Replies with the named capture (`dispatcher.list.50dest`) to the request for which it was recorded.
    ///
    /// # Panics
    /// If there is no such capture.
    pub fn answer_with(&self, capture: &str) {
        self.server.script().captures.choose(capture);
    }

    /// Replies to a method with this body, as [`Kind::Reply`] or [`Kind::Fault`], regardless of the arguments.
    pub fn answer(&self, method: &str, kind: Kind, body: &[u8]) {
        self.server.script().overridden.insert(method.to_owned(), Packet { kind, body: body.to_vec() });
    }

    /// Removes a method: it is no longer listed, and calls to it are faults.
    pub fn remove(&self, method: &str) {
        self.server.script().removed.insert(method.to_owned());
    }

    /// Waits before each reply.
    pub fn delay(&self, delay: Duration) {
        self.server.script().delay = delay;
    }

    /// Waits before each reply to a method, instead of before each reply.
    pub fn delay_method(&self, method: &str, delay: Duration) {
        self.server.script().delays.insert(method.to_owned(), delay);
    }

    /// Writes a number of bytes at a time, with a pause after each.
    pub fn chop(&self, bytes: usize, pause: Duration) {
        self.server.script().chop = Some((bytes.max(1), pause));
    }

    /// Does not reply to calls of a method, but replies to the calls after them.
    pub fn skip(&self, method: &str) {
        self.server.script().skipped.insert(method.to_owned());
    }

    /// Truncates the replies to a method after a number of bytes.
    pub fn truncate(&self, method: &str, bytes: usize, then: Then) {
        self.server.script().truncated.insert(method.to_owned(), (bytes, then));
    }

    /// Declares a wrong length for the replies to a method.
    pub fn lie(&self, method: &str, declared: u32) {
        self.server.script().declared.insert(method.to_owned(), declared);
    }

    /// Replies to a method with these bytes, which need not be a packet.
    pub fn garbage(&self, method: &str, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.mangle(method, Then::GoOn, move |_, _| vec![bytes.clone()]);
    }

    /// Replies to a method with the result of a function of the call's cookie and the original packet: datagrams, or parts
    /// of a stream.
    pub fn mangle(
        &self,
        method: &str,
        then: Then,
        make: impl Fn(Cookie, &[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) {
        let mangled = Mangled { then, make: Arc::new(make) };
        self.server.script().mangled.insert(method.to_owned(), mangled);
    }

    /// Sends the reply to a method after the next reply. Only on streams, because clients send one datagram at a time.
    pub fn postpone(&self, method: &str) {
        self.server.script().postponed.insert(method.to_owned());
    }

    /// Sends bytes on each new stream before any call.
    pub fn greet(&self, bytes: &[u8]) {
        self.server.script().greeting = bytes.to_vec();
    }

    /// Accepts connections and closes them at once, as Kamailio does from the 129th connection on.
    pub fn refuse(&self, refuse: bool) {
        self.server.script().refuse = refuse;
    }

    /// Accepts connections and calls but never replies, like a Kamailio that is stopped or busy.
    pub fn silent(&self, silent: bool) {
        self.server.script().silent = silent;
    }

    /// Closes each connection after a number of replies.
    pub fn close_after(&self, replies: usize) {
        self.server.script().close_after = Some(replies);
    }

    /// Resets the behaviour, except for the choice of captures.
    pub fn behave(&self) {
        let mut script = self.server.script();
        *script = Script::new(script.captures.clone());
    }

    /// Returns the counts of connections.
    pub fn connections(&self) -> Connections {
        self.server.counts().connections
    }

    /// Returns the calls so far, in order: method and arguments, separated by spaces.
    pub fn calls(&self) -> Vec<String> {
        self.server.counts().calls.clone()
    }

    /// Returns how often a method was called.
    pub fn count(&self, method: &str) -> usize {
        let calls = &self.server.counts().calls;
        calls.iter().filter(|call| call.split(' ').next() == Some(method)).count()
    }

    fn uri(&self, scheme: &str) -> String {
        let uris = self.targets.iter().map(Target::to_string);
        uris.into_iter()
            .find(|uri| uri.starts_with(scheme))
            .unwrap_or_else(|| panic!("the fake Kamailio does not listen on {scheme}"))
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
    }
}
