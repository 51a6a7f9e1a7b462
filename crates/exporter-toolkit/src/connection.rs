//! One connection: TLS or not, HTTP/1.1 or HTTP/2.

use crate::admission::Client;
use crate::client_address::ClientAddress;
use crate::connection_pool::Slot;
use crate::fairness::Served;
use crate::handler::Handler;
use crate::service::{Response, Service};
use crate::stream::{MonitoredStream, Stream, TurnStream};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_io_timeout::TimeoutStream;

/// Serves requests until the client closes the connection or the pool does.
pub(crate) async fn serve<S: Service>(
    stream: Box<dyn Stream>,
    client: ClientAddress,
    slot: Slot,
    handler: Arc<Handler<S>>,
    graceful: Watcher,
) {
    let slot = Arc::new(slot);
    let mut stream = TimeoutStream::new(MonitoredStream::new(stream, slot.clone()));
    stream.set_write_timeout(Some(slot.timeouts().write));
    let connection = Connection { client, slot: slot.clone(), handler, secure: false, verified: false };
    tokio::select! {
        // An evicted connection does no more work.
        biased;
        reason = slot.closed() => tracing::debug!(%client, reason, "connection closed"),
        ended = connection.serve(Box::pin(stream), graceful) => if let Err(error) = ended {
            tracing::debug!(%client, error, "connection ended");
        },
    }
}

struct Connection<S> {
    client: ClientAddress,
    slot: Arc<Slot>,
    handler: Arc<Handler<S>>,
    secure: bool,
    /// Whether the client's certificate was verified.
    verified: bool,
}

impl<S: Service> Connection<S> {
    async fn serve(
        mut self,
        mut stream: Pin<Box<TimeoutStream<MonitoredStream>>>,
        graceful: Watcher,
    ) -> Result<(), String> {
        let Some(tls) = self.handler.admission.web_config().current().tls.clone() else {
            return self.http1(stream, graceful).await;
        };
        let first = stream.as_mut().get_pin_mut().first_byte().await.map_err(|error| error.to_string())?;
        if first != TLS_HANDSHAKE {
            self.handler.admission.log(self.client, "TLS handshake failed", "the client does not use TLS");
            let _ = stream.write_all(PLAIN_ON_TLS).await;
            return Ok(());
        }
        let turn = self.client().turn();
        let mut stream = match self.handler.handshakes.accept(tls.config, stream, turn).await {
            Ok(stream) => stream,
            Err(error) => {
                self.handler.admission.log(self.client, "TLS handshake failed", &error.to_string());
                return Ok(());
            }
        };
        self.secure = true;
        self.verified = tls.verifies_clients && stream.get_ref().1.peer_certificates().is_some();
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            stream.get_mut().0.as_mut().get_pin_mut().stop_reporting();
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
        let max_header = self.handler.max_header;
        let connection = Arc::new(self);
        let service = service_fn(|request| connection.clone().respond(request));
        // The slot enforces the timeouts.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(max_header)
            .serve_connection(TokioIo::new(TurnStream::new(stream)), service);
        graceful.watch(connection).await.map_err(|error| error.to_string())
    }

    async fn http2(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        graceful: Watcher,
    ) -> Result<(), String> {
        // h2 refuses headers of exactly this size, too.
        let max_header = u32::try_from(self.handler.max_header + 1).unwrap_or(u32::MAX);
        let connection = Arc::new(self);
        let service = service_fn(move |request| connection.clone().respond(request));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(max_header)
            .max_concurrent_streams(MAX_STREAMS)
            .max_send_buf_size(STREAM_BUFFER)
            .serve_connection(TokioIo::new(TurnStream::new(stream)), service);
        graceful.watch(connection).await.map_err(|error| error.to_string())
    }

    fn client(&self) -> Client {
        Client { address: self.client, known: self.slot.is_known(), secure: self.secure }
    }

    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, Infallible> {
        let mut in_progress = InProgress { slot: &self.slot, served: Served::No };
        self.slot.request_begins();
        // A client can send many requests at once: other connections have their turn between them.
        tokio::task::yield_now().await;
        // The body is kept until the response is ready: hyper would otherwise read the body to discard it.
        let (parts, _body) = request.into_parts();
        let request = Request::from_parts(parts, ());
        let is_head = request.method() == Method::HEAD;
        let response = match self.handler.admit(&request, self.client()).await {
            Ok(active) => {
                self.slot.request_admitted();
                let has_users = !active.config.users.is_empty();
                let has_password = has_users && !self.handler.service.is_public(&request);
                let response = self.handler.respond(request, &active).await;
                if response.status().is_success() {
                    in_progress.served = match self.verified || has_password {
                        true => Served::Authenticated,
                        // A health check without a password does not make its client known.
                        false if has_users => Served::No,
                        false => Served::Anonymous,
                    };
                }
                response
            }
            Err(refusal) => refusal,
        };
        let (mut head, body) = response.into_parts();
        let mut content = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        if is_head {
            // Over HTTP/2, hyper would send the content.
            let withheld = mem::take(&mut content);
            if !withheld.is_empty() {
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(withheld.len()));
            }
        }
        Ok(Response::from_parts(head, Full::new(self.slot.track(content))))
    }
}

/// A request in progress, which ends even if it is cancelled.
struct InProgress<'s> {
    slot: &'s Slot,
    served: Served,
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.slot.request_ends(self.served);
    }
}

/// The first byte of a TLS connection: a record of type handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// The response that Go's server sends, too.
const PLAIN_ON_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// Concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 32;
/// Bytes of a response that HTTP/2 buffers for each stream.
const STREAM_BUFFER: usize = 64 * 1024;
