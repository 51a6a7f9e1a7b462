//! The content of a web configuration file: the cases that Prometheus' exporter-toolkit tests, and those where this one is
//! stricter.

use crate::support::web::{Directory, basic, hash};
use crate::support::{ClientResponse, TestServer};
use exporter_toolkit::WebConfig;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Checks that the file is refused with one message.
fn refused(directory: &Directory, text: &str, part: &str) {
    let file = directory.write("web.yml", text);
    let error = WebConfig::open(Some(file.into())).map(drop).unwrap_err().to_string();
    assert!(error.contains(part) && error.contains("web.yml"), "{text}\n{error}");
}

fn accepted(directory: &Directory, text: &str) -> TestServer {
    let file = directory.write("web.yml", text);
    TestServer::start(Some(&file))
}

macro_rules! refused {
    ($($name:ident: $text:expr => $part:expr;)*) => {$(
        #[test]
        fn $name() {
            refused(&Directory::new(), $text, $part);
        }
    )*};
}

refused! {
    junk: "hfkjaqfk hqks: [1\n" => "line ";
    misspelled_key: "tls_server_config:\n  cert_filse: \"server.pem\"\n" => "line 2: there is no key \"cert_filse\" in tls_server_config; did you mean cert_file?";
    a_key_twice: "rate_limit: {}\nhttp_server_config:\nrate_limit: {}\n" => "line 3: the key \"rate_limit\" is already on line 1";
    misspelled_section: "tls_config: {}\n" => "did you mean tls_server_config?";
    unlike_any_section: "garbage: 1\n" => "there is no key \"garbage\" in the file; valid keys are tls_server_config, http_server_config, basic_auth_users, rate_limit";
    cert_path_empty: "tls_server_config:\n  cert_file: ''\n  key_file: server.key\n" => "missing one of cert or cert_file";
    cert_empty: "tls_server_config:\n  cert: ''\n  key_file: server.key\n" => "missing one of cert or cert_file";
    key_path_empty: "tls_server_config:\n  cert_file: server.pem\n  key_file: ''\n" => "missing one of key or key_file";
    key_empty: "tls_server_config:\n  cert_file: server.pem\n  key: ''\n" => "missing one of key or key_file";
    cert_and_key_path_empty: "tls_server_config:\n  cert_file: ''\n  key_file: ''\n  client_auth_type: NoClientCert\n" => "missing one of cert or cert_file";
    cert_path_invalid: "tls_server_config:\n  cert_file: nope.pem\n  key_file: server.key\n" => "nope.pem: No such file or directory";
    key_path_invalid: "tls_server_config:\n  cert_file: server.pem\n  key_file: nope.key\n" => "nope.key: No such file or directory";
    cert_and_key_path_invalid: "tls_server_config:\n  cert_file: nope.pem\n  key_file: nope.key\n" => "nope.pem: No such file or directory";
    client_ca_invalid: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: nope.pem\n  client_auth_type: RequireAndVerifyClientCert\n" => "nope.pem: No such file or directory";
    client_ca_without_a_policy: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: /dev/null\n" => "client CAs without a client_auth_type";
    client_ca_without_a_certificate: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: server.key\n  client_auth_type: RequireAndVerifyClientCert\n" => "no certificate in ";
    client_auth_type_invented: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_auth_type: Maybe\n" => "line 4: invalid client_auth_type: Maybe";
    user_list_invalid: "basic_auth_users:\n  alice: hunter2\n" => "line 2: the password of user \"alice\" is not a bcrypt hash: it is too short, 7 characters instead of 60";
    hash_with_a_low_cost: "basic_auth_users:\n  a: $2y$03$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n" => "its cost 3 is not between 4 and 31";
    hash_of_another_kind: "basic_auth_users:\n  a: $6$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi.\n" => "it does not begin with $2a$, $2b$ or $2y$";
    ciphers_invented: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA2048]\n" => "line 4: unknown cipher: TLS_RSA_WITH_AES_128_CBC_SHA2048";
    ciphers_of_rsa: "tls_server_config:\n  cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]\n" => "unknown cipher: TLS_RSA_WITH_AES_128_GCM_SHA256";
    curves_invented: "tls_server_config:\n  curve_preferences:\n  - CurveP257\n" => "line 3: unknown curve: CurveP257";
    curves_post_quantum: "tls_server_config:\n  curve_preferences: [X25519MLKEM768]\n" => "unknown curve: X25519MLKEM768";
    tls_version_wrong: "tls_server_config:\n  min_version: TLS111\n" => "line 2: unknown TLS version: TLS111";
    tls_version_min_above_max: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  min_version: TLS13\n  max_version: TLS12\n" => "min_version is above max_version";
    tls_version_too_old: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  min_version: TLS10\n  max_version: TLS11\n" => "none of the configured TLS versions";
    http2_without_its_cipher: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n" => "which HTTP/2 requires";
    http2_in_quotes: "http_server_config:\n  http2: \"true\"\n" => "line 2: http2 is not true or false (without quotes)";
    headers_extra_header: "http_server_config:\n  headers:\n    x-frame-options: deny\n" => "line 3: HTTP header \"x-frame-options\" can not be configured";
    headers_frame_options_bad: "http_server_config:\n  headers:\n    X-Frame-Options: sometimes\n" => "line 3: invalid value for X-Frame-Options: \"sometimes\"; valid values are deny";
    headers_content_type_options_bad: "http_server_config:\n  headers:\n    X-Content-Type-Options: ''\n" => "invalid value for X-Content-Type-Options";
    rate_limit_interval_without_a_unit: "rate_limit:\n  interval: 1x\n" => "line 2: interval \"1x\"";
    rate_limit_burst_negative: "rate_limit:\n  interval: 1s\n  burst: -1\n" => "line 3: burst is not a whole number";
    a_list_where_a_mapping_is: "basic_auth_users: [alice]\n" => "line 1: basic_auth_users is not a mapping";
    allowed_sans_without_a_policy: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_allowed_sans: [a]\n" => "client_allowed_sans without a client_auth_type";
    curves_without_support: "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  curve_preferences: [CurveP521]\n" => "no curve of curve_preferences is supported";
}

