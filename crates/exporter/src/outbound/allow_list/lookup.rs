//! Looks up the addresses of host names.

use exporter_toolkit::sync::LockUnpoisoned as _;
use futures_util::future::{BoxFuture, FutureExt as _, Shared, TryFutureExt as _};
use hashbrown::HashMap;
use kamailio_binrpc::Endpoint;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A function that returns the addresses of a host. It may block.
#[derive(Clone)]
pub struct Lookup(Arc<LookupFn>);

type LookupFn = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl Lookup {
    /// Wraps a function of host and port.
    pub fn new(lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// The system's resolver: `/etc/hosts`, DNS.
    pub(super) fn system() -> Self {
        Self::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

/// Runs look-ups on threads of their own. A name has one look-up at a time, which all callers share; and those of names
/// that no rule spells out are limited, so that clients that probe many names cannot delay the look-ups of others.
pub(super) struct Resolver {
    lookup: Lookup,
    running: Arc<Mutex<HashMap<String, Running>>>,
    permits: Arc<Semaphore>,
}

/// A look-up that has not ended.
type Running = Shared<BoxFuture<'static, Result<Arc<[SocketAddr]>, Arc<io::Error>>>>;

impl Resolver {
    pub(super) fn new(lookup: Lookup) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_WILDCARD_LOOKUPS));
        Self { lookup, running: Arc::default(), permits }
    }

    /// Returns the addresses of a host, with the port of one of the callers. `is_literal`: a rule names the host without
    /// a wildcard.
    pub(super) async fn addresses(
        &self,
        endpoint: &Endpoint,
        is_literal: bool,
    ) -> io::Result<Vec<SocketAddr>> {
        let running = self.running.lock_unpoisoned().get(endpoint.host()).cloned();
        let lookup = match running {
            Some(running) => running,
            // No limit is needed: there are no more names that rules spell out than rules.
            None if is_literal => self.start(endpoint, None),
            None => {
                let permit = self.permits.clone().acquire_owned().await.map_err(io::Error::other)?;
                self.start(endpoint, Some(permit))
            }
        };
        match lookup.await {
            Ok(addresses) => Ok(addresses.to_vec()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }

    /// Starts a look-up, or joins one that another caller has started meanwhile.
    fn start(&self, endpoint: &Endpoint, permit: Option<OwnedSemaphorePermit>) -> Running {
        let mut running = self.running.lock_unpoisoned();
        if let Some(running) = running.get(endpoint.host()) {
            return running.clone();
        }
        let (Lookup(lookup), host, port) = (self.lookup.clone(), endpoint.host().to_owned(), endpoint.port());
        // A look-up cannot be cancelled, so it stays in the list, and keeps its permit, after its callers have given up.
        let entry = Entry { host: host.clone(), running: self.running.clone(), _permit: permit };
        let found = tokio::task::spawn_blocking(move || lookup(&entry.host, port));
        let found = async { found.await.map_err(io::Error::other)?.map(Arc::from) };
        let found = found.map_err(Arc::new).boxed().shared();
        running.insert(host, found.clone());
        found
    }
}

/// Removes a look-up from the list when it has ended, also by a panic.
struct Entry {
    host: String,
    running: Arc<Mutex<HashMap<String, Running>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.lock_unpoisoned().remove(&self.host);
    }
}

/// Each look-up blocks a thread, for half a minute if no name server answers. The runtime has 512 threads, some of which
/// the rest of the program needs.
pub(super) const MAX_WILDCARD_LOOKUPS: usize = 200;

#[cfg(test)]
mod tests {
    use super::super::AllowList;
    use super::*;
    use fake_kamailio::Fake;
    use std::sync::Condvar;
    use std::time::{Duration, Instant};
    use tokio::task::JoinSet;

    /// A name server that stays silent until it is released, and the names that it was asked for.
    #[derive(Default)]
    struct NameServer {
        state: Mutex<(bool, Vec<String>)>,
        change: Condvar,
    }

    impl NameServer {
        fn answer(&self, host: &str) {
            let mut state = self.state.lock_unpoisoned();
            state.1.push(host.to_owned());
            drop(self.change.wait_while(state, |(released, _)| !*released).unwrap());
        }

        fn asked(&self) -> Vec<String> {
            self.state.lock_unpoisoned().1.clone()
        }

        fn release(&self) {
            self.state.lock_unpoisoned().0 = true;
            self.change.notify_all();
        }
    }

    #[tokio::test]
    async fn hung_lookups_of_other_names_delay_neither_literal_names_nor_addresses() {
        let (server, fake) = (Arc::new(NameServer::default()), Fake::start());
        let port = fake.tcp().rsplit_once(':').unwrap().1.to_owned();
        let rules = format!("tcp:*:*,tcp:127.0.0.1:{port},tcp:sip1.test:{port}");
        let asked = server.clone();
        let allow =
            AllowList::parse(rules.split(',')).unwrap().with_lookup(Lookup::new(move |host, port| {
                if host != "sip1.test" {
                    asked.answer(host);
                }
                Ok(vec![([127, 0, 0, 1], port).into()])
            }));
        let allow = Arc::new(allow);
        let mut hanging = JoinSet::new();
        for number in 0..MAX_WILDCARD_LOOKUPS + 60 {
            let (allow, deadline) = (allow.clone(), Instant::now() + Duration::from_secs(3));
            let target = format!("tcp:other{number}.test:{port}").parse().unwrap();
            hanging.spawn(async move {
                allow.connect(&target, deadline).await.map(drop).unwrap_err().to_string()
            });
        }
        // The look-ups keep their permits even after their callers have given up.
        while server.asked().len() < MAX_WILDCARD_LOOKUPS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for host in ["127.0.0.1", "sip1.test"] {
            let target = format!("tcp:{host}:{port}").parse().unwrap();
            let connected = allow.connect(&target, Instant::now() + Duration::from_secs(2)).await;
            assert!(connected.is_ok(), "{host}: {connected:?}");
        }
        let errors = hanging.join_all().await;
        let asked = server.asked().len();
        // The runtime waits for these threads, also if this test fails.
        server.release();
        assert_eq!(asked, MAX_WILDCARD_LOOKUPS);
        assert!(
            errors.iter().all(|error| error.ends_with("the deadline passed during the name lookup")),
            "{errors:?}"
        );
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_at_a_time() {
        let server = Arc::new(NameServer::default());
        let asked = server.clone();
        let allow = AllowList::parse(["tcp:*:*"]).unwrap().with_lookup(Lookup::new(move |host, _| {
            asked.answer(host);
            Err(io::Error::other("no such host"))
        }));
        let allow = Arc::new(allow);
        let connect = |deadline| {
            let (allow, target) = (allow.clone(), "tcp:Silent.test:2049".parse().unwrap());
            async move { allow.connect(&target, deadline).await.map(drop).unwrap_err().to_string() }
        };
        for _ in 0..3 {
            let error = connect(Instant::now() + Duration::from_millis(20)).await;
            assert!(error.ends_with("the deadline passed during the name lookup"), "{error}");
        }
        let mut waiting = JoinSet::new();
        for _ in 0..300 {
            waiting.spawn(connect(Instant::now() + Duration::from_secs(10)));
        }
        // The runtime runs some of its tasks at a time.
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
        server.release();
        for error in waiting.join_all().await {
            assert!(error.ends_with("no such host"), "{error}");
        }
        assert_eq!(server.asked(), ["silent.test"]);
        let error = connect(Instant::now() + Duration::from_secs(10)).await;
        assert!(error.ends_with("no such host"), "{error}");
        assert_eq!(server.asked().len(), 2, "an ended look-up is not remembered");
    }
}
