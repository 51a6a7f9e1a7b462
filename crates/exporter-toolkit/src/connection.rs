//! One connection: TLS or not, HTTP/1.1 or HTTP/2, and who sits there.

use crate::connection_pool::Seat;
use crate::peer::Peer;
use crate::server::Server;
use crate::service::{Response, Service};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

/// What a client talks over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// Answers requests until the client or its seat has had enough.
pub(crate) async fn converse<S: Service>(
    stream: Box<dyn Stream>,
    client: Peer,
    seat: Seat,
    server: Arc<Server<S>>,
    graceful: Watcher,
) {
    let seat = Arc::new(seat);
    let stream = Heard { stream: Box::into_pin(stream), seat: Some(seat.clone()), first: None };
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(server.pool.timeouts().write));
    let conversation = Conversation { client, seat: seat.clone(), server, secure: false };
    tokio::select! {
        ended = conversation.hold(Box::pin(stream), graceful) => if let Err(error) = ended {
            tracing::debug!(%client, error, "connection ended");
        },
        reason = seat.over() => tracing::debug!(%client, reason, "connection closed"),
    }
}

struct Conversation<S> {
    client: Peer,
    seat: Arc<Seat>,
    server: Arc<Server<S>>,
    secure: bool,
}

impl<S: Service> Conversation<S> {
    async fn hold(
        mut self,
        mut stream: Pin<Box<TimeoutStream<Heard>>>,
        graceful: Watcher,
    ) -> Result<(), String> {
        let Some(tls) = self.server.admission.web_config().current().tls.clone() else {
            return self.http1(stream, graceful).await;
        };
        let first = stream.as_mut().get_pin_mut().first_byte().await.map_err(|error| error.to_string())?;
        if first != TLS_HANDSHAKE {
            self.server.admission.note(self.client, "TLS handshake failed", "the client speaks no TLS");
            let _ = stream.write_all(PLAIN_ON_TLS).await;
            return Ok(());
        }
        let mut stream = match TlsAcceptor::from(tls).accept(stream).await {
            Ok(stream) => stream,
            Err(error) => {
                self.server.admission.note(self.client, "TLS handshake failed", &error.to_string());
                return Ok(());
            }
        };
        self.secure = true;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            // Its frames for the connection as such would be taken for the beginning of a request.
            stream.get_mut().0.as_mut().get_pin_mut().seat = None;
            self.http2(stream, graceful).await
        } else {
            self.http1(stream, graceful).await
        }
    }

    async fn http1(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        graceful: Watcher,
    ) -> Result<(), String> {
        let max_header = self.server.max_header;
        let conversation = Arc::new(self);
        let service = service_fn(|request| conversation.clone().answer(request));
        // The seat has the time limits.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(max_header)
            .serve_connection(TokioIo::new(stream), service);
        graceful.watch(connection).await.map_err(|error| error.to_string())
    }

    async fn http2(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        graceful: Watcher,
    ) -> Result<(), String> {
        let max_header = u32::try_from(self.server.max_header).unwrap_or(u32::MAX);
        let conversation = Arc::new(self);
        let service = service_fn(move |request| conversation.clone().answer(request));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(max_header)
            .max_concurrent_streams(MAX_STREAMS)
            .max_send_buf_size(STREAM_BUFFER)
            .serve_connection(TokioIo::new(stream), service);
        graceful.watch(connection).await.map_err(|error| error.to_string())
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, Infallible> {
        let mut under_way = UnderWay { seat: &self.seat, served: false };
        self.seat.begins();
        // The body is kept to the end: dropped earlier, it would be read for nothing.
        let (parts, _body) = request.into_parts();
        let request = Request::from_parts(parts, ());
        let response = self.server.respond(request, self.client, self.secure).await;
        under_way.served = response.status().is_success();
        let (head, body) = response.into_parts();
        let content = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        Ok(Response::from_parts(head, Full::new(self.seat.holds(content))))
    }
}

/// A request that ends however it ends.
struct UnderWay<'s> {
    seat: &'s Seat,
    served: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.seat.ends(self.served);
    }
}

/// Tells the seat when bytes come.
struct Heard {
    stream: Pin<Box<dyn Stream>>,
    seat: Option<Arc<Seat>>,
    /// Read ahead.
    first: Option<u8>,
}

impl Heard {
    async fn first_byte(self: Pin<&mut Self>) -> io::Result<u8> {
        let this = self.get_mut();
        let byte = tokio::io::AsyncReadExt::read_u8(&mut this.stream).await?;
        this.first = Some(byte);
        Ok(byte)
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if into.remaining() > 0
            && let Some(first) = self.first.take()
        {
            into.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(self.stream.as_mut().poll_read(context, into))?;
        if into.filled().len() > before
            && let Some(seat) = &self.seat
        {
            seat.hears();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The first byte of a TLS connection: a record of type handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// What Go's server answers, too.
const PLAIN_ON_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// Requests at once on one connection of HTTP/2.
const MAX_STREAMS: u32 = 32;
/// Of an answer that a client of HTTP/2 does not take.
const STREAM_BUFFER: usize = 64 * 1024;
