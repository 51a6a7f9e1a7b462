//! Listening sockets and their addresses.

use crate::Error;
use crate::client_address::ClientAddress;
use crate::stream::Stream;
use listenfd::ListenFd;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_vsock::{VMADDR_CID_ANY, VsockAddr, VsockListener};

/// An address to listen on, in the notation of Prometheus' exporters.
///
/// ```
/// # use exporter_toolkit::ListenAddress;
/// let address: ListenAddress = "[::1]:9494".parse()?;
/// assert_eq!(address, ListenAddress::Tcp { host: "::1".to_owned(), port: 9494 });
/// # Ok::<(), exporter_toolkit::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`, `[::1]:port`, or `:port` for all addresses of the machine.
    Tcp {
        /// A host name or an IP address; empty for all addresses.
        host: String,
        /// The port; 0 for any free one.
        port: u16,
    },
    /// `unix:/path`, for clients on this machine.
    Unix {
        /// The path of the socket.
        path: PathBuf,
    },
    /// `vsock://:port`, for the host or other virtual machines.
    Vsock {
        /// The port.
        port: u32,
    },
}

/// A listening socket.
pub(crate) struct Listener {
    socket: Socket,
    /// The unix socket to remove at the end; `None` for other kinds, and if another process created it.
    file: Option<PathBuf>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
    Vsock(VsockListener),
}

impl ListenAddress {
    /// Listens on the address. `:port` means IPv6 with IPv4, or only IPv4 on a machine without IPv6.
    pub(crate) async fn bind(&self) -> io::Result<Listener> {
        let tcp = match self {
            Self::Vsock { port } => {
                let socket = VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, *port))?;
                return Ok(Listener { socket: Socket::Vsock(socket), file: None });
            }
            Self::Unix { path } => {
                remove_stale(path);
                let socket = UnixListener::bind(path)?;
                return Ok(Listener { socket: Socket::Unix(socket), file: Some(path.clone()) });
            }
            Self::Tcp { host, port } if !host.is_empty() => TcpListener::bind((host.as_str(), *port)).await?,
            Self::Tcp { port, .. } => match bind_all(*port) {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await?
                }
                bound => bound?,
            },
        };
        Ok(Listener { socket: Socket::Tcp(tcp), file: None })
    }
}

impl Listener {
    /// Returns the sockets that systemd passes: TCP or unix.
    pub(crate) fn from_systemd() -> io::Result<Vec<Self>> {
        let mut passed = ListenFd::from_env();
        let mut listeners = Vec::new();
        for index in 0..passed.len() {
            let socket = match passed.take_tcp_listener(index) {
                Ok(Some(tcp)) => {
                    tcp.set_nonblocking(true)?;
                    Socket::Tcp(TcpListener::from_std(tcp)?)
                }
                _ => {
                    let unix = passed.take_unix_listener(index).ok().flatten().ok_or_else(|| {
                        let descriptor = index + FIRST_DESCRIPTOR;
                        io::Error::other(format!(
                            "descriptor {descriptor} from systemd is neither a TCP nor a unix stream socket"
                        ))
                    })?;
                    unix.set_nonblocking(true)?;
                    Socket::Unix(UnixListener::from_std(unix)?)
                }
            };
            listeners.push(Self { socket, file: None });
        }
        if listeners.is_empty() {
            return Err(io::Error::other(
                "no socket activation file descriptors found: --web.systemd-socket needs a .socket unit",
            ));
        }
        Ok(listeners)
    }

    pub(crate) fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, ClientAddress)>> {
        match &mut self.socket {
            Socket::Tcp(listener) => listener.poll_accept(context).map_ok(|(stream, address)| {
                // Small responses leave at once; if the option cannot be set, they leave a little later.
                let _ = stream.set_nodelay(true);
                (Box::new(stream) as Box<dyn Stream>, ClientAddress::Ip(address))
            }),
            Socket::Unix(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, _)| (Box::new(stream) as Box<dyn Stream>, ClientAddress::Local)),
            Socket::Vsock(listener) => listener.poll_accept(context).map_ok(|(stream, address)| {
                (Box::new(stream) as Box<dyn Stream>, ClientAddress::Vsock(address.cid()))
            }),
        }
    }
}

