//! A Pushgateway: what it is sent, and what it says.

use super::Group;
use crate::outbound::http::{Answer, TlsFiles, Url};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request};
use prometheus_exposition::Format;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// A Pushgateway, and who is pushing what to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// Its address; the path is a prefix, and there is no query.
    pub url: Url,
    /// What is replaced by a push.
    pub group: Group,
    /// Who this is, for a gateway that wants to know.
    pub basic_auth: Option<BasicAuth>,
    /// Whom this trusts, with https.
    pub tls: TlsFiles,
}

/// A user and a password. The file is read for each push, so that the password can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BasicAuth {
    /// The user, without a colon.
    pub username: String,
    /// The file that has the password in it and nothing else; white space around it is not part of it.
    pub password_file: PathBuf,
}

impl Gateway {
    /// Reads the files, to find at the start what could not work. The error is a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(basic_auth) = &self.basic_auth {
            basic_auth.header()?;
            let near = self.url.host() == "localhost"
                || self.url.host().parse().is_ok_and(|address: IpAddr| address.is_loopback());
            if !self.url.is_https() && !near {
                tracing::warn!(
                    "the password goes over the network in plain text; an https:// gateway would hide it"
                );
            }
        }
        if self.url.is_https() {
            self.tls.connector()?;
        }
        Ok(())
    }

    /// Replaces the group: series that are not in `exposition` are gone. The error is a sentence.
    pub(super) async fn put(&self, exposition: Bytes, format: Format) -> Result<(), String> {
        self.send(Method::PUT, Some((exposition, format)), PUT_TIME).await
    }

    /// Deletes the group. The error is a sentence.
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
            judge(&self.url.send(request, &self.tls, MAX_ANSWER).await?)
        };
        let sent = timeout(limit, sent).await;
        sent.unwrap_or_else(|_| Err(format!("it took more than {} s", limit.as_secs())))
            .map_err(|error| format!("cannot {method} {self}: {error}"))
    }
}

impl BasicAuth {
    fn header(&self) -> Result<HeaderValue, String> {
        let Self { username, password_file } = self;
        let cannot = |error: &dyn fmt::Display| {
            format!("cannot read the password in {}: {error}", password_file.display())
        };
        let mut password = String::new();
        let file = File::open(password_file).map_err(|error| cannot(&error))?;
        file.take(MAX_PASSWORD + 1).read_to_string(&mut password).map_err(|error| cannot(&error))?;
        if password.len() as u64 > MAX_PASSWORD {
            return Err(cannot(&format_args!("the file has more than {MAX_PASSWORD} bytes")));
        }
        let credentials = BASE64_STANDARD.encode(format!("{username}:{}", password.trim()));
        let mut header =
            HeaderValue::try_from(format!("Basic {credentials}")).map_err(|error| cannot(&error))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// Where the group is.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.url.to_string().trim_end_matches('/'), self.group.path())
    }
}

/// Whether the gateway did it. If not, what it said, and what to do.
fn judge(answer: &Answer) -> Result<(), String> {
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    if status.is_redirection() {
        let location =
            answer.headers.get(LOCATION).map_or("", |location| location.to_str().unwrap_or_default());
        return Err(format!(
            "the answer is {status} to \"{}\"; redirects are not followed: --gateway is to be the address itself",
            quote(location)
        ));
    }
    let said = String::from_utf8_lossy(&answer.content);
    let advice = match status.as_u16() {
        401 | 403 => "; see --basic-auth.username and --basic-auth.password-file",
        404 | 405 => "; is --gateway the address of a Pushgateway, with the path that it has there?",
        _ => "",
    };
    match quote(said.trim()) {
        said if said.is_empty() => Err(format!("the answer is {status}{advice}")),
        said => Err(format!("the answer is {status}: {said}{advice}")),
    }
}

fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTE).collect()
}

/// For a push, connecting included: tens of kilobytes over a bad line.
const PUT_TIME: Duration = Duration::from_secs(10);
/// At the end of the program nobody wants to wait.
const DELETE_TIME: Duration = Duration::from_secs(3);
/// What is read of an answer: a sentence.
const MAX_ANSWER: usize = 4096;
/// What of it is told in the log.
const MAX_QUOTE: usize = 400;
/// As long as a header may be.
const MAX_PASSWORD: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[tokio::test(start_paused = true)]
    async fn a_silent_gateway_costs_its_time_and_not_more() {
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
        assert_eq!(error, format!("cannot PUT {url}metrics/job/j: it took more than 10 s"));
        assert_eq!(start.elapsed().as_secs(), 10);
        assert!(gateway.delete().await.unwrap_err().ends_with(": it took more than 3 s"));
        assert_eq!(start.elapsed().as_secs(), 13);
    }
}
