//! What stands before every page: the web configuration.

use crate::authentication::{Authenticator, Verdict};
use crate::peer::Peer;
use crate::rate_limit::TokenBucket;
use crate::service::{Response, text};
use crate::web_config::{Active, WebConfig};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use std::sync::Arc;
use std::time::Duration;

/// Lets requests through, or answers them itself.
pub(crate) struct Admission {
    web_config: Arc<WebConfig>,
    authenticator: Authenticator,
    /// Of lines in the log that clients cause.
    lines: TokenBucket,
}

impl Admission {
    pub(crate) fn new(web_config: Arc<WebConfig>) -> anyhow::Result<Self> {
        Ok(Self {
            web_config,
            authenticator: Authenticator::new()?,
            lines: TokenBucket::new(Duration::from_secs(1), LINES_AT_ONCE),
        })
    }

    pub(crate) fn web_config(&self) -> &WebConfig {
        &self.web_config
    }

    /// The configuration that the request is answered with, or the answer to one that is not let through.
    pub(crate) async fn admit(
        &self,
        headers: &HeaderMap,
        client: Peer,
        secure: bool,
    ) -> Result<Arc<Active>, Response> {
        let active = self.web_config.current();
        if active.tls.is_some() && !secure {
            // The connection was there before TLS was.
            let mut answer =
                text(StatusCode::BAD_REQUEST, "Client sent an HTTP request to an HTTPS server.\n");
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return Err(answer);
        }
        if active.bucket.as_ref().is_some_and(|bucket| !bucket.take()) {
            return Err(text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n"));
        }
        let users = &active.config.users;
        if users.is_empty() {
            return Ok(active);
        }
        let mut refusal = match self.authenticator.check(users, headers.get(AUTHORIZATION), &client).await {
            Verdict::Allowed => return Ok(active),
            Verdict::Refused => {
                self.note(client, "authentication failed", "unknown user or wrong password");
                let mut refusal = text(StatusCode::UNAUTHORIZED, "Unauthorized\n");
                refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
                refusal
            }
            Verdict::Busy => {
                self.note(
                    client,
                    "authentication refused",
                    "too many passwords, of this address or of all, are being checked",
                );
                let sentence = "Too many passwords are being checked, try again later.\n";
                let mut refusal = text(StatusCode::SERVICE_UNAVAILABLE, sentence);
                refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                refusal
            }
        };
        add_headers(&active, &mut refusal);
        Err(refusal)
    }

    /// Logs what a client did, as long as there are not too many of such lines.
    pub(crate) fn note(&self, client: Peer, message: &str, error: &str) {
        if self.lines.take() {
            tracing::warn!(%client, error, "{message}");
        } else {
            tracing::debug!(%client, error, "{message}");
        }
    }
}

/// What the operator wants to be sent with every answer wins over what we send.
pub(crate) fn add_headers(active: &Active, answer: &mut Response) {
    for (name, value) in &active.config.headers {
        answer.headers_mut().insert(name, value.clone());
    }
}

/// And one more each second: enough to see who it is, too few to fill a disk.
const LINES_AT_ONCE: u32 = 20;
