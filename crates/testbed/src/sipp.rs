use std::{
    ffi::{OsStr, OsString},
    fs,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    group::Group,
    program::{find, repository},
};

/// SIP traffic that goes on until it is dropped.
///
/// [`Kamailio::traffic`](crate::Kamailio::traffic), which ends by itself, sends 5 registrations, 3
/// keepalives, 7 answered calls (2 of them over TCP, if there is TCP) and 5 calls that fail, with 404 (2),
/// 486 (2) and 408 (1).
#[derive(Debug)]
#[must_use = "the traffic ends when this is dropped"]
pub struct Traffic {
    _senders: Vec<Group>,
}

impl Traffic {
    /// Registrations, calls that last two seconds, calls that fail.
    pub(crate) fn mixed(ip: Ipv4Addr, dir: &Path) -> Self {
        let senders = [
            "register.xml -r 2",
            "call.xml -s answer -r 5 -d 2000",
            "fail.xml -s busy -r 1",
            "fail.xml -s nobody -r 1",
        ];
        Self { _senders: senders.map(|sender| background(ip, dir, sender)).into() }
    }

    /// Calls that stay up.
    pub(crate) fn calls(ip: Ipv4Addr, dir: &Path, count: u32) -> Self {
        let sender = format!("call.xml -s answer -r 50 -l {count} -m {count} -d 3600000");
        Self { _senders: vec![background(ip, dir, &sender)] }
    }
}

/// What [`Kamailio::traffic`](crate::Kamailio::traffic) sends, all at the same time.
pub(crate) fn some(ip: Ipv4Addr, dir: &Path, tcp: bool) {
    let scenarios = [
        "register.xml -m 5",
        "options.xml -m 3",
        "call.xml -s answer -m 5 -d 100",
        if tcp { "call.xml -s answer -m 2 -d 100 -t t1" } else { "call.xml -s answer -m 2 -d 100" },
        "fail.xml -s nobody -m 2",
        "fail.xml -s busy -m 2",
        "fail.xml -s gone -m 1",
    ];
    let running = scenarios.map(|scenario| {
        let errors = dir.join(format!("sipp-errors-{}", scenario.replace(' ', "")));
        let mut command = Command::new(find("sipp"));
        command.args(args(ip, scenario)).args(["-r", "50", "-timeout", "30s", "-trace_err", "-error_file"]);
        command.arg(&errors).current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        (scenario, errors, command.spawn().unwrap_or_else(|e| panic!("cannot run sipp: {e}")))
    });
    for (scenario, errors, child) in running {
        let output = child.wait_with_output().unwrap_or_else(|e| panic!("cannot wait for sipp: {e}"));
        assert!(
            output.status.success(),
            "sipp {scenario} failed, {}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            fs::read_to_string(errors).unwrap_or_default(),
        );
    }
}

/// The one who answers.
pub(crate) fn callee(ip: Ipv4Addr, dir: &Path) -> Group {
    background(ip, dir, "callee.xml -p 25070")
}

fn background(ip: Ipv4Addr, dir: &Path, scenario: &str) -> Group {
    let args = args(ip, scenario);
    Group::spawn(&find("sipp"), args.iter().map(OsString::as_os_str), &[], &dir.join("sipp-log"))
}

/// The arguments of sipp for "scenario option…", with everything it binds on the address of the test.
fn args(ip: Ipv4Addr, scenario: &str) -> Vec<OsString> {
    let (file, options) = scenario.split_once(' ').unwrap_or((scenario, ""));
    let ip = ip.to_string();
    let server = format!("{ip}:25060");
    let mut args = vec![OsString::from("-sf"), repository("demo").join(file).into()];
    args.extend(options.split_whitespace().map(OsString::from));
    args.extend(
        ["-nostdin", "-i", &ip, "-mi", &ip, "-ci", &ip, &server].map(|arg| OsStr::new(arg).to_owned()),
    );
    args
}
