//! TLS handshakes, whose signatures would hold up the serving thread.

use crate::fairness::NetworkRate;
use crate::sync::LockUnpoisoned as _;
use crate::worker::{Turn, Worker};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// Makes the handshakes of all connections, at a limited rate for each network.
pub(crate) struct Handshakes {
    worker: Worker,
    rate: Mutex<NetworkRate>,
}

/// The error of a handshake.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The client's network has made too many handshakes.
    RateLimit,
    /// The handshake has failed.
    Failed(io::Error),
}

impl Handshakes {
    pub(crate) fn new() -> Self {
        Self {
            worker: Worker::new("handshakes", STEPS_PER_NETWORK, STEPS, 0),
            rate: Mutex::new(NetworkRate::new(INTERVAL, BURST)),
        }
    }

    /// Makes a handshake on a stream whose first bytes have arrived.
    pub(crate) async fn accept<S>(
        &self,
        config: Arc<ServerConfig>,
        stream: S,
        turn: Turn,
    ) -> Result<TlsStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if !self.rate.lock_unpoisoned().take(turn.network, Instant::now()) {
            return Err(HandshakeError::RateLimit);
        }
        let accept = Arc::new(Mutex::new(Some(TlsAcceptor::from(config).accept(stream))));
        let _close = CloseOnDrop(accept.clone());
        let signal =
            Arc::new(Signal { woken: AtomicBool::new(true), waker: Mutex::new(Waker::noop().clone()) });
        let mut step: Option<oneshot::Receiver<Poll<io::Result<TlsStream<S>>>>> = None;
        std::future::poll_fn(|context| {
            context.waker().clone_into(&mut signal.waker.lock_unpoisoned());
            loop {
                if let Some(running) = &mut step {
                    let result = ready!(Pin::new(running).poll(context));
                    step = None;
                    match result {
                        Ok(Poll::Ready(result)) => {
                            return Poll::Ready(result.map_err(HandshakeError::Failed));
                        }
                        Ok(Poll::Pending) => {}
                        Err(_) => return Poll::Ready(Err(HandshakeError::RateLimit)),
                    }
                }
                if !signal.woken.swap(false, Ordering::AcqRel) {
                    return Poll::Pending;
                }
                let (accept, waker) = (accept.clone(), Waker::from(signal.clone()));
                step = Some(self.worker.run(turn, move || poll(&accept, &waker)));
            }
        })
        .await
    }
}

/// Advances a handshake as far as the bytes of the client allow, on the worker's thread.
fn poll<S: AsyncRead + AsyncWrite + Unpin>(
    accept: &Mutex<Option<Accept<S>>>,
    waker: &Waker,
) -> Poll<io::Result<TlsStream<S>>> {
    match &mut *accept.lock_unpoisoned() {
        Some(accept) => Pin::new(accept).poll(&mut Context::from_waker(waker)),
        None => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
    }
}

/// Remembers a wake-up that comes while the worker has the handshake.
struct Signal {
    woken: AtomicBool,
    waker: Mutex<Waker>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let waker = self.waker.lock_unpoisoned().clone();
        waker.wake();
    }
}

/// Closes the stream of an evicted connection even if its next step waits in the worker's queue. If a step is
/// in progress, the worker closes the stream after the step.
struct CloseOnDrop<S>(Arc<Mutex<Option<Accept<S>>>>);

impl<S> Drop for CloseOnDrop<S> {
    fn drop(&mut self) {
        if let Ok(mut accept) = self.0.try_lock() {
            drop(accept.take());
        }
    }
}

impl std::fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RateLimit => f.write_str("too many handshakes from this address"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Burst of handshakes of a network, besides one in each interval. Prometheus makes one handshake for each of its
/// connections, which it keeps open.
const BURST: u32 = 200;
/// 100 handshakes a second: less than half of a core with an RSA key of 4096 bits.
const INTERVAL: Duration = Duration::from_millis(10);
/// Maximum number of waiting steps of a network's handshakes. Each takes at most 5 ms, with an RSA key of 4096 bits.
const STEPS_PER_NETWORK: usize = 32;
/// Maximum number of waiting steps of all networks.
const STEPS: usize = 1024;
