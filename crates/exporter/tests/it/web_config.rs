//! The web configuration file applies to the exporter. The toolkit tests its details.

use crate::support::web::{Directory, basic, hash};
use crate::support::{Exporter, UNREACHABLE, run};

fn start(file: &str) -> Exporter {
    Exporter::start(&["--web.config.file", file, UNREACHABLE[0], UNREACHABLE[1]])
}

#[test]
fn a_file_with_a_mistake_ends_the_program_with_one_message() {
    let directory = Directory::new();
    let file = directory.write("web.yml", "http_server_config:\n  http2: \"true\"\n");
    let output = run(&["--web.listen-address", "127.0.0.1:0", "--web.config.file", &file]);
    let log = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<_> = log.lines().filter(|line| !line.contains("level=INFO")).collect();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(errors.len() == 1 && errors[0].contains("web.yml: line 2: http2 is not true or false"), "{log}");
}

#[test]
fn tls_users_and_headers_apply_to_the_pages() {
    let directory = Directory::new();
    let rest = format!(
        "http_server_config: {{headers: {{X-Frame-Options: deny}}}}\nbasic_auth_users: {{a: {}}}\n",
        hash("b")
    );
    let exporter = start(&directory.tls("", &rest));
    let url = format!("https://{}/metrics", exporter.address());
    assert_eq!(directory.curl(&["--cacert", "ca.pem", &url]).status, 401);
    let got = directory.curl(&["--cacert", "ca.pem", "-u", "a:b", "-i", "--http2", &url]);
    assert!(got.status == 200 && got.version == "2", "{got:?}");
    assert!(got.body.contains("\nkamailio_up 0\n") && got.body.contains("x-frame-options: deny"), "{got:?}");
    exporter.wait_for_log("level=WARN");
    exporter.wait_for_log("msg=\"authentication failed\" client=127.0.0.1:");
}

#[test]
fn health_checks_need_no_password_only_if_configured() {
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{admin: {}}}\n", hash("secret")));
    let common = ["--web.config.file", &file, UNREACHABLE[0], UNREACHABLE[1]];
    let closed = Exporter::start(&common);
    let open =
        Exporter::start(&[&common[..], &["--web.health-without-auth", "--web.route-prefix=/k"]].concat());
    for (path, status) in [("/-/healthy", 200), ("/-/ready", 200)] {
        assert_eq!(closed.get(path).status, 401, "{path}");
        assert_eq!(open.get(&format!("/k{path}")).status, status, "{path}");
        assert_eq!(open.request("HEAD", &format!("/k{path}?x=1"), &[]).status, status, "{path}");
        assert_eq!(open.request("POST", &format!("/k{path}"), &[]).status, 405, "{path}");
    }
    for path in [
        "/k/metrics",
        "/k/",
        "/k/-/reload",
        "/k/-/healthy/",
        "/k/-/healthy/../metrics",
        "/-/healthy",
        "/k/-/%68ealthy",
    ] {
        assert_eq!(open.get(path).status, 401, "{path}");
    }
    let password = basic("admin", "wrong");
    assert_eq!(open.request("GET", "/k/-/healthy", &[("Authorization", &password)]).status, 200);
}

#[test]
fn health_checks_without_a_password_need_the_client_certificate() {
    let directory = Directory::new();
    directory.client("client", &["probe.example.org"]);
    let section = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem";
    let rest = format!("basic_auth_users: {{admin: {}}}\n", hash("secret"));
    let file = directory.tls(section, &rest);
    let exporter = Exporter::start(&[
        "--web.health-without-auth",
        "--web.config.file",
        &file,
        UNREACHABLE[0],
        UNREACHABLE[1],
    ]);
    let url = format!("https://{}/-/ready", exporter.address());
    assert_eq!(directory.curl(&["--cacert", "ca.pem", &url]).status, 0);
    let certificate = ["--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key", &url];
    assert_eq!(directory.curl(&certificate).status, 200);
}

#[test]
fn the_documented_file_works() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let documented = blocks.into_iter().find(|block| block.starts_with("tls_server_config")).unwrap();
    let directory = Directory::new();
    directory.client("client", &["prometheus.example.org"]);
    let file = directory.write("web.yml", documented);
    let exporter = start(&file);
    let url = format!("https://{}/-/healthy", exporter.address());
    let arguments =
        ["--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key", "-u", "prometheus:x", &url];
    // The password of the documented hash is not known.
    assert_eq!(directory.curl(&arguments).status, 401);
    assert_eq!(directory.curl(&["--cacert", "ca.pem", &url]).status, 0);
}