#[test]
fn a_missing_file() {
    let error = WebConfig::open(Some("/nonexistent/web.yml".into())).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("failed to read /nonexistent/web.yml: No such file or directory"));
}

#[test]
fn a_key_that_does_not_belong_to_the_certificate() {
    let directory = Directory::new();
    directory.client("other", &[]);
    refused(
        &directory,
        "tls_server_config:\n  cert_file: server.pem\n  key_file: other.key\n",
        "cannot be used together",
    );
}

#[test]
fn an_empty_file_means_no_tls_and_no_authentication() {
    for text in
        ["", "# nothing\n", "null\n", "---\n", "tls_server_config:\nbasic_auth_users: {}\nrate_limit:\n"]
    {
        let server = accepted(&Directory::new(), text);
        assert_eq!(server.get("/-/healthy").status, 200, "{text}");
        server.wait_for_log("TLS is disabled.");
    }
}

#[test]
fn a_tls_section_without_a_certificate_is_reported() {
    let server = accepted(&Directory::new(), "tls_server_config:\n  min_version: TLS13\n");
    assert_eq!(server.get("/-/healthy").status, 200);
    server.wait_for_log("tls_server_config has no certificate, so TLS stays disabled");
}

#[test]
fn headers_are_in_every_response_and_override_those_of_the_service() {
    let server = accepted(
        &Directory::new(),
        "http_server_config:\n  http2: no\n  headers:\n    Content-Security-Policy: \"default-src 'self'\"\n    \
         Strict-Transport-Security: max-age=1\n    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    \
         X-XSS-Protection: 1\n",
    );
    for path in ["/metrics", "/", "/nope", "/-/healthy"] {
        let response = server.get(path);
        has_headers(&response, path);
    }
    let malformed = server.connect(b"GET / HTTP/1.1\r\n\r\n");
    has_headers(&ClientResponse::read(malformed), "a request without a host");
}

fn has_headers(response: &ClientResponse, path: &str) {
    for (name, value) in [
        ("content-security-policy", "default-src 'self'"),
        ("strict-transport-security", "max-age=1"),
        ("x-frame-options", "deny"),
        ("x-content-type-options", "nosniff"),
        ("x-xss-protection", "1"),
    ] {
        assert_eq!(response.header(name), value, "{path}");
    }
}

#[test]
fn browsers_guess_load_and_run_nothing_whatever_the_response() {
    let server = accepted(&Directory::new(), &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let authorization = [("Authorization", &*basic("a", "b"))];
    for (path, headers, status) in [
        ("/metrics", &authorization[..], 200),
        ("/", &authorization, 200),
        ("/nope", &authorization, 404),
        ("/metrics", &[], 401),
        ("/metrics", &[("Host", "y")], 400),
    ] {
        let response = server.request("GET", path, headers);
        assert_eq!(response.status, status, "{path}");
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path} {status}");
        let policy = response.header("content-security-policy");
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{path} {status}");
    }
}

