//! The sockets that Kamailio listens on.

use super::listed::{Listed, ListedSocket};
use super::sock_diag::{SockDiag, SocketState};
use crate::collectors::catalogue::catalogue;
use crate::collectors::kernel::{
    ACCEPT_DROPS, ACCEPT_QUEUE, ACCEPT_QUEUE_MAX, RECEIVE_BUFFER, RECEIVE_DROPS, RECEIVE_QUEUE,
    SOCKETS_VISIBLE,
};
use crate::collectors::schema::Field;
use prometheus_exposition::{Labels, Number, Samples};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

/// Reads sockets.
#[derive(Default)]
pub(super) struct Sockets {
    /// When none of the sockets was found last.
    missed: Option<Instant>,
}

impl Sockets {
    /// Reads the sockets and adds their samples.
    pub(super) fn read(&mut self, listed: &Listed, samples: &mut Samples) -> Result<(), String> {
        let states = self.states(listed);
        let visible = Number::Unsigned(states.is_ok().into());
        samples.push(catalogue().id(&SOCKETS_VISIBLE.family), Labels::NONE, visible);
        for (socket, state) in states? {
            push(socket, state, samples);
        }
        Ok(())
    }

    fn states<'l>(&mut self, listed: &'l Listed) -> Result<Vec<(&'l ListedSocket, SocketState)>, String> {
        let Some(main) = listed.peer else {
            return Err("Kamailio runs in another PID namespace".to_owned());
        };
        let (own, theirs) = (network_namespace("self"), network_namespace(&main.to_string()));
        if own.is_none() || own != theirs {
            return Err("Kamailio runs in another network namespace".to_owned());
        }
        if self.missed.is_some_and(|time| time.elapsed() < RETRY_INTERVAL) {
            return Err(NOT_FOUND.to_owned());
        }
        let diag = SockDiag::open()
            .map_err(|error| format!("cannot ask the kernel about sockets over netlink: {error}"))?;
        let found = listed.sockets.iter().filter_map(|socket| {
            let state = diag.state(socket.udp, socket.address)?;
            Some((socket, state))
        });
        let found: Vec<_> = found.collect();
        self.missed = (found.is_empty() && !listed.sockets.is_empty()).then(Instant::now);
        if self.missed.is_some() { Err(NOT_FOUND.to_owned()) } else { Ok(found) }
    }
}

/// Identifies the network namespace of a process: each has its own files. Every user may ask for that, in contrast to the link
/// in `ns`.
fn network_namespace(process: &str) -> Option<u64> {
    fs::metadata(format!("/proc/{process}/net/dev")).ok().map(|file| file.ino())
}

fn push(socket: &ListedSocket, state: SocketState, samples: &mut Samples) {
    let [proto, address, port] = &socket.names;
    let labels = samples.labels([("proto", proto), ("address", address), ("port", port)]);
    let values: [(&Field, u32); 3] = if socket.udp {
        [
            (&RECEIVE_QUEUE, state.receive_queue),
            (&RECEIVE_BUFFER, state.receive_buffer),
            (&RECEIVE_DROPS, state.drops),
        ]
    } else {
        [
            (&ACCEPT_QUEUE, state.accept_queue),
            (&ACCEPT_QUEUE_MAX, state.backlog),
            (&ACCEPT_DROPS, state.drops),
        ]
    };
    for (field, value) in values {
        samples.push(catalogue().id(&field.family), labels, Number::Unsigned(value.into()));
    }
}

const NOT_FOUND: &str = "the kernel reports none of the sockets that Kamailio lists";
/// Time until sockets are queried again after none was found. If the kernel's module for such queries is not loaded, each query
/// starts a program that looks for the module.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::process::Command;

    fn listed(socket: &UdpSocket, peer: u32) -> Listed {
        let address = socket.local_addr().unwrap();
        let names = ["udp".to_owned(), address.ip().to_string(), "5060".to_owned()];
        let sockets = vec![ListedSocket { names, udp: true, address }];
        Listed { peer: Some(peer), processes: Vec::new(), sockets }
    }

    fn read(sockets: &mut Sockets, listed: &Listed) -> (Result<(), String>, String) {
        let mut samples = Samples::new(usize::MAX);
        let result = sockets.read(listed, &mut samples);
        let text = prometheus_exposition::Format::TEXT.write(catalogue().families(), &[&samples]);
        (result, String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_socket_of_this_namespace_is_reported() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (result, text) = read(&mut Sockets::default(), &listed(&socket, std::process::id()));
        assert_eq!(result, Ok(()));
        let labels = "{proto=\"udp\",address=\"127.0.0.1\",port=\"5060\"}";
        assert!(text.contains(&format!("kamailio_socket_receive_queue_bytes{labels} 0\n")), "{text}");
        assert!(text.contains("kamailio_sockets_visible 1\n"), "{text}");
    }

    #[test]
    fn a_socket_that_is_not_found_is_not_looked_for_at_each_scrape() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listed = listed(&socket, std::process::id());
        let address = socket.local_addr().unwrap();
        drop(socket);
        let mut sockets = Sockets::default();
        let (result, text) = read(&mut sockets, &listed);
        assert_eq!(result, Err(NOT_FOUND.to_owned()));
        assert!(text.contains("kamailio_sockets_visible 0\n"), "{text}");
        let _again = UdpSocket::bind(address).unwrap();
        assert!(read(&mut sockets, &listed).0.is_err());
        sockets.missed = Instant::now().checked_sub(RETRY_INTERVAL);
        assert_eq!(read(&mut sockets, &listed).0, Ok(()));
    }

    #[test]
    fn another_network_namespace_is_told_apart() {
        let Ok(mut child) = Command::new("unshare").args(["--net", "--map-root-user", "sleep", "60"]).spawn()
        else {
            return;
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listed = listed(&socket, child.id());
        // Until the program has entered the namespace.
        let result = (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            read(&mut Sockets::default(), &listed).0.err()
        });
        let _ = child.kill();
        let _ = child.wait();
        assert_eq!(result.as_deref(), Some("Kamailio runs in another network namespace"));
    }
}
