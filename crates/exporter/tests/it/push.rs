use crate::support::gateway::Gateway;
use crate::support::web::{Directory, basic};
use crate::support::{Process, UNREACHABLE, command, run, samples};
use fake_kamailio::Fake;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

fn push(url: &str, arguments: &[&str]) -> Process {
    Process::start(&[&["push", "--gateway", url, "--interval", "1s"], arguments].concat())
}

#[test]
fn every_push_replaces_the_group() {
    let (gateway, fake) = (Gateway::start(), Fake::start());
    let process = push(
        &format!("{}/behind/a/proxy/", gateway.url()),
        &[
            "-u",
            &fake.unix(),
            "--job",
            "sip",
            "--instance",
            "b/1",
            "--grouping",
            "site=Nový Jičín",
            "--grouping",
            "x=",
        ],
    );
    let path =
        "/behind/a/proxy/metrics/job/sip/instance@base64/Yi8x/site/Nov%C3%BD%20Ji%C4%8D%C3%ADn/x@base64/=";
    for number in 1..=3 {
        let request = gateway.request(number);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", path));
        assert_eq!(request.headers["host"], gateway.address());
        assert!(request.headers["content-type"].starts_with("text/plain; version=0.0.4"));
        assert!(!request.headers.contains_key("authorization"));
        let samples = samples(&request.body);
        assert_eq!(samples["kamailio_up"], 1.0);
        assert!(samples.contains_key("kamailio_tm_stats_current"));
        assert!(!samples.keys().any(|name| name.starts_with("process_")), "they are the gateway's own");
    }
    process.wait_for_log("first push succeeded");
    assert_eq!(process.log().matches("first push succeeded").count(), 1, "{}", process.log());
}

#[test]
fn the_default_instance_is_the_host_name() {
    let gateway = Gateway::start();
    let _process = push(&gateway.url(), &UNREACHABLE);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(gateway.request(1).path, format!("/metrics/job/kamailio/instance/{}", host.trim()));
}

#[test]
fn labels_are_pushed_with_every_series() {
    let (gateway, fake) = (Gateway::start(), Fake::start());
    let _process = push(&gateway.url(), &["-u", &fake.unix(), "--label=tier=edge"]);
    let body = gateway.request(1).body;
    let mut samples = body.lines().filter(|line| !line.starts_with('#'));
    assert!(body.contains("kamailio_up{tier=\"edge\"} 1\n"), "{body}");
    assert!(samples.all(|line| line.contains("{tier=\"edge\"")), "{body}");
}

#[test]
fn an_unreachable_kamailio_is_pushed_as_up_0() {
    let (gateway, fake) = (Gateway::start(), Fake::start());
    let _process = push(&gateway.url(), &["-u", &fake.unix()]);
    assert_eq!(samples(&gateway.request(1).body)["kamailio_up"], 1.0);
    drop(fake);
    let before = gateway.requests().len();
    // The scrape of the next push may already be in progress.
    let samples = samples(&gateway.request(before + 2).body);
    assert_eq!(samples["kamailio_up"], 0.0);
    assert!(!samples.contains_key("kamailio_tm_stats_current"), "series of the last push would remain");
}

#[test]
fn an_outage_of_the_gateway_is_logged_once_and_ends_with_the_latest_metrics() {
    let (gateway, fake) = (Gateway::start(), Fake::start());
    gateway.answer("503 Service Unavailable", "");
    let process = push(&gateway.url(), &["-u", &fake.unix()]);
    gateway.request(2);
    gateway.answer("200 OK", "");
    process.wait_for_log("push succeeded after failures");
    let log = process.log();
    assert_eq!(log.matches("push failed, will retry").count(), 1, "{log}");
    assert_eq!(log.matches("push succeeded").count(), 1, "{log}");
    assert!(log.contains("the response is 503 Service Unavailable\""), "{log}");
    let scrapes = gateway.requests().into_iter().map(|r| samples(&r.body)["kamailio_exporter_total_scrapes"]);
    assert!(
        scrapes.clone().zip(1..).all(|(count, number)| count == f64::from(number)),
        "{:?}",
        scrapes.collect::<Vec<_>>()
    );
}

