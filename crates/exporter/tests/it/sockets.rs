//! Listening on unix sockets and on sockets from systemd, and notifications to systemd.

use crate::support::{ClientResponse, Exporter, command, eventually, run, send_signal};
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn assert_healthy(mut stream: impl std::io::Read + std::io::Write) {
    stream.write_all(REQUEST).unwrap();
    assert_eq!(ClientResponse::read(stream).text(), "Healthy\n");
}

#[test]
fn a_unix_socket_replaces_a_stale_one_and_is_removed_at_the_exit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web");
    let address = format!("unix:{}", path.display());
    // The socket file that a killed program leaves behind.
    drop(UnixListener::bind(&path).unwrap());
    let mut exporter = Exporter::start(&["--web.listen-address", &address, "-u", "unix:/nonexistent/ctl"]);
    exporter.wait_for_log(&format!("msg=\"Listening on\" address={address}"));
    assert_healthy(UnixStream::connect(&path).unwrap());
    let output = run(&["--web.listen-address", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Address already in use"));
    assert_healthy(UnixStream::connect(&path).unwrap());
    exporter.signal("TERM");
    assert_eq!(exporter.wait(), Some(0));
    assert!(!path.exists());
}

/// A process, killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts an exporter as systemd does: the socket is descriptor 3, and the environment has the process id of the receiver.
/// Returns the process and its log up to the start.
fn start_with_socket(socket: OwnedFd) -> (Running, String) {
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --web.systemd-socket -u unix:/nonexistent/ctl 3<&0 0</dev/null";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_kamailio_exporter")])
        .stdin(Stdio::from(socket))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while !log.contains("TLS is disabled") {
        assert_ne!(lines.read_line(&mut log).unwrap(), 0, "the exporter ended: {log}");
    }
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (Running(child), log)
}

#[test]
fn sockets_from_systemd_are_used() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (_exporter, log) = start_with_socket(listener.into());
        assert!(log.contains("Listening on systemd activated listeners instead of port listeners."), "{log}");
        assert!(
            log.contains(&format!("msg=\"Listening on\" address={address}")) && !log.contains("9494"),
            "{log}"
        );
        assert_healthy(TcpStream::connect(address).unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web");
    let (mut exporter, _) = start_with_socket(UnixListener::bind(&path).unwrap().into());
    assert_healthy(UnixStream::connect(&path).unwrap());
    exporter.0.kill().unwrap();
    exporter.0.wait().unwrap();
    assert!(path.exists(), "the exporter removed the socket of systemd");
}

#[test]
fn the_exporter_works_with_systemd_socket_activate() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web");
    let mut child = Running(
        Command::new("systemd-socket-activate")
            .arg("-l")
            .arg(&path)
            .args([env!("CARGO_BIN_EXE_kamailio_exporter"), "--web.systemd-socket"])
            .args(["-u", "unix:/nonexistent/ctl"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let stream = eventually(|| UnixStream::connect(&path).map_err(|error| error.to_string()));
    assert_healthy(stream);
    assert!(child.0.try_wait().unwrap().is_none());
}

#[test]
fn a_missing_socket_from_systemd_is_an_error_with_advice() {
    let output = run(&["--web.systemd-socket"]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains(
            "no socket activation file descriptors found: --web.systemd-socket needs a .socket unit"
        ),
        "{log}"
    );
}

#[test]
fn systemd_is_notified_of_start_reload_and_stop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let next = || {
        let mut message = [0; 256];
        let read = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..read].to_vec()).unwrap()
    };
    let mut child = Running(
        command()
            .args(["--web.listen-address", "127.0.0.1:0"])
            .env("NOTIFY_SOCKET", &path)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    assert_eq!(next().trim(), "READY=1");
    send_signal(child.0.id(), "HUP");
    let reloading = next();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next().trim(), "READY=1");
    send_signal(child.0.id(), "TERM");
    assert_eq!(next().trim(), "STOPPING=1");
    assert!(child.0.wait().unwrap().success());
}
