//! The metrics of the Kamailio that a request names.

use crate::support::{ClientResponse, Exporter, UNREACHABLE, eventually, samples};
use fake_kamailio::{Captures, Fake, body};
use flate2::read::GzDecoder;
use kamailio_binrpc::wire::Kind;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// Starts an exporter whose own Kamailio is down, and that may probe these targets.
fn start(allow: &[&str], arguments: &[&str]) -> Exporter {
    let allow: Vec<_> = allow.iter().flat_map(|rule| ["--probe.allow", rule]).collect();
    Exporter::start(&[&UNREACHABLE, &allow[..], arguments].concat())
}

fn probe(exporter: &Exporter, target: &str) -> ClientResponse {
    exporter.get(&format!("/probe?target={target}"))
}

/// Returns the samples of an allowed target.
fn probed(exporter: &Exporter, target: &str) -> std::collections::BTreeMap<String, f64> {
    let answer = probe(exporter, target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    samples(&answer.text())
}

#[test]
fn without_rules_there_is_no_probe_endpoint() {
    let fake = Fake::start();
    let exporter = start(&[], &[]);
    let answer = probe(&exporter, &fake.unix());
    assert_eq!((answer.status, answer.text().as_str()), (404, "404 page not found\n"));
    assert_eq!(fake.connections().accepted, 0);
    assert!(!exporter.get("/").text().contains("/probe"));
    assert!(start(&["unix:/x"], &[]).get("/").text().contains("<code>/probe?target=URI</code>"));
}

#[test]
fn every_transport_brings_the_metrics_of_the_target_and_no_others() {
    let fake = Fake::start();
    let direct = Exporter::start(&["-u", &fake.unix()]);
    let direct = samples(&direct.exposition());
    let own = |name: &&String| name.starts_with("process_") || name.contains("exporter_build_info");
    let expected: Vec<_> = direct.keys().filter(|name| !own(name)).collect();
    let exporter = start(&["unix:/*/*/ctl", "unixd:/*/*/ctld", "tcp:127.0.0.1:*", "udp:127.0.0.1:*"], &[]);
    for target in [fake.unix(), fake.unixd(), fake.tcp(), fake.udp()] {
        for count in [1.0, 2.0] {
            let page = probed(&exporter, &target);
            // The values of the kernel are for unix sockets.
            let has_kernel = target.starts_with("unix:");
            let is_kernels = |name: &str| name.contains("_visible") || name.contains("collector=\"kernel.");
            let expected: Vec<_> =
                expected.iter().copied().filter(|name| has_kernel || !is_kernels(name)).collect();
            assert_eq!(page.keys().collect::<Vec<_>>(), expected, "{target}");
            assert_eq!((page["kamailio_up"], page["kamailio_exporter_total_scrapes"]), (1.0, count));
        }
    }
    assert_eq!(
        samples(&exporter.exposition())["kamailio_up"],
        0.0,
        "the exporter's own Kamailio is not the target"
    );
}

#[test]
fn a_target_that_is_down_is_reported_with_status_200() {
    let exporter = start(&["unix:/nonexistent/*", "tcp:127.0.0.1:1", "tcp:*:*"], &[]);
    for target in ["unix:/nonexistent/ctl", "tcp:127.0.0.1:1", "tcp:name.invalid:2049"] {
        for count in [1.0, 2.0] {
            let page = probed(&exporter, target);
            assert_eq!(
                (page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]),
                (0.0, count),
                "{target}"
            );
        }
        exporter.wait_for_log(&format!("target={target} error=\"cannot connect to {target}: "));
    }
}

