//! The web configuration changes under a running exporter, and never to less protection.

use crate::support::web::{Folder, TlsClient, basic, hash};
use crate::support::{Exporter, eventually, samples};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const NOBODY: [&str; 2] = ["-u", "unix:/nonexistent/kamailio_ctl"];

fn start(file: &str, more: &[&str]) -> Exporter {
    Exporter::start(&[&["--web.config.file", file, NOBODY[0], NOBODY[1]], more].concat())
}

fn users(users: &[(&str, &str)]) -> String {
    let users: String =
        users.iter().map(|(name, password)| format!("  {name}: {}\n", hash(password))).collect();
    format!("basic_auth_users:\n{users}")
}

fn status(exporter: &Exporter, user: &str, password: &str) -> u16 {
    exporter.request("GET", "/-/healthy", &[("Authorization", &basic(user, password))]).status
}

fn successful(exporter: &Exporter, user: &str, password: &str) -> (f64, f64) {
    let page = exporter.request("GET", "/metrics", &[("Authorization", &basic(user, password))]);
    assert_eq!(page.status, 200);
    let page = samples(&page.text());
    (
        page["kamailio_exporter_web_config_last_reload_successful"],
        page["kamailio_exporter_web_config_last_reload_success_timestamp_seconds"],
    )
}

#[test]
fn users_and_headers_change_with_the_next_request() {
    let folder = Folder::new();
    let file = folder.write("web.yml", &users(&[("a", "1")]));
    let exporter = start(&file, &[]);
    assert_eq!((status(&exporter, "a", "1"), status(&exporter, "b", "2")), (200, 401));
    for round in 0..5 {
        folder.write(
            "web.yml",
            &(users(&[("b", "2")]) + "http_server_config: {headers: {X-Frame-Options: deny}}\n"),
        );
        assert_eq!((status(&exporter, "a", "1"), status(&exporter, "b", "2")), (401, 200), "{round}");
        assert_eq!(exporter.get("/").header("x-frame-options"), "deny");
        folder.replace("web.yml", &users(&[("a", "1")]));
        assert_eq!((status(&exporter, "a", "1"), status(&exporter, "b", "2")), (200, 401), "{round}");
    }
    assert!(exporter.log().contains("web configuration reloaded"));
}

#[test]
fn what_is_empty_broken_half_or_gone_changes_nothing() {
    let folder = Folder::new();
    let good = users(&[("a", "1"), ("b", "2")]);
    let file = folder.write("web.yml", &good);
    let exporter = start(&file, &[]);
    assert_eq!(successful(&exporter, "a", "1").0, 1.0);
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
        // The signal of the round before may be what has the file read.
        let before = exporter.log().matches("cannot reload").count();
        match text {
            // In one go: the signal of the round before may still be on its way, and would find the file empty.
            Some(text) => folder.replace("web.yml", text),
            None => std::fs::remove_file(&file).unwrap(),
        }
        for _ in 0..5 {
            assert_eq!((status(&exporter, "a", "1"), status(&exporter, "b", "2")), (200, 200), "{name}");
            assert_eq!(exporter.get("/").status, 401, "{name}");
        }
        assert_eq!(successful(&exporter, "a", "1").0, 0.0, "{name}");
        exporter.signal("HUP");
        eventually(|| {
            let logged = exporter.log().matches("cannot reload").count() - before;
            if logged == 1 {
                Ok(())
            } else {
                Err(format!("{name}: logged {logged} times\n{}", exporter.log()))
            }
        });
        folder.replace("web.yml", &good);
        assert_eq!(successful(&exporter, "a", "1").0, 1.0, "{name}");
    }
    folder.replace("web.yml", &users(&[("a", "3")]));
    assert_eq!((status(&exporter, "a", "1"), status(&exporter, "a", "3")), (401, 200));
    assert_eq!(successful(&exporter, "a", "3").0, 1.0);
}

#[test]
fn a_connection_from_before_there_was_tls_gets_nothing_more() {
    let folder = Folder::new();
    let file = folder.write("web.yml", "");
    let exporter = start(&file, &[]);
    let mut connection = TcpStream::connect(exporter.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut get = || {
        connection.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 4096];
        let read = connection.read(&mut answer).unwrap();
        String::from_utf8(answer[..read].to_vec()).unwrap()
    };
    assert!(get().ends_with("\r\n\r\nHealthy\n"));
    folder.replace("web.yml", &folder.tls_text("", ""));
    let answer = get();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{answer}");
}

