use crate::support::web::{Directory, basic, hash};
use crate::support::{Exporter, eventually};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::path::Path;
use std::time::Duration;
use testbed::{Browser, Kamailio, Prometheus};

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

/// Loads the page with every list open. It must contain the texts, fit into the window, and give no reason to complain.
fn look_at_the_page(
    browser: &mut Browser,
    url: &str,
    (name, width, scheme): (&str, u32, &str),
    texts: &[&str],
) {
    browser.open(url, width, scheme);
    // The script hides the link for browsers without scripts.
    eventually(|| match browser.evaluate("document.getElementById('refresh').hidden").as_bool() {
        Some(true) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    browser.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)");
    let document = browser.evaluate("document.documentElement.outerHTML").to_string();
    for text in texts {
        assert!(document.contains(text), "{name}: {text}: {document}");
    }
    let widths = "[window.innerWidth, document.documentElement.scrollWidth]";
    assert_eq!(browser.evaluate(widths), serde_json::json!([width, width]), "{name}: it scrolls sideways");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("status-page-{name}.png"));
    std::fs::write(file, BASE64_STANDARD.decode(browser.screenshot()).unwrap()).unwrap();
    assert_eq!(browser.axe(), "", "{name}");
    assert_eq!(browser.complaints(), [""; 0], "{name}");
}

#[test]
fn chromium_shows_the_status_page() {
    let mut kamailio = Kamailio::start();
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "--web.config.file", &file]);
    exporter.request("GET", "/metrics", &[("Authorization", &basic("a", "b"))]);
    let url = format!("http://a:b@{}/", exporter.address());
    let mut browser = Browser::start();
    let parts = [r#"id=\"chart-requests\""#, "<code>tm.stats</code>"];
    for (name, width, scheme) in [("wide", 1200, "light"), ("dark", 1200, "dark"), ("phone", 360, "light")] {
        look_at_the_page(&mut browser, &url, (name, width, scheme), &parts);
    }
    kamailio.kill();
    exporter.request("GET", "/metrics", &[("Authorization", &basic("a", "b"))]);
    look_at_the_page(&mut browser, &url, ("down", 360, "dark"), &["Kamailio does not respond"]);
    let page = exporter.request("GET", "/", &[("Authorization", &basic("a", "b"))]).text();
    let links: Vec<_> = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        let answer = exporter.request("GET", link, &[("Authorization", &basic("a", "b"))]);
        assert_eq!(answer.status, 200, "{link}");
    }
}
