//! URLs of HTTP servers.

use crate::support::decimal;
use hyper::Uri;
use std::fmt;
use std::net::IpAddr;

/// A URL of the form `http://HOST:PORT/PATH` or `https://HOST:PORT/PATH`, without user and password.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    uri: Uri,
}

impl Url {
    /// Parses a URL. The error is a human-readable message that does not quote the input.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("not a URL of the form {FORM}");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() && !text.contains(['@', '#']) => {
                let port = uri.authority().and_then(|authority| authority.as_str().strip_prefix(host));
                if port.is_some_and(is_port) { Ok(Self { uri }) } else { Err(wrong()) }
            }
            _ => Err(wrong()),
        }
    }

    /// Returns whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Returns the path; `/` if there is none.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// Returns the query, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Returns the host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Returns whether the host is this machine, judged by its name alone.
    pub fn is_local(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    pub(crate) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    pub(crate) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// Returns whether the text is empty, or a colon and a valid port. [`Uri`] ignores a port that is not valid.
fn is_port(text: &str) -> bool {
    let is_valid = |port| decimal::parse::<u16>(port).is_some_and(|port| port > 0);
    text.is_empty() || text.strip_prefix(':').is_some_and(is_valid)
}

const FORM: &str = "http://HOST:PORT/PATH";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_other_forms_are_refused() {
        for text in ["http://localhost:9901/metrics", "http://[::1]:80/x?y", "http://h", "https://h/"] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "localhost",
            "/metrics",
            "ftp://h/",
            "http://",
            "http://u:p@h/",
            "http://a b/",
            "http://h/#x",
            "http://h:/x",
            "http://h:0/x",
            "http://h:99999/x",
            "http://h:80a/x",
            "http://h:+80/x",
            "https://[::1]:65536/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_port_is_that_of_the_scheme() {
        for (text, host, port) in
            [("http://h/x", "h", 80), ("https://h", "h", 443), ("https://[::1]:9091/", "::1", 9091)]
        {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
        }
    }
}
