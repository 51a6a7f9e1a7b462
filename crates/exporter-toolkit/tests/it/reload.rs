//! Changes of the web configuration while the server runs, which never remove protection.

use crate::support::web::{Directory, TlsClient, basic, hash};
use crate::support::{TestServer, eventually};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn users(users: &[(&str, &str)]) -> String {
    let users: String =
        users.iter().map(|(name, password)| format!("  {name}: {}\n", hash(password))).collect();
    format!("basic_auth_users:\n{users}")
}

fn status(server: &TestServer, user: &str, password: &str) -> u16 {
    server.request("GET", "/-/healthy", &[("Authorization", &basic(user, password))]).status
}

fn last_reload_succeeded(server: &TestServer) -> bool {
    server.web_config().status().unwrap().0
}

#[test]
fn users_and_headers_change_with_the_next_request() {
    let directory = Directory::new();
    let file = directory.write("web.yml", &users(&[("a", "1")]));
    let server = TestServer::start(Some(&file));
    assert_eq!((status(&server, "a", "1"), status(&server, "b", "2")), (200, 401));
    for round in 0..5 {
        directory.write(
            "web.yml",
            &(users(&[("b", "2")]) + "http_server_config: {headers: {X-Frame-Options: deny}}\n"),
        );
        assert_eq!((status(&server, "a", "1"), status(&server, "b", "2")), (401, 200), "{round}");
        assert_eq!(server.get("/").header("x-frame-options"), "deny");
        directory.replace("web.yml", &users(&[("a", "1")]));
        assert_eq!((status(&server, "a", "1"), status(&server, "b", "2")), (200, 401), "{round}");
    }
    assert!(server.log().contains("web configuration reloaded"));
}

#[test]
fn a_file_that_is_empty_broken_truncated_or_missing_changes_nothing() {
    let directory = Directory::new();
    let good = users(&[("a", "1"), ("b", "2")]);
    let file = directory.write("web.yml", &good);
    let server = TestServer::start(Some(&file));
    assert!(last_reload_succeeded(&server));
    for (name, text) in [
        ("empty", Some("")),
        ("broken", Some("basic_auth_users: [")),
        ("a comment", Some("# nothing\n")),
        ("without users", Some("http_server_config: {http2: true}\n")),
        ("half", Some(&good[..good.len() - 10])),
        ("half of a hash", Some(&good[..50])),
        ("unknown key", Some("basic_auth_user: {}\n")),
        ("not UTF-8", Some("\u{0}\u{1}")),
        ("gone", None),
    ] {
        let before = server.log().matches("failed to reload").count();
        match text {
            Some(text) => directory.replace("web.yml", text),
            None => std::fs::remove_file(&file).unwrap(),
        }
        for _ in 0..5 {
            assert_eq!((status(&server, "a", "1"), status(&server, "b", "2")), (200, 200), "{name}");
            assert_eq!(server.get("/").status, 401, "{name}");
        }
        assert!(!last_reload_succeeded(&server), "{name}");
        assert!(server.web_config().reload().is_err(), "{name}");
        assert_eq!(server.log().matches("failed to reload").count() - before, 1, "{name}: {}", server.log());
        directory.replace("web.yml", &good);
        assert_eq!(status(&server, "a", "1"), 200);
        assert!(last_reload_succeeded(&server), "{name}");
    }
    directory.replace("web.yml", &users(&[("a", "3")]));
    assert_eq!((status(&server, "a", "1"), status(&server, "a", "3")), (401, 200));
    assert!(last_reload_succeeded(&server));
}

#[test]
fn a_file_that_becomes_a_pipe_a_device_a_directory_or_huge_changes_nothing() {
    let directory = Directory::new();
    let file = directory.tls("", &users(&[("a", "1")]));
    let server = TestServer::start(Some(&file));
    let url = format!("https://{}/-/healthy", server.address());
    let get = || directory.curl(&["--cacert", "ca.pem", "-u", "a:1", &url]).status;
    assert_eq!(get(), 200);
    for name in ["web.yml", "server.pem", "server.key"] {
        let (path, good) = (directory.path(name), directory.text(name));
        for kind in ["fifo", "device", "directory", "huge"] {
            std::fs::remove_file(&path).unwrap();
            match kind {
                "fifo" => drop(std::process::Command::new("mkfifo").arg(&path).status().unwrap()),
                "device" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
                "directory" => std::fs::create_dir(&path).unwrap(),
                _ => std::fs::File::create(&path).unwrap().set_len(300 << 20).unwrap(),
            }
            let start = Instant::now();
            assert_eq!(get(), 200, "{name} as {kind}");
            assert!(!last_reload_succeeded(&server), "{name} as {kind}");
            assert!(start.elapsed() < Duration::from_secs(5), "{name} as {kind}: {:?}", start.elapsed());
            if kind == "directory" { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) }
                .unwrap();
            directory.write(name, &good);
        }
        assert_eq!(get(), 200);
        assert!(last_reload_succeeded(&server), "{name}");
    }
}

