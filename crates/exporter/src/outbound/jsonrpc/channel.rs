//! The ways to jsonrpcs: HTTP, datagrams, and TCP.

use super::reply;
use crate::outbound::http::{Connection, Url};
use crate::outbound::target::{Protocol, Target};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, StatusCode};
use kamailio_binrpc::Resolved;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net as unix;
use std::path::Path;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

/// An open way to jsonrpcs.
pub(super) struct Channel {
    target: Target,
    way: Way,
}

enum Way {
    Http(Box<Http>),
    Datagram(Datagram),
    /// Kamailio reads one request from a connection, replies and closes it.
    Tcp(Vec<SocketAddr>),
    Closed,
}

/// A connected socket, over which a request and a reply are one datagram each.
enum Datagram {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

/// A server, and the connection to it, which is opened again if the server has closed it between two requests.
struct Http {
    url: Url,
    addresses: Vec<SocketAddr>,
    tls: Option<TlsConnector>,
    authorization: Option<HeaderValue>,
    connection: Option<Connection>,
}

/// A call to make.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// The `id` of the request.
    pub(super) id: u32,
    /// When to give up a call over datagrams, so that others have some time.
    pub(super) datagram_deadline: Instant,
}

/// Why there is no reply.
pub(super) enum Failure {
    /// The connection is lost, or cannot be opened.
    Connection(io::Error),
    /// There was a response, which is not a reply. The next call may succeed.
    Response(io::Error),
}

impl Channel {
    pub(super) async fn open(target: &Target, resolved: &Resolved) -> io::Result<Self> {
        let failed = |error: io::Error| cannot_connect(target, &error);
        let way = match (resolved, target.protocol()) {
            (Resolved::Tcp(addresses), Protocol::Http { url, access }) => {
                let invalid = |error: String| io::Error::new(ErrorKind::InvalidInput, error);
                let basic_auth = access.basic_auth.as_ref();
                let mut http = Http {
                    url: url.clone(),
                    addresses: addresses.clone(),
                    tls: url.tls(&access.tls).map_err(invalid)?,
                    authorization: basic_auth.map(|auth| auth.header().map_err(invalid)).transpose()?,
                    connection: None,
                };
                http.connect().await.map_err(failed)?;
                Way::Http(Box::new(http))
            }
            (Resolved::Tcp(addresses), _) => Way::Tcp(addresses.clone()),
            (Resolved::Udp(addresses), _) => Way::Datagram(Datagram::udp(addresses).await.map_err(failed)?),
            (Resolved::Unix(path) | Resolved::UnixDatagram(path), _) => {
                Way::Datagram(Datagram::unix(path).map_err(failed)?)
            }
        };
        Ok(Self { target: target.clone(), way })
    }

    /// Sends a request, and passes the reply to `receive`.
    pub(super) async fn exchange(
        &mut self,
        request: Vec<u8>,
        call: Call,
        receive: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), Failure> {
        match &mut self.way {
            Way::Http(http) => {
                if !http.connection.as_mut().is_some_and(Connection::is_open) {
                    let connected = http.connect().await;
                    connected.map_err(|error| Failure::Connection(cannot_connect(&self.target, &error)))?;
                }
                http.exchange(request, receive).await
            }
            Way::Datagram(socket) => {
                let mut buffer = vec![0; MAX_DATAGRAM];
                let exchanged = timeout_at(
                    call.datagram_deadline.into(),
                    socket.exchange(&request, call.id, &mut buffer),
                );
                let len = exchanged
                    .await
                    .map_err(|_| Failure::Response(no_datagram()))?
                    .map_err(Failure::Connection)?;
                receive(buffer.get(..len).unwrap_or_default());
                Ok(())
            }
            Way::Tcp(addresses) => {
                let stream = TcpStream::connect(&addresses[..]).await;
                let stream =
                    stream.map_err(|error| Failure::Connection(cannot_connect(&self.target, &error)))?;
                tcp(stream, &request, receive).await
            }
            Way::Closed => Err(Failure::Connection(ErrorKind::NotConnected.into())),
        }
    }

    pub(super) fn close(&mut self) {
        self.way = Way::Closed;
    }

    /// Adds the target to an error that ends the scrape.
    pub(super) fn context(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("no reply from {}: {error}", self.target))
    }
}

impl Http {
    async fn connect(&mut self) -> io::Result<()> {
        self.connection = None;
        let stream = TcpStream::connect(&self.addresses[..]).await?;
        stream.set_nodelay(true)?;
        let connection = self.url.connection(stream, self.tls.as_ref()).await;
        self.connection = Some(connection.map_err(io::Error::other)?);
        Ok(())
    }