impl fmt::Display for Listener {
    /// The actual address, whose port the system may have chosen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Socket::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(error) => error.fmt(f),
            },
            Socket::Unix(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "unix:{}", address.as_pathname().unwrap_or(Path::new("")).display()),
                Err(error) => error.fmt(f),
            },
            Socket::Vsock(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "vsock://:{}", address.port()),
                Err(error) => error.fmt(f),
            },
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

impl FromStr for ListenAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            Error::new(format!(
                "invalid --web.listen-address \"{text}\"; expected [HOST]:PORT, unix:/PATH or vsock://:PORT, for example \
                 :9494, 127.0.0.1:9494 or [::1]:9494"
            ))
        };
        if let Some(port) = text.strip_prefix("vsock://:") {
            return Ok(Self::Vsock { port: number(port).ok_or_else(invalid)? });
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') { Ok(Self::Unix { path: path.into() }) } else { Err(invalid()) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.contains(['[', ']', '/']) || host.contains(':') && !(bare.is_some() && is_ipv6(host)) {
            return Err(invalid());
        }
        Ok(Self::Tcp { host: host.to_owned(), port: number(port).ok_or_else(invalid)? })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            // Otherwise the parser would drop the first two slashes, as those of a URI.
            Self::Unix { path } if path.as_os_str().as_encoded_bytes().starts_with(b"//") => {
                write!(f, "unix://{}", path.display())
            }
            Self::Unix { path } => write!(f, "unix:{}", path.display()),
            Self::Vsock { port } => write!(f, "vsock://:{port}"),
        }
    }
}

/// Listens on all addresses, even if the system separates IPv4 from IPv6 (`net.ipv6.bindv6only`).
fn bind_all(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v6()?;
    rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv6Addr::UNSPECIFIED, port).into())?;
    socket.listen(BACKLOG)
}

/// Parses a number in decimal digits only, without a sign, which `FromStr` would accept.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Returns whether this is an address, with or without a zone: `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "zone"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

/// Removes a socket that a killed program has left behind. A socket in use and any other file are kept, so that binding
/// fails.
fn remove_stale(path: &Path) {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        let _ = std::fs::remove_file(path);
    }
}

/// The backlog that tokio gives to the other sockets.
const BACKLOG: u32 = 1024;
/// The number of the first descriptor that systemd passes (sd_listen_fds(3)).
const FIRST_DESCRIPTOR: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_as_go_does() {
        for (text, host, port) in [
            (":9494", "", 9494),
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:9100", "::1", 9100),
            ("localhost:0", "localhost", 0),
        ] {
            let address = ListenAddress::Tcp { host: host.to_owned(), port };
            assert_eq!(text.parse().as_ref(), Ok(&address));
            assert_eq!(address.to_string(), text);
        }
        let zone = ListenAddress::Tcp { host: "fe80::1%eth0".to_owned(), port: 80 };
        assert_eq!("[fe80::1%eth0]:80".parse(), Ok(zone));
        let unix: ListenAddress = "unix:////run/x".parse().unwrap();
        assert_eq!(unix.to_string().parse(), Ok(unix));
        assert_eq!("vsock://:9100".parse(), Ok(ListenAddress::Vsock { port: 9100 }));
        assert_eq!("unix:/run/x".parse(), Ok(ListenAddress::Unix { path: "/run/x".into() }));
        assert_eq!("unix:///run/x".parse(), Ok(ListenAddress::Unix { path: "/run/x".into() }));
        for text in [
            "",
            "9494",
            ":",
            ":x",
            ":99999",
            "::1:9494",
            "[::1]",
            "vsock://1:1",
            "vsock://:",
            "a/b:1",
            "unix:x",
            "[a]b]:1",
            "[1:x]:1",
            "[::1%]:1",
            ":+1",
            "vsock://:+1",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
