//! The HTTP client.

mod basic_auth;
mod exchange;
mod tls;
mod url;

pub(crate) use basic_auth::BasicAuth;
pub(crate) use exchange::{Connection, Response};
pub(crate) use tls::TlsFiles;
pub use url::Url;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

impl Url {
    /// Requests the URL, passes the body of the response to a function as the body arrives, and returns the `Content-Type`, if
    /// there is one. The error is a human-readable message; after an error, the received part must not be used.
    pub(crate) async fn read(
        &self,
        deadline: Instant,
        receive: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Option<String>, String> {
        let page = timeout_at(deadline.into(), self.page(receive)).await;
        page.unwrap_or_else(|_| Err("no response before the deadline".to_owned()))
            .map_err(|error| format!("cannot fetch {self}: {error}"))
    }

    async fn page(&self, receive: &mut (dyn FnMut(&[u8]) + Send)) -> Result<Option<String>, String> {
        let request = Request::get(self.path_and_query()).header(ACCEPT, "text/plain;version=0.0.4");
        // Kamailio accepts HTTP on its SIP sockets, and refuses requests without a length unless tcp_accept_no_cl is set.
        let request = request.header(CONTENT_LENGTH, 0).body(Full::default());
        let request = request.map_err(|error| error.to_string())?;
        let response = self.exchange(request, &TlsFiles::default(), MAX_PAGE, receive).await?;
        if response.status != StatusCode::OK {
            return Err(format!("the response is {}", response.status));
        }
        response.complete?;
        let content_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(content_type.map(str::to_owned))
    }

    /// Sends a request to the server of this URL, over a new connection. The path is that of the request. Redirects are not
    /// followed, and reading stops after `limit` bytes. There is no timeout. The error is a human-readable message.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        tls: &TlsFiles,
        limit: usize,
    ) -> Result<Response, String> {
        let mut content = BytesMut::new();
        let response =
            self.exchange(request, tls, limit, &mut |piece| content.extend_from_slice(piece)).await?;
        Ok(Response { content: content.freeze(), ..response })
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        tls: &TlsFiles,
        limit: usize,
        receive: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Response, String> {
        // An error in the files is reported without a connection.
        let tls = self.tls(tls)?;
        let stream = TcpStream::connect((self.host(), self.port())).await;
        let stream = stream.map_err(|error| error.to_string())?;
        self.connection(stream, tls.as_ref()).await?.send(request, limit, receive).await
    }

    /// Reads the files for TLS, if the scheme is https. The error is a human-readable message.
    pub(crate) fn tls(&self, files: &TlsFiles) -> Result<Option<TlsConnector>, String> {
        self.is_https().then(|| files.connector()).transpose()
    }

    /// Starts HTTP on a stream to the server of this URL. The error is a human-readable message.
    pub(crate) async fn connection(
        &self,
        stream: TcpStream,
        tls: Option<&TlsConnector>,
    ) -> Result<Connection, String> {
        match tls {
            None => Connection::new(stream, self.authority()).await,
            Some(tls) => {
                let stream = tls::connect(tls, self.host(), stream).await?;
                Connection::new(stream, self.authority()).await
            }
        }
    }
}

/// xhttp_prom writes into a buffer of a third of a process' private memory, which is 8 MB by default.
const MAX_PAGE: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::exchange::MAX_INFORMATIONAL;
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    /// Fetches a page from a server that sends `once`, and then `forever` until the client disconnects.
    async fn fetch(once: &str, forever: &'static str) -> Result<Vec<u8>, String> {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/", server.local_addr().unwrap())).unwrap();
        let once = once.to_owned();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(once.as_bytes());
            while !forever.is_empty() && stream.write_all(forever.as_bytes()).is_ok() {}
        });
        let (mut page, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(20));
        let read = url.read(deadline, &mut |piece| page.extend_from_slice(piece)).await;
        thread.join().unwrap();
        read.map(|_| page)
    }

    #[tokio::test]
    async fn endless_informational_responses_are_an_error() {
        for informational in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 102 Processing\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
            "HTTP/1.1 199 \r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        ] {
            let error = fetch("", informational).await.err().unwrap();
            assert!(error.ends_with("the server sent more than 8 informational responses"), "{error}");
        }
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n";
        for count in [2, MAX_INFORMATIONAL] {
            let response = "HTTP/1.1 102 Processing\r\n\r\n".repeat(count) + page;
            assert_eq!(fetch(&response, "").await.unwrap(), b"a 1\n", "{count}");
        }
    }
}
