//! The kernel's account of one socket, over netlink (`sock_diag(7)`).
//!
//! `/proc/net/udp` has neither the size of the receive buffer nor, for TCP, the drops of one socket, and grows with all sockets
//! of the machine: a media relay next to Kamailio has tens of thousands. Netlink finds one socket by its address.

use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

/// A netlink socket for queries about sockets of this network namespace.
pub(super) struct SockDiag {
    socket: OwnedFd,
}

/// The kernel's account of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SocketState {
    /// UDP: unused. TCP: connections that wait to be accepted.
    pub(super) accept_queue: u32,
    /// UDP: unused. TCP: the backlog.
    pub(super) backlog: u32,
    /// Memory of received packets that wait to be read, in bytes.
    pub(super) receive_queue: u32,
    /// Size of the receive buffer, in bytes.
    pub(super) receive_buffer: u32,
    /// Packets or connection attempts that were dropped.
    pub(super) drops: u32,
}

impl SockDiag {
    /// Opens a netlink socket.
    ///
    /// # Errors
    /// The system forbids it, as `RestrictAddressFamilies=` of systemd does without AF_NETLINK.
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
        Ok(Self { socket })
    }

    /// Returns the state of the socket that listens on this address, if there is one. The kernel replies before the request
    /// returns, so nothing is waited for.
    pub(super) fn state(&self, udp: bool, address: SocketAddr) -> Option<SocketState> {
        send(&self.socket, &request(udp, address), SendFlags::empty()).ok()?;
        let mut buffer = [0; MAX_REPLY];
        let (_, length) = recv(&self.socket, &mut buffer, RecvFlags::empty()).ok()?;
        reply(buffer.get(..length)?, udp, address)
    }
}