#[test]
fn a_connection_from_before_tls_was_enabled_is_refused() {
    let directory = Directory::new();
    let file = directory.write("web.yml", "");
    let server = TestServer::start(Some(&file));
    let mut connection = TcpStream::connect(server.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut get = || {
        connection.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut response = [0; 4096];
        let read = connection.read(&mut response).unwrap();
        String::from_utf8(response[..read].to_vec()).unwrap()
    };
    assert!(get().ends_with("\r\n\r\nHealthy\n"));
    directory.replace("web.yml", &directory.tls_text("", ""));
    let response = get();
    assert!(
        response.starts_with("HTTP/1.1 400 ") && response.contains("connection: close\r\n"),
        "{response}"
    );
    assert!(response.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{response}");
}

#[test]
fn certificates_change_with_the_next_connection() {
    let directory = Directory::new();
    let file = directory.tls("", "");
    let server = TestServer::start(Some(&file));
    let url = format!("https://localhost:{}/-/healthy", server.address().rsplit_once(':').unwrap().1);
    let resolve = format!("{}:127.0.0.1", url.strip_prefix("https://").unwrap().split('/').next().unwrap());
    let get = |name: &str| {
        let port = resolve.split(':').nth(1).unwrap();
        let (url, resolve) = (url.replace("localhost", name), format!("{name}:{port}:127.0.0.1"));
        directory.curl(&["--cacert", "ca.pem", "--resolve", &resolve, &url]).status
    };
    assert_eq!((get("localhost"), get("renewed")), (200, 0));
    directory.certificate("server", &["renewed"], rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    assert_eq!((get("localhost"), get("renewed")), (0, 200));
    // The certificate without its key, then the key.
    let (key, pem) = (directory.text("server.key"), directory.text("server.pem"));
    directory.certificate("server", &["localhost"], rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    let (new_key, _) = (directory.text("server.key"), directory.write("server.key", &key));
    assert_eq!((get("localhost"), get("renewed")), (0, 200));
    server.wait_for_log("cannot be used together");
    directory.write("server.key", &new_key);
    assert_eq!((get("localhost"), get("renewed")), (200, 0));
    directory.write("server.pem", "");
    assert_eq!(get("localhost"), 200);
    directory.write("server.pem", &pem);
}

#[test]
fn a_reload_does_not_remove_protection() {
    let directory = Directory::new();
    directory.client("client", &["client"]);
    let verified =
        "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: [client]";
    let file = directory.tls(verified, "");
    let server = TestServer::start(Some(&file));
    let url = format!("https://{}/-/healthy", server.address());
    let client = ["--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key", &url];
    for (section, removed) in [
        ("", "client_auth_type would be removed"),
        (
            "client_auth_type: RequireAnyClientCert\nclient_allowed_sans: [client]",
            "client_auth_type would be removed",
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem",
            "client_allowed_sans would be removed",
        ),
    ] {
        directory.tls(section, "");
        assert_eq!(directory.curl(&client).status, 200, "{section}");
        assert_eq!(directory.curl(&["--cacert", "ca.pem", &url]).status, 0, "{section}");
        server.wait_for_log(removed);
    }
    directory.write("web.yml", "http_server_config: {http2: on}\n");
    assert_eq!(directory.curl(&client).status, 200);
    server.wait_for_log("TLS would be removed");
}

#[test]
fn tls_that_is_enabled_later_applies_to_new_connections() {
    let directory = Directory::new();
    let file = directory.write("web.yml", "");
    let server = TestServer::start(Some(&file));
    assert_eq!(server.get("/-/healthy").status, 200);
    directory.tls("", "");
    let url = format!("https://{}/-/healthy", server.address());
    assert_eq!(directory.curl(&["--cacert", "ca.pem", &url]).status, 200);
    assert_eq!(directory.curl(&[&url.replace("https", "http")]).status, 400);
}

/// Ends the load even if the test fails.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends at most 50 requests a second, each on a connection of its own or all on one, and returns how many.
fn load(client: &TlsClient, server: &TestServer, keep: bool, stop: &AtomicBool) -> u32 {
    let authorization = basic("a", "1");
    let mut kept = keep.then(|| client.connect(server.address()));
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let status = match &mut kept {
            Some(connection) => connection.try_get("/-/healthy", &authorization),
            None => client.connect(server.address()).try_get("/-/healthy", &authorization),
        };
        assert!(matches!(status, Ok(200)), "{status:?} after {sent} requests, kept {keep}: {}", server.log());
        sent += 1;
        // A busy machine sends fewer. Making up for them would exceed the rate at which an address may connect.
        std::thread::sleep(Duration::from_millis(20));
    }
    sent
}

#[test]
fn reload_under_load_fails_no_request() {
    let directory = Directory::new();
    let file = directory.tls("", &users(&[("a", "1")]));
    let server = TestServer::start(Some(&file));
    let client = directory.tls_client();
    let reloads = || server.log().matches("web configuration reloaded").count();
    let sent: u32 = std::thread::scope(|scope| {
        let stop = StopOnDrop(Arc::default());
        let (client, server) = (&client, &server);
        let threads = [false, false, true, true].map(|keep| {
            let stop = stop.0.clone();
            scope.spawn(move || load(client, server, keep, &stop))
        });
        for round in 0..50 {
            directory.certificate("server", &["localhost"], rcgen::ExtendedKeyUsagePurpose::ServerAuth);
            let (before, more) = (reloads(), round.to_string());
            directory.replace("web.yml", &directory.tls_text("", &users(&[("a", "1"), ("b", &more)])));
            eventually(|| if reloads() > before { Ok(()) } else { Err(server.log()) });
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(stop);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(sent >= 100, "only {sent} requests for 50 reloads");
    assert_eq!(client.connect(server.address()).get("/-/healthy", &basic("b", "49")), 200);
}