#[test]
fn a_request_without_exactly_one_valid_target_is_refused_with_a_reason() {
    let exporter = start(&["unix:/run/*"], &[]);
    for (query, sentence) in [
        ("", "Target parameter is missing: /probe?target=tcp:sip1.example.org:2049\n"),
        ("?targets=unix:/run/x", "Target parameter is missing: /probe?target=tcp:sip1.example.org:2049\n"),
        (
            "?target=unix:/run/x&target=unix:/run/x",
            "Target parameter must be given once: /probe?target=tcp:sip1.example.org:2049\n",
        ),
        (
            "?target=",
            "invalid Kamailio address \"\": the address is empty; expected unix:/path, unixd:/path, tcp:host:port or \
             udp:host:port, http://HOST:PORT/PATH, https://HOST:PORT/PATH, or jsonrpc+ before unix:, udp: or tcp:\n",
        ),
        (
            "?target=ftp://x:1/",
            "invalid Kamailio address \"ftp://x:1/\": unknown socket type \"ftp\"; expected unix:/path, unixd:/path, \
             tcp:host:port or udp:host:port, http://HOST:PORT/PATH, https://HOST:PORT/PATH, or jsonrpc+ before unix:, udp: or tcp:\n",
        ),
        (
            "?target=unix:/run/a%0ab",
            "invalid Kamailio address \"unix:/run/a\\nb\": the address contains a control character; expected unix:/path, \
             unixd:/path, tcp:host:port or udp:host:port, http://HOST:PORT/PATH, https://HOST:PORT/PATH, or jsonrpc+ before unix:, udp: or tcp:\n",
        ),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = exporter.request(method, &format!("/probe{query}"), &[]);
            assert_eq!(answer.status, 400, "{query}");
            assert!(method == "HEAD" || answer.text() == sentence, "{query}: {}", answer.text());
        }
    }
    let refused = probe(&exporter, "unix:/etc/x");
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (403, "This target is not allowed by --probe.allow.\n")
    );
    exporter.wait_for_log("msg=\"probe refused\" target=unix:/etc/x");
    let header = [("X-Prometheus-Scrape-Timeout-Seconds", "soon")];
    assert_eq!(exporter.request("GET", "/probe?target=unix:/run/x", &header).status, 400);
    assert_eq!(exporter.request("POST", "/probe?target=unix:/run/x", &[]).status, 405);
    (0..200).for_each(|_| drop(probe(&exporter, "unix:/etc/x")));
    let lines = exporter.log().matches("probe refused").count();
    assert!((1..100).contains(&lines), "{lines} lines");
}

#[test]
fn formats_filters_and_head_are_those_of_the_metrics() {
    let fake = Fake::start();
    let exporter = start(&["unix:/*/*/*"], &["-m", "tm.stats,sl.stats"]);
    let path = format!("/probe?target={}", fake.unix());
    let head = exporter.request("HEAD", &path, &[]);
    assert_eq!((head.status, head.body.len(), fake.connections().accepted), (200, 0, 0));
    let headers = [("Accept", "application/openmetrics-text;version=1.0.0"), ("Accept-Encoding", "gzip")];
    let answer = exporter.request("GET", &path, &headers);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0;"));
    let mut page = String::new();
    GzDecoder::new(&answer.body[..]).read_to_string(&mut page).unwrap();
    assert!(page.contains("kamailio_tm_stats_") && page.ends_with("# EOF\n"), "{page}");
    let page = exporter.get(&format!("{path}&collect[]=sl.stats")).text();
    assert!(page.contains("kamailio_sl_stats_") && !page.contains("kamailio_tm_stats_"), "{page}");
    let page = exporter.get(&format!("{path}&exclude[]=sl.stats")).text();
    assert!(!page.contains("kamailio_sl_stats_") && page.contains("kamailio_tm_stats_"), "{page}");
    let answer = exporter.get(&format!("{path}&collect[]=tls.info"));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("disabled collector: tls.info"), "{}", answer.text());
}

#[test]
fn probes_do_not_fetch_the_external_page() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let fake = Fake::start();
    let exporter = start(
        &["unix:/*/*/*"],
        &["-m", "tm.stats,custom", "--kamailio.custom-metrics-url", &url, "-t", "500ms"],
    );
    let page = probed(&exporter, &fake.unix());
    assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (1.0, 0.0));
    assert!(!page.keys().any(|name| name.contains("\"custom\"")), "{page:?}");
    assert!(listener.accept().is_err(), "a probe fetched the external page");
    let answer = exporter.get(&format!("/probe?target={}&collect[]=custom", fake.unix()));
    assert_eq!(answer.status, 400);
    exporter.exposition();
    assert!(listener.accept().is_ok(), "/metrics does not fetch the external page either");
}

