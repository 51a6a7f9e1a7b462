//! Addresses and sockets to listen on.

use crate::support::{ClientResponse, TestServer};
use exporter_toolkit::Limits;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn start(address: &str) -> Result<TestServer, String> {
    TestServer::with(None, Limits::default(), address)
}

fn healthy(mut stream: impl Read + Write) {
    stream.write_all(REQUEST).unwrap();
    assert_eq!(ClientResponse::read(stream).text(), "Healthy\n");
}

#[test]
fn a_unix_socket_is_created_and_removed_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web");
    let address = format!("unix:{}", path.display());
    // The socket of a program that was killed.
    drop(UnixListener::bind(&path).unwrap());
    let mut server = start(&address).unwrap();
    assert_eq!(server.address(), address);
    healthy(UnixStream::connect(&path).unwrap());
    let error = start(&address).err().unwrap();
    assert!(error.starts_with(&format!("failed to listen on {address}: Address already in use")), "{error}");
    healthy(UnixStream::connect(&path).unwrap());
    server.end().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_not_a_socket_is_not_removed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(start(&format!("unix:{}", file.path().display())).is_err());
    assert!(file.path().exists());
}

#[test]
fn an_address_in_use_is_reported() {
    let server = start("127.0.0.1:0").unwrap();
    let error = start(server.address()).err().unwrap();
    assert!(error.starts_with(&format!("failed to listen on {}: Address", server.address())), "{error}");
}
