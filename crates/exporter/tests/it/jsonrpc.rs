//! Kamailio over JSON-RPC, from a server that can send anything.

use crate::support::jsonrpc::{Response, Server};
use crate::support::{Exporter, run, samples};
use fake_kamailio::{Fake, body};
use kamailio_binrpc::{Arg, wire::Kind};
use std::os::unix::net::UnixDatagram;

const METHODS: &str = "core.uptime,core.shmmem,tm.stats,sl.stats";

#[test]
fn values_arrive_over_one_connection() {
    let server = Server::start();
    let exporter = Exporter::start(&["-u", &server.http(), "-m", METHODS]);
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_up"], 1.0, "{}", exporter.log());
    assert_eq!(page["kamailio_core_uptime_uptime_total"], 60.0);
    assert_eq!(page["kamailio_core_shmmem_total"], 5_242_880_000.0);
    assert_eq!(page["kamailio_tm_stats_total_total"], 4_294_967_295.0);
    assert_eq!(page["kamailio_tm_stats_codes_total{code=\"2xx\"}"], 12.0);
    assert_eq!(page["kamailio_sl_stats_codes_total{code=\"200\"}"], 3.0);
    assert_eq!(server.accepted(), 1);
    let requests = server.requests();
    let first = &requests[0];
    assert_eq!((first.path.as_str(), &first.authorization), ("/RPC", &None));
    assert_eq!(first.body["jsonrpc"], "2.0");
    assert!(first.body.get("params").is_none(), "an empty list would be an argument that is missing");
    exporter.exposition();
    assert_eq!(server.accepted(), 2, "one for each scrape");
}

#[test]
fn a_server_that_is_not_a_kamailio_gets_no_further_call() {
    let server = Server::start();
    server.respond("*", Response::Bytes("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()));
    let exporter = Exporter::start(&["-u", &server.http(), "-m", METHODS]);
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 0.0);
    assert_eq!(server.requests().len(), 1, "{:?}", server.requests());
}

#[test]
fn the_password_is_read_from_its_file() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let file = file.to_str().unwrap();
    let credentials = ["--kamailio.basic-auth.username", "user", "--kamailio.basic-auth.password-file", file];
    let exporter = Exporter::start(&[&["-u", &server.http(), "-m", METHODS], &credentials[..]].concat());
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.authorization.as_deref() == Some("Basic dXNlcjpzZWNyZXQ="))
    );
    std::fs::remove_file(file).unwrap();
    let before = server.requests().len();
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 0.0);
    exporter.wait_for_log("cannot read the password in");
    assert_eq!(server.requests().len(), before);
    assert!(!exporter.log().contains("secret"));
}

