//! `call`, against a fake Kamailio.

use crate::support::{command, run};
use fake_kamailio::Fake;
use kamailio_binrpc::wire::{self, Kind, Nodes};
use kamailio_binrpc::{Arg, Cookie};
use kamailio_exporter::internals::json;
use serde_json::Value as Json;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

static INDEX: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_slice(&fs::read(captures("index.json")).unwrap()).unwrap());

fn captures(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures")).join(name)
}

fn call(uri: &str, arguments: &[&str]) -> Output {
    run(&[&["call", "-u", uri], arguments].concat())
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// The records of a body as JSON.
fn json(body: &[u8]) -> String {
    let mut nodes = Nodes::new();
    nodes.decode(body).unwrap();
    let mut text = String::new();
    json::records(nodes.members(body), &mut text);
    text
}

#[test]
fn every_transport_returns_the_reply() {
    let kamailio = Fake::start();
    for uri in [kamailio.unix(), kamailio.unixd(), kamailio.tcp(), kamailio.udp()] {
        let output = call(&uri, &["core.uptime"]);
        let text =
            "{\n\tnow: Sun Nov 22 13:46:11 2026\n\tup_since: Sun Nov 22 13:42:48 2026\n\tuptime: 203\n}\n";
        assert_eq!((stdout(&output), stderr(&output), output.status.code()), (text, "", Some(0)), "{uri}");
    }
}

#[test]
fn a_fault_is_printed_like_kamcmd_does_with_exit_code_1() {
    let kamailio = Fake::start();
    let output = call(&kamailio.unix(), &["no.such.command"]);
    let text = "error: 500 - command no.such.command not found\n";
    assert_eq!((stdout(&output), stderr(&output), output.status.code()), (text, "", Some(1)));
    let output = call(&kamailio.unix(), &["--format", "json", "no.such.command"]);
    let text =
        "{\"type\":\"fault\",\"records\":[{\"int\":500},{\"str\":\"command no.such.command not found\"}]}\n";
    assert_eq!((stdout(&output), output.status.code()), (text, Some(1)));
    // A reason that is not a string, a missing reason, and no records.
    for (body, text) in [
        (&b"\x20\x01\xf4\x10\x05"[..], "error: 500 - 5\n"),
        (b"\x40\xff\xff\xff\xff", "error: -1 - \n"),
        (b"", "error:  - \n"),
    ] {
        kamailio.answer("core.uptime", Kind::Fault, body);
        let output = call(&kamailio.unix(), &["core.uptime"]);
        assert_eq!((stdout(&output), output.status.code()), (text, Some(1)));
    }
}

#[test]
fn a_missing_reply_is_explained_in_one_line_with_exit_code_2() {
    let kamailio = Fake::start();
    let fails = |uri: &str, arguments: &[&str], parts: &[&str]| {
        let output = call(uri, arguments);
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{arguments:?}");
        for part in parts {
            assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
        }
        assert_eq!(stderr(&output).lines().count(), 1);
    };
    fails(
        "unix:/nonexistent/ctl",
        &["core.uptime"],
        &[
            "kamailio_exporter: error: cannot connect to unix:/nonexistent/ctl: ",
            "There is no directory /nonexistent",
        ],
    );
    let long = "x".repeat(70_000);
    fails(&kamailio.unix(), &["core.echo", &long], &["over Kamailio's limit of 65535\n"]);
    kamailio.answer("core.uptime", Kind::Reply, b"\x07");
    fails(&kamailio.unix(), &["core.uptime"], &["value at offset 0 is of the unknown type 7"]);
    kamailio.refuse(true);
    fails(
        &kamailio.unix(),
        &["core.uptime"],
        &["Kamailio closed the connection with 1 of 1 reply outstanding"],
    );
    kamailio.behave();
    kamailio.silent(true);
    let before = kamailio.connections().accepted;
    fails(
        &kamailio.unix(),
        &["-t", "200ms", "core.kill"],
        &["the deadline passed with 1 of 1 reply outstanding"],
    );
    assert_eq!(
        (kamailio.count("core.kill"), kamailio.connections().accepted),
        (1, before + 1),
        "it was repeated"
    );
}

#[test]
fn arguments_are_sent_in_the_types_that_they_look_like_or_that_a_prefix_forces() {
    let kamailio = Fake::start();
    let arguments = ["-5", "1.5", "s:7", "d:8", "f:9", "word"];
    call(&kamailio.unix(), &[&["core.printi"], &arguments[..], &["--", "-x"]].concat());
    assert_eq!(kamailio.calls(), ["core.printi -5 1.5 7 8 9 word -x"]);
    for (arguments, sentence) in [
        (
            &["m", "4294967296"][..],
            "\"4294967296\" is not an int of 32 bits; write s:4294967296 to send a string",
        ),
        (&["m", "d:x"], "\"d:x\" is not an int; write s:d:x to send a string"),
        (&["--format", "yaml", "m"], "unrecognized format yaml; expected pretty or json"),
        (&["m", "-x"], "unknown short flag '-x'"),
    ] {
        let output = call(&kamailio.unix(), arguments);
        assert!(stderr(&output).contains(sentence), "{arguments:?}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(64));
    }
    assert_eq!(call(&kamailio.unix(), &[]).status.code(), Some(64), "the method is missing");
    // Bytes that are not UTF-8 go out as they are.
    let mut process = command();
    process.args(["call", "-u", &kamailio.unix(), "m"]).arg(std::ffi::OsStr::from_bytes(b"\xff"));
    assert_eq!(process.output().unwrap().status.code(), Some(1));
    assert_eq!(kamailio.calls().last().unwrap(), "m \u{fffd}");
}

#[test]
fn json_contains_everything_of_a_reply() {
    for (body, text) in [
        (&b""[..], "[]"),
        (
            b"\x40\xff\xff\xff\xfb\x40\x7f\xff\xff\xff",
            r#"[{"int":-5,"unsigned":4294967291},{"int":2147483647}]"#,
        ),
        (b"\x22\x05\xdc\x02", r#"[{"double":1.500,"milli":"1500"},{"double":0.000,"milli":"0"}]"#),
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff", r#"[{"double":-0.001,"milli":"-1"}]"#),
        (b"\x82\x80\0\0\0\0\0\0\0", r#"[{"double":null,"milli":"-9223372036854775808"}]"#),
        (b"\x51a\0\"\xff\0", r#"[{"str":"a\u0000\"�","hex":"610022ff"}]"#),
        (b"\x26\x01\xff", r#"[{"bytes":"01ff"}]"#),
        (
            b"\x03\x25a\0\x10\x01\x25a\0\x10\x02\x10\x03\x25\xff\0\x03\x83\x83",
            r#"[{"struct":[["a",{"int":1}],["a",{"int":2}],[null,{"int":3}],[{"str":"�","hex":"ff"},{"struct":[]}]]}]"#,
        ),
        (b"\x04\x10\x01\x84", r#"[{"array":[{"int":1}]}]"#),
    ] {
        assert_eq!(json(body), text);
        serde_json::from_str::<Json>(text).unwrap();
    }
}

/// Kamailio uses the shortest encoding, and so does the library: equal bytes show that nothing is lost.
#[test]
fn every_capture_can_be_encoded_again_from_its_json() {
    let mut seen = 0;
    for capture in INDEX["captures"].as_array().unwrap() {
        let name = capture["reply"].as_str().unwrap();
        let packet = fs::read(captures(name)).unwrap();
        let header = wire::header(&packet).unwrap().unwrap();
        let body = &packet[header.header_len..];
        let text: Json = serde_json::from_str(&json(body)).unwrap();
        let records: Vec<Arg<'_>> = text.as_array().unwrap().iter().map(value).collect();
        let mut again = Vec::new();
        wire::encode(header.kind, Cookie(0x1bad_cafe), &records, &mut again).unwrap();
        assert!(again == packet, "{name}");
        seen += 1;
    }
    assert!(seen > 400, "only {seen} captures");
}

/// Parses a value from JSON. The parts of the value are leaked.
fn value(json: &Json) -> Arg<'_> {
    let (kind, content) = ["int", "double", "str", "struct", "array"]
        .into_iter()
        .find_map(|kind| Some((kind, json.get(kind)?)))
        .unwrap_or_else(|| panic!("{json}"));
    match kind {
        "int" => Arg::Int(json.get("unsigned").unwrap_or(content).as_i64().unwrap()),
        "double" => {
            let milli: i64 = json["milli"].as_str().unwrap().parse().unwrap();
            assert_eq!(content.is_null(), milli == i64::MIN);
            Arg::Double(milli as f64 / 1000.0)
        }
        "str" => {
            assert!(json.get("hex").is_none(), "all strings of the captures are UTF-8");
            Arg::Str(content.as_str().unwrap().as_bytes())
        }
        "struct" => {
            let member = |member: &'_ Json| -> (Option<&'static str>, Arg<'static>) {
                let member: &'static Json = Box::leak(Box::new(member.clone()));
                (member[0].as_str(), value(&member[1]))
            };
            Arg::Struct(content.as_array().unwrap().iter().map(member).collect::<Vec<_>>().leak())
        }
        _ => Arg::Array(content.as_array().unwrap().iter().map(value).collect::<Vec<_>>().leak()),
    }
}

#[test]
fn a_reader_that_closes_the_pipe_is_not_an_error() {
    let kamailio = Fake::start();
    kamailio.delay(Duration::from_millis(100));
    let mut process = command();
    process
        .args(["call", "-u", &kamailio.unix(), "core.flags"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = process.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}

#[test]
fn control_characters_are_escaped_on_terminals_only() {
    let kamailio = Fake::start();
    kamailio.answer("core.echo", Kind::Reply, b"\x61\x1b[31m\0");
    let output = call(&kamailio.unix(), &["core.echo"]);
    assert_eq!(output.stdout, b"\x1b[31m\n");
    let words = crate::support::on_a_terminal(&["call", "-u", &kamailio.unix(), "core.echo"], &[]);
    assert_eq!(words.0.trim_end(), "\\u{1b}[31m");
}
