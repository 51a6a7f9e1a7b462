//! Gets a page over HTTP.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

/// An address to get a page from: `http://host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
}

/// A page.
pub struct Page {
    /// Its `Content-Type`, if it has one.
    pub content_type: Option<String>,
    /// Its content.
    pub content: Bytes,
}

impl Url {
    /// Reads an address. The error is a sentence without the input.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("not an address of the form {FORM}");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(host)) if !host.is_empty() && !text.contains('@') => Ok(Self { uri }),
            (Some("https"), _) => Err(format!("only plain HTTP is spoken: {FORM}")),
            _ => Err(wrong()),
        }
    }

    /// Gets the page. The error is a sentence.
    pub async fn get(&self, deadline: Instant) -> Result<Page, String> {
        let page = timeout_at(deadline.into(), self.request()).await;
        page.unwrap_or_else(|_| Err("it did not come in time".to_owned()))
            .map_err(|error| format!("cannot get {}: {error}", self.uri))
    }

    async fn request(&self) -> Result<Page, String> {
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.uri.port_u16().unwrap_or(80))).await;
        let stream = TokioIo::new(stream.map_err(|error| error.to_string())?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(|error| error.to_string())?;
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path).header(HOST, authority).header(ACCEPT, "text/plain;version=0.0.4");
        // Kamailio reads HTTP from its SIP sockets, and a request without this only if tcp_accept_no_cl is set.
        let request = request
            .header(CONTENT_LENGTH, 0)
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
            if answer.status() != StatusCode::OK {
                return Err(format!("the answer is {}", answer.status()));
            }
            let content_type = answer.headers().get(CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
            let content = Limited::new(answer.into_body(), MAX_PAGE).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    format!("it has more than {MAX_PAGE} bytes")
                } else {
                    error.to_string()
                }
            })?;
            Ok(Page { content_type, content: content.to_bytes() })
        };
        // The connection does the reading, and ends with the answer.
        tokio::select! {
            answer = answer => answer,
            Err(error) = connection => Err(error.to_string()),
        }
    }
}

const FORM: &str = "http://HOST:PORT/PATH";
/// xhttp_prom prints into a buffer of a third of a process' private memory, which is 8 MB unless it was raised.
const MAX_PAGE: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for text in ["http://localhost:9901/metrics", "http://[::1]:80/x?y", "http://h"] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "localhost", "/metrics", "https://h/", "ftp://h/", "http://", "http://u:p@h/", "http://a b/"]
        {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
