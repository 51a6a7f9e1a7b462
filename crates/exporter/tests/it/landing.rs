//! The page for people, and where it is.

use crate::support::{Exporter, run};
use fake_kamailio::{Captures, Fake};

const NOBODY: [&str; 2] = ["-u", "unix:/nonexistent/kamailio_ctl"];

fn links(page: &str) -> Vec<String> {
    page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn it_may_load_and_run_nothing() {
    let answer = Exporter::start(&NOBODY).get("/");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.ends_with("base-uri 'none'; form-action 'none'; frame-ancestors 'none'"), "{policy}");
    assert_eq!(
        (answer.header("x-content-type-options"), answer.header("cache-control")),
        ("nosniff", "no-store")
    );
    let page = answer.text();
    for word in ["<script", "<img", "<link", "src=", "@import", "url(", "http://", "https://", " style="] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn without_kamailio_it_says_why_and_what_to_do() {
    let page = Exporter::start(&["-m", "auto,tls.info", NOBODY[0], NOBODY[1]]).get("/").text();
    for part in [
        "Target: unix:/nonexistent/kamailio_ctl",
        "Kamailio does not answer: cannot connect to unix:/nonexistent/kamailio_ctl",
        "There is no directory /nonexistent: is Kamailio running",
        "loadmodule &quot;ctl.so&quot;",
        "<td>tls.info</td><td>failed</td>",
        "<td>tm.stats</td><td>unknown</td><td>Kamailio did not answer.</td>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn each_collector_has_its_state_with_what_would_change_it() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "auto,-sl.stats"]);
    let page = exporter.get("/").text();
    for part in [
        "<p class=\"ok\">Kamailio answers.</p>",
        "<tr class=\"ok\"><td>tm.stats</td><td>ok</td><td></td></tr>",
        "<td>sl.stats</td><td>absent</td><td>Not selected: add sl.stats to --kamailio.methods.</td>",
        "<td>dmq.list_nodes</td><td>absent</td><td>Kamailio has no method dmq.list_nodes: it needs loadmodule \
         &quot;dmq.so&quot;.</td>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn every_path_can_have_a_prefix() {
    let exporter =
        Exporter::start(&["--web.route-prefix", "/kam/", "--web.enable-lifecycle", NOBODY[0], NOBODY[1]]);
    for link in links(&exporter.get("/kam/").text()) {
        assert!(link.starts_with("/kam/"), "{link}");
        assert_eq!(exporter.get(&link).status, 200, "{link}");
    }
    for path in ["/", "/kam"] {
        let answer = exporter.get(path);
        assert_eq!((answer.status, answer.header("location")), (302, "/kam/"), "{path}");
    }
    for path in ["/metrics", "/-/healthy", "/kamx", "/kam/nope"] {
        assert_eq!(exporter.get(path).status, 404, "{path}");
    }
    assert_eq!(exporter.request("POST", "/kam/-/reload", &[]).status, 200);
}

#[test]
fn a_proxy_may_give_it_another_address() {
    let exporter =
        Exporter::start(&["--web.external-url", "https://example.org/sip/kam/", NOBODY[0], NOBODY[1]]);
    assert_eq!(exporter.get("/sip/kam/metrics").status, 200);
    let external = ["--web.external-url", "https://example.org/sip", "--web.route-prefix", "/"];
    let exporter = Exporter::start(&[&external[..], &NOBODY].concat());
    assert_eq!(exporter.get("/metrics").status, 200);
    assert_eq!(links(&exporter.get("/").text())[0], "/sip/metrics");
    assert_eq!(run(&["--web.external-url", "example.org"]).status.code(), Some(1));
}
