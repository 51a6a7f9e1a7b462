//! Where Kamailio listens, as Kamailio itself writes it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// One of the control sockets that module ctl can open (its parameter `binrpc`).
///
/// | written as | is |
/// |---|---|
/// | `unix:/path`, `unixs:/path`, `unix:///path`, `/path` | unix stream, ctl's default |
/// | `unixd:/path`, `unixd:///path` | unix datagram |
/// | `tcp:host:port`, `tcp://host:port` | TCP; `tcp4` and `tcp6` choose the family |
/// | `udp:host:port`, `udp://host:port` | UDP; `udp4` and `udp6` likewise |
///
/// Paths are taken literally, host names in lower case, IPv6 addresses stand in brackets, the port has to be given.
/// Displayed, a target is in the first form of its row, which parses to the same target.
///
/// ```
/// use kamailio_binrpc::Target;
///
/// let target: Target = "tcp://[::1]:2049".parse()?;
/// assert_eq!(target.to_string(), "tcp:[::1]:2049");
/// # Ok::<(), kamailio_binrpc::ParseTargetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A unix stream socket.
    Unix(PathBuf),
    /// A unix datagram socket. A reply of many KB can lose datagrams, which cannot be told: prefer a stream.
    UnixDatagram(PathBuf),
    /// A TCP port.
    Tcp(Endpoint),
    /// A UDP port. The same goes for its datagrams.
    Udp(Endpoint),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
    family: Family,
}

impl Endpoint {
    /// A name in lower case, or an address, an IPv6 one without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; not 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Which addresses of the host will do.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Whether the address is of the family that will do.
    pub fn accepts(&self, address: &SocketAddr) -> bool {
        match self.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// A family of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 or IPv6.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(input: &str) -> Result<Self, ParseTargetError> {
        parse(input).map_err(|reason| ParseTargetError { input: input.to_owned(), reason })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match self {
            Self::Unix(path) => ("unix", path),
            Self::UnixDatagram(path) => ("unixd", path),
            Self::Tcp(endpoint) => return write!(f, "tcp{endpoint}"),
            Self::Udp(endpoint) => return write!(f, "udp{endpoint}"),
        };
        // `unix://x` would have a host.
        let slashes = if path.as_os_str().as_encoded_bytes().starts_with(b"//") { "//" } else { "" };
        write!(f, "{scheme}:{slashes}{}", path.display())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, family } = self;
        f.write_str(match family {
            Family::Any => "",
            Family::V4 => "4",
            Family::V6 => "6",
        })?;
        if host.contains(':') { write!(f, ":[{host}]:{port}") } else { write!(f, ":{host}:{port}") }
    }
}

/// A URI that is none of a control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTargetError {
    input: String,
    reason: Reason,
}

impl std::error::Error for ParseTargetError {}

impl fmt::Display for ParseTargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} cannot be a control socket: {} (accepted: {FORMS})", self.input, self.reason)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Empty,
    Control,
    Blank,
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
            Self::Empty => f.write_str("it is empty"),
            Self::Control => f.write_str("it has a control character in it"),
            Self::Blank => f.write_str("it has a blank where none can be"),
            Self::NoScheme => f.write_str("it does not say which kind of socket it is"),
            Self::UnknownScheme(scheme) => write!(f, "{scheme:?} is not a kind of control socket"),
            Self::NoPath => f.write_str("it has no path"),
            Self::RelativePath => f.write_str("its path does not begin with a slash"),
            Self::HostBeforePath(host) => {
                write!(f, "{host:?} stands where a host would, after two slashes; a path has one or three")
            }
            Self::LongPath(len) => {
                write!(f, "its path has {len} bytes, over the system's limit of {MAX_PATH}")
            }
            Self::NoHost => f.write_str("it has no host"),
            Self::BadHost(host) => write!(f, "{host:?} is not a host"),
            Self::NoPort => f.write_str("it has no port (ctl's own default is 2049)"),
            Self::BadPort(port) => {
                write!(f, "{port:?} is not a port from 1 to 65535 (ctl's own default is 2049)")
            }
            Self::User => f.write_str("it has a user, and BINRPC knows none"),
            Self::AfterPort => f.write_str("it has something after the port"),
            Self::Brackets => f.write_str("an IPv6 address, and nothing else, has to be in brackets"),
            Self::WrongFamily => f.write_str("its address is of the other IP version"),
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
        return Err(Reason::Blank);
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
        return Err(Reason::Blank);
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
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port @ 1..) if digits => Ok(Endpoint { host: host.to_ascii_lowercase(), port, family }),
        _ => Err(Reason::BadPort(port.to_owned())),
    }
}

const FORMS: &str = "unix:/path, unixd:/path, tcp:host:port, udp:host:port";
/// `sun_path` has 108 bytes, the last of which is NUL.
const MAX_PATH: usize = 107;
/// Of the DNS.
const MAX_NAME: usize = 253;