#[test]
fn errors_of_the_gateway_are_logged_with_advice() {
    let large = format!("HTTP/1.1 500 X\r\n\r\n{}", "x".repeat(1 << 20));
    for (answer, sentence) in [
        (
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 17\r\n\r\nnot\nconsistent \r\n",
            "the response is 400 Bad Request: not\\nconsistent\"",
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "the response is 401 Unauthorized; check --basic-auth.username",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!",
            "the response is 404 Not Found: no!; check that --gateway is the URL of a Pushgateway",
        ),
        (
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://else/x\r\nContent-Length: 0\r\n\r\n",
            "the response is 308 Permanent Redirect to \\\"https://else/x\\\"; redirects are not followed",
        ),
        (
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\nbroken off",
            "the response is 400 Bad Request: broken off\"",
        ),
        ("garbage\r\n\r\n", "invalid HTTP"),
        (&large, &format!("the response is 500 Internal Server Error: {}\"", "x".repeat(400))),
    ] {
        let gateway = Gateway::start();
        gateway.respond_raw(answer);
        let process = push(&gateway.url(), &[&UNREACHABLE[..], &["--instance", "i"]].concat());
        process
            .wait_for_log(&format!("error=\"cannot PUT {}/metrics/job/kamailio/instance/i: ", gateway.url()));
        process.wait_for_log(sentence);
    }
    let process = push("http://127.0.0.1:1", &UNREACHABLE);
    process.wait_for_log("Connection refused");
}

#[test]
fn a_redirect_is_not_followed() {
    let (gateway, other) = (Gateway::start(), Gateway::start());
    gateway.respond_raw(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
        other.url()
    ));
    let process = push(&gateway.url(), &UNREACHABLE);
    process.wait_for_log("redirects are not followed");
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn the_group_is_deleted_at_a_clean_stop_on_request() {
    for (signal, arguments, deleted) in [("TERM", &["--delete-on-exit"][..], true), ("INT", &[], false)] {
        let gateway = Gateway::start();
        let mut process = push(&gateway.url(), &[&UNREACHABLE[..], arguments].concat());
        let pushed = gateway.request(1);
        process.wait_for_log("first push succeeded");
        gateway.answer("202 Accepted", "");
        process.signal(signal);
        assert_eq!(process.wait(), Some(0), "{}", process.log());
        let last = gateway.requests().pop().unwrap();
        assert_eq!((last.method == "DELETE", last.path), (deleted, pushed.path), "{}", process.log());
    }
}

#[test]
fn a_stop_does_not_wait_for_a_push_in_progress() {
    let gateway = Gateway::start();
    gateway.respond_raw("");
    let mut process = push(&gateway.url(), &UNREACHABLE);
    gateway.request(1);
    process.signal("TERM");
    assert_eq!(process.wait(), Some(0));
    assert_eq!(gateway.requests().len(), 1);
}

#[test]
fn a_hung_gateway_delays_a_stop_for_a_limited_time() {
    let gateway = Gateway::start();
    gateway.respond_raw("");
    let mut process = push(&gateway.url(), &[&UNREACHABLE[..], &["--delete-on-exit"]].concat());
    gateway.request(1);
    process.signal("TERM");
    assert_eq!(process.wait(), Some(1));
    process.wait_for_log("cannot DELETE");
    process.wait_for_log("no response within 3 s");
    let methods: Vec<_> = gateway.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PUT", "DELETE"], "the push under way first, and one attempt");
}

#[test]
fn the_deletion_waits_for_a_push_in_progress() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut process = push(&url, &[&UNREACHABLE[..], &["--delete-on-exit"]].concat());
    let (mut first, _) = listener.accept().unwrap();
    let mut method = [0; 4];
    first.read_exact(&mut method).unwrap();
    assert_eq!(&method, b"PUT ");
    process.signal("TERM");
    process.wait_for_log("msg=stopping");
    std::thread::sleep(Duration::from_millis(300));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "the gateway may be busy with the push");
    listener.set_nonblocking(false).unwrap();
    first.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    let (mut second, _) = listener.accept().unwrap();
    second.read_exact(&mut method).unwrap();
    assert_eq!(&method, b"DELE");
    second.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(process.wait(), Some(0), "{}", process.log());
}