    async fn exchange(
        &mut self,
        request: Vec<u8>,
        receive: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), Failure> {
        let lost = |error: String| Failure::Connection(io::Error::new(ErrorKind::UnexpectedEof, error));
        let Some(connection) = &mut self.connection else { return Err(lost("not connected".to_owned())) };
        let mut post = Request::post(self.url.path_and_query()).header(CONTENT_TYPE, JSON);
        if let Some(authorization) = &self.authorization {
            post = post.header(AUTHORIZATION, authorization);
        }
        let post = post.body(Full::new(Bytes::from(request))).map_err(|error| lost(error.to_string()))?;
        let response = match connection.send(post, MAX_REPLY, receive).await {
            Ok(response) => response,
            Err(error) => {
                // The next call may have more luck with another connection.
                self.connection = None;
                return Err(Failure::Response(io::Error::new(ErrorKind::UnexpectedEof, error)));
            }
        };
        let failed = |kind, message| Err(Failure::Response(io::Error::new(kind, message)));
        let content_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or("no content type");
        // Kamailio reports a fault as a status and as JSON, of which JSON has the code.
        if !media_type.trim().eq_ignore_ascii_case(JSON) {
            let kind = match response.status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::PermissionDenied,
                _ => ErrorKind::InvalidData,
            };
            return failed(
                kind,
                format!("the response is {}, with {media_type} instead of {JSON}", response.status),
            );
        }
        if let Err(error) = response.complete {
            self.connection = None;
            return failed(ErrorKind::InvalidData, format!("the response is incomplete: {error}"));
        }
        Ok(())
    }
}

impl Datagram {
    /// Opens a socket with an address of its own, without which Kamailio could not reply. An abstract address needs no file.
    fn unix(path: &Path) -> io::Result<Self> {
        let unique = RandomState::new().build_hasher().finish();
        let name = format!("kamailio-exporter-{}-{unique:016x}", std::process::id());
        let socket = unix::UnixDatagram::bind_addr(&unix::SocketAddr::from_abstract_name(name)?)?;
        socket.connect(path)?;
        socket.set_nonblocking(true)?;
        UnixDatagram::from_std(socket).map(Self::Unix)
    }

    async fn udp(addresses: &[SocketAddr]) -> io::Result<Self> {
        let address = addresses.first().ok_or(ErrorKind::NotFound)?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        Ok(Self::Udp(socket))
    }

    /// Sends a request and waits for its reply. A late reply to an earlier call, which was given up, is dropped.
    async fn exchange(&self, request: &[u8], id: u32, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.send(request).await?,
            Self::Udp(socket) => socket.send(request).await?,
        };
        loop {
            let len = match self {
                Self::Unix(socket) => socket.recv(buffer).await?,
                Self::Udp(socket) => socket.recv(buffer).await?,
            };
            let found = reply::id(buffer.get(..len).unwrap_or_default());
            if !found.is_some_and(|found| (1..i64::from(id)).contains(&found)) {
                return Ok(len);
            }
        }
    }
}

async fn tcp(
    mut stream: TcpStream,
    request: &[u8],
    receive: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<(), Failure> {
    stream.write_all(request).await.map_err(Failure::Connection)?;
    let (mut buffer, mut rest) = (vec![0; MAX_DATAGRAM], MAX_REPLY);
    loop {
        let len = match stream.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            // Kamailio closes a connection with unread bytes after the reply, which the system reports as a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && rest < MAX_REPLY => return Ok(()),
            read => read.map_err(Failure::Connection)?,
        };
        receive(buffer.get(..len.min(rest)).unwrap_or_default());
        rest = rest.checked_sub(len).ok_or_else(|| {
            let message = format!("the reply has more than {MAX_REPLY} bytes");
            Failure::Response(io::Error::new(ErrorKind::InvalidData, message))
        })?;
    }
}

fn no_datagram() -> io::Error {
    let message = "no reply came; Kamailio sends no datagram of more than 64 KiB";
    io::Error::new(ErrorKind::TimedOut, message)
}

pub(super) fn cannot_connect(target: &Target, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot connect to {target}: {error}"))
}

pub(super) fn late(target: &Target) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("the deadline passed while connecting to {target}"))
}

const JSON: &str = "application/json";
/// The longest datagram. Kamailio sends no more than 65,456 bytes (`jsonrpcs_sock.c`, `JSONRPC_DGRAM_BUF_SIZE`).
const MAX_DATAGRAM: usize = 64 << 10;
/// Maximum number of bytes of a reply. 5,000 dispatcher destinations take 2.6 MB.
const MAX_REPLY: usize = 8 << 20;
