//! SIP traffic, made with SIPp.

use std::{ffi::OsString, fs, net::Ipv4Addr, path::Path, time::Duration};

use crate::{
    group::Group,
    paths::{find, repository},
};

/// SIP traffic that continues until dropped.
///
/// In contrast, [`Kamailio::traffic`](crate::Kamailio::traffic) sends 5 registrations, 3 keepalives, 7 answered calls (2 of
/// them over TCP, unless TCP is left out) and 5 failing calls: 404 (2), 486 (2) and 408 (1).
#[derive(Debug)]
#[must_use = "the traffic ends when this is dropped"]
pub struct Traffic {
    senders: Vec<Group>,
}

impl Traffic {
    /// Returns the processes of sipp.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.senders.iter().flat_map(Group::processes).collect()
    }

    /// Sends registrations, calls of two seconds, and failing calls.
    pub(crate) fn mixed(ip: Ipv4Addr, dir: &Path) -> Self {
        let senders = [
            "register.xml -r 2",
            "call.xml -s answer -r 5 -d 2000",
            "fail.xml -s busy -r 1",
            "fail.xml -s nobody -r 1",
        ];
        Self { senders: senders.map(|sender| background(ip, dir, sender)).into() }
    }

    /// Sets up calls and keeps them.
    pub(crate) fn calls(ip: Ipv4Addr, dir: &Path, count: u32) -> Self {
        let sender = format!("call.xml -s answer -r 50 -l {count} -m {count} -d 3600000");
        Self { senders: vec![background(ip, dir, &sender)] }
    }

    /// Keeps a number of calls in progress; the next call starts when one has ended.
    pub(crate) fn load(ip: Ipv4Addr, dir: &Path, calls: u32) -> Self {
        let senders = [
            "callee-at-once.xml -p 25070".to_owned(),
            format!("call.xml -s answer -d 0 -l {calls} -r {MORE_THAN_POSSIBLE}"),
        ];
        Self { senders: senders.iter().map(|sender| background(ip, dir, sender)).collect() }
    }
}

/// Sends the traffic of [`Kamailio::traffic`](crate::Kamailio::traffic), all scenarios at the same time.
pub(crate) fn run_scenarios(ip: Ipv4Addr, dir: &Path, tcp: bool) {
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
        let file = |what: &str| dir.join(format!("sipp-{what}-{}", scenario.replace(' ', "")));
        let (log, status) = (file("log"), file("status"));
        let mut args = args(ip, scenario);
        args.extend(["-r", "50", "-trace_err", "-error_file"].map(OsString::from));
        args.push(log.clone().into());
        let script = ["-c", r#"cd "$1" && shift && "$@"; echo $? >"$0""#].map(OsString::from);
        let command = [status.clone().into(), dir.into(), find("sipp").into()];
        let all: Vec<OsString> = script.into_iter().chain(command).chain(args).collect();
        let group = Group::spawn(&find("sh"), all.iter().map(OsString::as_os_str), &[], &log);
        (scenario, log, status, group)
    });
    for (scenario, log, status, group) in &running {
        let ended = group.wait(TRAFFIC_TIMEOUT);
        let status = fs::read_to_string(status).unwrap_or_default();
        assert!(
            ended && status == "0\n",
            "sipp {scenario} {}:\n{}",
            if ended {
                format!("failed, exit code {status}")
            } else {
                format!("did not end in {TRAFFIC_TIMEOUT:?}")
            },
            fs::read_to_string(log).unwrap_or_default(),
        );
    }
}

/// Starts the callee, which answers calls.
pub(crate) fn callee(ip: Ipv4Addr, dir: &Path) -> Group {
    background(ip, dir, "callee.xml -p 25070")
}

fn background(ip: Ipv4Addr, dir: &Path, scenario: &str) -> Group {
    let args = args(ip, scenario);
    Group::spawn(&find("sipp"), args.iter().map(OsString::as_os_str), &[], &dir.join("sipp-log"))
}

/// Returns the arguments of sipp for "scenario option…", with all sockets at the address of the test.
fn args(ip: Ipv4Addr, scenario: &str) -> Vec<OsString> {
    let (file, options) = scenario.split_once(' ').unwrap_or((scenario, ""));
    let ip = ip.to_string();
    let server = format!("{ip}:25060");
    let mut args = vec![OsString::from("-sf"), repository("demo").join(file).into()];
    args.extend(options.split_whitespace().map(OsString::from));
    let fixed = ["-nostdin", "-i", &ip, "-mi", &ip, "-ci", &ip];
    // Kamailio's workers can reorder messages, so calls must tolerate messages that are early or late.
    let patient = ["-default_behaviors", "all,-abortunexp"];
    args.extend(fixed.into_iter().chain(patient).chain([server.as_str()]).map(OsString::from));
    args
}

/// Calls per second. The number of concurrent calls is the actual limit.
const MORE_THAN_POSSIBLE: u32 = 50_000;

/// A call that fails with 408 takes two seconds, every other call less than one.
const TRAFFIC_TIMEOUT: Duration = Duration::from_secs(30);