#[test]
fn a_stop_does_not_wait_for_a_scrape_in_progress() {
    let (gateway, fake) = (Gateway::start(), Fake::start());
    fake.delay_method("core.uptime", Duration::from_secs(60));
    let mut process = push(&gateway.url(), &["-u", &fake.unix(), "-t", "60s", "--delete-on-exit"]);
    crate::support::eventually(|| match fake.connections().open {
        0 => Err("no scrape".to_owned()),
        _ => Ok(()),
    });
    process.signal("TERM");
    assert_eq!(process.wait(), Some(0));
    assert_eq!(gateway.request(1).method, "DELETE");
}

#[test]
fn the_password_is_read_for_each_push_and_never_printed() {
    let (gateway, directory) = (Gateway::start(), Directory::new());
    let file = directory.write("password", " first-secret\n");
    let mut process = push(
        &gateway.url(),
        &[
            &UNREACHABLE[..],
            &[
                "--basic-auth.username",
                "me",
                "--basic-auth.password-file",
                &file,
                "--log.level",
                "debug",
                "--delete-on-exit",
            ],
        ]
        .concat(),
    );
    assert_eq!(gateway.request(1).headers["authorization"], basic("me", "first-secret"));
    directory.replace("password", "second-secret");
    let before = gateway.requests().len();
    assert_eq!(gateway.request(before + 2).headers["authorization"], basic("me", "second-secret"));
    gateway.answer("401 Unauthorized", "");
    process.wait_for_log("the response is 401");
    process.signal("TERM");
    assert_eq!(process.wait(), Some(1));
    let last = gateway.requests().pop().unwrap();
    assert_eq!(
        (last.method.as_str(), &last.headers["authorization"]),
        ("DELETE", &basic("me", "second-secret"))
    );
    let log = process.log();
    assert!(!log.contains("secret") && !log.contains("Basic ") && !log.contains("plain text"), "{log}");
}

/// The TLS configuration of a server with files of the directory. `clients`: requires a certificate of the authority.
fn tls(directory: &Directory, name: &str, clients: bool) -> Option<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let certificate =
        |name: &str| CertificateDer::from_pem_file(directory.path(&format!("{name}.pem"))).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca")).unwrap();
    let builder = if clients {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.unwrap().with_client_cert_verifier(verifier.unwrap())
    } else {
        builder.unwrap().with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(directory.path(&format!("{name}.key"))).unwrap();
    Some(Arc::new(builder.with_single_cert(vec![certificate(name)], key).unwrap()))
}

#[test]
fn the_certificate_of_the_gateway_is_verified() {
    let directory = Directory::new();
    directory.client("client", &["me"]);
    directory.self_signed("self", &["localhost"]);
    let path = |name: &str| directory.path(name).display().to_string();
    let (ca, own, pem, key) = (path("ca.pem"), path("self.pem"), path("client.pem"), path("client.key"));
    let identity = ["--tls.ca-file", &ca, "--tls.cert-file", &pem, "--tls.key-file", &key];
    for (address, name, clients, arguments, complaint) in [
        ("127.0.0.1:0", "server", false, &["--tls.ca-file", &ca][..], None),
        ("127.0.0.1:0", "self", false, &["--tls.ca-file", &own], None),
        ("127.0.0.1:0", "server", true, &identity, None),
        ("127.0.0.1:0", "server", true, &["--tls.ca-file", &ca], Some("CertificateRequired")),
        ("127.0.0.1:0", "server", false, &[], Some("not signed by a trusted authority")),
        ("127.0.0.1:0", "self", false, &["--tls.ca-file", &ca], Some("not signed by a trusted authority")),
        ("127.0.0.2:0", "server", false, &["--tls.ca-file", &ca], Some("certificate not valid for name")),
        ("127.0.0.2:0", "self", false, &["--tls.ca-file", &own], Some("certificate not valid for name")),
    ] {
        let gateway = Gateway::start_on(address, tls(&directory, name, clients));
        let process =
            push(&format!("https://{}", gateway.address()), &[&UNREACHABLE[..], arguments].concat());
        match complaint {
            None => assert_eq!(gateway.request(1).method, "PUT"),
            Some(complaint) => {
                process.wait_for_log(complaint);
                assert_eq!(gateway.requests().len(), 0, "{}", process.log());
            }
        }
    }
}

