//! The status page, and its path.

use crate::support::web::{Directory, basic, hash};
use crate::support::{Exporter, UNREACHABLE, eventually, run, samples};
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::wire::{self, Arg, Cookie, Kind};
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Returns the status page after a scrape.
fn page(exporter: &Exporter) -> String {
    exporter.exposition();
    exporter.get("/").text()
}

fn status(exporter: &Exporter, path: &str) -> Value {
    let answer = exporter.get(path);
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json"),
        "{}",
        answer.text()
    );
    serde_json::from_slice(&answer.body).unwrap()
}

/// The body of a packet.
fn body(kind: Kind, records: &[Arg<'_>]) -> Vec<u8> {
    let mut packet = Vec::new();
    wire::encode(kind, Cookie(1), records, &mut packet).unwrap();
    packet.split_off(wire::header(&packet).unwrap().unwrap().header_len)
}

fn fault(reason: &str) -> Vec<u8> {
    body(Kind::Fault, &[Arg::Int(500), reason.into()])
}

fn links(page: &str) -> Vec<String> {
    page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_can_load_its_own_files_and_nothing_else() {
    let exporter = Exporter::start(&UNREACHABLE);
    for path in ["/", "/-/status"] {
        let answer = exporter.get(path);
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        assert_eq!(
            (answer.header("x-content-type-options"), answer.header("cache-control")),
            ("nosniff", "no-store")
        );
    }
    let page = exporter.get("/").text();
    let sources = page.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let files: Vec<_> = links(&page).into_iter().chain(sources).filter(|link| link.contains("?v=")).collect();
    for (kind, media_type) in
        [("page.css", "text/css"), ("page.js", "text/javascript"), ("page.svg", "image/svg+xml")]
    {
        let file = files.iter().find(|file| file.contains(kind)).unwrap();
        let answer = exporter.get(file);
        assert!(answer.status == 200 && answer.header("content-type").starts_with(media_type), "{file}");
        assert!(!answer.body.is_empty() && exporter.request("HEAD", file, &[]).body.is_empty());
    }
}

#[test]
fn the_page_and_its_files_are_for_users_only() {
    let directory = Directory::new();
    let file = directory.write("web.yml", &format!("basic_auth_users: {{a: {}}}\n", hash("b")));
    let exporter = Exporter::start(&[&UNREACHABLE[..], &["--web.config.file", &file]].concat());
    for path in ["/", "/-/status", "/-/page.css", "/-/page.js", "/-/page.svg"] {
        assert_eq!(exporter.get(path).status, 401, "{path}");
        let answer = exporter.request("GET", path, &[("Authorization", &basic("a", "b"))]);
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[test]
fn without_kamailio_the_page_shows_the_reason_with_advice() {
    let page = page(&Exporter::start(&["-m", "auto,tls.info", UNREACHABLE[0], UNREACHABLE[1]]));
    for part in [
        "<span class=\"target\"><bdi>unix:/nonexistent/kamailio_ctl</bdi></span>",
        "<h2><bdi>Kamailio does not respond</bdi></h2>",
        "<bdi>has not responded to any scrape</bdi> since <time datetime=",
        "Cannot connect to unix:/nonexistent/kamailio_ctl",
        "There is no directory /nonexistent: start Kamailio",
        "loadmodule &quot;ctl.so&quot;",
        "<b class=\"bad\">tls.info</b> failed since",
        "collectors unknown: Kamailio did not respond",
        "<title>Kamailio: 1 problem</title>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<svg"), "there is nothing to draw");
}

#[test]
fn each_collector_has_its_state_with_advice() {
    let kamailio = Fake::replay(Captures::of("5.6.3"));
    kamailio.remove("dmq.list_nodes");
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "auto,-sl.stats"]);
    kamailio.remove("rl.stats");
    kamailio.answer("tm.stats", Kind::Fault, &fault("no such luck"));
    let page = page(&exporter);
    for part in [
        "Kamailio 5.6.3, up ",
        "<li><code>core.shmmem</code></li>",
        "<b class=\"bad\">tm.stats</b> failed since <time datetime=",
        "fault 500: no such luck",
        "<td><code>sl.stats</code></td><td class=\"state\">not selected</td><td class=\"reason\"><bdi>Not selected: \
         add sl.stats to --kamailio.methods.</bdi></td>",
        "<td><code>rl.stats</code></td><td class=\"state\">not selected</td><td class=\"reason\"><bdi>Not selected. \
         Kamailio has no method rl.stats: load its module with loadmodule &quot;ratelimit.so&quot;.</bdi></td>",
        "<td><code>dmq.list_nodes</code></td><td class=\"state\">absent</td><td class=\"reason\"><bdi>Kamailio has no \
         method dmq.list_nodes: load its module with loadmodule &quot;dmq.so&quot;.</bdi></td>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let status = status(&exporter, "/-/status");
    let collectors = status["collectors"].as_array().unwrap();
    let state = |name: &str| &collectors.iter().find(|row| row["name"] == name).unwrap()["state"];
    assert_eq!(
        [state("tm.stats"), state("sl.stats"), state("dmq.list_nodes")],
        ["failed", "not_selected", "absent"]
    );
}

#[test]
fn charts_show_what_the_server_has_and_nothing_else() {
    let fake = Fake::start();
    fake.answer_with("dispatcher.list.50dest");
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "auto,-tls.info,-core.tcp_info"]);
    let metrics = samples(&exporter.exposition());
    let page = exporter.get("/").text();
    for chart in ["requests", "replies", "shared_memory", "private_memory", "transactions"] {
        assert!(page.contains(&format!("id=\"chart-{chart}\"")), "{chart}: {page}");
    }
    for chart in ["tls", "dns", "rtpengine"] {
        assert!(!page.contains(&format!("id=\"chart-{chart}\"")), "{chart}");
    }
    let status = status(&exporter, "/-/status");
    let series = status["series"].as_array().unwrap();
    let value = |key: &str| series.iter().find(|row| row["key"] == key).unwrap()["value"].as_f64();
    assert_eq!(value("shared_memory_size"), Some(metrics["kamailio_core_shmmem_total"]));
    assert_eq!(value("transactions"), Some(metrics["kamailio_tm_stats_current"]));
    assert_eq!(status["destinations"].as_array().unwrap().len(), 50);
    assert_eq!(status["kamailio"]["version"], "5.6.3");
    assert_eq!(status["scrape"]["responded"], true);
    // All of them are the same: the table shows those that are not up, and folds the others.
    let up = status["destinations"].as_array().unwrap().iter().filter(|row| row["state"] == "up").count();
    assert!(up == 0 || page.contains(&format!("<summary>{up} destinations are up</summary>")), "{page}");
}

