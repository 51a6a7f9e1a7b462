//! One request: its form, admission, then the service.

use crate::admission::{Admission, Client};
use crate::handshake::Handshakes;
use crate::service::{Request, Response, Service, text};
use crate::web_config::Active;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue};
use hyper::{Method, StatusCode, Version};
use std::sync::Arc;

/// Responds to requests, whichever connection they come from.
pub(crate) struct Handler<S> {
    pub(crate) admission: Admission,
    pub(crate) handshakes: Handshakes,
    /// The largest size of a request line with its headers, in bytes.
    pub(crate) max_header: usize,
    pub(crate) service: S,
}

impl<S: Service> Handler<S> {
    /// Returns the configuration that applies to the request, or the response that refuses the request.
    pub(crate) async fn admit(&self, request: &Request, client: Client) -> Result<Arc<Active>, Response> {
        self.admit_if_valid(request, client).await.map_err(|mut refusal| {
            add_headers(&self.admission.web_config().current(), &mut refusal);
            refusal
        })
    }

    async fn admit_if_valid(&self, request: &Request, client: Client) -> Result<Arc<Active>, Response> {
        if header_size(request) > self.max_header {
            let message = "Request Header Fields Too Large\n";
            return Err(closing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message));
        }
        check_form(request).map_err(|message| closing(StatusCode::BAD_REQUEST, message))?;
        let authorization = (!self.service.is_public(request)).then(|| request.headers().get(AUTHORIZATION));
        self.admission.admit(authorization, client).await
    }

    /// Responds to an admitted request.
    pub(crate) async fn respond(&self, request: Request, active: &Active) -> Response {
        let mut response = self.service.respond(request).await;
        add_headers(active, &mut response);
        response
    }
}

/// Adds the configured headers, which override those of the service.
fn add_headers(active: &Active, response: &mut Response) {
    for (name, value) in &active.config.headers {
        response.headers_mut().insert(name, value.clone());
    }
}

/// A refusal after which the connection is closed.
fn closing(status: StatusCode, message: &'static str) -> Response {
    let mut refusal = text(status, message);
    refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    refusal
}

/// Returns the size of the request line and the headers in bytes, without optional white space.
fn header_size(request: &Request) -> usize {
    let uri = request.uri();
    let target = uri.path().len()
        + uri.query().map_or(0, |query| query.len() + 1)
        + uri.authority().map_or(0, |authority| authority.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let headers = request.headers().iter();
    line + headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>() + 2
}

/// Checks what hyper leaves to its users: no tunnels, a path, and one host (RFC 9112, section 3.2).
fn check_form(request: &Request) -> Result<(), &'static str> {
    if request.method() == Method::CONNECT {
        return Err("CONNECT is not supported\n");
    }
    match request.uri().path() {
        path if path.starts_with('/') => {}
        // The server as a whole.
        "*" if request.method() == Method::OPTIONS => {}
        _ => return Err("the request has no path\n"),
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => Err("missing required Host header\n"),
        (_, Some(_)) => Err("too many Host headers\n"),
        (Some(host), _) if !host.as_bytes().iter().all(|byte| is_host_byte(*byte)) => {
            Err("malformed Host header\n")
        }
        _ => Ok(()),
    }
}

/// Returns whether a byte can be part of a host and its port: a name, an address, or an address in brackets (RFC 3986,
/// section 3.2.2).
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, version: Version, hosts: usize) -> Request {
        let mut request = Request::builder().method(method).uri(uri).version(version);
        for _ in 0..hosts {
            request = request.header(HOST, "x");
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_host_has_only_the_characters_of_a_name_or_an_address() {
        for (host, is_valid) in [
            ("", true),
            ("example.org:9494", true),
            ("[fe80::1%25eth0]:80", true),
            ("10.0.0.1", true),
            ("my_exporter", true),
            ("%e2%82%ac", true),
            ("a b", false),
            ("a/b", false),
            ("user@a", false),
            ("<script>", false),
            ("a\\b", false),
            ("a?b", false),
            ("\u{e9}", false),
        ] {
            let request = Request::builder().uri("/").header(HOST, host.as_bytes()).body(()).unwrap();
            assert_eq!(check_form(&request).is_ok(), is_valid, "{host}");
        }
    }

    #[test]
    fn tunnels_targets_without_a_path_and_ambiguous_hosts_are_refused() {
        for (method, uri, version, hosts, error) in [
            ("GET", "/metrics", Version::HTTP_11, 1, None),
            ("GET", "http://host/metrics", Version::HTTP_11, 1, None),
            ("GET", "http://host", Version::HTTP_11, 1, None),
            ("OPTIONS", "*", Version::HTTP_11, 1, None),
            ("GET", "/", Version::HTTP_10, 0, None),
            ("GET", "https://host/", Version::HTTP_2, 0, None),
            ("CONNECT", "host:80", Version::HTTP_11, 1, Some("CONNECT")),
            ("CONNECT", "host:80", Version::HTTP_2, 0, Some("CONNECT")),
            ("GET", "host:80", Version::HTTP_11, 1, Some("no path")),
            ("GET", "*", Version::HTTP_11, 1, Some("no path")),
            ("GET", "/", Version::HTTP_11, 0, Some("missing required Host")),
            ("GET", "/", Version::HTTP_11, 2, Some("too many Host")),
            ("GET", "/", Version::HTTP_10, 2, Some("too many Host")),
        ] {
            let result = check_form(&request(method, uri, version, hosts));
            assert_eq!(result.is_ok(), error.is_none(), "{method} {uri} {version:?} {hosts}");
            assert!(result.err().unwrap_or_default().contains(error.unwrap_or_default()), "{method} {uri}");
        }
    }

    #[test]
    fn the_size_of_a_header_is_that_of_its_bytes() {
        let text = "GET /metrics?a=b HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(header_size(&request("GET", "/metrics?a=b", Version::HTTP_11, 1)), text.len());
        let text = "GET http://h:1/ HTTP/1.1\r\n\r\n";
        let size = header_size(&request("GET", "http://h:1/", Version::HTTP_11, 0));
        assert_eq!(size + "http://".len(), text.len());
    }
}
