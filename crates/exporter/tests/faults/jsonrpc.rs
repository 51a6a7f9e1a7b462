//! The table of faults of a hostile or broken Kamailio with JSON-RPC, or of a proxy before it.

use crate::kamailio::{EVERYTHING, Fault, LATE, Served, Transport, WITHOUT_TM, case};
use crate::support::jsonrpc::{Response, Server};

const HTTP: &[Transport] = &[Transport::Http];
const TCP: &[Transport] = &[Transport::JsonRpcTcp];
const UDP: &[Transport] = &[Transport::JsonRpcUdp];
const STREAMS: &[Transport] = &[Transport::Http, Transport::JsonRpcTcp];
const ALL: &[Transport] = &[Transport::Http, Transport::JsonRpcTcp, Transport::JsonRpcUdp];

/// Most faults affect the reply to `tm.stats`, the second reply.
pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        description: "accepts the connection and sends nothing",
        inject_jsonrpc: |server| server.respond("*", Response::Silence),
        cases: &[case(STREAMS, Served::Nothing, LATE), case(UDP, Served::Nothing, NO_DATAGRAM)],
        ..Fault::NEW
    },
    Fault {
        description: "is not a web server",
        inject_jsonrpc: |server| http(server, "*", "SSH-2.0-OpenSSH_9.2\r\n"),
        cases: &[case(HTTP, Served::Nothing, "invalid HTTP version")],
        ..Fault::NEW
    },
    Fault {
        description: "has another page in place of JSON-RPC, with status 404",
        inject_jsonrpc: |server| {
            http(
                server,
                "*",
                "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
            );
        },
        cases: &[case(
            HTTP,
            Served::Nothing,
            "the response is 404 Not Found, with text/html instead of application/json",
        )],
        ..Fault::NEW
    },
    Fault {
        description: "requests a password, with status 401",
        inject_jsonrpc: |server| http(server, "*", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
        cases: &[case(HTTP, Served::Nothing, "Set --kamailio.basic-auth.username")],
        ..Fault::NEW
    },
    Fault {
        description: "replies to every call with text that is not JSON",
        inject_jsonrpc: |server| json(server, "*", "nan"),
        cases: &[case(ALL, Served::Nothing, "the reply is not valid: ")],
        ..Fault::NEW
    },
    Fault {
        description: "replies to one call with an error, which has a code and a message",
        inject_jsonrpc: |server| {
            json(server, "tm.stats", r#"{"error": {"code": 404, "message": "No Tree"}, "id": {id}}"#);
        },
        cases: &[case(ALL, WITHOUT_TM, "fault 404: No Tree")],
        ..Fault::NEW
    },
    Fault {
        description: "has a proxy that replies to one call with status 502 and an HTML page",
        inject_jsonrpc: |server| {
            let page = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>";
            http(server, "tm.stats", page);
        },
        cases: &[case(
            HTTP,
            WITHOUT_TM,
            "the response is 502 Bad Gateway, with text/html instead of application/json",
        )],
        ..Fault::NEW
    },
    Fault {
        description: "replies to one call with a wrong content type",
        inject_jsonrpc: |server| {
            let text =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}";
            http(server, "tm.stats", text);
        },
        cases: &[case(
            HTTP,
            WITHOUT_TM,
            "the response is 200 OK, with text/plain instead of application/json",
        )],
        ..Fault::NEW
    },
    Fault {
        description: "replies to one call with a redirect",
        inject_jsonrpc: |server| {
            let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
            http(server, "tm.stats", redirect);
        },
        cases: &[case(
            HTTP,
            WITHOUT_TM,
            "the response is 302 Found, with no content type instead of application/json",
        )],
        ..Fault::NEW
    },
    Fault {
        description: "closes the connection after a reply",
        inject_jsonrpc: |server| {
            let closing = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
                           {\"result\": {\"current\": 8}, \"id\": {id}}";
            http(server, "tm.stats", closing);
        },
        cases: &[case(HTTP, EVERYTHING, "")],
        contains: &["kamailio_tm_stats_current 8", "kamailio_sl_stats_codes_total{code=\"200\"} 3"],
        ..Fault::NEW
    },
    Fault {
        description: "closes the connection in the middle of a reply",
        inject_jsonrpc: |server| {
            let half = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{\"result\":";
            http(server, "tm.stats", half);
        },
        cases: &[case(HTTP, WITHOUT_TM, "the response is incomplete: ")],
        ..Fault::NEW
    },
    Fault {
        description: "sends a reply that ends early",
        inject_jsonrpc: |server| json(server, "tm.stats", "{\"result\":"),
        cases: &[case(ALL, WITHOUT_TM, "the reply ends early: ")],
        ..Fault::NEW
    },
    Fault {
        description: "sends a reply without a result",
        inject_jsonrpc: |server| json(server, "tm.stats", "{\"jsonrpc\": \"2.0\", \"id\": {id}}"),
        cases: &[case(ALL, WITHOUT_TM, "the reply has neither a result nor an error")],
        ..Fault::NEW
    },
    Fault {
        description: "sends a reply whose id belongs to no call",
        inject_jsonrpc: |server| json(server, "tm.stats", "{\"result\": {}, \"id\": 9999}"),
        cases: &[case(ALL, WITHOUT_TM, "the reply has the id 9999 instead of ")],
        ..Fault::NEW
    },
    Fault {
        description: "sends a reply with the id of an earlier call",
        inject_jsonrpc: |server| json(server, "tm.stats", "{\"result\": {}, \"id\": 1}"),
        cases: &[
            case(STREAMS, WITHOUT_TM, "the reply has the id 1 instead of "),
            case(UDP, WITHOUT_TM, NO_DATAGRAM),
        ],
        ..Fault::NEW
    },
    Fault {
        description: "sends a batch of replies",
        inject_jsonrpc: |server| json(server, "tm.stats", "[{\"result\": {}, \"id\": {id}}]"),
        cases: &[case(ALL, WITHOUT_TM, "the reply is a batch, but the request was a single call")],
        ..Fault::NEW
    },
    Fault {
        description: "does not reply to one call",
        inject_jsonrpc: |server| server.respond("tm.stats", Response::Silence),
        cases: &[case(STREAMS, Served::Only(&["core.uptime"]), LATE), case(UDP, WITHOUT_TM, NO_DATAGRAM)],
        ..Fault::NEW
    },
    Fault {
        description: "sends 100,000 nested arrays",
        inject_jsonrpc: |server| json(server, "tm.stats", &format!("{{\"result\": {}", "[".repeat(100_000))),
        cases: &[case(STREAMS, WITHOUT_TM, "recursion limit exceeded")],
        ..Fault::NEW
    },
    Fault {
        description: "sends 300,000 values",
        inject_jsonrpc: |server| {
            let values = "1,".repeat(300_000);
            json(server, "tm.stats", &format!("{{\"result\": [{values} 1], \"id\": {{id}}}}"));
        },
        timeout: 10,
        cases: &[case(STREAMS, WITHOUT_TM, "more values than the limit of 262144")],
        ..Fault::NEW
    },
    Fault {
        description: "sends a response header of 1 MiB",
        inject_jsonrpc: |server| {
            http(server, "tm.stats", &format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)));
        },
        timeout: 10,
        cases: &[case(HTTP, WITHOUT_TM, "message head is too large")],
        ..Fault::NEW
    },
    Fault {
        description: "sends endless response headers",
        inject_jsonrpc: |server| endless(server, "HTTP/1.1 200 OK\r\n", &"X: y\r\n".repeat(1_000)),
        timeout: 10,
        cases: &[case(HTTP, WITHOUT_TM, "message head is too large")],
        ..Fault::NEW
    },
    Fault {
        description: "sends endless informational responses",
        inject_jsonrpc: |server| endless(server, "", &"HTTP/1.1 100 Continue\r\n\r\n".repeat(10)),
        timeout: 10,
        cases: &[case(HTTP, WITHOUT_TM, "the server sent more than 8 informational responses")],
        ..Fault::NEW
    },
    Fault {
        description: "declares a body of 9 MiB and sends it",
        inject_jsonrpc: |server| {
            let headers =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9437184\r\n\r\n";
            endless(server, headers, &" ".repeat(1 << 20));
        },
        timeout: 10,
        cases: &[case(HTTP, WITHOUT_TM, "has more than 8388608 bytes")],
        ..Fault::NEW
    },
    Fault {
        description: "sends an endless body",
        inject_jsonrpc: |server| {
            endless(
                server,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
                &" ".repeat(1 << 20),
            );
        },
        timeout: 10,
        cases: &[case(HTTP, WITHOUT_TM, "has more than 8388608 bytes")],
        ..Fault::NEW
    },
    Fault {
        description: "sends an endless reply",
        inject_jsonrpc: |server| endless(server, "", &" ".repeat(1 << 20)),
        timeout: 10,
        cases: &[case(TCP, WITHOUT_TM, "has more than 8388608 bytes")],
        ..Fault::NEW
    },
];

fn json(server: &Server, method: &'static str, reply: &str) {
    server.respond(method, Response::Json(reply.to_owned()));
}

fn http(server: &Server, method: &'static str, response: &str) {
    server.respond(method, Response::Bytes(response.to_owned()));
}

fn endless(server: &Server, once: &str, forever: &str) {
    server.respond("tm.stats", Response::Endless(once.to_owned(), forever.to_owned()));
}

/// A datagram that does not come takes a quarter of the time that is left.
const NO_DATAGRAM: &str = "no reply came; Kamailio sends no datagram of more than 64 KiB";
