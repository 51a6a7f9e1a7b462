//! The boundary between the server and a program: a request in, a response out.

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};

/// A request that was admitted. No exporter reads a request's body, so the server does not pass the body on.
pub type Request = hyper::Request<()>;

/// A response whose body is complete.
pub type Response = hyper::Response<Full<Bytes>>;

/// The endpoints of a program. Any `Fn(Request)` that returns a future of a [`Response`] is a service.
pub trait Service: Send + Sync + 'static {
    /// Responds to a request.
    fn respond(&self, request: Request) -> impl Future<Output = Response> + Send;

    /// Returns whether a request needs no password, such as a health check. TLS, client certificates and limits apply to it
    /// as to all others. By default, no request is exempt.
    fn is_public(&self, _request: &Request) -> bool {
        false
    }
}

impl<F, R> Service for F
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send,
{
    fn respond(&self, request: Request) -> impl Future<Output = Response> + Send {
        self(request)
    }
}

/// Creates a response in plain text.
pub fn text(status: StatusCode, content: impl Into<Bytes>) -> Response {
    with_body(status, "text/plain; charset=utf-8", content)
}

/// Creates a response with a body of this media type. A media type that cannot be a header value is left out.
///
/// Headers forbid browsers to guess another media type, or to load or run anything, because parts of a body can come from
/// elsewhere. A page with scripts or styles needs a `Content-Security-Policy` of its own.
pub fn with_body(status: StatusCode, content_type: &str, content: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(content.into()));
    *response.status_mut() = status;
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Nothing may be loaded, run or framed.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
