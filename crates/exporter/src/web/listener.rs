//! Where requests come in: addresses, connections and their limits, and the end.

use super::Site;
use anyhow::Context as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_vsock::{VMADDR_CID_ANY, VsockAddr, VsockListener};

/// An address to listen on, as Go's programs take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`, `[::1]:port`, or `:port` for every address there is.
    Tcp {
        /// A name or an address; empty is every address.
        host: String,
        /// The port; 0 is one that is free.
        port: u16,
    },
    /// `vsock://:port`: from the host or a neighbouring virtual machine.
    Vsock {
        /// The port.
        port: u32,
    },
}

/// Listens on every address, answers requests until `stop`, then finishes those that are under way.
pub async fn serve(
    site: Arc<Site>,
    addresses: &[ListenAddress],
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = address.bind().await.with_context(|| format!("listen {address}"))?;
        let address = listener.address(address);
        tracing::info!(address, "Listening on");
        tracing::info!(http2 = false, address, "TLS is disabled.");
        listeners.push(listener);
    }
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&mut listeners, &connections) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, permit)) => {
                let conversation = converse(stream, site.clone(), graceful.watcher());
                tokio::spawn(async move {
                    let _permit = permit;
                    conversation.await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listeners);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(waited = ?DRAIN, "requests were still under way at the end");
    }
    Ok(())
}

enum Listener {
    Tcp(TcpListener),
    Vsock(VsockListener),
}

/// What a client talks over.
trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

impl ListenAddress {
    /// `:port` is IPv6 and with it IPv4; a machine without IPv6 has only the other.
    async fn bind(&self) -> io::Result<Listener> {
        let tcp = match self {
            Self::Vsock { port } => {
                return VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, *port)).map(Listener::Vsock);
            }
            Self::Tcp { host, port } if !host.is_empty() => TcpListener::bind((host.as_str(), *port)).await?,
            Self::Tcp { port, .. } => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await?
                }
                bound => bound?,
            },
        };
        Ok(Listener::Tcp(tcp))
    }
}

impl Listener {
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Box<dyn Stream>>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(context).map_ok(|(stream, _)| {
                // Small answers leave at once; where that cannot be set they leave a little later.
                let _ = stream.set_nodelay(true);
                Box::new(stream) as Box<dyn Stream>
            }),
            Self::Vsock(listener) => {
                listener.poll_accept(context).map_ok(|(stream, _)| Box::new(stream) as Box<dyn Stream>)
            }
        }
    }

    /// What it really listens on: the port may have been left to the system.
    fn address(&self, asked: &ListenAddress) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| asked.to_string(), |bound| bound.to_string())
            }
            Self::Vsock(_) => asked.to_string(),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "--web.listen-address \"{text}\" is not [HOST]:PORT, for example :9494, 127.0.0.1:9494 or \
                 [::1]:9494, and not vsock://:PORT"
            )
        };
        if let Some(port) = text.strip_prefix("vsock://:") {
            return Ok(Self::Vsock { port: port.parse().map_err(|_| wrong())? });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains([':', '[', ']', '/']) {
            return Err(wrong());
        }
        Ok(Self::Tcp { host: bare.unwrap_or(host).to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Vsock { port } => write!(f, "vsock://:{port}"),
        }
    }
}

/// The next connection of any listener, once there is room for it.
async fn accept(
    listeners: &mut [Listener],
    connections: &Arc<Semaphore>,
) -> io::Result<(Box<dyn Stream>, OwnedSemaphorePermit)> {
    let permit = connections.clone().acquire_owned().await.map_err(io::Error::other)?;
    let any = poll_fn(|context| {
        let mut polled = listeners.iter_mut().map(|listener| listener.poll_accept(context));
        polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
    });
    Ok((any.await?, permit))
}

async fn converse(stream: Box<dyn Stream>, site: Arc<Site>, graceful: Watcher) {
    let mut stream = TimeoutStream::new(Box::into_pin(stream));
    stream.set_write_timeout(Some(WRITE));
    let service = service_fn(|request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(MAX_HEADER)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    if let Err(error) = graceful.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

/// Connections at once. Prometheus keeps one open; the rest is for people and for attackers.
const MAX_CONNECTIONS: usize = 512;
/// After an error of accept, which is mostly for want of file descriptors: time for some to be freed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A request's head is at most this long. Prometheus' is under 1 KiB.
const MAX_HEADER: usize = 64 * 1024;
/// From the start of the connection, or the end of the answer before, to the end of a request's head: so it is also how
/// long a connection may be idle, and is none of the intervals that scrapes have.
const HEADER: Duration = Duration::from_secs(75);
/// Without a byte taken by the client while an answer is sent.
const WRITE: Duration = Duration::from_secs(30);
/// For the requests that are under way when the program is told to end.
const DRAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        for (text, host, port) in [
            (":9494", "", 9494),
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:9100", "::1", 9100),
            ("localhost:0", "localhost", 0),
        ] {
            let address = ListenAddress::Tcp { host: host.to_owned(), port };
            assert_eq!(text.parse::<ListenAddress>(), Ok(address.clone()));
            assert_eq!(address.to_string(), text);
        }
        assert_eq!("vsock://:9100".parse(), Ok(ListenAddress::Vsock { port: 9100 }));
        for text in
            ["", "9494", ":", ":x", ":99999", "::1:9494", "[::1]", "vsock://1:1", "vsock://:", "a/b:1"]
        {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
