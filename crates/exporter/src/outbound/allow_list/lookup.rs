//! Looks up the addresses of host names.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use tokio::sync::Semaphore;

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

/// Runs look-ups on threads of their own, a limited number at a time.
pub(super) struct Resolver {
    lookup: Lookup,
    /// A look-up cannot be cancelled, so it keeps its permit after its caller has given up.
    permits: Arc<Semaphore>,
}

impl Resolver {
    pub(super) fn new(lookup: Lookup) -> Self {
        Self { lookup, permits: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }

    pub(super) async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let permit = self.permits.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (Lookup(lookup), host) = (self.lookup.clone(), host.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            lookup(&host, port)
        });
        found.await.map_err(io::Error::other)?
    }
}

/// Each look-up blocks a thread, for half a minute if no name server answers. The runtime has 512 threads, some of which
/// the rest of the program needs.
pub(super) const MAX_LOOKUPS: usize = 200;
