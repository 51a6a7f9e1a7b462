//! TLS with real clients: the cases that Prometheus' exporter-toolkit tests, and where this one differs.

use crate::support::TestServer;
use crate::support::web::{Curl, Directory, hash};
use exporter_toolkit::WebConfig;
use std::time::Duration;

const HTTP2_AND_MORE: &str =
    "cipher_suites:\n- TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n- TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

struct Tls {
    directory: Directory,
    server: TestServer,
}

impl Tls {
    fn with(directory: Directory, section: &str, rest: &str) -> Self {
        let file = directory.tls(section, rest);
        let server = TestServer::start(Some(&file));
        Self { directory, server }
    }

    fn new(section: &str) -> Self {
        Self::with(Directory::new(), section, "")
    }

    fn curl(&self, arguments: &[&str]) -> Curl {
        let url = format!("https://{}/-/healthy", self.server.address());
        self.directory.curl(&[&["--cacert", "ca.pem", &url], arguments].concat())
    }

    fn accepts(&self, arguments: &[&str]) {
        let output = self.curl(arguments);
        assert_eq!(
            (output.exit, output.status, output.body.as_str()),
            (0, 200, "Healthy\n"),
            "{arguments:?} {output:?}"
        );
    }

    fn refuses(&self, arguments: &[&str]) {
        let output = self.curl(arguments);
        assert!(output.exit != 0 && output.status == 0, "{arguments:?} {output:?}");
    }
}

#[test]
fn without_tls_plain_requests_succeed_and_handshakes_fail() {
    let server = TestServer::start(None);
    let directory = Directory::new();
    let output = directory.curl(&["-k", &format!("https://{}/", server.address())]);
    assert_eq!((output.exit, output.status), (35, 0), "{output:?}");
    assert_eq!(server.get("/-/healthy").status, 200);
}

#[test]
fn with_a_certificate_in_files_handshakes_succeed_and_plain_requests_are_refused() {
    let server = Tls::new("");
    server.accepts(&[]);
    let output = server.directory.curl(&[&format!("http://{}/", server.server.address())]);
    assert_eq!(
        (output.status, output.body.as_str()),
        (400, "Client sent an HTTP request to an HTTPS server.\n")
    );
    server.server.wait_for_log("TLS is enabled. http2=true address=");
    server.server.wait_for_log("WARN exporter_toolkit::admission: TLS handshake failed client=127.0.0.1:");
}

/// Otherwise a client whose certificate is no longer valid could resume an old session.
#[test]
fn no_session_is_resumed() {
    for version in ["TLS12", "TLS13"] {
        let server = Tls::new(&format!("min_version: {version}\nmax_version: {version}"));
        let client = server.directory.tls_client();
        for round in 0..3 {
            let mut connection = client.connect(server.server.address());
            assert_eq!(connection.get("/-/healthy", ""), 200);
            assert!(connection.is_full_handshake(), "{version}, connection {round}");
        }
    }
}

#[test]
fn an_inline_certificate_is_accepted() {
    let directory = Directory::new();
    let indented =
        |name| directory.text(name).lines().map(|line| format!("    {line}\n")).collect::<String>();
    let text = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}",
        indented("server.pem"),
        indented("server.key")
    );
    let file = directory.write("web.yml", &text);
    let server = TestServer::start(Some(&file));
    Tls { directory, server }.accepts(&[]);
}

