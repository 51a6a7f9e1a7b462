//! The server: listens, gives each connection a seat, and ends in order.

use crate::admission::{self, Admission};
use crate::connection::{self, Stream};
use crate::connection_pool::{ConnectionPool, Timeouts};
use crate::listener::{ListenAddress, Listener};
use crate::peer::Peer;
use crate::service::{Request, Response, Service};
use crate::systemd::notify;
use crate::web_config::WebConfig;
use anyhow::Context as _;
use hyper_util::server::graceful::GracefulShutdown;
use sd_notify::NotifyState;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// A service, and what it takes to get to it.
pub struct Server<S> {
    pub(crate) pool: Arc<ConnectionPool>,
    pub(crate) admission: Admission,
    pub(crate) max_header: usize,
    service: S,
}

/// What clients may take, and may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Of a request's head, in bytes.
    pub header: usize,
    /// For slow ones.
    pub timeouts: Timeouts,
}

impl<S: Service> Server<S> {
    /// A server that does not listen yet.
    pub fn new(service: S, web_config: Arc<WebConfig>, limits: Limits) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            pool: ConnectionPool::new(limits.connections, limits.timeouts),
            admission: Admission::new(web_config)?,
            max_header: limits.header,
            service,
        }))
    }

    /// Listens on every address, or on what systemd hands over if there is none; answers requests until `stop`, then
    /// finishes those that are under way.
    pub async fn serve(
        self: Arc<Self>,
        addresses: &[ListenAddress],
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(address.bind().await.with_context(|| format!("listen {address}"))?);
        }
        if addresses.is_empty() {
            tracing::info!("Listening on systemd activated listeners instead of port listeners.");
            listeners = Listener::from_systemd()?;
        }
        self.announce(&listeners);
        let graceful = GracefulShutdown::new();
        let mut stop = pin!(stop);
        let mut told: Option<Instant> = None;
        loop {
            let next = async {
                let (stream, client) = accept(&mut listeners).await?;
                Ok::<_, io::Error>((stream, client, self.pool.enter().await))
            };
            let accepted = tokio::select! {
                accepted = next => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, client, seat)) => {
                    let conversation =
                        connection::converse(stream, client, seat, self.clone(), graceful.watcher());
                    tokio::spawn(conversation);
                }
                Err(error) => {
                    if told.is_none_or(|told| told.elapsed() > TOLD_AGAIN) {
                        told = Some(Instant::now());
                        tracing::warn!(%error, "cannot accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        notify(&[NotifyState::Stopping]);
        drop(listeners);
        self.pool.dismiss();
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!(waited = ?DRAIN, "requests were still under way at the end");
        }
        Ok(())
    }

    fn announce(&self, listeners: &[Listener]) {
        let active = self.admission.web_config().current();
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
        notify(&[NotifyState::Ready]);
    }

    /// The response to a request that came over TLS (`secure`) or not.
    pub(crate) async fn respond(&self, request: Request, client: Peer, secure: bool) -> Response {
        let active = match self.admission.admit(request.headers(), client, secure).await {
            Ok(active) => active,
            Err(refusal) => return refusal,
        };
        let mut response = self.service.respond(request).await;
        admission::add_headers(&active, &mut response);
        response
    }
}

/// The next connection of any listener.
async fn accept(listeners: &mut [Listener]) -> io::Result<(Box<dyn Stream>, Peer)> {
    poll_fn(|context| {
        let mut polled = listeners.iter_mut().map(|listener| listener.poll_accept(context));
        polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// After an error of accept, which is mostly for want of file descriptors: time for some to be freed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Who takes all descriptors must not fill the log as well.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// For the requests that are under way when the program is told to end.
const DRAIN: Duration = Duration::from_secs(10);
