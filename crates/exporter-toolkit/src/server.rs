//! The server: listens, gives each connection a slot, and stops gracefully.

use crate::admission::Admission;
use crate::client_address::ClientAddress;
use crate::connection;
use crate::connection_pool::{ConnectionPool, Timeouts};
use crate::handler::Handler;
use crate::handshake::Handshakes;
use crate::listener::{ListenAddress, Listener};
use crate::service::Service;
use crate::stream::Stream;
use crate::systemd::{notify_ready, notify_stopping};
use crate::web_config::WebConfig;
use hyper_util::server::graceful::GracefulShutdown;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Serves a [`Service`] over HTTP.
pub struct Server<S> {
    pool: Arc<ConnectionPool>,
    handler: Arc<Handler<S>>,
}

/// Limits on clients.
///
/// ```
/// let mut limits = exporter_toolkit::Limits::default();
/// limits.connections = 64;
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of connections. Default: 256.
    pub connections: usize,
    /// The maximum size of a request line with its headers, in bytes. Default: 32 KiB.
    pub header: usize,
    /// The limits on slow clients.
    pub timeouts: Timeouts,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, header: 32 * 1024, timeouts: Timeouts::default() }
    }
}

impl<S: Service> Server<S> {
    /// Creates a server that does not listen yet.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new(service: S, web_config: Arc<WebConfig>, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            pool: ConnectionPool::new(limits.connections, limits.timeouts),
            handler: Arc::new(Handler {
                admission: Admission::new(web_config)?,
                handshakes: Handshakes::new(),
                max_header: limits.header,
                service,
            }),
        })
    }

    /// Listens on every address, or on the sockets from systemd if there are none, and responds to requests until `stop`.
    /// Requests that are then in progress have ten seconds to end.
    ///
    /// # Errors
    /// If an address cannot be listened on. Failures of single connections are logged.
    pub async fn serve(self, addresses: &[ListenAddress], stop: impl Future<Output = ()>) -> io::Result<()> {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(address.bind().await.map_err(|error| {
                io::Error::new(error.kind(), format!("failed to listen on {address}: {error}"))
            })?);
        }
        if addresses.is_empty() {
            tracing::info!("Listening on systemd activated listeners instead of port listeners.");
            listeners = Listener::from_systemd()?;
        }
        self.announce(&listeners);
        let graceful = GracefulShutdown::new();
        let mut stop = pin!(stop);
        let mut last_warning: Option<Instant> = None;
        loop {
            let next = async {
                let (stream, client) = accept(&mut listeners).await?;
                let slot = self.pool.enter(client.network()).await;
                Ok::<_, io::Error>((stream, client, slot))
            };
            let accepted = tokio::select! {
                accepted = next => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((_, client, None)) => {
                    let error = "connection limit reached";
                    self.handler.admission.log(client, "connection refused", error);
                }
                Ok((stream, client, Some(slot))) => {
                    let handler = self.handler.clone();
                    tokio::spawn(connection::serve(stream, client, slot, handler, graceful.watcher()));
                }
                Err(error) => {
                    if last_warning.is_none_or(|last| last.elapsed() > WARNING_INTERVAL) {
                        last_warning = Some(Instant::now());
                        tracing::warn!(%error, "failed to accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        notify_stopping();
        drop(listeners);
        self.pool.close_incomplete();
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!(waited = ?DRAIN, "stopping with requests still in progress");
        }
        Ok(())
    }

    fn announce(&self, listeners: &[Listener]) {
        let active = self.handler.admission.web_config().current();
        if let Some(limit) = active.config.rate_limit {
            tracing::info!(burst = limit.burst, interval = ?limit.interval, "Rate Limiter is enabled.");
        }
        for listener in listeners {
            let address = listener.to_string();
            tracing::info!(address, "Listening on");
            if active.tls.is_some() {
                tracing::info!(http2 = active.config.http2, address, "TLS is enabled.");
            } else {
                tracing::info!(http2 = false, address, "TLS is disabled.");
            }
        }
        notify_ready();
    }
}

/// Accepts the next connection of any listener.
async fn accept(listeners: &mut [Listener]) -> io::Result<(Box<dyn Stream>, ClientAddress)> {
    poll_fn(|context| {
        let mut polled = listeners.iter_mut().map(|listener| listener.poll_accept(context));
        polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// The pause after a failed accept, in which file descriptors can be freed: a lack of them is the usual reason.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Minimum time between two warnings, so that a client that uses up all descriptors does not fill the log too.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
/// The time for requests in progress to end.
const DRAIN: Duration = Duration::from_secs(10);
