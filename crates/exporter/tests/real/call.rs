//! Compares `call` with Debian's kamcmd.

use crate::support::command;
use fake_kamailio::{Captures, Fake};
use kamailio_exporter::internals::{ALL, Call};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output};
use std::thread;
use testbed::Kamailio;

/// Arguments that the exporter and kamcmd encode differently, with the reason.
const ARGUMENTS: &[(&str, &str)] = &[
    ("", "kamcmd sends the int 0"),
    ("d:5", "kamcmd has no such prefix"),
    ("f:1.5", "kamcmd has no such prefix"),
    ("0x10", "kamcmd sends the double 16.0, which no method accepts"),
    ("1.9999", "kamcmd truncates to 1.999 instead of rounding"),
    ("1.001", "kamcmd sends 1.000, because it truncates numbers that are not exact in binary"),
    ("-0.0009", "kamcmd truncates to 0 instead of rounding"),
];

/// Arguments that the exporter refuses and kamcmd sends as another number.
const REFUSED: &[&str] =
    &["4294967296", "99999999999999999999", "-2147483649", "inf", "nan", "-inf", "1e400", "9.3e15"];

/// Arguments that the exporter and kamcmd encode alike.
const ALIKE: &[&[u8]] = &[
    b"1",
    b"-5",
    b"+5",
    b"007",
    b" 1",
    b"\t3",
    b"1 ",
    b"-0",
    b"127",
    b"128",
    b"255",
    b"256",
    b"2147483647",
    b"2147483648",
    b"4294967295",
    b"-2147483648",
    b"s:1",
    b"s:",
    b"s:s:1",
    b"s:a b",
    b"abc",
    b"sip:a@b:5060",
    b"tmx:",
    b"1.5",
    b"1.5x",
    b".5",
    b"5.",
    b"1e3",
    b"1e",
    b"0x",
    b"1_0",
    b"-",
    b"+",
    b".",
    b"-0.0",
    b"-1.25",
    b"1e-400",
    b"0.29",
    b"1e15",
    b"2.5\n",
    "é".as_bytes(),
    b"s:\xc3\xa9\xff",
    b"\xff",
];

/// Methods with captures that are not called, because they change Kamailio.
const CHANGING: &[&str] = &[
    "rtpengine.enable",
    "rtpengine.ping",
    "matrix.reload",
    "evrexec.run",
    "dispatcher.set_state",
    "core.echo_delta",
];

/// Methods whose replies contain the time, in seconds except for the first. If the replies differ, which is likely on a slow
/// machine, everything but the numbers is compared.
const MOVING: &[&str] = &[
    "xhttp_prom.metric_list_print",
    "core.runinfo",
    "core.tcp_list",
    "core.uptime",
    "keepalive.list",
    "statsc.report",
    "tls.list",
    "uac.reg_dump",
    "uac.reg_info",
    "ul.dump",
    "ul.lookup",
];

/// Captures that the exporter and kamcmd print differently, with the reason.
const PRINTED: &[(&str, &str)] = &[
    ("ul.dump", "kamcmd refuses replies over 128 KiB"),
    ("stats.fetchn_all", "kamcmd prints a number although there is none"),
    ("stats.fetchn_vals-", "kamcmd prints a number although there is none"),
    ("stats.fetchn_script-", "kamcmd prints a number although there is none"),
];

fn kamcmd(uri: &str, arguments: &[&OsStr]) -> Output {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut kamcmd = Command::new("timeout");
    kamcmd.env("PATH", path).args(["10", "kamcmd", "-s", uri, "--"]).args(arguments).output().unwrap()
}

fn ours(uri: &str, arguments: &[&OsStr]) -> Output {
    command().args(["call", "-u", uri, "--"]).args(arguments).output().unwrap()
}

/// Compares the output. Exit codes differ by design: kamcmd returns 0 for a fault.
fn is_equal(theirs: &Output, ours: &Output) -> bool {
    let fault = theirs.stdout.starts_with(b"error: ");
    theirs.stdout == ours.stdout && theirs.status.success() && ours.status.code() == Some(fault.into())
}