#[test]
fn rate_limit_that_does_not_block() {
    let server = accepted(&Directory::new(), "rate_limit:\n  interval: 1us\n  burst: 10\n");
    for _ in 0..10 {
        assert_eq!(server.get("/-/healthy").status, 200);
    }
}

#[test]
fn rate_limit_of_one_second_without_a_burst_lets_nothing_through() {
    let directory = Directory::new();
    let server = accepted(
        &directory,
        "rate_limit:\n  interval: 1000000000\nhttp_server_config: {headers: {X-Frame-Options: deny}}\n",
    );
    let response = server.get("/-/healthy");
    assert_eq!(
        (response.status, response.text().as_str(), response.header("x-frame-options")),
        (429, "Too Many Requests\n", "deny")
    );
    server.wait_for_log("Rate Limiter is enabled. burst=0 interval=1s");
}

#[test]
fn rate_limit_comes_before_authentication() {
    let text = format!("rate_limit: {{interval: 1h, burst: 2}}\nbasic_auth_users: {{a: '{}'}}\n", hash("x"));
    let server = accepted(&Directory::new(), &text);
    let statuses: Vec<_> = (0..4).map(|_| server.get("/").status).collect();
    assert_eq!(statuses, [401, 401, 429, 429]);
}

#[test]
fn files_that_are_not_regular_or_too_long_are_refused_at_once() {
    let directory = Directory::new();
    let fifo = Command::new("mkfifo").arg(directory.path("fifo")).status();
    assert!(fifo.unwrap().success());
    std::fs::File::create(directory.path("long")).unwrap().set_len(300 << 20).unwrap();
    let absolute = |name: &str| directory.path(name).display().to_string();
    for (file, reason) in [
        (absolute("fifo"), "not a regular file"),
        ("/dev/zero".to_owned(), "not a regular file"),
        (absolute("."), "not a regular file"),
        (absolute("long"), "the file is longer than the limit of 1048576 bytes"),
    ] {
        let start = Instant::now();
        let error = WebConfig::open(Some(file.clone().into())).map(drop).unwrap_err().to_string();
        assert_eq!(error, format!("failed to read {file}: {reason}"));
        for key in ["cert_file", "key_file", "client_ca_file"] {
            let files =
                [("cert_file", "server.pem"), ("key_file", "server.key"), ("client_ca_file", "ca.pem")];
            let lines =
                files.map(|(name, usual)| format!("  {name}: {}\n", if name == key { &file } else { usual }));
            let policy = "  client_auth_type: RequireAndVerifyClientCert\n";
            refused(&directory, &format!("tls_server_config:\n{}{policy}", lines.concat()), reason);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{file}: {:?}", start.elapsed());
    }
}

#[test]
fn an_encrypted_key_is_named_as_such() {
    let directory = Directory::new();
    for (name, options) in
        [("pkcs8", &["pkcs8", "-topk8", "-v2", "aes-128-cbc"][..]), ("rfc1421", &["ec", "-aes128"])]
    {
        let encrypted = directory.path(name).display().to_string();
        let status = Command::new("openssl")
            .args(options)
            .args(["-in".as_ref(), directory.path("server.key").as_os_str()])
            .args(["-out", &encrypted, "-passout", "pass:secret"])
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        let text = format!("tls_server_config:\n  cert_file: server.pem\n  key_file: {name}\n");
        refused(&directory, &text, &format!("the private key in {encrypted} is encrypted"));
    }
}

#[test]
fn a_key_that_every_user_can_read_is_a_warning() {
    for (mode, warned) in [(0o604, true), (0o646, true), (0o640, false), (0o600, false)] {
        let directory = Directory::new();
        let file = directory.tls("", "");
        std::fs::set_permissions(directory.path("server.key"), Permissions::from_mode(mode)).unwrap();
        let server = TestServer::start(Some(&file));
        let warning = format!("has mode {mode:04o}, which lets every user read it");
        assert_eq!(server.log().contains(&warning), warned, "{}", server.log());
    }
}

#[test]
fn a_large_rsa_key_is_a_warning() {
    for (bits, warned) in [(2048, false), (4096, true)] {
        let directory = Directory::new();
        directory.rsa("server", bits);
        let file = directory.tls("", "");
        let server = TestServer::start(Some(&file));
        assert_eq!(server.log().contains("has 4096 bits"), warned, "{}", server.log());
    }
}