#[test]
fn certificates_change_with_the_next_connection() {
    let folder = Folder::new();
    let file = folder.tls("", "");
    let exporter = start(&file, &[]);
    let url = format!("https://localhost:{}/-/healthy", exporter.address().rsplit_once(':').unwrap().1);
    let resolve = format!("{}:127.0.0.1", url.strip_prefix("https://").unwrap().split('/').next().unwrap());
    let get = |name: &str| {
        let port = resolve.split(':').nth(1).unwrap();
        let (url, resolve) = (url.replace("localhost", name), format!("{name}:{port}:127.0.0.1"));
        folder.curl(&["--cacert", "ca.pem", "--resolve", &resolve, &url]).status
    };
    assert_eq!((get("localhost"), get("renewed")), (200, 0));
    folder.certificate("server", &["renewed"], rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    assert_eq!((get("localhost"), get("renewed")), (0, 200));
    // The certificate without its key, then the key.
    let (key, pem) = (folder.text("server.key"), folder.text("server.pem"));
    folder.certificate("server", &["localhost"], rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    let (new_key, _) = (folder.text("server.key"), folder.write("server.key", &key));
    assert_eq!((get("localhost"), get("renewed")), (0, 200));
    exporter.wait_for_log("cannot be used together");
    folder.write("server.key", &new_key);
    assert_eq!((get("localhost"), get("renewed")), (200, 0));
    folder.write("server.pem", "");
    assert_eq!(get("localhost"), 200);
    folder.write("server.pem", &pem);
}

#[test]
fn protection_is_not_lost_by_a_reload() {
    let folder = Folder::new();
    folder.client("client", &["client"]);
    let verified =
        "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: [client]";
    let file = folder.tls(verified, "");
    let exporter = start(&file, &[]);
    let url = format!("https://{}/-/healthy", exporter.address());
    let client = ["--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key", &url];
    for (section, lost) in [
        ("", "client_auth_type would be lost"),
        (
            "client_auth_type: RequireAnyClientCert\nclient_allowed_sans: [client]",
            "client_auth_type would be lost",
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem",
            "client_allowed_sans would be lost",
        ),
    ] {
        folder.tls(section, "");
        assert_eq!(folder.curl(&client).status, 200, "{section}");
        assert_eq!(folder.curl(&["--cacert", "ca.pem", &url]).status, 0, "{section}");
        exporter.wait_for_log(lost);
    }
    folder.write("web.yml", "http_server_config: {http2: on}\n");
    assert_eq!(folder.curl(&client).status, 200);
    exporter.wait_for_log("TLS would be lost");
}

#[test]
fn tls_that_comes_later_is_for_new_connections() {
    let folder = Folder::new();
    let file = folder.write("web.yml", "");
    let exporter = start(&file, &[]);
    assert_eq!(exporter.get("/-/healthy").status, 200);
    folder.tls("", "");
    let url = format!("https://{}/-/healthy", exporter.address());
    assert_eq!(folder.curl(&["--cacert", "ca.pem", &url]).status, 200);
    assert_eq!(folder.curl(&[&url.replace("https", "http")]).status, 400);
}

#[test]
fn reload_on_request_is_off_unless_it_is_switched_on() {
    let folder = Folder::new();
    let file = folder.write("web.yml", "");
    let exporter = start(&file, &[]);
    let answer = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("--web.enable-lifecycle"), "{}", answer.text());

    let exporter = start(&file, &["--web.enable-lifecycle"]);
    let answer = exporter.get("/-/reload");
    assert_eq!((answer.status, answer.text().as_str()), (405, "This endpoint requires a POST request.\n"));
    assert_eq!(exporter.request("POST", "/-/reload", &[]).status, 200);
    folder.write("web.yml", "nope: 1\n");
    let answer = exporter.request("POST", "/-/reload", &[]);
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("failed to reload config: ")
            && answer.text().contains("line 1: there is no key")
    );
}

#[test]
fn a_signal_reads_the_file_again() {
    let folder = Folder::new();
    let file = folder.write("web.yml", &users(&[("a", "1")]));
    let exporter = start(&file, &[]);
    let before = successful(&exporter, "a", "1").1;
    exporter.signal("HUP");
    eventually(|| {
        let (ok, time) = successful(&exporter, "a", "1");
        if ok == 1.0 && time > before { Ok(()) } else { Err(format!("{ok} {time} after {before}")) }
    });
}

/// Sends 50 requests a second, each on a connection of its own or all on one, and returns how many.
fn load(client: &TlsClient, address: &str, keep: bool, end: Instant) -> u32 {
    let authorization = basic("a", "1");
    let start = Instant::now();
    let mut kept = keep.then(|| client.connect(address));
    for sent in 0.. {
        if Instant::now() >= end {
            return sent;
        }
        let status = match &mut kept {
            Some(connection) => connection.get("/-/healthy", &authorization),
            None => client.connect(address).get("/-/healthy", &authorization),
        };
        assert_eq!(status, 200, "after {sent} requests");
        std::thread::sleep(
            (start + sent * Duration::from_millis(20)).saturating_duration_since(Instant::now()),
        );
    }
    0
}

#[test]
fn reload_under_load_fails_no_request() {
    let folder = Folder::new();
    let file = folder.tls("", &users(&[("a", "1")]));
    let exporter = start(&file, &[]);
    let client = folder.tls_client();
    let sent: u32 = std::thread::scope(|scope| {
        let end = Instant::now() + Duration::from_secs(6);
        let (client, address) = (&client, exporter.address());
        let threads =
            [false, false, true, true].map(|keep| scope.spawn(move || load(client, address, keep, end)));
        for round in 0..50 {
            folder.certificate("server", &["localhost"], rcgen::ExtendedKeyUsagePurpose::ServerAuth);
            let more = round.to_string();
            folder.replace("web.yml", &folder.tls_text("", &users(&[("a", "1"), ("b", &more)])));
            std::thread::sleep(Duration::from_millis(100));
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // A busy machine sends fewer than the 1,200 that are due; some between any two reloads are enough.
    assert!(sent >= 200, "only {sent} requests in 6 s");
    assert_eq!(client.connect(exporter.address()).get("/-/healthy", &basic("b", "49")), 200);
    let certificates = exporter.log().matches("web configuration reloaded").count();
    assert!(certificates >= 50, "only {certificates} reloads");
}
