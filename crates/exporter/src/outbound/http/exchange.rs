//! An open connection: sends requests one at a time, and reads the responses.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Fuse, FusedFuture as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::ext::on_informational;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The content up to the limit, as far as it was received; empty if a function received it.
    pub content: Bytes,
    /// Whether `content` is complete; if not, the reason as a human-readable message.
    pub complete: Result<(), String>,
}

/// A connection to a server, which the server may close after any response.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Reads and writes, and ends when the connection does.
    driver: Fuse<BoxFuture<'static, hyper::Result<()>>>,
    host: HeaderValue,
    informational: Arc<AtomicUsize>,
    /// Whether a request was sent before.
    is_used: bool,
}

impl Connection {
    pub(super) async fn new(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: &str,
    ) -> Result<Self, String> {
        let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
        let informational = Arc::new(AtomicUsize::new(0));
        let stream = Limited { stream, informational: informational.clone() };
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) = handshake.map_err(|error| error.to_string())?;
        Ok(Self { sender, driver: driver.boxed().fuse(), host, informational, is_used: false })
    }

    /// Returns whether the server can be sent another request.
    pub(crate) fn is_open(&mut self) -> bool {
        !self.driver.is_terminated()
            && (&mut self.driver).now_or_never().is_none()
            && !self.sender.is_closed()
    }

    /// Sends a request, and passes up to `limit` bytes of the response to `receive`. The error is a human-readable message.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
        limit: usize,
        receive: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Response, String> {
        let Self { sender, driver, host, informational, is_used } = self;
        request.headers_mut().insert(HOST, host.clone());
        informational.store(0, Ordering::Relaxed);
        let count = informational.clone();
        on_informational(&mut request, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let response = async {
            // A connection that fails meanwhile reports the reason only to a request that was sent.
            if std::mem::replace(is_used, true) {
                sender.ready().await?;
            }
            let (head, body) = sender.send_request(request).await?.into_parts();
            let complete = read(body, limit, receive).await;
            let content = Bytes::new();
            Ok::<_, hyper::Error>(Response { status: head.status, headers: head.headers, content, complete })
        };
        let mut response = pin!(response);
        tokio::select! {
            biased;
            response = &mut response => response.map_err(|error| message(&error)),
            // If a server responds and then resets the connection, the response counts. The end of the connection ends the
            // response too.
            Err(error) = driver => match response.await {
                Ok(response) if response.complete.is_ok() => Ok(response),
                _ => Err(message(&error)),
            },
        }
    }
}

/// Passes up to `limit` bytes to `receive`, and returns why the content is incomplete. Other tasks run between the pieces.
async fn read(
    mut body: Incoming,
    limit: usize,
    receive: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<(), String> {
    let mut rest = limit;
    while let Some(frame) = body.frame().await {
        let data = match frame.map(Frame::into_data) {
            Ok(Ok(data)) => data,
            Ok(Err(_trailers)) => continue,
            Err(error) => return Err(message(&error)),
        };
        for piece in data[..data.len().min(rest)].chunks(PIECE) {
            receive(piece);
            tokio::task::yield_now().await;
        }
        rest = rest
            .checked_sub(data.len())
            .ok_or_else(|| format!("the response has more than {limit} bytes"))?;
    }
    Ok(())
}

/// An error of hyper together with its cause.
fn message(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A stream that fails after too many informational responses, which hyper would read endlessly.
struct Limited<S> {
    stream: S,
    informational: Arc<AtomicUsize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.informational.load(Ordering::Relaxed) > MAX_INFORMATIONAL {
            let message = format!("the server sent more than {MAX_INFORMATIONAL} informational responses");
            return Poll::Ready(Err(io::Error::other(message)));
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Bytes that the receiver gets and parses at once: 1 ms at most in a release build.
const PIECE: usize = 8 << 10;
/// Real servers send one or two.
pub(super) const MAX_INFORMATIONAL: usize = 8;