#[test]
fn probes_of_a_target_share_runs_and_capabilities() {
    let fake = Fake::start();
    let exporter = start(&["unix:/*/*/*"], &[]);
    probed(&exporter, &fake.unix());
    assert_eq!(fake.count("system.listMethods"), 1);
    fake.delay_method("core.uptime", Duration::from_secs(1));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(probed(&exporter, &fake.unix())["kamailio_up"], 1.0));
        }
    });
    assert_eq!((fake.connections().accepted, fake.count("system.listMethods")), (2, 1));
}

#[test]
fn large_capabilities_of_a_target_are_not_kept() {
    let fake = Fake::start();
    let names: Vec<_> = (0..2000).map(|number| format!("statistic_{number:040}")).collect();
    fake.answer("cnt.list_groups", Kind::Reply, &body(&["script".into()]));
    fake.answer(
        "cnt.list_vars",
        Kind::Reply,
        &body(&names.iter().map(|name| name.as_str().into()).collect::<Vec<_>>()),
    );
    let exporter = start(&["unix:/*/*/*"], &[]);
    let own = Exporter::start(&["-u", &fake.unix()]);
    for asked in 1..4 {
        assert_eq!(probed(&exporter, &fake.unix())["kamailio_up"], 1.0);
        assert_eq!(fake.count("system.listMethods"), asked);
    }
    (0..2).for_each(|_| drop(own.exposition()));
    assert_eq!(
        fake.count("system.listMethods"),
        4,
        "the capabilities of the exporter's own Kamailio are kept"
    );
}

/// Creates sockets that accept connections and never reply, one for each name.
fn hung(directory: &tempfile::TempDir, names: std::ops::Range<usize>) -> Vec<(String, UnixListener)> {
    let listen = |name: usize| {
        let path = directory.path().join(name.to_string());
        let target = format!("unix:{}", path.display());
        let listener = UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        (target, listener)
    };
    names.map(listen).collect()
}

/// Waits for a connection.
fn accept(listener: &UnixListener) -> UnixStream {
    eventually(|| listener.accept().map(|(stream, _)| stream).map_err(|error| error.to_string()))
}

#[test]
fn hung_targets_delay_neither_other_targets_nor_the_metrics() {
    let directory = tempfile::tempdir().unwrap();
    let hung = hung(&directory, 0..30);
    let (fake, other) = (Fake::start(), Fake::start());
    let limits = ["-t", "20s", "--web.max-requests", "1", "--probe.max-requests", "40"];
    let exporter = start(&["unix:/*/*/*", &fake.unix()], &limits);
    std::thread::scope(|scope| {
        let probes: Vec<_> =
            hung.iter().map(|(target, _)| scope.spawn(|| probed(&exporter, target)["kamailio_up"])).collect();
        let connections: Vec<_> = hung.iter().map(|(_, listener)| accept(listener)).collect();
        assert_eq!(probed(&exporter, &fake.unix())["kamailio_up"], 1.0);
        let refused = probe(&exporter, &other.unix());
        let sentence = "Limit of concurrent probes of targets that only a pattern allows reached (30), try again later.\n";
        assert_eq!((refused.status, refused.text().as_str()), (503, sentence));
        assert_eq!(samples(&exporter.exposition())["kamailio_up"], 0.0);
        assert!(
            probes.iter().all(|probe| !probe.is_finished()),
            "the hung targets did not hang all the time"
        );
        drop(connections);
        for probe in probes {
            assert_eq!(probe.join().unwrap(), 0.0);
        }
    });
}

