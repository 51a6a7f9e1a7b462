//! `record-capture URI PATH METHOD [ARGUMENT]...`: calls a method of a real Kamailio, writes request and reply to `PATH.req`
//! and `PATH.reply`, and prints their entry for `captures/index.json`.
//!
//! An argument is sent as an int if it is one, else as a string; the prefix `s:` forces a string.

use kamailio_binrpc::wire::{self, Header, Kind, Nodes};
use kamailio_binrpc::{Arg, Client, Cookie, Members, Target, Value};
use serde_json::{Value as Json, json};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    match record(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(entry) => {
            println!("{entry}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("record-capture: {error}");
            eprintln!("usage: record-capture URI PATH METHOD [ARGUMENT]...");
            ExitCode::FAILURE
        }
    }
}

fn record(arguments: &[String]) -> Result<Json, Box<dyn Error>> {
    let [uri, path, method, arguments @ ..] = arguments else { return Err("arguments are missing".into()) };
    let (target, path): (Target, _) = (uri.parse()?, Path::new(path));
    let args: Vec<Arg<'_>> = arguments.iter().map(|argument| arg(argument)).collect();
    let mut request = Vec::new();
    wire::encode_request(COOKIE, method, &args, &mut request)?;
    let mut client = Client::connect(&target, Instant::now() + TIMEOUT)?;
    let packet = client.call(method, &args)?.packet();
    let header = wire::header(packet)?.ok_or("the reply has no header")?;
    let reply = with_cookie(packet, &header);
    write(&with_suffix(path, "req"), &request)?;
    write(&with_suffix(path, "reply"), &reply)?;

    let mut nodes = Nodes::new();
    let body = packet.get(header.header_len..).unwrap_or_default();
    nodes.decode(body)?;
    let version = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(json!({
        "version": version,
        "method": method,
        "args": args.iter().map(argument).collect::<Json>(),
        "instance": "main",
        "transport": target.to_string().split(':').next(),
        "request": format!("{version}/{name}.req"),
        "reply": format!("{version}/{name}.reply"),
        "type": if header.kind == Kind::Fault { "fault" } else { "reply" },
        "cookie": COOKIE.0,
        "payload_len": header.body_len,
        "total_len": reply.len(),
        "records": records(nodes.members(body)),
    }))
}

fn arg(argument: &str) -> Arg<'_> {
    match (argument.strip_prefix("s:"), argument.parse()) {
        (Some(text), _) => Arg::Str(text.as_bytes()),
        (None, Ok(int)) => Arg::Int(int),
        (None, Err(_)) => Arg::Str(argument.as_bytes()),
    }
}

fn argument(arg: &Arg<'_>) -> Json {
    match arg {
        Arg::Int(int) => (*int).into(),
        Arg::Str(text) => String::from_utf8_lossy(text).into(),
        _ => Json::Null,
    }
}

/// Returns the reply with the cookie of all captures instead of its own, so that equal replies have equal bytes.
fn with_cookie(packet: &[u8], header: &Header) -> Vec<u8> {
    let (head, body) = packet.split_at_checked(header.header_len).unwrap_or_default();
    // Magic number, version and flags, then the length, whose size is in the flags.
    let length = head.get(..2).and_then(|flags| head.get(2..3 + usize::from(flags[1] >> 2 & 3)));
    let mut reply = head.get(..2).unwrap_or_default().to_vec();
    if let Some(flags) = reply.last_mut() {
        *flags |= COOKIE_SIZE;
    }
    reply.extend_from_slice(length.unwrap_or_default());
    reply.extend_from_slice(&COOKIE.0.to_be_bytes());
    reply.extend_from_slice(body.get(..header.body_len).unwrap_or(body));
    reply
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    // The dots in the name of a method do not begin an extension.
    let mut name: OsString = path.into();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let directory = file.parent().map_or(Ok(()), fs::create_dir_all);
    directory
        .and_then(|()| fs::write(file, bytes))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// The records as `captures/index.json` has them: ints as signed.
fn records(members: Members<'_>) -> Json {
    members.iter().map(|member| value(member.value)).collect()
}

fn value(value: Value<'_>) -> Json {
    match value {
        Value::Int(int) => json!({ "int": int.as_i64() }),
        Value::Double(double) => {
            let milli = double.milli();
            json!({ "double": milli as f64 / 1000.0, "milli": milli.to_string() })
        }
        Value::Str(text) => json!({ "str": String::from_utf8_lossy(text) }),
        Value::Bytes(bytes) => {
            json!({ "bytes": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
        }
        Value::Array(inside) => json!({ "array": records(inside) }),
        Value::Struct(inside) => {
            let member = |member: kamailio_binrpc::Member<'_>| {
                json!([member.name.map(String::from_utf8_lossy), self::value(member.value)])
            };
            json!({ "struct": inside.iter().map(member).collect::<Json>() })
        }
    }
}

/// The cookie of all captures.
const COOKIE: Cookie = Cookie(0x1bad_cafe);
/// In the header's flags: a cookie of four bytes.
const COOKIE_SIZE: u8 = 3;
/// A server that is busy for longer is not one to record.
const TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use super::*;
    use fake_kamailio::{Captures, Fake};

    fn captures(name: &str) -> Vec<u8> {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(name)).unwrap()
    }

    fn index() -> Vec<Json> {
        let index: Json = serde_json::from_slice(&captures("index.json")).unwrap();
        index["captures"].as_array().unwrap().clone()
    }

    #[test]
    fn the_index_has_the_records_of_all_captures() {
        let index = index();
        for capture in &index {
            let packet = captures(capture["reply"].as_str().unwrap());
            let header = wire::header(&packet).unwrap().unwrap();
            let (mut nodes, body) = (Nodes::new(), &packet[header.header_len..]);
            nodes.decode(body).unwrap();
            assert_eq!(records(nodes.members(body)), capture["records"], "{}", capture["reply"]);
        }
        assert!(index.len() > 400, "only {} captures", index.len());
    }

    #[test]
    fn a_capture_that_is_recorded_again_is_the_same() {
        let (kamailio, directory) = (Fake::replay(Captures::of("5.6.3")), tempfile::tempdir().unwrap());
        let (uri, index) = (kamailio.unix(), index());
        for (name, call) in [
            ("core.uptime", &["core.uptime"][..]),
            ("core.echo", &["core.echo"]),
            ("cnt.get_vals_neg", &["cnt.get", "vals", "neg"]),
            ("dispatcher.list", &["dispatcher.list"]),
            ("stats.fetchn_vals-", &["stats.fetchn", "vals:"]),
            ("stats.fetch", &["stats.fetch"]),
        ] {
            let path = directory.path().join("5.6.3").join(name);
            let arguments = [&[&*uri, path.to_str().unwrap()], call].concat();
            let entry = record(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
            for suffix in ["req", "reply"] {
                let file = format!("5.6.3/{name}.{suffix}");
                assert!(fs::read(directory.path().join(&file)).unwrap() == captures(&file), "{file}");
            }
            let request = format!("5.6.3/{name}.req");
            let expected = index.iter().find(|entry| entry["request"] == request.as_str()).unwrap();
            for (key, value) in entry.as_object().unwrap() {
                assert_eq!(value, &expected[key], "{name}: {key}");
            }
            assert_eq!(entry.as_object().unwrap().len(), 12);
        }
        let arguments = [&*uri, "/proc/nowhere/x", "core.uptime"].map(str::to_owned);
        let error = record(&arguments).unwrap_err().to_string();
        assert!(error.starts_with("cannot write /proc/nowhere/x.req: "), "{error}");
    }
}
