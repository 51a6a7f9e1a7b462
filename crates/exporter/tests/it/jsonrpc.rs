//! Kamailio over JSON-RPC, from a server that can send anything.

use crate::support::{Exporter, run, samples};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};

/// A response of the server.
#[derive(Clone)]
enum Response {
    /// A reply with this `result`.
    Result(&'static str),
    /// These bytes in place of HTTP. `{id}` stands for the id of the request.
    Bytes(&'static str),
}

/// A server with jsonrpcs, whose responses are chosen by method.
struct Server {
    address: String,
    state: Arc<State>,
}

struct State {
    responses: Mutex<BTreeMap<&'static str, Response>>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<usize>,
}

#[derive(Clone, Debug)]
struct Request {
    path: String,
    authorization: Option<String>,
    body: serde_json::Value,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let responses = [
            (
                "system.listMethods",
                r#"["system.listMethods", "core.uptime", "core.shmmem", "tm.stats", "sl.stats"]"#,
            ),
            (
                "core.uptime",
                r#"{"now": "Thu Jan  1 00:01:00 2026", "up_since": "Thu Jan  1 00:00:00 2026", "uptime": 60}"#,
            ),
            (
                "core.shmmem",
                r#"{"total": 5242880000, "free": 1, "used": 2, "real_used": 3, "max_used": 4, "fragments": 5}"#,
            ),
            ("tm.stats", r#"{"current": 7, "waiting": 1, "total": 4294967295, "2xx": 12}"#),
            ("sl.stats", r#"{"200": 3, "xxx": 0}"#),
        ];
        let responses = responses.map(|(method, result)| (method, Response::Result(result)));
        let state = Arc::new(State {
            responses: Mutex::new(responses.into_iter().collect()),
            requests: Mutex::default(),
            connections: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), shared.clone());
                *shared.connections.lock().unwrap() += 1;
                std::thread::spawn(move || while shared.converse(&stream).is_some() {});
            }
        });
        Self { address, state }
    }

    fn url(&self) -> String {
        format!("http://{}/RPC", self.address)
    }

    fn respond(&self, method: &'static str, response: Response) {
        self.state.responses.lock().unwrap().insert(method, response);
    }

    fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl State {
    /// Answers one request; `None` closes the connection.
    fn converse(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let header = |name: &str| {
            let pair =
                lines.iter().find_map(|line| line.split_once(": ").filter(|(found, _)| *found == name));
            pair.map(|(_, value)| value.to_owned())
        };
        let mut body = vec![0; header("content-length")?.parse().unwrap()];
        reader.read_exact(&mut body).ok()?;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let path = lines.first()?.split(' ').nth(1)?.to_owned();
        let (method, id) = (body["method"].as_str()?.to_owned(), body["id"].to_string());
        self.requests.lock().unwrap().push(Request { path, authorization: header("authorization"), body });
        let response = self.responses.lock().unwrap().get(method.as_str()).cloned();
        let bytes = match response {
            Some(Response::Result(result)) => {
                ok(&format!("{{\"jsonrpc\": \"2.0\", \"result\": {result}, \"id\": {id}}}"))
            }
            Some(Response::Bytes(bytes)) => bytes.replace("{id}", &id),
            None => fault(&id),
        };
        stream.write_all(bytes.as_bytes()).ok()?;
        // An announced length that does not arrive, or a response that forbids another request.
        let closes = bytes.contains("Content-Length: 9999") || bytes.contains("Connection: close");
        (!closes).then_some(())
    }
}

fn ok(json: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    )
}

fn fault(id: &str) -> String {
    let json = format!("{{\"error\": {{\"code\": 500, \"message\": \"Method Not Found\"}}, \"id\": {id}}}");
    ok(&json).replacen("200 OK", "500 Method Not Found", 1)
}

const METHODS: &str = "core.uptime,core.shmmem,tm.stats,sl.stats";

#[test]
fn values_arrive_over_one_connection() {
    let server = Server::start();
    let exporter = Exporter::start(&["-u", &server.url(), "-m", METHODS]);
    let page = samples(&exporter.page());
    assert_eq!(page["kamailio_up"], 1.0, "{}", exporter.log());
    assert_eq!(page["kamailio_core_uptime_uptime_total"], 60.0);
    assert_eq!(page["kamailio_core_shmmem_total"], 5_242_880_000.0);
    assert_eq!(page["kamailio_tm_stats_total_total"], 4_294_967_295.0);
    assert_eq!(page["kamailio_tm_stats_codes_total{code=\"2xx\"}"], 12.0);
    assert_eq!(page["kamailio_sl_stats_codes_total{code=\"200\"}"], 3.0);
    assert_eq!(*server.state.connections.lock().unwrap(), 1);
    let requests = server.requests();
    let first = &requests[0];
    assert_eq!((first.path.as_str(), &first.authorization), ("/RPC", &None));
    assert_eq!(first.body["jsonrpc"], "2.0");
    assert!(first.body.get("params").is_none(), "an empty list would be an argument that is missing");
    exporter.page();
    assert_eq!(*server.state.connections.lock().unwrap(), 2, "one for each scrape");
}

