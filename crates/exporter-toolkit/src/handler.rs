//! One request: admission, then the service.

use crate::admission::{self, Admission};
use crate::client_address::ClientAddress;
use crate::service::{Request, Response, Service};

/// Responds to requests, whichever connection they come from.
pub(crate) struct Handler<S> {
    pub(crate) admission: Admission,
    /// The largest size of a request's headers in bytes.
    pub(crate) max_header: usize,
    pub(crate) service: S,
}

impl<S: Service> Handler<S> {
    /// Responds to a request that came with TLS (`secure`) or without.
    pub(crate) async fn respond(&self, request: Request, client: ClientAddress, secure: bool) -> Response {
        let active = match self.admission.admit(request.headers(), client, secure).await {
            Ok(active) => active,
            Err(refusal) => return refusal,
        };
        let mut response = self.service.respond(request).await;
        admission::add_headers(&active, &mut response);
        response
    }
}
