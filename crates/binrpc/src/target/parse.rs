//! Targets from text.

use super::{Endpoint, Family, Target};
use crate::decimal;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(input: &str) -> Result<Self, ParseTargetError> {
        parse(input).map_err(|reason| ParseTargetError { input: input.to_owned(), reason })
    }
}

/// Text that is not a [`Target`].
///
/// ```
/// use kamailio_binrpc::Target;
///
/// let error = "tcp:localhost".parse::<Target>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid Kamailio address \"tcp:localhost\": the port is missing (Kamailio's default is 2049); expected \
///      unix:/path, unixd:/path, tcp:host:port or udp:host:port"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTargetError {
    input: String,
    reason: Reason,
}

impl std::error::Error for ParseTargetError {}

impl fmt::Display for ParseTargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid Kamailio address {:?}: {}; expected {FORMS}", self.input, self.reason)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Empty,
    Control,
    Whitespace,
    NoScheme,
    UnknownScheme(String),
    NoPath,
    RelativePath,
    HostBeforePath(String),
    LongPath(usize),
    NoHost,
    BadHost(String),
    NoPort,
    BadPort(String),
    User,
    AfterPort,
    Brackets,
    WrongFamily,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the address is empty"),
            Self::Control => f.write_str("the address contains a control character"),
            Self::Whitespace => f.write_str("the address contains whitespace"),
            Self::NoScheme => f.write_str("the socket type is missing"),
            Self::UnknownScheme(scheme) => write!(f, "unknown socket type {scheme:?}"),
            Self::NoPath => f.write_str("the path is missing"),
            Self::RelativePath => f.write_str("the path is not absolute"),
            Self::HostBeforePath(host) => {
                write!(f, "{host:?} is in the place of a host: write one slash or three before the path")
            }
            Self::LongPath(len) => {
                write!(f, "the path has {len} bytes, over the system's limit of {MAX_PATH}")
            }
            Self::NoHost => f.write_str("the host is missing"),
            Self::BadHost(host) => write!(f, "invalid host {host:?}"),
            Self::NoPort => f.write_str("the port is missing (Kamailio's default is 2049)"),
            Self::BadPort(port) => {
                write!(f, "{port:?} is not a port from 1 to 65535 (Kamailio's default is 2049)")
            }
            Self::User => f.write_str("a user is given, but BINRPC has no authentication"),
            Self::AfterPort => f.write_str("unexpected text after the port"),
            Self::Brackets => {
                f.write_str("an IPv6 address must be in brackets, and nothing else may be in brackets")
            }
            Self::WrongFamily => f.write_str("the IP address is of the other IP version"),
        }
    }
}

fn parse(input: &str) -> Result<Target, Reason> {
    if input.is_empty() {
        return Err(Reason::Empty);
    }
    if input.chars().any(char::is_control) {
        return Err(Reason::Control);
    }
    if input.trim() != input {
        return Err(Reason::Whitespace);
    }
    if input.starts_with('/') {
        return path(input).map(Target::Unix);
    }
    let Some((scheme, rest)) = input.split_once(':') else { return Err(Reason::NoScheme) };
    match scheme {
        "unix" | "unixs" => path(after_slashes(rest)?).map(Target::Unix),
        "unixd" => path(after_slashes(rest)?).map(Target::UnixDatagram),
        "tcp" => endpoint(rest, Family::Any).map(Target::Tcp),
        "tcp4" => endpoint(rest, Family::V4).map(Target::Tcp),
        "tcp6" => endpoint(rest, Family::V6).map(Target::Tcp),
        "udp" => endpoint(rest, Family::Any).map(Target::Udp),
        "udp4" => endpoint(rest, Family::V4).map(Target::Udp),
        "udp6" => endpoint(rest, Family::V6).map(Target::Udp),
        _ => Err(Reason::UnknownScheme(scheme.to_owned())),
    }
}

/// Creates an endpoint as if it had been parsed.
pub(super) fn endpoint_of(host: &str, port: u16, family: Family) -> Result<Endpoint, ParseTargetError> {
    let host_and_port =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let endpoint = match host.chars().any(char::is_control) {
        true => Err(Reason::Control),
        false => endpoint(&format!("//{host_and_port}"), family),
    };
    endpoint.map_err(|reason| ParseTargetError { input: host_and_port, reason })
}

fn after_slashes(rest: &str) -> Result<&str, Reason> {
    match rest.strip_prefix("//") {
        None => Ok(rest),
        Some(path) if path.is_empty() || path.starts_with('/') => Ok(path),
        Some(path) => Err(Reason::HostBeforePath(path.split('/').next().unwrap_or(path).to_owned())),
    }
}

fn path(path: &str) -> Result<PathBuf, Reason> {
    match path.len() {
        0 => Err(Reason::NoPath),
        _ if !path.starts_with('/') => Err(Reason::RelativePath),
        len if len > MAX_PATH => Err(Reason::LongPath(len)),
        _ => Ok(PathBuf::from(path)),
    }
}

fn endpoint(rest: &str, family: Family) -> Result<Endpoint, Reason> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    if rest.contains(char::is_whitespace) {
        return Err(Reason::Whitespace);
    }
    if rest.contains('@') {
        return Err(Reason::User);
    }
    let (host, port) = match rest.strip_prefix('[').map(|inner| inner.split_once(']')) {
        Some(None) => return Err(Reason::Brackets),
        Some(Some((host, after))) => {
            let address = host.parse::<Ipv6Addr>().map_err(|_| Reason::Brackets)?;
            let port =
                if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(Reason::Brackets)?) };
            (address.to_string(), port)
        }
        None => match rest.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(Reason::Brackets),
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (rest.to_owned(), None),
        },
    };
    if host.is_empty() {
        return Err(Reason::NoHost);
    }
    let literal = host.parse::<IpAddr>().ok();
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if literal.is_none() && (host.len() > MAX_NAME || !host.chars().all(name)) {
        return Err(Reason::BadHost(host));
    }
    if matches!((literal, family), (Some(IpAddr::V4(_)), Family::V6) | (Some(IpAddr::V6(_)), Family::V4)) {
        return Err(Reason::WrongFamily);
    }
    let port = port.filter(|port| !port.is_empty()).ok_or(Reason::NoPort)?;
    if port.contains(['/', '?', '#']) {
        return Err(Reason::AfterPort);
    }
    match decimal::unsigned(port.as_bytes()).and_then(|port| u16::try_from(port).ok()) {
        Some(port @ 1..) => Ok(Endpoint { host: host.to_ascii_lowercase(), port, family }),
        _ => Err(Reason::BadPort(port.to_owned())),
    }
}

const FORMS: &str = "unix:/path, unixd:/path, tcp:host:port or udp:host:port";
/// Maximum number of bytes of a path: `sun_path` has 108 bytes, the last of which is NUL.
const MAX_PATH: usize = 107;
/// Maximum number of bytes of a host name in the DNS.
const MAX_NAME: usize = 253;
