//! The landing page, and its path.

use crate::support::{Exporter, eventually, run, samples};
use fake_kamailio::{Captures, Fake};
use std::time::{Duration, Instant};

const NOBODY: [&str; 2] = ["-u", "unix:/nonexistent/kamailio_ctl"];

/// Returns the landing page after a scrape.
fn page(exporter: &Exporter) -> String {
    exporter.page();
    exporter.get("/").text()
}

fn links(page: &str) -> Vec<String> {
    page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_can_load_and_run_nothing() {
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
fn without_kamailio_the_page_shows_the_reason_with_advice() {
    let page = page(&Exporter::start(&["-m", "auto,tls.info", NOBODY[0], NOBODY[1]]));
    for part in [
        "Target: unix:/nonexistent/kamailio_ctl",
        "Kamailio did not answer just now: cannot connect to unix:/nonexistent/kamailio_ctl",
        "There is no directory /nonexistent: is Kamailio running",
        "loadmodule &quot;ctl.so&quot;",
        "<td>tls.info</td><td>failed</td>",
        "<td>tm.stats</td><td>unknown</td><td>Kamailio did not answer.</td>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn each_collector_has_its_state_with_advice() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "auto,-sl.stats"]);
    kamailio.remove("rl.stats");
    let page = page(&exporter);
    for part in [
        "<p class=\"ok\">Kamailio answered just now.</p>",
        "<tr class=\"ok\"><td>tm.stats</td><td>ok</td><td></td></tr>",
        "<td>sl.stats</td><td>not selected</td><td>Not selected: add sl.stats to --kamailio.methods.</td>",
        "<td>rl.stats</td><td>not selected</td><td>Not selected. Kamailio has no method rl.stats: it needs loadmodule \
         &quot;ratelimit.so&quot;.</td>",
        "<td>dmq.list_nodes</td><td>absent</td><td>Kamailio has no method dmq.list_nodes: it needs loadmodule \
         &quot;dmq.so&quot;.</td>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn the_landing_page_never_waits_for_kamailio() {
    let fake = Fake::start();
    fake.silent(true);
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "3s"]);
    let landing = || {
        let start = Instant::now();
        let page = exporter.get("/").text();
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
        page
    };
    assert!(landing().contains("Kamailio was not scraped yet"));
    eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no scrape".to_owned()) });
    (0..20).for_each(|_| drop(landing()));
    assert_eq!(fake.connections().accepted, 1, "a scrape for each page");
    // Requests for the metrics share the scrape.
    let page = exporter.page();
    assert_eq!((samples(&page)["kamailio_up"], fake.connections().accepted), (0.0, 1));
    let page = landing();
    assert!(
        page.contains("Kamailio did not answer just now: ") && page.contains("busy with another RPC"),
        "{page}"
    );
    fake.behave();
    // The state is fresh for 5 s, and then a page starts the next scrape.
    let start = Instant::now();
    eventually(|| match landing() {
        page if page.contains("Kamailio answered") => Ok(()),
        page => Err(page),
    });
    assert!(start.elapsed() > Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(fake.connections().accepted, 2);
}

#[test]
fn without_requests_nothing_is_scraped() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix()]);
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(exporter.get(path).status, 200);
    }
    assert_eq!(exporter.request("HEAD", "/", &[]).status, 200);
    assert_eq!(fake.connections().accepted, 0);
    assert!(exporter.get("/").text().contains("not scraped yet"));
    eventually(|| match exporter.get("/").text() {
        page if page.contains("Kamailio answered") => Ok(()),
        page => Err(page),
    });
    let accepted = fake.connections().accepted;
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!((accepted, fake.connections().accepted), (1, 1), "a scrape without a request");
    // A scrape for Prometheus is the state of the page, too.
    exporter.page();
    assert!(exporter.get("/").text().contains("Kamailio answered just now"));
    assert_eq!(fake.connections().accepted, 2);
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
fn links_have_the_address_that_a_proxy_gives_them() {
    let exporter =
        Exporter::start(&["--web.external-url", "https://example.org/sip/kam/", NOBODY[0], NOBODY[1]]);
    assert_eq!(exporter.get("/sip/kam/metrics").status, 200);
    let external = ["--web.external-url", "https://example.org/sip", "--web.route-prefix", "/"];
    let exporter = Exporter::start(&[&external[..], &NOBODY].concat());
    assert_eq!(exporter.get("/metrics").status, 200);
    assert_eq!(links(&exporter.get("/").text())[0], "/sip/metrics");
    assert_eq!(run(&["--web.external-url", "example.org"]).status.code(), Some(1));
}