#[test]
fn concurrent_probes_are_limited() {
    let directory = tempfile::tempdir().unwrap();
    let hung = hung(&directory, 0..1);
    let fake = Fake::start();
    let exporter = start(&["unix:/*/*/*"], &["-t", "20s", "--probe.max-requests", "1"]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| probed(&exporter, &hung[0].0)["kamailio_up"]);
        let connection = accept(&hung[0].1);
        let answer = probe(&exporter, &fake.unix());
        let sentence = "Limit of concurrent probes reached (1), try again later.\n";
        assert_eq!((answer.status, answer.text().as_str()), (503, sentence));
        assert_eq!(fake.connections().accepted, 0);
        drop(connection);
        assert_eq!(first.join().unwrap(), 0.0);
    });
    assert_eq!(probed(&exporter, &fake.unix())["kamailio_up"], 1.0);
}

#[test]
fn a_hung_target_leaves_most_probes_to_other_targets() {
    let directory = tempfile::tempdir().unwrap();
    let hung = hung(&directory, 0..1);
    let fake = Fake::start();
    let exporter = start(&["unix:/*/*/*"], &["-t", "20s", "--probe.max-requests", "8"]);
    // Two selections start two scrapes; other requests join them.
    let paths: Vec<_> = ["tm.stats", "sl.stats"]
        .iter()
        .flat_map(|name| std::iter::repeat_n(format!("/probe?target={}&collect[]={name}", hung[0].0), 10))
        .collect();
    std::thread::scope(|scope| {
        let requests: Vec<_> = paths.iter().map(|path| scope.spawn(|| exporter.get(path).status)).collect();
        let connections: Vec<_> = (0..2).map(|_| accept(&hung[0].1)).collect();
        let refused = exporter.get(&format!("/probe?target={}&collect[]=tls.info", hung[0].0));
        let sentence = "Limit of concurrent probes of one target reached (2), try again later.\n";
        assert_eq!((refused.status, refused.text().as_str()), (503, sentence));
        assert_eq!(probed(&exporter, &fake.unix())["kamailio_up"], 1.0);
        std::thread::sleep(Duration::from_millis(300));
        drop(connections);
        assert!(requests.into_iter().all(|request| request.join().unwrap() == 200));
    });
}

#[test]
fn prometheus_timeout_is_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let hung = hung(&directory, 0..1);
    let exporter = start(&["unix:/*/*/*"], &["-t", "20s"]);
    let start = Instant::now();
    let header = [("X-Prometheus-Scrape-Timeout-Seconds", "1")];
    let answer = exporter.request("GET", &format!("/probe?target={}", hung[0].0), &header);
    assert_eq!((answer.status, samples(&answer.text())["kamailio_up"]), (200, 0.0));
    assert!((0.45..10.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[test]
fn hundreds_of_targets_leave_no_file_behind_and_little_memory() {
    let directory = tempfile::tempdir().unwrap();
    let target = |number: usize| format!("unix:{}/{number}", directory.path().display());
    let targets: Vec<_> = (0..250).map(|number| target(number).parse().unwrap()).collect();
    let _fake = Fake::listen(Captures::of("5.6.3"), &targets).unwrap();
    let exporter = start(&["unix:/*/*/*"], &[]);
    probed(&exporter, &target(0));
    let memory = || samples(&exporter.exposition())["process_resident_memory_bytes"] / 1024.0;
    // The first exposition opens files of /proc that stay open.
    let (before, files) = (memory(), exporter.open_files());
    for number in 1..250 {
        assert_eq!(probed(&exporter, &target(number))["kamailio_up"], 1.0, "{number}");
    }
    let after = memory();
    println!("{:.1} KiB a target", (after - before) / 249.0);
    assert!(after - before < 249.0 * 20.0, "{before} KiB, then {after} KiB");
    eventually(|| match exporter.open_files() {
        now if now <= files => Ok(()),
        now => Err(format!("{now} files are open, and were {files}")),
    });
}

#[test]
fn many_targets_that_are_down_do_not_fill_the_log() {
    let exporter = start(&["unix:/nonexistent/*"], &[]);
    for number in 0..400 {
        assert_eq!(probe(&exporter, &format!("unix:/nonexistent/{number}")).status, 200);
    }
    exporter.wait_for_log("scrape failed");
    let lines = exporter.log().matches("scrape failed").count();
    assert!((1..200).contains(&lines), "{lines} lines");
}
