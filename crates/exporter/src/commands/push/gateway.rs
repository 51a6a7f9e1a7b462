//! Requests to a Pushgateway.

use super::Group;
use crate::outbound::http::{BasicAuth, Response, TlsFiles, Url};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use hyper::{Method, Request};
use prometheus_exposition::Format;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

/// A Pushgateway, and how to push to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// The URL. The path is a prefix, and there is no query.
    pub url: Url,
    /// The group that each push replaces.
    pub group: Group,
    /// Credentials, if the gateway requires them.
    pub basic_auth: Option<BasicAuth>,
    /// Trusted authorities and client certificate, for https.
    pub tls: TlsFiles,
}

impl Gateway {
    /// Reads the files, to report problems at the start. The error is a human-readable message.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(basic_auth) = &self.basic_auth {
            basic_auth.header()?;
            if !self.url.is_https() && !self.url.is_local() {
                tracing::warn!(advice = "use an https:// gateway", "password sent in plain text");
            }
        }
        if self.url.is_https() {
            self.tls.connector()?;
        }
        Ok(())
    }

    /// Replaces the group, including series that are not in `exposition`. The error is a human-readable message.
    pub(super) async fn put(&self, exposition: Bytes, format: Format) -> Result<(), String> {
        self.send(Method::PUT, Some((exposition, format)), PUT_TIME).await
    }

    /// Deletes the group. The error is a human-readable message.
    pub(super) async fn delete(&self) -> Result<(), String> {
        self.send(Method::DELETE, None, DELETE_TIME).await
    }

    async fn send(
        &self,
        method: Method,
        content: Option<(Bytes, Format)>,
        limit: Duration,
    ) -> Result<(), String> {
        let sent = async {
            let path = format!("{}{}", self.url.path().trim_end_matches('/'), self.group.path());
            let mut request = Request::builder().method(method.clone()).uri(path);
            if let Some((_, format)) = &content {
                request = request.header(CONTENT_TYPE, format.content_type());
            }
            if let Some(basic_auth) = &self.basic_auth {
                request = request.header(AUTHORIZATION, basic_auth.header()?);
            }
            let content = content.map(|(content, _)| content).unwrap_or_default();
            let request = request.body(Full::new(content)).map_err(|error| error.to_string())?;
            outcome(&self.url.send(request, &self.tls, MAX_RESPONSE).await?)
        };
        let sent = timeout(limit, sent).await;
        sent.unwrap_or_else(|_| Err(format!("no response within {} s", limit.as_secs())))
            .map_err(|error| format!("cannot {method} {self}: {error}"))
    }
}

/// The URL of the group.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.url.to_string().trim_end_matches('/'), self.group.path())
    }
}

/// Returns the gateway's error, with advice, unless the request succeeded.
fn outcome(response: &Response) -> Result<(), String> {
    let status = response.status;
    if status.is_success() {
        return Ok(());
    }
    if status.is_redirection() {
        let location =
            response.headers.get(LOCATION).map_or("", |location| location.to_str().unwrap_or_default());
        return Err(format!(
            "the response is {status} to \"{}\"; redirects are not followed: set --gateway to the final URL",
            quote(location)
        ));
    }
    let content = String::from_utf8_lossy(&response.content);
    let advice = match status.as_u16() {
        401 | 403 => "; check --basic-auth.username and --basic-auth.password-file",
        404 | 405 => "; check that --gateway is the URL of a Pushgateway, including its path prefix",
        _ => "",
    };
    match quote(content.trim()) {
        content if content.is_empty() => Err(format!("the response is {status}{advice}")),
        content => Err(format!("the response is {status}: {content}{advice}")),
    }
}

fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTE).collect()
}

/// The time for a push, including the time to connect: tens of kilobytes over a slow network.
const PUT_TIME: Duration = Duration::from_secs(10);
/// The time for the deletion, which delays the exit.
const DELETE_TIME: Duration = Duration::from_secs(3);
/// The most that is read of a response: an error message.
const MAX_RESPONSE: usize = 4096;
/// The most of a response that is logged, in characters.
const MAX_QUOTE: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[tokio::test(start_paused = true)]
    async fn a_silent_gateway_is_given_up_after_the_time_limit() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let gateway = Gateway {
            url: Url::parse(&url).unwrap(),
            group: Group::new("j", []).unwrap(),
            basic_auth: None,
            tls: TlsFiles::default(),
        };
        let start = tokio::time::Instant::now();
        let error = gateway.put(Bytes::from_static(b"a 1\n"), Format::TEXT).await.unwrap_err();
        assert_eq!(error, format!("cannot PUT {url}metrics/job/j: no response within 10 s"));
        assert_eq!(start.elapsed().as_secs(), 10);
        assert!(gateway.delete().await.unwrap_err().ends_with(": no response within 3 s"));
        assert_eq!(start.elapsed().as_secs(), 13);
    }
}
