//! Both clients behind one trait.

use kamailio_binrpc::{Arg, Client, Cookie, Error, Reply, Resolved, Target, Timeout};
use std::io;
use std::time::Duration;

/// The methods that both clients have.
pub(crate) trait Driver: Sized {
    fn connect(target: &Target, timeout: impl Into<Timeout>) -> Result<Self, Error>;
    fn connect_resolved(
        target: &Target,
        resolved: &Resolved,
        timeout: impl Into<Timeout>,
    ) -> Result<Self, Error>;
    fn set_timeout(&mut self, timeout: impl Into<Timeout>);
    fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error>;
    fn queue(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error>;
    fn receive(&mut self) -> Result<Option<Reply<'_>>, Error>;
    fn receive_within(
        &mut self,
        reserve: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Reply<'_>>, Error>;
    fn finish(&mut self);
}

impl Driver for Client {
    fn connect(target: &Target, timeout: impl Into<Timeout>) -> Result<Self, Error> {
        Self::connect(target, timeout)
    }

    fn connect_resolved(
        target: &Target,
        resolved: &Resolved,
        timeout: impl Into<Timeout>,
    ) -> Result<Self, Error> {
        Self::connect_resolved(target, resolved, timeout)
    }

    fn set_timeout(&mut self, timeout: impl Into<Timeout>) {
        self.set_timeout(timeout);
    }

    fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        self.call(method, args)
    }

    fn queue(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.queue(method, args)
    }

    fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        self.receive()
    }

    fn receive_within(
        &mut self,
        reserve: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Reply<'_>>, Error> {
        self.receive_within(reserve)
    }

    fn finish(&mut self) {
        self.finish();
    }
}

/// The async client, with a runtime of its own.
#[cfg(feature = "tokio")]
pub(crate) struct Async {
    pub(crate) client: kamailio_binrpc::tokio::Client,
    runtime: tokio::runtime::Runtime,
}

#[cfg(feature = "tokio")]
impl Async {
    fn new(
        connect: impl AsyncFnOnce() -> Result<kamailio_binrpc::tokio::Client, Error>,
    ) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(connect())?;
        Ok(Self { client, runtime })
    }
}

#[cfg(feature = "tokio")]
impl Driver for Async {
    fn connect(target: &Target, timeout: impl Into<Timeout>) -> Result<Self, Error> {
        Self::new(async || kamailio_binrpc::tokio::Client::connect(target, timeout).await)
    }

    fn connect_resolved(
        target: &Target,
        resolved: &Resolved,
        timeout: impl Into<Timeout>,
    ) -> Result<Self, Error> {
        Self::new(async || kamailio_binrpc::tokio::Client::connect_resolved(target, resolved, timeout).await)
    }

    fn set_timeout(&mut self, timeout: impl Into<Timeout>) {
        self.client.set_timeout(timeout);
    }

    fn call(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Reply<'_>, Error> {
        self.runtime.block_on(self.client.call(method, args))
    }

    fn queue(&mut self, method: &str, args: &[Arg<'_>]) -> Result<Cookie, Error> {
        self.client.queue(method, args)
    }

    fn receive(&mut self) -> Result<Option<Reply<'_>>, Error> {
        self.runtime.block_on(self.client.receive())
    }

    fn receive_within(
        &mut self,
        reserve: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<Option<Reply<'_>>, Error> {
        self.runtime.block_on(self.client.receive_within(reserve))
    }

    fn finish(&mut self) {
        self.client.finish();
    }
}

/// Connects with a timeout that no test reaches.
pub(crate) fn connect<D: Driver>(target: &Target) -> D {
    D::connect(target, Duration::from_secs(20)).unwrap_or_else(|error| panic!("{error}"))
}