#[test]
fn versions_are_1_2_and_1_3_and_can_be_narrowed() {
    let server = Tls::new("");
    server.accepts(&["--tlsv1.2", "--tls-max", "1.2"]);
    server.accepts(&["--tlsv1.3"]);
    server.refuses(&["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]);
    let server = Tls::new("min_version: TLS13");
    server.accepts(&["--tlsv1.3"]);
    server.refuses(&["--tls-max", "1.2"]);
    server.server.wait_for_log("TLS handshake failed");
    let server = Tls::new("max_version: TLS12");
    server.accepts(&["--tlsv1.2"]);
    server.refuses(&["--tlsv1.3"]);
}

#[test]
fn tls_1_0_is_accepted_as_a_minimum_and_not_offered() {
    let server = Tls::new("min_version: TLS10");
    server.server.wait_for_log("TLS10 and TLS11 are not offered: clients need TLS12 at least");
    server.accepts(&["--tlsv1.2", "--tls-max", "1.2"]);
    server.refuses(&["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]);
}

#[test]
fn all_ciphers_are_accepted_and_those_with_cbc_are_ignored() {
    let server = Tls::new(
        "cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, \
         TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, \
         TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, \
         TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, \
         TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, \
         TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]",
    );
    assert_eq!(server.server.log().matches("suites with CBC are not supported").count(), 4);
    for cipher in
        ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
    {
        server.accepts(&["--tls-max", "1.2", "--ciphers", cipher]);
    }
    server.refuses(&["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-SHA"]);
}

#[test]
fn the_list_of_ciphers_applies_to_tls_1_2_only() {
    let server = Tls::new(HTTP2_AND_MORE);
    server.accepts(&["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
    server.refuses(&["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"]);
    server.accepts(&["--tlsv1.3", "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"]);
}

#[test]
fn without_any_supported_cipher_only_tls_1_3_is_left() {
    let server = Tls::with(
        Directory::new(),
        "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]",
        "http_server_config: {http2: off}\n",
    );
    server.accepts(&["--tlsv1.3"]);
    server.refuses(&["--tls-max", "1.2"]);
    let directory = Directory::new();
    let file = directory.tls(
        "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]\nmax_version: TLS12",
        "http_server_config: {http2: off}\n",
    );
    let error = WebConfig::open(Some(file.into())).map(drop).unwrap_err().to_string();
    assert!(error.contains("none of the configured TLS versions"), "{error}");
}

/// Returns the cipher suite chosen for a client that offers two.
fn chosen(server: &Tls) -> String {
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-connect", server.server.address(), "-tls1_2", "-brief", "-cipher"])
        .arg("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("Ciphersuite: "))
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

#[test]
fn some_ciphers_in_the_servers_order() {
    assert_eq!(chosen(&Tls::new(HTTP2_AND_MORE)), "ECDHE-ECDSA-AES256-GCM-SHA384");
}

#[test]
fn some_ciphers_in_the_clients_order() {
    let server = Tls::new(&format!("{HTTP2_AND_MORE}\nprefer_server_cipher_suites: no"));
    assert_eq!(chosen(&server), "ECDHE-ECDSA-AES128-GCM-SHA256");
}

#[test]
fn all_curves_are_accepted_and_p521_is_ignored() {
    let server = Tls::new("curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]");
    server.server.wait_for_log("curve CurveP521 is ignored");
    for curve in ["P-256", "P-384", "X25519"] {
        server.accepts(&["--curves", curve]);
    }
    server.refuses(&["--curves", "P-521"]);
}

#[test]
fn only_configured_curves_are_offered() {
    let server = Tls::new("curve_preferences: [CurveP384]");
    server.accepts(&["--curves", "P-384"]);
    server.refuses(&["--curves", "P-256"]);
}

#[test]
fn http2_is_offered_over_tls_only() {
    let server = Tls::new("");
    assert_eq!(server.curl(&["--http2"]).version, "2");
    assert_eq!(server.curl(&["--http1.1"]).version, "1.1");
    let metrics = format!("https://{}/metrics", server.server.address());
    let output = server.directory.curl(&["--cacert", "ca.pem", "--http2", &metrics]);
    assert!(output.status == 200 && output.body == "answer 42\n", "{output:?}");
    let plain = TestServer::start(None);
    let output = server.directory.curl(&["--http2-prior-knowledge", &format!("http://{}/", plain.address())]);
    assert_ne!(output.exit, 0, "{output:?}");
}

/// Frames for the connection itself do not begin a request, which would have to be complete in time.
#[test]
fn http2_may_ping_on_an_idle_connection() {
    const DATA: u8 = 0;
    const PING: u8 = 6;
    const ACK: u8 = 1;
    let directory = Directory::new();
    let file = directory.tls("", "");
    let server =
        TestServer::with_limits(Some(&file), |limits| limits.timeouts.header = Duration::from_secs(2));
    let mut connection = directory.tls_client().with_http2().connect(server.address());
    // Settings, and a request on the first stream: GET, the path, https, the host.
    let request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
        \0\0\x11\x01\x05\0\0\0\x01\x82\x04\x0a/-/healthy\x87\x01\x01x";
    assert!(connection.frame(request, DATA).is_some());
    let ping = b"\0\0\x08\x06\0\0\0\0\0kamailio";
    assert_eq!(connection.frame(ping, PING), Some(ACK));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(connection.frame(ping, PING), Some(ACK), "the connection was closed");
}

#[test]
fn http2_can_be_switched_off() {
    let server = Tls::with(Directory::new(), "", "http_server_config:\n  http2: false\n");
    assert_eq!(server.curl(&["--http2"]).version, "1.1");
}

#[test]
fn a_response_to_head_has_no_content() {
    let server = Tls::with(Directory::new(), "", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    for version in ["--http1.1", "--http2"] {
        for (user, status) in [("a:b", 200), ("a:c", 401)] {
            let output = server.curl(&[version, "--head", "-u", user]);
            assert_eq!((output.exit, output.status), (0, status), "{version} {output:?}");
            let content = server.curl(&[version, "-u", user]).body;
            let length = format!("content-length: {}\r\n", content.len());
            assert!(!content.is_empty() && output.body.contains(&length), "{version} {output:?}");
        }
    }
}

#[test]
fn http2_has_authentication_and_headers_too() {
    let rest = format!(
        "http_server_config: {{headers: {{X-Frame-Options: deny}}}}\nbasic_auth_users: {{a: {}}}\n",
        hash("b")
    );
    let server = Tls::with(Directory::new(), "", &rest);
    assert_eq!(server.curl(&["--http2"]).status, 401);
    assert_eq!(server.curl(&["--http2", "-u", "a:c"]).status, 401);
    server.accepts(&["--http2", "-u", "a:b"]);
    server.accepts(&["--http1.1", "-u", "a:b"]);
    assert!(server.curl(&["--http2", "-i"]).body.contains("x-frame-options: deny"));
}

const CLIENT: [&str; 4] = ["--cert", "client.pem", "--key", "client.key"];
const STRANGER: [&str; 4] = ["--cert", "stranger.pem", "--key", "stranger.key"];

/// Starts a server with the certificate of a client and a self-signed one beside it.
fn with_clients(section: &str) -> Tls {
    let directory = Directory::new();
    directory.client(
        "client",
        &["prometheus.example", "10.0.0.1", "scraper@example", "spiffe://example/prometheus"],
    );
    directory.self_signed("stranger", &["prometheus.example"]);
    Tls::with(directory, section, "")
}

#[test]
fn client_certificate_not_requested() {
    let server = with_clients("client_auth_type: NoClientCert");
    for arguments in [&[][..], &CLIENT, &STRANGER] {
        server.accepts(arguments);
    }
}

#[test]
fn client_certificate_requested() {
    let server = with_clients("client_auth_type: RequestClientCert");
    for arguments in [&[][..], &CLIENT, &STRANGER] {
        server.accepts(arguments);
    }
}

#[test]
fn client_certificate_of_any_kind_required() {
    for name in ["RequireAnyClientCert", "RequireClientCert"] {
        let server = with_clients(&format!("client_auth_type: {name}"));
        server.accepts(&CLIENT);
        server.accepts(&STRANGER);
        server.refuses(&[]);
    }
}

#[test]
fn client_certificate_verified_if_given() {
    let server = with_clients("client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: ca.pem");
    server.accepts(&[]);
    server.accepts(&CLIENT);
    server.refuses(&STRANGER);
}

#[test]
fn client_certificate_required_and_verified() {
    let server = with_clients("client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem");
    server.accepts(&CLIENT);
    server.accepts(&[&CLIENT[..], &["--tls-max", "1.2"]].concat());
    server.refuses(&STRANGER);
    server.refuses(&[&STRANGER[..], &["--tls-max", "1.2"]].concat());
    server.refuses(&[]);
    server.server.wait_for_log("TLS handshake failed");
    // The certificate is for servers only.
    server.refuses(&["--cert", "server.pem", "--key", "server.key"]);
    // The key does not belong to the certificate.
    server.refuses(&["--cert", "client.pem", "--key", "stranger.key"]);
}

#[test]
fn client_certificate_that_is_its_own_authority() {
    let server = with_clients("client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: stranger.pem");
    server.accepts(&STRANGER);
    server.refuses(&CLIENT);
}

#[test]
fn client_certificate_verified_without_an_authority_needs_a_public_one() {
    let server = with_clients("client_auth_type: RequireAndVerifyClientCert");
    server.server.wait_for_log("clients are verified against the system's public authorities");
    server.refuses(&CLIENT);
    server.refuses(&STRANGER);
}

const VERIFIED: &str =
    "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: ";

#[test]
fn a_client_with_an_allowed_san_is_accepted() {
    for san in ["prometheus.example", "10.0.0.1", "scraper@example", "spiffe://example/prometheus"] {
        with_clients(&format!("{VERIFIED}[other, '{san}']")).accepts(&CLIENT);
    }
}

#[test]
fn a_client_without_an_allowed_san_is_refused() {
    let server = with_clients(&format!("{VERIFIED}[bad, PROMETHEUS.example, 10.0.0.2]"));
    server.refuses(&CLIENT);
    server.server.wait_for_log("the client certificate has none of the allowed SANs");
    server.server.wait_for_log("scraper@example");
}

#[test]
fn client_san_without_a_certificate_is_refused_in_every_mode() {
    for (mode, ca) in [("RequestClientCert", ""), ("VerifyClientCertIfGiven", "\nclient_ca_file: ca.pem")] {
        let server =
            with_clients(&format!("client_auth_type: {mode}{ca}\nclient_allowed_sans: [prometheus.example]"));
        server.refuses(&[]);
        server.accepts(&CLIENT);
    }
}
