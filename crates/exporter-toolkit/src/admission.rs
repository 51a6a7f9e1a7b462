//! Admission of requests as the web configuration demands: TLS, rate limit, users.

use crate::authentication::{Authenticator, Verdict};
use crate::client_address::ClientAddress;
use crate::rate_limit::TokenBucket;
use crate::service::{Response, text};
use crate::web_config::{Active, WebConfig};
use crate::worker::Turn;
use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The client of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) address: ClientAddress,
    /// Whether its network was served recently.
    pub(crate) known: bool,
    /// Whether it uses TLS.
    pub(crate) secure: bool,
}

impl Client {
    pub(crate) fn turn(&self) -> Turn {
        Turn { network: self.address.network(), known: self.known }
    }
}

/// Admits requests, or refuses them with a response.
pub(crate) struct Admission {
    web_config: Arc<WebConfig>,
    authenticator: Authenticator,
    /// Limits the log lines that clients can trigger.
    log_limit: TokenBucket,
}

impl Admission {
    pub(crate) fn new(web_config: Arc<WebConfig>) -> io::Result<Self> {
        Ok(Self {
            web_config,
            authenticator: Authenticator::new()?,
            log_limit: TokenBucket::new(Duration::from_secs(1), LOG_BURST),
        })
    }

    pub(crate) fn web_config(&self) -> &WebConfig {
        &self.web_config
    }

    /// Returns the configuration that applies to the request, or the response that refuses the request. `authorization` is
    /// `None` if the request is public, and otherwise the value of the header `Authorization`, if any.
    pub(crate) async fn admit(
        &self,
        authorization: Option<Option<&HeaderValue>>,
        client: Client,
    ) -> Result<Arc<Active>, Response> {
        let active = self.web_config.current();
        if active.tls.is_some() && !client.secure {
            // The connection is older than the TLS configuration.
            let mut refusal =
                text(StatusCode::BAD_REQUEST, "Client sent an HTTP request to an HTTPS server.\n");
            refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return Err(refusal);
        }
        if active.bucket.as_ref().is_some_and(|bucket| !bucket.take()) {
            return Err(text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n"));
        }
        let users = &active.config.users;
        let Some(authorization) = authorization.filter(|_| !users.is_empty()) else { return Ok(active) };
        match self.authenticator.check(users, authorization, client.turn()).await {
            Verdict::Allowed => Ok(active),
            Verdict::Refused => {
                self.log(client.address, "authentication failed", "unknown user or wrong password");
                let mut refusal = text(StatusCode::UNAUTHORIZED, "Unauthorized\n");
                refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
                Err(refusal)
            }
            Verdict::Busy => {
                self.log(
                    client.address,
                    "authentication refused",
                    "too many passwords of this client or of all clients are being checked",
                );
                let message = "Too many passwords are being checked, try again later.\n";
                let mut refusal = text(StatusCode::SERVICE_UNAVAILABLE, message);
                refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                Err(refusal)
            }
        }
    }

    /// Logs a failure that a client has caused: as a warning, or at level debug beyond the limit.
    pub(crate) fn log(&self, client: ClientAddress, message: &str, error: &str) {
        if self.log_limit.take() {
            tracing::warn!(%client, error, "{message}");
        } else {
            tracing::debug!(%client, error, "{message}");
        }
    }
}

/// The burst of log lines about clients, besides one more each second: enough to identify a client, too few to fill a
/// disk.
const LOG_BURST: u32 = 20;
