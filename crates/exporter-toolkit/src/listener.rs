//! Where connections come in.

use crate::connection::Stream;
use crate::peer::Peer;
use anyhow::Context as _;
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

/// An address to listen on, as Go's programs take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`, `[::1]:port`, or `:port` for every address there is.
    Tcp {
        /// A name or an address; empty is every address.
        host: String,
        /// The port; 0 is one that is free.
        port: u16,
    },
    /// `unix:/path`: processes on this machine.
    Unix {
        /// The socket's file.
        path: PathBuf,
    },
    /// `vsock://:port`: from the host or a neighbouring virtual machine.
    Vsock {
        /// The port.
        port: u32,
    },
}

/// A socket that is listened on.
pub(crate) struct Listener {
    socket: Socket,
    /// A file that is ours to remove.
    file: Option<PathBuf>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
    Vsock(VsockListener),
}

impl ListenAddress {
    /// `:port` is IPv6 and with it IPv4; a machine without IPv6 has only the other.
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
    /// The sockets that systemd hands over: TCP or unix.
    pub(crate) fn from_systemd() -> anyhow::Result<Vec<Self>> {
        let mut handed = ListenFd::from_env();
        let mut listeners = Vec::new();
        for place in 0..handed.len() {
            let socket = match handed.take_tcp_listener(place) {
                Ok(Some(tcp)) => {
                    tcp.set_nonblocking(true)?;
                    Socket::Tcp(TcpListener::from_std(tcp)?)
                }
                _ => {
                    let unix = handed.take_unix_listener(place).with_context(|| {
                        format!("the socket {} from systemd is neither TCP nor a unix stream", place + 3)
                    })?;
                    let unix = unix.context("a socket from systemd is there twice")?;
                    unix.set_nonblocking(true)?;
                    Socket::Unix(UnixListener::from_std(unix)?)
                }
            };
            listeners.push(Self { socket, file: None });
        }
        anyhow::ensure!(
            !listeners.is_empty(),
            "no socket activation file descriptors found: --web.systemd-socket needs a .socket unit"
        );
        Ok(listeners)
    }

    pub(crate) fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, Peer)>> {
        match &mut self.socket {
            Socket::Tcp(listener) => listener.poll_accept(context).map_ok(|(stream, address)| {
                // Small answers leave at once; where that cannot be set they leave a little later.
                let _ = stream.set_nodelay(true);
                (Box::new(stream) as Box<dyn Stream>, Peer::Ip(address))
            }),
            Socket::Unix(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, _)| (Box::new(stream) as Box<dyn Stream>, Peer::Local)),
            Socket::Vsock(listener) => listener.poll_accept(context).map_ok(|(stream, address)| {
                (Box::new(stream) as Box<dyn Stream>, Peer::Vsock(address.cid()))
            }),
        }
    }
}

impl fmt::Display for Listener {
    /// What it really listens on: the port may have been left to the system.
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
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "--web.listen-address \"{text}\" is not [HOST]:PORT, for example :9494, 127.0.0.1:9494 or \
                 [::1]:9494, and not unix:/PATH or vsock://:PORT"
            )
        };
        if let Some(port) = text.strip_prefix("vsock://:") {
            return Ok(Self::Vsock { port: number(port).ok_or_else(wrong)? });
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') { Ok(Self::Unix { path: path.into() }) } else { Err(wrong()) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.contains(['[', ']', '/']) || host.contains(':') && !(bare.is_some() && is_ipv6(host)) {
            return Err(wrong());
        }
        Ok(Self::Tcp { host: host.to_owned(), port: number(port).ok_or_else(wrong)? })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            // Else its first two slashes would be taken for those of a URI.
            Self::Unix { path } if path.as_os_str().as_encoded_bytes().starts_with(b"//") => {
                write!(f, "unix://{}", path.display())
            }
            Self::Unix { path } => write!(f, "unix:{}", path.display()),
            Self::Vsock { port } => write!(f, "vsock://:{port}"),
        }
    }
}

/// Every address, also where the system would take IPv4 from IPv6 (`net.ipv6.bindv6only`).
fn bind_all(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v6()?;
    rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv6Addr::UNSPECIFIED, port).into())?;
    socket.listen(BACKLOG)
}

/// Digits and nothing else: no sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// An address, perhaps with its zone: `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "zone"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

/// Removes the socket of a program that ended without doing so. One that is listened on stays, and so does any other
/// file: then binding fails.
fn remove_stale(path: &Path) {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        let _ = std::fs::remove_file(path);
    }
}

/// What the runtime gives to the other sockets.
const BACKLOG: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        for (text, host, port) in [
            (":9494", "", 9494),
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:9100", "::1", 9100),
            ("localhost:0", "localhost", 0),
        ] {
            let address = ListenAddress::Tcp { host: host.to_owned(), port };
            assert_eq!(text.parse::<ListenAddress>(), Ok(address.clone()));
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