/// Returns the body of the request that a program sends.
fn sent(listener: &UnixListener, uri: &str, run: fn(&str, &[&OsStr]) -> Output, argument: &OsStr) -> Vec<u8> {
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            let header = kamailio_binrpc::wire::header(&request).unwrap().unwrap();
            let cookie = header.cookie.0.to_be_bytes();
            stream.write_all(&[&[0xa1, 0x13, 0][..], &cookie].concat()).unwrap();
            request[header.header_len..length].to_vec()
        });
        let output = run(uri, &[OsStr::new("m"), argument]);
        assert!(output.status.success(), "{argument:?}: {output:?}");
        server.join().unwrap()
    })
}

#[test]
fn arguments_are_encoded_like_those_of_kamcmd() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("ctl");
    let listener = UnixListener::bind(&socket).unwrap();
    let uri = format!("unix:{}", socket.display());
    let both = |argument: &[u8]| {
        let argument = OsStr::from_bytes(argument);
        (sent(&listener, &uri, kamcmd, argument), sent(&listener, &uri, ours, argument))
    };
    for argument in ALIKE {
        let (theirs, ours) = both(argument);
        assert_eq!(theirs, ours, "{:?}", OsStr::from_bytes(argument));
    }
    for (argument, reason) in ARGUMENTS {
        let (theirs, ours) = both(argument.as_bytes());
        assert_ne!(theirs, ours, "both encode {argument:?} alike, although {reason}");
    }
    for argument in REFUSED {
        let output = ours(&uri, &[OsStr::new("m"), OsStr::new(argument)]);
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(64)), "{argument}");
        assert!(!sent(&listener, &uri, kamcmd, OsStr::new(argument)).is_empty());
    }
}

/// Returns the captured calls by name of the capture: the method and its arguments with their types.
fn captured(version: &str) -> Vec<(String, Vec<String>)> {
    let index = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/index.json");
    let index: Json = serde_json::from_slice(&std::fs::read(index).unwrap()).unwrap();
    let entries = index["captures"].as_array().unwrap().iter().filter(|entry| entry["version"] == version);
    let calls = entries.map(|entry| {
        let name = entry["request"].as_str().unwrap();
        let name = name.strip_prefix(version).unwrap().trim_matches('/').strip_suffix(".req").unwrap();
        let typed = |argument: &Json| match argument {
            Json::String(text) => format!("s:{text}"),
            number => number.to_string(),
        };
        let mut call = vec![entry["method"].as_str().unwrap().to_owned()];
        call.extend(entry["args"].as_array().unwrap().iter().map(typed));
        (name.to_owned(), call)
    });
    calls.collect()
}

#[test]
fn captures_are_printed_like_by_kamcmd() {
    let mut used = BTreeSet::new();
    let mut alike = 0;
    for version in ["5.6.3", "6.2-dev"] {
        let kamailio = Fake::replay(Captures::of(version));
        for (name, call) in captured(version) {
            kamailio.answer_with(&name);
            let call: Vec<_> = call.iter().map(OsStr::new).collect();
            let (theirs, ours) = (kamcmd(&kamailio.unix(), &call), ours(&kamailio.unix(), &call));
            if let Some((name, _)) = PRINTED.iter().find(|(other, _)| *other == name) {
                let differs = theirs.stdout != ours.stdout;
                assert!(!ours.stdout.is_empty() && ours.status.success(), "{name}: {ours:?}");
                used.extend(differs.then_some(*name));
                continue;
            }
            assert!(is_equal(&theirs, &ours), "{version} {name}:\n{theirs:?}\n{ours:?}");
            alike += 1;
        }
    }
    let all: BTreeSet<_> = PRINTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(used, all, "both print these captures alike; remove them from the list");
    println!("both print {alike} captures alike");
    assert!(alike > 440, "only {alike}");
}

