//! The HTTP client: gets a page, sends a request.

mod exchange;
mod tls;
mod url;

pub(crate) use exchange::Answer;
pub(crate) use tls::TlsFiles;
pub use url::Url;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

/// A page.
#[derive(Clone)]
pub struct Page {
    /// Its `Content-Type`, if it has one.
    pub content_type: Option<String>,
    /// Its content.
    pub content: Bytes,
}

impl Url {
    /// Gets the page. The error is a sentence.
    pub async fn get(&self, deadline: Instant) -> Result<Page, String> {
        let mut content = BytesMut::new();
        let content_type = self.read(deadline, &mut |piece| content.extend_from_slice(piece)).await?;
        Ok(Page { content_type, content: content.freeze() })
    }

    /// Gives the page to a function as it arrives, and returns its `Content-Type`, if it has one. The error is a sentence;
    /// what came before it counts for nothing.
    pub(crate) async fn read(
        &self,
        deadline: Instant,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Option<String>, String> {
        let page = timeout_at(deadline.into(), self.page(take)).await;
        page.unwrap_or_else(|_| Err("it did not come in time".to_owned()))
            .map_err(|error| format!("cannot get {self}: {error}"))
    }

    async fn page(&self, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<Option<String>, String> {
        let request = Request::get(self.path_and_query()).header(ACCEPT, "text/plain;version=0.0.4");
        // Kamailio reads HTTP from its SIP sockets, and a request without this only if tcp_accept_no_cl is set.
        let request = request.header(CONTENT_LENGTH, 0).body(Full::default());
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.exchange(request, &TlsFiles::default(), MAX_PAGE, take).await?;
        if answer.status != StatusCode::OK {
            return Err(format!("the answer is {}", answer.status));
        }
        answer.complete?;
        let content_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(content_type.map(str::to_owned))
    }

    /// Sends a request, whose own path and not this address' counts, to the server of this address, over a connection
    /// of its own. A redirect is not followed. Of the answer's content `limit` bytes are read. Takes as long as the
    /// server does. The error is a sentence.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        tls: &TlsFiles,
        limit: usize,
    ) -> Result<Answer, String> {
        let mut content = BytesMut::new();
        let answer =
            self.exchange(request, tls, limit, &mut |piece| content.extend_from_slice(piece)).await?;
        Ok(Answer { content: content.freeze(), ..answer })
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        tls: &TlsFiles,
        limit: usize,
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Answer, String> {
        // Files are read first: with a mistake in them nobody is asked.
        let tls = if self.is_https() { Some(tls.connector()?) } else { None };
        let stream = TcpStream::connect((self.host(), self.port())).await;
        let stream = stream.map_err(|error| error.to_string())?;
        match tls {
            None => exchange::exchange(stream, self.authority(), request, limit, take).await,
            Some(tls) => {
                let stream = tls::connect(&tls, self.host(), stream).await?;
                exchange::exchange(stream, self.authority(), request, limit, take).await
            }
        }
    }
}

/// xhttp_prom prints into a buffer of a third of a process' private memory, which is 8 MB unless it was raised.
const MAX_PAGE: usize = 4 << 20;
