use crate::scenario::Scenario;
use crate::support::web::{Directory, hash};
use std::io::Read as _;
use std::process::{Command, Stdio};

/// A server with an RSA key of 4096 bits.
fn with_rsa() -> Scenario {
    let directory = Directory::new();
    directory.rsa("server", 4096);
    Scenario::with(directory, &hash("secret"))
}

#[test]
fn replayed_client_hellos() {
    let scenario = with_rsa();
    let hello = scenario.directory.tls_client().client_hello();
    for (name, addresses) in [("from one address", 1), ("from 20", 20), ("from 300", 300)] {
        scenario.survives(name, 2, |thread, call| {
            if let Some(mut stream) = scenario.send((call * 2 + thread) % addresses, &hello) {
                let _ = stream.read(&mut [0; 16]);
            }
        });
    }
}

#[test]
fn client_hellos_of_other_kinds() {
    let scenario = with_rsa();
    // The server asks for another key share, and signs after the second message.
    let retry = openssl_hello(&scenario, &["-groups", "secp521r1:X25519"]);
    let old = openssl_hello(&scenario, &["-tls1_2"]);
    let mut broken = scenario.directory.tls_client().client_hello();
    let half = broken.len() / 2;
    broken[half..].fill(0xff);
    for (name, hello) in [("retried", retry), ("TLS 1.2", old), ("broken", broken)] {
        scenario.survives(name, 2, |thread, call| {
            if let Some(mut stream) = scenario.send((call * 2 + thread) % 50, &hello) {
                let _ = stream.read(&mut [0; 16]);
            }
        });
    }
}

#[test]
fn client_hellos_whose_clients_do_not_wait() {
    let scenario = with_rsa();
    let hello = scenario.directory.tls_client().client_hello();
    scenario.survives("not waiting", 2, |thread, call| drop(scenario.send((call * 2 + thread) % 50, &hello)));
}

/// Returns the first message of OpenSSL with these options.
fn openssl_hello(_scenario: &Scenario, options: &[&str]) -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &address])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut hello = vec![0; 4096];
    let read = stream.read(&mut hello).unwrap();
    hello.truncate(read);
    client.kill().unwrap();
    client.wait().unwrap();
    hello
}
