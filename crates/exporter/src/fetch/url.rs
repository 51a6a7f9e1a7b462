//! Where a server is.

use hyper::Uri;
use std::fmt;

/// An address: `http://HOST:PORT/PATH` or `https://HOST:PORT/PATH`. It has no user and no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
}

impl Url {
    /// Reads an address. The error is a sentence without the input.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("not an address of the form {FORM}");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() && !text.contains(['@', '#']) => {
                Ok(Self { uri })
            }
            _ => Err(wrong()),
        }
    }

    /// Whether the server is asked over TLS.
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The path; `/` if there is none.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// What follows the path.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// The name or the IP address, which has no brackets.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    pub(super) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

const FORM: &str = "http://HOST:PORT/PATH";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
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
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_port_is_that_of_the_scheme() {
        for (text, host, port) in
            [("http://h/x", "h", 80), ("https://h", "h", 443), ("https://[::1]:9091/", "::1", 9091)]
        {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
        }
    }
}
