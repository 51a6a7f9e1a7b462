//! Where a Kamailio listens, and the protocol that it speaks there.

use super::http::{BasicAuth, TlsFiles, Url};
use kamailio_binrpc::{Endpoint, Target as Address};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

/// A Kamailio to scrape: the address of a socket and the protocol.
///
/// | URI | socket |
/// |---|---|
/// | those of [`kamailio_binrpc::Target`] | BINRPC, module ctl |
/// | `http://HOST:PORT/PATH`, `https://HOST:PORT/PATH` | JSON-RPC over HTTP, modules xhttp and jsonrpcs |
/// | `jsonrpc+unix:/PATH`, `jsonrpc+udp:HOST:PORT` | JSON-RPC in datagrams, module jsonrpcs, parameter `dgram_socket` |
/// | `jsonrpc+tcp:HOST:PORT` | JSON-RPC over TCP, module jsonrpcs from 6.0 on, parameter `tcp_socket` |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    address: Address,
    protocol: Protocol,
}

/// The protocol of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Binrpc,
    JsonRpc,
    Http { url: Url, access: Arc<Access> },
}

/// Credentials for HTTP targets, and the authorities that their certificates are verified with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    pub basic_auth: Option<BasicAuth>,
    pub tls: TlsFiles,
}

impl Target {
    /// Returns the address of the socket. A unix socket of jsonrpcs is a datagram socket.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns whether the protocol is BINRPC.
    pub(crate) fn is_binrpc(&self) -> bool {
        matches!(self.protocol, Protocol::Binrpc)
    }

    pub(crate) fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Returns the URL of an HTTP target.
    pub(crate) fn url(&self) -> Option<&Url> {
        match &self.protocol {
            Protocol::Http { url, .. } => Some(url),
            Protocol::Binrpc | Protocol::JsonRpc => None,
        }
    }

    /// Returns the target with credentials, if it is an HTTP target.
    pub(crate) fn with_access(self, access: &Arc<Access>) -> Self {
        match self.protocol {
            Protocol::Http { url, .. } => {
                Self { protocol: Protocol::Http { url, access: access.clone() }, ..self }
            }
            Protocol::Binrpc | Protocol::JsonRpc => self,
        }
    }
}

impl Access {
    /// Returns what a server that is not trusted may see: no credentials, but its certificate is verified as always.
    pub(crate) fn without_credentials(&self) -> Self {
        Self { basic_auth: None, tls: TlsFiles { ca: self.tls.ca.clone(), identity: None } }
    }
}

impl From<Address> for Target {
    fn from(address: Address) -> Self {
        Self { address, protocol: Protocol::Binrpc }
    }
}

impl FromStr for Target {
    type Err = String;

    /// Parses a URI. The error is a human-readable message.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            // The text is not repeated, because it may contain a password.
            return http(text).map_err(|error| format!("invalid Kamailio address: {error}"));
        }
        let Some(socket) = text.strip_prefix(JSONRPC) else {
            let forms =
                ", http://HOST:PORT/PATH, https://HOST:PORT/PATH, or jsonrpc+ before unix:, udp: or tcp:";
            return text.parse().map(Address::into).map_err(|error| format!("{error}{forms}"));
        };
        let address = match socket.strip_prefix("unix:") {
            Some(path) => format!("unixd:{path}").parse(),
            None if socket.starts_with("tcp") || socket.starts_with("udp") => socket.parse::<Address>(),
            None => {
                return Err(format!(
                    "invalid Kamailio address {text:?}: expected jsonrpc+unix:/PATH, jsonrpc+udp:HOST:PORT or \
                     jsonrpc+tcp:HOST:PORT"
                ));
            }
        };
        let address = address.map_err(|error| error.to_string())?;
        Ok(Self { address, protocol: Protocol::JsonRpc })
    }
}

fn http(text: &str) -> Result<Target, String> {
    if text.contains('@') {
        return Err(
            "a URL must not contain a user name or password: use --kamailio.basic-auth.username and \
                    --kamailio.basic-auth.password-file"
                .to_owned(),
        );
    }
    let url = Url::parse(text)?;
    let host = if url.host().contains(':') { format!("[{}]", url.host()) } else { url.host().to_owned() };
    let address = format!("tcp:{host}:{}", url.port()).parse();
    let address = address.map_err(|_| "the host is neither a name nor an IP address".to_owned())?;
    Ok(Target { address, protocol: Protocol::Http { url, access: Arc::default() } })
}

/// Prints the form that parses to the same target, without credentials.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.protocol, &self.address) {
            (Protocol::Binrpc, address) => address.fmt(f),
            (Protocol::Http { url, .. }, _) => url.fmt(f),
            (Protocol::JsonRpc, address) => {
                let address = address.to_string();
                match address.strip_prefix("unixd:") {
                    Some(path) => write!(f, "{JSONRPC}unix:{path}"),
                    None => write!(f, "{JSONRPC}{address}"),
                }
            }
        }
    }
}

/// Returns the addresses found for a host that have the IP version of the endpoint, or an error if there are none.
pub(super) fn accepted(
    endpoint: &Endpoint,
    found: impl IntoIterator<Item = SocketAddr>,
) -> io::Result<Vec<SocketAddr>> {
    let accepted: Vec<_> = found.into_iter().filter(|address| endpoint.accepts(address)).collect();
    if accepted.is_empty() {
        let message = format!("{} has no address of the requested IP version", endpoint.host());
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(accepted)
}

const JSONRPC: &str = "jsonrpc+";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_print_as_they_parse() {
        for text in [
            "unix:/run/kamailio_ctl",
            "udp:localhost:2049",
            "http://127.0.0.1:5060/RPC",
            "https://sip1.example.org/RPC?a=b",
            "http://[::1]:8080/RPC",
            "jsonrpc+unix:/run/kamailio_rpc.sock",
            "jsonrpc+udp:[::1]:2050",
            "jsonrpc+tcp4:sip1.example.org:2050",
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
        }
        let ports =
            ["http://h/x", "https://h/x"].map(|text| text.parse::<Target>().unwrap().address.to_string());
        assert_eq!(ports, ["tcp:h:80", "tcp:h:443"]);
    }

    #[test]
    fn malformed_targets_are_refused_with_the_reason() {
        for (text, part) in [
            ("http://user:secret@h/x", "use --kamailio.basic-auth.username"),
            ("http://h:0/x", "not a URL of the form"),
            ("ftp://h/x", "https://HOST:PORT/PATH"),
            ("jsonrpc+/run/x", "expected jsonrpc+unix:/PATH"),
            ("jsonrpc+unixd:/run/x", "expected jsonrpc+unix:/PATH"),
            ("jsonrpc+udp:h", "the port is missing"),
            ("jsonrpc+unix:run", "the path is not absolute"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn only_http_targets_have_access() {
        let access = Arc::new(Access {
            basic_auth: Some(BasicAuth { username: "u".to_owned(), password_file: "/p".into() }),
            tls: TlsFiles { ca: Some("/ca".into()), identity: Some(("/c".into(), "/k".into())) },
        });
        let target: Target = "http://h/x".parse().unwrap();
        assert_ne!(target.clone().with_access(&access), target);
        let target: Target = "unix:/x".parse().unwrap();
        assert_eq!(target.clone().with_access(&access), target);
        let ca = TlsFiles { ca: Some("/ca".into()), identity: None };
        assert_eq!(access.without_credentials(), Access { basic_auth: None, tls: ca });
    }
}