/// Over JSON-RPC, Kamailio 5.4 returns only the last of the statistics that one call names.
#[test]
fn statistics_of_a_large_group_are_one_call_each_over_jsonrpc_and_few_calls_over_binrpc() {
    let names: Vec<_> = (0..400).map(|number| format!("core.statistic_with_a_long_name_{number}")).collect();
    let server = Server::start();
    let methods =
        r#"["system.listMethods", "cnt.list_groups", "cnt.list_vars", "core.uptime", "stats.fetch"]"#;
    server.respond("system.listMethods", Response::Result(methods));
    server.respond("cnt.list_groups", Response::Result(r#"["core"]"#));
    let listed = serde_json::json!(names);
    let listed = format!("{{\"jsonrpc\": \"2.0\", \"result\": {listed}, \"id\": {{id}}}}");
    server.respond("cnt.list_vars", Response::Json(listed));
    server.respond("stats.fetch", Response::Result("{}"));
    Exporter::start(&["-u", &server.http(), "-m", "stats"]).exposition();
    let requests = server.requests().into_iter().map(|request| request.body);
    let params: Vec<_> = requests
        .filter(|body| body["method"] == "stats.fetch")
        .map(|body| body["params"].as_array().unwrap().len())
        .collect();
    assert_eq!(params, vec![1; names.len()]);

    let fake = Fake::start();
    let names: Vec<_> = names.iter().map(|name| Arg::from(name.as_str())).collect();
    fake.answer("cnt.list_groups", Kind::Reply, &body(&["core".into()]));
    fake.answer("cnt.list_vars", Kind::Reply, &body(&names));
    Exporter::start(&["-u", &fake.unix(), "-m", "stats"]).exposition();
    assert!((2..9).contains(&fake.count("stats.fetch")), "{:?}", fake.calls());
}

/// `core/dns_cache.c`, `dns_cache_mem_info`, adds two numbers: the used and the maximum size.
#[test]
fn the_last_of_several_records_is_not_taken_for_the_first() {
    let server = Server::start();
    let methods = r#"["system.listMethods", "core.uptime", "dns.mem_info", "secfilter.stats"]"#;
    server.respond("system.listMethods", Response::Result(methods));
    server.respond("dns.mem_info", Response::Result("512000"));
    server
        .respond("secfilter.stats", Response::Result(r#"{"Blacklist": {"User-Agent": 2}, "Whitelist": {}}"#));
    let exporter = Exporter::start(&["-u", &server.http(), "-m", "all"]);
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_exporter_failed_scrapes"], 0.0, "{}", exporter.log());
    assert!(!page.keys().any(|series| series.starts_with("kamailio_dns_cache_")));
    assert!(
        page.keys().any(|series| series.starts_with("kamailio_secfilter_")),
        "a struct of structs is complete"
    );
    let exporter = Exporter::start(&["-u", &server.http(), "-m", "dns.mem_info"]);
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"dns.mem_info\"}"], 0.0);
    exporter.wait_for_log("module jsonrpcs returns only the last record of dns.mem_info: use BINRPC");
}

#[test]
fn a_probe_sends_the_credentials_only_if_its_rule_has_credentials() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret").unwrap();
    let port = server.address().rsplit_once(':').unwrap().1;
    let probe = |rule: &str, path: &str| {
        let rule = rule.replace("PORT", port);
        let exporter = Exporter::start(&[
            "-u",
            "unix:/nonexistent",
            "-m",
            METHODS,
            "--kamailio.basic-auth.username",
            "user",
            "--kamailio.basic-auth.password-file",
            file.to_str().unwrap(),
            "--probe.allow",
            &rule,
        ]);
        let before = server.requests().len();
        let response = exporter.get(&format!("/probe?target=http://127.0.0.1:{port}{path}"));
        let requests = server.requests().split_off(before);
        let up = response.status == 200 && samples(&response.text())["kamailio_up"] == 1.0;
        (
            response.status,
            up,
            requests.iter().any(|request| request.authorization.is_some()),
            !requests.is_empty(),
        )
    };
    assert_eq!(probe("http://127.0.0.0/8:PORT/RPC", "/RPC"), (200, true, false, true));
    assert_eq!(probe("http://127.0.0.1:*/R*", "/RPC"), (200, true, false, true));
    assert_eq!(probe("http://credentials@127.0.0.1:PORT/RPC", "/RPC"), (200, true, true, true));
    for (rule, path) in [
        ("http://127.0.0.1:PORT/RPC", "/other"),
        ("http://127.0.0.1:PORT/RPC", "/"),
        ("http://127.0.0.1:PORT/RPC", "/RPC/more"),
        ("http://127.0.0.1:PORT/*/RPC", "/../RPC"),
        ("http://127.0.0.1:PORT/*/RPC", "/%252e%252e/RPC"),
        ("http://127.0.0.1:PORT/*", "/RPC%3Fa=b"),
        ("http://127.0.0.1:1/RPC", "/RPC"),
        ("http://127.0.0.2:PORT/RPC", "/RPC"),
        ("https://127.0.0.1:PORT/RPC", "/RPC"),
        ("tcp:127.0.0.1:PORT", "/RPC"),
        ("jsonrpc+tcp:127.0.0.1:PORT", "/RPC"),
        ("http://*:PORT/RPC", "/RPC"),
    ] {
        assert_eq!(probe(rule, path), (403, false, false, false), "{rule} {path}");
    }
}

#[test]
fn a_probe_follows_no_redirect() {
    let (server, other) = (Server::start(), Server::start());
    let location = format!("HTTP/1.1 307 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.http());
    server.respond("system.listMethods", Response::Bytes(location));
    let rule = format!("http://{}/RPC", server.address());
    let exporter = Exporter::start(&["-u", "unix:/nonexistent", "--probe.allow", &rule]);
    let response = exporter.get(&format!("/probe?target={}", server.http()));
    assert_eq!(samples(&response.text())["kamailio_up"], 0.0);
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn call_once_and_check_take_a_url() {
    let server = Server::start();
    let call = run(&["call", "-u", &server.http(), "core.uptime"]);
    let text = String::from_utf8(call.stdout).unwrap();
    assert!(text.contains("uptime: 60"), "{text}");
    let call = run(&["call", "-u", &server.http(), "no.such.method"]);
    assert_eq!(call.status.code(), Some(1));
    assert!(String::from_utf8(call.stdout).unwrap().contains("500 - Method Not Found"));
    let once = run(&["once", "-u", &server.http(), "-m", METHODS]);
    assert!(once.status.success());
    assert!(String::from_utf8(once.stdout).unwrap().contains("\nkamailio_up 1\n"));
    let check = run(&["check", "-u", &server.http(), "-m", METHODS]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(0), "{text}");
    assert!(text.contains(&server.http()) && text.contains("tm.stats"), "{text}");
}

#[test]
fn datagrams_carry_one_call_each() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rpc.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok((len, peer)) = socket.recv_from(&mut buffer) {
            let request: serde_json::Value = serde_json::from_slice(&buffer[..len]).unwrap();
            let result = match request["method"].as_str().unwrap() {
                "system.listMethods" => r#"["core.uptime", "tm.stats"]"#,
                "core.uptime" => r#"{"up_since": "Thu Jan  1 00:00:00 2026", "uptime": 60}"#,
                "tm.stats" => r#"{"current": 7}"#,
                _ => "{}",
            };
            let reply = format!("{{\"jsonrpc\": \"2.0\", \"result\": {result}, \"id\": {}}}", request["id"]);
            socket.send_to_addr(reply.as_bytes(), &peer).unwrap();
        }
    });
    let uri = format!("jsonrpc+unix:{}", path.display());
    let exporter = Exporter::start(&["-u", &uri, "-m", "core.uptime,tm.stats"]);
    let page = samples(&exporter.exposition());
    assert_eq!((page["kamailio_up"], page["kamailio_tm_stats_current"]), (1.0, 7.0), "{}", exporter.log());
}