/// Writes a `struct nlmsghdr` and a `struct inet_diag_req_v2`.
fn request(udp: bool, address: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(((HEADER + REQUEST) as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    let extensions = 1 << (INET_DIAG_SKMEMINFO - 1);
    bytes.extend([family(address), if udp { IPPROTO_UDP } else { IPPROTO_TCP }, extensions, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    let (ours, nobody) = (endpoint(address), ([0; 2], [0; 16]));
    // For a UDP socket, the kernel takes the address in place of the peer's (net/ipv4/udp_diag.c, udp_dump_one).
    let (source, destination) = if udp { (nobody, ours) } else { (ours, nobody) };
    bytes.extend(source.0.into_iter().chain(destination.0).chain(source.1).chain(destination.1));
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend([0xff; 8]);
    bytes
}

/// Reads a `struct nlmsghdr`, a `struct inet_diag_msg` and its attributes. `None` for an error, and for a socket of another
/// address: one that listens on all addresses.
fn reply(bytes: &[u8], udp: bool, address: SocketAddr) -> Option<SocketState> {
    let message = bytes.get(..u32_at(bytes, 0)? as usize)?;
    if u16_at(message, 4)? != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let body = message.get(HEADER..)?;
    let (port, ip) = endpoint(address);
    let is_it = *body.first()? == family(address) && body.get(4..6)? == port && body.get(8..24)? == ip;
    if !is_it || !udp && *body.get(1)? != TCP_LISTEN {
        return None;
    }
    let mut attributes = body.get(MESSAGE..)?;
    let memory = loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let attribute = attributes.get(4..length)?;
        if u16_at(attributes, 2)? == u16::from(INET_DIAG_SKMEMINFO) {
            break attribute;
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    };
    Some(SocketState {
        accept_queue: u32_at(body, 56)?,
        backlog: u32_at(body, 60)?,
        receive_queue: u32_at(memory, 0)?,
        receive_buffer: u32_at(memory, 4)?,
        drops: u32_at(memory, 32)?,
    })
}

/// Returns the port and the address as the kernel has them.
fn endpoint(address: SocketAddr) -> ([u8; 2], [u8; 16]) {
    let mut ip = [0; 16];
    match address.ip() {
        IpAddr::V4(v4) => ip[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => ip = v6.octets(),
    }
    (address.port().to_be_bytes(), ip)
}

fn family(address: SocketAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

fn u16_at(bytes: &[u8], index: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(index..index + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], index: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(index..index + 4)?.try_into().ok()?))
}

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
const HEADER: usize = 16;
const REQUEST: usize = 56;
const MESSAGE: usize = 72;
const NLM_F_REQUEST: u16 = 1;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const INET_DIAG_SKMEMINFO: u8 = 7;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const TCP_LISTEN: u8 = 10;
/// Bytes of a reply, which has some 200. The rest of a longer one is dropped.
const MAX_REPLY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::net::listen;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::time::Duration;

    #[test]
    fn the_socket_neither_blocks_nor_is_inherited() {
        let diag = SockDiag::open().unwrap();
        assert!(fcntl_getfl(&diag.socket).unwrap().contains(OFlags::NONBLOCK));
        assert!(fcntl_getfd(&diag.socket).unwrap().contains(FdFlags::CLOEXEC));
    }

    #[test]
    fn a_full_receive_buffer_drops_packets() {
        for local in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let socket = UdpSocket::bind(local).unwrap();
            let address = socket.local_addr().unwrap();
            let diag = SockDiag::open().unwrap();
            let before = diag.state(true, address).unwrap();
            assert_eq!((before.receive_queue, before.drops), (0, 0), "{local}");
            let to = if local.starts_with('0') {
                SocketAddr::new([127, 0, 0, 1].into(), address.port())
            } else {
                address
            };
            let sender =
                UdpSocket::bind(if local.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" }).unwrap();
            let sent = 5000;
            for _ in 0..sent {
                sender.send_to(&[7; 900], to).unwrap();
            }
            let full = diag.state(true, address).unwrap();
            assert!(full.receive_queue > full.receive_buffer / 2, "{local}: {full:?}");
            socket.set_nonblocking(true).unwrap();
            let read = std::iter::from_fn(|| socket.recv(&mut [0; 1000]).ok()).count();
            assert_eq!(full.drops as usize, sent - read, "{local}");
            let after = diag.state(true, address).unwrap();
            assert_eq!((after.receive_queue, after.drops), (0, full.drops), "{local}");
        }
    }

    #[test]
    fn a_listener_shows_its_backlog() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        let diag = SockDiag::open().unwrap();
        let state = diag.state(false, address).unwrap();
        assert_eq!(state.accept_queue, 3);
        assert!(state.backlog >= 3 && state.drops == 0, "{state:?}");
        let accepted = listener.accept().unwrap();
        assert_eq!(diag.state(false, address).unwrap().accept_queue, 2);
        drop((clients, accepted));
    }

    #[test]
    fn connections_beyond_the_backlog_are_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listen(&listener, 2).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok();
        let clients: Vec<_> = (0..6).filter_map(connect).collect();
        let state = SockDiag::open().unwrap().state(false, address).unwrap();
        assert!((3..6).contains(&clients.len()), "{state:?}");
        assert!(state.backlog == 2 && state.accept_queue == 3 && state.drops > 0, "{state:?}");
    }

    #[test]
    fn other_sockets_are_not_found() {
        let diag = SockDiag::open().unwrap();
        let all = UdpSocket::bind("0.0.0.0:0").unwrap();
        let one = SocketAddr::new([127, 0, 0, 1].into(), all.local_addr().unwrap().port());
        assert_eq!(diag.state(true, one), None, "it listens on all addresses");
        assert_eq!(diag.state(false, one), None, "it is not TCP");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(diag.state(false, client.local_addr().unwrap()), None, "it does not listen");
    }

    #[test]
    fn incomplete_replies_have_no_state() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let diag = SockDiag::open().unwrap();
        send(&diag.socket, &request(true, address), SendFlags::empty()).unwrap();
        let mut buffer = [0; MAX_REPLY];
        let (_, length) = recv(&diag.socket, &mut buffer, RecvFlags::empty()).unwrap();
        let whole = &buffer[..length];
        assert!(reply(whole, true, address).is_some());
        for end in 0..length {
            let mut part = whole[..end].to_vec();
            assert_eq!(reply(&part, true, address), None, "{end}");
            if end >= HEADER {
                part[..4].copy_from_slice(&(end as u32).to_ne_bytes());
                reply(&part, true, address);
            }
        }
    }
}