#[test]
fn a_server_that_closes_each_connection_is_connected_to_again() {
    let server = Server::start();
    let closing = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 32\r\n\r\n\
                   {\"result\": {\"200\": 3}, \"id\": {id}}";
    server.respond("core.shmmem", Response::Bytes(closing));
    let exporter = Exporter::start(&["-u", &server.url(), "-m", METHODS]);
    exporter.page();
    let page = samples(&exporter.page());
    assert_eq!(page["kamailio_tm_stats_current"], 7.0, "{}", exporter.log());
}

#[test]
fn a_response_that_is_no_reply_fails_its_collector_alone() {
    for (response, reason) in [
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>",
            "the response is 502 Bad Gateway, with text/html and not JSON",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
            "the response is 200 OK, with text/plain and not JSON",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "the response is 302 Found, with no content type and not JSON",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{\"result\":",
            "the response is incomplete: ",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"result\":",
            "the reply ends early",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{\"result\": {}, \"id\": 9999}",
            "the reply has the id 9999 instead of",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n[{\"result\": {}, \"id\": 999}]",
            "the reply is a batch, to a request that was none",
        ),
        (
            "HTTP/1.1 404 Tree\r\nContent-Type: application/json\r\nContent-Length: 58\r\n\r\n\
             {\"error\": {\"code\": 404, \"message\": \"No Tree\"}, \"id\":   {id} }",
            "fault 404: No Tree",
        ),
    ] {
        let server = Server::start();
        let exporter = Exporter::start(&["-u", &server.url(), "-m", METHODS]);
        exporter.page();
        server.respond("tm.stats", Response::Bytes(response));
        let page = samples(&exporter.page());
        assert_eq!(page["kamailio_up"], 1.0, "{reason}");
        for (collector, success) in
            [("core.uptime", 1.0), ("core.shmmem", 1.0), ("tm.stats", 0.0), ("sl.stats", 1.0)]
        {
            let series = format!("kamailio_scrape_collector_success{{collector=\"{collector}\"}}");
            assert_eq!(page[&series], success, "{reason}: {collector}\n{}", exporter.log());
        }
        exporter.wait_for_log(reason);
    }
}

#[test]
fn a_server_that_is_no_kamailio_is_down() {
    for (response, reason) in [
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "Set --kamailio.basic-auth.username"),
        ("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", "404 Not Found"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "invalid HTTP version"),
        ("", "calls jsonrpc_dispatch"),
    ] {
        let server = Server::start();
        for method in ["system.listMethods", "cnt.list_groups", "cnt.list_vars", "core.uptime"] {
            server.respond(method, Response::Bytes(response));
        }
        if response.is_empty() {
            server.respond("system.listMethods", Response::Result("nan"));
        }
        let exporter = Exporter::start(&["-u", &server.url(), "-m", METHODS]);
        let page = samples(&exporter.page());
        assert_eq!(page["kamailio_up"], 0.0, "{reason}");
        exporter.wait_for_log(reason);
        assert!(server.requests().len() <= 2, "no call after it: {:?}", server.requests());
    }
}

#[test]
fn the_password_is_read_from_its_file() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let file = file.to_str().unwrap();
    let credentials = ["--kamailio.basic-auth.username", "user", "--kamailio.basic-auth.password-file", file];
    let exporter = Exporter::start(&[&["-u", &server.url(), "-m", METHODS], &credentials[..]].concat());
    assert_eq!(samples(&exporter.page())["kamailio_up"], 1.0);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.authorization.as_deref() == Some("Basic dXNlcjpzZWNyZXQ="))
    );
    std::fs::remove_file(file).unwrap();
    let before = server.requests().len();
    assert_eq!(samples(&exporter.page())["kamailio_up"], 0.0);
    exporter.wait_for_log("cannot read the password in");
    assert_eq!(server.requests().len(), before);
    assert!(!exporter.log().contains("secret"));
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
    let exporter = Exporter::start(&["-u", &server.url(), "-m", "all"]);
    let page = samples(&exporter.page());
    assert_eq!(page["kamailio_exporter_failed_scrapes"], 0.0, "{}", exporter.log());
    assert!(!page.keys().any(|series| series.starts_with("kamailio_dns_cache_")));
    assert!(
        page.keys().any(|series| series.starts_with("kamailio_secfilter_")),
        "a struct of structs is complete"
    );
    let exporter = Exporter::start(&["-u", &server.url(), "-m", "dns.mem_info"]);
    let page = samples(&exporter.page());
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"dns.mem_info\"}"], 0.0);
    exporter.wait_for_log("module jsonrpcs returns only the last record of dns.mem_info: use BINRPC");
}

#[test]
fn a_probe_sends_the_credentials_only_if_its_rule_says_so() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret").unwrap();
    let port = server.address.rsplit_once(':').unwrap().1;
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
    let location = format!("HTTP/1.1 307 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.url());
    server.respond("system.listMethods", Response::Bytes(location.leak()));
    let rule = format!("http://{}/RPC", server.address);
    let exporter = Exporter::start(&["-u", "unix:/nonexistent", "--probe.allow", &rule]);
    let response = exporter.get(&format!("/probe?target={}", server.url()));
    assert_eq!(samples(&response.text())["kamailio_up"], 0.0);
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn call_once_and_check_take_a_url() {
    let server = Server::start();
    let call = run(&["call", "-u", &server.url(), "core.uptime"]);
    let text = String::from_utf8(call.stdout).unwrap();
    assert!(text.contains("uptime: 60"), "{text}");
    let call = run(&["call", "-u", &server.url(), "no.such.method"]);
    assert_eq!(call.status.code(), Some(1));
    assert!(String::from_utf8(call.stdout).unwrap().contains("500 - Method Not Found"));
    let once = run(&["once", "-u", &server.url(), "-m", METHODS]);
    assert!(once.status.success());
    assert!(String::from_utf8(once.stdout).unwrap().contains("\nkamailio_up 1\n"));
    let check = run(&["check", "-u", &server.url(), "-m", METHODS]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(0), "{text}");
    assert!(text.contains(&server.url()) && text.contains("tm.stats"), "{text}");
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
    let page = samples(&exporter.page());
    assert_eq!((page["kamailio_up"], page["kamailio_tm_stats_current"]), (1.0, 7.0), "{}", exporter.log());
}