#[test]
fn names_from_kamailio_cannot_become_markup() {
    let fake = Fake::start();
    let evil = "sip:\"><script>alert(1)</script>\u{202e}\u{1b}";
    let destination =
        [(Some("URI"), evil.into()), (Some("FLAGS"), "IP".into()), (Some("PRIORITY"), Arg::Int(0))];
    let destinations = [(Some("DEST"), Arg::Struct(&destination))];
    let set = [(Some("ID"), Arg::Int(1)), (Some("TARGETS"), Arg::Struct(&destinations))];
    let sets = [(Some("SET"), Arg::Struct(&set))];
    let reply = [(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&sets))];
    fake.answer("dispatcher.list", Kind::Reply, &body(Kind::Reply, &[Arg::Struct(&reply)]));
    let page = page(&Exporter::start(&["-u", &fake.unix()]));
    assert!(page.contains("1 of 1 destination is down, set 1 has none left"), "{page}");
    assert!(
        page.contains("<bdi>sip:&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}\u{fffd}</bdi>"),
        "{page}"
    );
    assert!(!page.contains("<script>"));
}

#[test]
fn probed_targets_have_a_table_and_pages_of_their_own() {
    let (fake, hung) = (Fake::start(), Fake::start());
    hung.silent(true);
    let rules = ["--probe.allow", "unix:/*/*/ctl", "-t", "1s", UNREACHABLE[0], UNREACHABLE[1]];
    let exporter = Exporter::start(&rules);
    assert!(exporter.get("/").text().contains("Targets probed in the last hour"));
    for target in [fake.unix(), hung.unix()] {
        assert_eq!(exporter.get(&format!("/probe?target={target}")).status, 200);
    }
    let status = status(&exporter, "/-/status");
    let targets: Vec<_> = status["targets"].as_array().unwrap().iter().collect();
    assert_eq!(targets.iter().map(|row| &row["responded"]).collect::<Vec<_>>(), [false, true]);
    let page = exporter.get("/").text();
    let link = links(&page).into_iter().filter(|link| link.starts_with("/?target=")).nth(1).unwrap();
    let page = exporter.get(&link).text();
    assert!(
        page.contains(&format!("<bdi>{}</bdi>", fake.unix())) && page.contains("id=\"chart-requests\""),
        "{page}"
    );
    for link in links(&page) {
        assert_eq!(exporter.get(&link).status, 200, "{link}");
    }
    for (path, expected) in [
        ("/?target=unix:/etc/passwd", 403),
        ("/-/status?target=tcp:127.0.0.1:1", 403),
        ("/?target=x&target=y", 400),
        ("/?target=nonsense", 400),
    ] {
        assert_eq!(exporter.get(path).status, expected, "{path}");
    }
    assert_eq!(Exporter::start(&UNREACHABLE).get("/?target=unix:/x").status, 404);
}