/// Values change, so the output is compared with that of kamcmd before and after the call, and again if it differs.
#[test]
fn replies_of_a_real_kamailio_are_printed_like_by_kamcmd() {
    let kamailio = Kamailio::many_modules();
    let _phones = kamailio.phones();
    kamailio.traffic();
    let _calls = kamailio.calls(2);
    let uri = kamailio.unix();
    let methods: BTreeSet<String> =
        kamailio.kamcmd(&["system.listMethods"]).lines().map(str::to_owned).collect();

    let mut calls: BTreeMap<Vec<String>, ()> =
        captured("5.6.3").into_iter().map(|(_, call)| (call, ())).collect();
    for collector in ALL {
        let arguments: Vec<Vec<String>> = match collector.call {
            Call::Once(arguments) => vec![arguments.iter().map(|argument| format!("s:{argument}")).collect()],
            Call::Each(arguments) => arguments.iter().map(|argument| vec![format!("s:{argument}")]).collect(),
            Call::NamedGroups | Call::AllGroups => vec![vec!["s:core:".to_owned()]],
            Call::NamedProfiles | Call::ProfileValues => vec![vec!["s:calls".to_owned()]],
            Call::EachOf(_) => vec![vec!["s:none".to_owned()]],
            Call::EachNumberOf(_) => vec![vec!["1".to_owned()]],
            Call::Observed => vec![Vec::new()],
            Call::Page | Call::Files => continue,
        };
        for arguments in arguments {
            calls.insert([vec![collector.method.to_owned()], arguments].concat(), ());
        }
    }
    calls.retain(|call, ()| {
        (methods.contains(&call[0]) || call[0] == "no.such.command") && !CHANGING.contains(&&*call[0])
    });
    let mut moving = BTreeSet::new();
    for call in calls.keys() {
        let arguments: Vec<_> = call.iter().map(OsStr::new).collect();
        let no_value = call[0] == "stats.fetchn";
        let same = (0..ROUNDS).any(|_| {
            let before = kamcmd(&uri, &arguments);
            let ours = ours(&uri, &arguments);
            let after = kamcmd(&uri, &arguments);
            [before, after].into_iter().any(|mut theirs| {
                if no_value {
                    let text = String::from_utf8(theirs.stdout).unwrap();
                    theirs.stdout = text.replace("-9223372036854776\n", "nan\n").into_bytes();
                }
                is_equal(&theirs, &ours)
            })
        });
        if same {
            continue;
        }
        let (theirs, ours) = (kamcmd(&uri, &arguments), ours(&uri, &arguments));
        assert!(MOVING.contains(&&*call[0]), "{call:?}:\n{theirs:?}\n{ours:?}");
        assert_eq!(shape(&theirs), shape(&ours), "{call:?}");
        moving.insert(call[0].clone());
    }
    println!("both print {} calls alike, and {moving:?} except for numbers", calls.len() - moving.len());
    let compared: BTreeSet<_> = calls.keys().map(|call| call[0].as_str()).collect();
    let missed: Vec<_> =
        ALL.iter().map(|c| c.method).filter(|m| methods.contains(*m) && !compared.contains(m)).collect();
    assert!(missed.is_empty() && calls.len() > 150, "{} calls, without {missed:?}", calls.len());
}

#[test]
fn every_transport_of_a_real_kamailio_returns_the_same_reply() {
    let kamailio = Kamailio::start();
    let call = ["core.psx"].map(OsStr::new);
    let expected = kamcmd(&kamailio.unix(), &call);
    for uri in [kamailio.unix(), kamailio.unixd(), kamailio.tcp(), kamailio.udp()] {
        assert!(is_equal(&expected, &ours(&uri, &call)), "{uri}");
    }
    let fault = ours(&kamailio.unix(), &["stats.fetch"].map(OsStr::new));
    assert_eq!(fault.status.code(), Some(1));
    assert_eq!(fault.stdout, b"error: 400 - Please provide which stats to retrieve\n");
}

/// Replaces each number in a reply by `0`.
fn shape(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let parts = text.split(|c: char| c.is_ascii_digit());
    let mut shape = String::new();
    for part in parts {
        if !part.is_empty() || !shape.ends_with('0') {
            shape.push_str(part);
            shape.push('0');
        }
    }
    shape
}

const ROUNDS: usize = 20;