#[test]
fn a_gateway_without_tls_is_reported() {
    let gateway = Gateway::start();
    let process = push(&format!("https://{}", gateway.address()), &UNREACHABLE);
    process.wait_for_log("TLS handshake failed");
}

#[test]
fn systemd_is_notified() {
    let directory = tempfile::tempdir().unwrap();
    let systemd = UnixDatagram::bind(directory.path().join("notify")).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let gateway = Gateway::start();
    let mut child = command()
        .args(["push", "--gateway", &gateway.url()])
        .args(UNREACHABLE)
        .env("NOTIFY_SOCKET", directory.path().join("notify"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = || {
        let mut message = [0; 256];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    assert_eq!(told(), "READY=1\n");
    crate::support::send_signal(child.id(), "TERM");
    assert_eq!(told(), "STOPPING=1\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn invalid_command_lines_are_one_line_messages_without_passwords() {
    let directory = Directory::new();
    let (password, ca, large) = (
        directory.write("password", "secret"),
        directory.write("ca", "secret"),
        directory.write("large", &"secret".repeat(1000)),
    );
    let key = directory.path("server.key").display().to_string();
    let http = ["--gateway", "http://h"];
    let https = ["--gateway", "https://h"];
    for (gateway, arguments, part) in [
        (
            &[][..],
            &[][..],
            "--gateway is required: the URL of the Pushgateway, for example http://HOST:9091, try --help",
        ),
        (
            &["--gateway", "http://me:secret@h"],
            &[],
            "use --basic-auth.username and --basic-auth.password-file",
        ),
        (&["--gateway", "ftp://secret/"], &[], "--gateway must have the form"),
        (&["--gateway", "http://h/?secret"], &[], "--gateway must have the form"),
        (&["--gateway", "http://h/#secret"], &[], "--gateway must have the form"),
        (&http, &["--interval", "999ms"], "--interval \"999ms\" is shorter than 1s"),
        (&http, &["--job="], "--job must not be empty"),
        (&http, &["--grouping", "job=x"], "--grouping \"job=x\": use --job to set this label"),
        (&http, &["--grouping", "x"], "--grouping \"x\" must have the form NAME=VALUE"),
        (&http, &["--grouping", "a-b=x"], "--grouping: \"a-b\" is not a label name"),
        (
            &http,
            &["--basic-auth.username", "me"],
            "--basic-auth.username and --basic-auth.password-file must be set together",
        ),
        (
            &http,
            &["--basic-auth.password-file", &password],
            "--basic-auth.username and --basic-auth.password-file must be set together",
        ),
        (
            &http,
            &["--basic-auth.username", "a:b", "--basic-auth.password-file", &password],
            "must not contain a colon",
        ),
        (
            &http,
            &["--basic-auth.username", "me", "--basic-auth.password-file", "/nonexistent"],
            "cannot read the password in /nonexistent",
        ),
        (
            &http,
            &["--basic-auth.username", "me", "--basic-auth.password-file", &large],
            "longer than the limit of 4096 bytes",
        ),
        (&http, &["--tls.ca-file", &ca], "starts with https://"),
        (&https, &["--tls.ca-file", &ca], "no certificate in "),
        (&https, &["--tls.ca-file", "/nonexistent"], "failed to read /nonexistent"),
        (&https, &["--tls.key-file", &key], "--tls.cert-file and --tls.key-file must be set together"),
        (
            &https,
            &["--tls.cert-file", &directory.path("ca.pem").display().to_string(), "--tls.key-file", &key],
            "cannot be used together",
        ),
    ] {
        let output = run(&[&["push"], gateway, arguments].concat());
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{log}");
        let errors: Vec<_> = log.lines().filter(|line| !line.contains("level=INFO")).collect();
        assert!(errors.len() == 1 && errors[0].contains(part), "{part}: {log}");
        assert!(!log.contains("secret"), "{log}");
    }
}

#[test]
fn the_environment_sets_the_options_of_push() {
    let mut command = command();
    command.env("KAMAILIO_EXPORTER_INTERVAL", "999ms").env("KAMAILIO_EXPORTER_GATEWAY", "http://h");
    let log = String::from_utf8(command.arg("push").output().unwrap().stderr).unwrap();
    assert!(log.contains("--interval \"999ms\" is shorter than 1s"), "{log}");
}