#[test]
fn the_status_page_never_waits_for_kamailio() {
    let fake = Fake::start();
    fake.silent(true);
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "3s"]);
    let status_page = || {
        let start = Instant::now();
        let page = exporter.get("/").text();
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
        page
    };
    assert!(status_page().contains("Kamailio has not been scraped yet"));
    eventually(|| if fake.connections().open == 1 { Ok(()) } else { Err("no scrape".to_owned()) });
    (0..20).for_each(|_| drop(status_page()));
    assert_eq!(fake.connections().accepted, 1, "a scrape for each page");
    // Requests for the metrics share the scrape.
    let page = exporter.exposition();
    assert_eq!((samples(&page)["kamailio_up"], fake.connections().accepted), (0.0, 1));
    let page = status_page();
    assert!(page.contains("Kamailio does not respond") && page.contains("busy with another RPC"), "{page}");
    fake.behave();
    // The state is fresh for 5 s, and then a page starts the next scrape.
    let start = Instant::now();
    eventually(|| match status_page() {
        page if page.contains("Kamailio 5.6.3") => Ok(()),
        page => Err(page),
    });
    assert!(start.elapsed() > Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(fake.connections().accepted, 2);
}

#[test]
fn a_scrape_that_hangs_is_shown_before_it_fails() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "60s"]);
    assert!(!page(&exporter).contains("has not responded"));
    let status_page = || exporter.get("/").text();
    fake.silent(true);
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    eventually(|| match status_page() {
        page if page.contains("Kamailio has not responded for")
            && page.contains("of the previous scrape") =>
        {
            Ok(())
        }
        page => Err(page),
    });
    let status = status(&exporter, "/-/status");
    assert_eq!((&status["level"], &status["scrape"]["responded"]), (&"warning".into(), &true.into()));
    // A client that gives up ends the scrape.
    drop(client);
    eventually(|| match status_page() {
        page if page.contains("has not responded") => Err(page),
        _ => Ok(()),
    });
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
    assert!(exporter.get("/").text().contains("has not been scraped yet"));
    eventually(|| match exporter.get("/").text() {
        page if page.contains("Kamailio 5.6.3") => Ok(()),
        page => Err(page),
    });
    let accepted = fake.connections().accepted;
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!((accepted, fake.connections().accepted), (1, 1), "a scrape without a request");
    // A scrape for Prometheus is the state of the page, too.
    exporter.exposition();
    assert!(exporter.get("/").text().contains("Scraped just now"));
    assert_eq!(fake.connections().accepted, 2);
}

#[test]
fn every_path_can_have_a_prefix() {
    let exporter = Exporter::start(&[
        "--web.route-prefix",
        "/kam/",
        "--web.enable-lifecycle",
        UNREACHABLE[0],
        UNREACHABLE[1],
    ]);
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
    let exporter = Exporter::start(&[
        "--web.external-url",
        "https://example.org/sip/kam/",
        UNREACHABLE[0],
        UNREACHABLE[1],
    ]);
    assert_eq!(exporter.get("/sip/kam/metrics").status, 200);
    let external = ["--web.external-url", "https://example.org/sip", "--web.route-prefix", "/"];
    let exporter = Exporter::start(&[&external[..], &UNREACHABLE].concat());
    assert_eq!(exporter.get("/metrics").status, 200);
    let page = exporter.get("/").text();
    assert!(links(&page).contains(&"/sip/metrics".to_owned()), "{page}");
    assert!(
        links(&page).iter().all(|link| link.starts_with("/sip/")) && page.contains("src=\"/sip/-/page.js?v=")
    );
    assert_eq!(run(&["--web.external-url", "example.org"]).status.code(), Some(1));
}
