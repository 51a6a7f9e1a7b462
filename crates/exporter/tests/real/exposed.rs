use crate::support::web::{Directory, basic, hash};
use crate::support::{Exporter, eventually};
use std::process::{Command, Stdio};
use std::time::Duration;
use testbed::{Kamailio, Prometheus};

#[test]
fn a_prometheus_server_scrapes_over_tls_with_a_certificate_and_a_password() {
    let kamailio = Kamailio::start();
    let directory = Directory::new();
    directory.client("client", &["prometheus"]);
    let section = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: [prometheus]";
    let file = directory.tls(section, &format!("basic_auth_users:\n  prometheus: {}\n", hash("secret")));
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "--web.config.file", &file]);
    let path = |name| directory.path(name).display().to_string();
    let options = |password: &str| {
        format!(
            "scheme: https, tls_config: {{ca_file: {}, cert_file: {}, key_file: {}}}, \
             basic_auth: {{username: prometheus, password: {password}}}",
            path("ca.pem"),
            path("client.pem"),
            path("client.key")
        )
    };
    let interval = Duration::from_secs(1);
    let prometheus = Prometheus::start_with(&[exporter.address()], interval, &options("secret"));
    let target = |prometheus: &Prometheus| prometheus.get("/api/v1/targets")["activeTargets"][0].clone();
    eventually(|| match target(&prometheus) {
        target if target["health"] == "up" => Ok(()),
        target => Err(format!("{target}\n{}", exporter.log())),
    });
    eventually(|| match prometheus.query("kamailio_up")[0]["value"][1].as_str() {
        Some("1") => Ok(()),
        other => Err(format!("kamailio_up is {other:?}")),
    });

    let stranger = Prometheus::start_with(&[exporter.address()], interval, &options("guess"));
    eventually(|| match target(&stranger) {
        target if target["lastError"].as_str().unwrap_or_default().contains("401") => Ok(()),
        target => Err(format!("{target}")),
    });
    exporter.wait_for_log("authentication failed");

    // The password and the certificates change while the server runs.
    directory.certificate("server", &["localhost"], rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    directory.replace(
        "web.yml",
        &directory.tls_text(section, &format!("basic_auth_users: {{prometheus: {}}}\n", hash("guess"))),
    );
    eventually(|| match (target(&prometheus), target(&stranger)) {
        (first, second) if first["health"] == "down" && second["health"] == "up" => Ok(()),
        (first, second) => Err(format!("{first}\n{second}")),
    });
}

/// Loads a page in Chromium. Returns the document after loading, and the messages of the console.
fn chromium(url: &str, width: u32, screenshot: &str) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let run = |arguments: &[&str]| {
        let output = Command::new("timeout")
            .args([
                "60",
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--enable-logging=stderr", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={width},900"))
            .args(arguments)
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .expect("chromium runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    run(&[&format!("--screenshot={}", directory.join(screenshot).display())]);
    let (document, log) = run(&["--dump-dom"]);
    let complaints = log.lines().filter(|line| line.contains("CONSOLE")).map(|line| line.to_owned() + "\n");
    (document, complaints.collect())
}

#[test]
fn chromium_shows_the_landing_page() {
    let kamailio = Kamailio::start();
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "--web.config.file", &file]);
    exporter.request("GET", "/metrics", &[("Authorization", &basic("a", "b"))]);
    let url = format!("http://a:b@{}/", exporter.address());
    for (width, screenshot) in [(1200, "landing-wide.png"), (500, "landing-phone.png")] {
        let (document, complaints) = chromium(&url, width, screenshot);
        assert!(document.contains("id=\"picture-requests\""), "{document}");
        assert!(document.contains("<code>tm.stats</code>"), "{document}");
        // The script has run: the link for browsers without scripts is hidden.
        assert!(document.contains("<a id=\"refresh\" href=\"/\" hidden"), "{document}");
        // Chromium reports a style that the policy forbids, or a missing resource, on the console.
        assert_eq!(complaints, "");
    }
    let page = exporter.request("GET", "/", &[("Authorization", &basic("a", "b"))]).text();
    let links: Vec<_> = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        let answer = exporter.request("GET", link, &[("Authorization", &basic("a", "b"))]);
        assert_eq!(answer.status, 200, "{link}");
    }
}
