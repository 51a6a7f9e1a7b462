//! `check`, against a real Kamailio.

use crate::support::run;
use serde_json::Value as Json;
use testbed::Kamailio;

fn check(kamailio: &Kamailio, arguments: &[&str]) -> (Json, Option<i32>) {
    let output = run(&[&["check", "--json", "-u", &kamailio.unix()], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    (serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")), output.status.code())
}

fn in_state<'j>(report: &'j Json, state: &str) -> Vec<&'j str> {
    let collectors = report["collectors"].as_array().unwrap().iter();
    collectors.filter(|one| one["state"] == state).map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn a_kamailio_with_many_modules_has_no_problems() {
    let kamailio = Kamailio::many_modules();
    let (report, code) = check(&kamailio, &["-m", "all"]);
    let none = Json::Array(Vec::new());
    assert_eq!((&report["warnings"], &report["problems"], code), (&none, &none, Some(0)));
    let version = kamailio.kamcmd(&["core.version"]);
    assert_eq!(report["kamailio"]["version"].as_str(), Some(version.trim()));
    let processes = kamailio.kamcmd(&["core.psx"]).matches("PID: ").count();
    assert_eq!(report["kamailio"]["processes"], processes);
    let methods = kamailio.kamcmd(&["system.listMethods"]);
    for collector in report["collectors"].as_array().unwrap() {
        let state = if collector["name"] == "custom" || collector["name"] == "tls.certificates" {
            "not_selected"
        } else if methods.lines().any(|method| collector["method"] == method) {
            "ok"
        } else {
            "absent"
        };
        assert_eq!(collector["state"], state, "{collector}");
    }
    assert!(in_state(&report, "ok").len() > 40, "{:?}", in_state(&report, "ok"));
    assert!(in_state(&report, "absent").contains(&"rtpproxy.list"), "{:?}", in_state(&report, "absent"));
    let log = kamailio.log();
    assert!(!log.contains("ERROR: ctl"), "{log}");
}

/// A struct of 8 KiB holds exactly 1,024 destinations, and so does the size that `check` reports.
#[test]
fn reply_sizes_are_those_of_the_limits_of_ctl() {
    for (destinations, bytes, code) in [(500, 4_000, 0), (1_024, 8_192, 1)] {
        let kamailio = Kamailio::builder().destinations(destinations).start();
        let (report, found) = check(&kamailio, &["-m", "dispatcher.list"]);
        let list =
            report["collectors"].as_array().unwrap().iter().find(|one| one["name"] == "dispatcher.list");
        assert_eq!(list.unwrap()["calls"][0]["fullest_struct_bytes"], bytes);
        assert_eq!(found, Some(code), "{}", report["warnings"]);
    }
    let kamailio = Kamailio::builder().destinations(1_025).start();
    let (report, code) = check(&kamailio, &["-m", "dispatcher.list"]);
    assert_eq!((in_state(&report, "failed"), code), (vec!["dispatcher.list"], Some(1)));
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("raise modparam(\"ctl\", \"binrpc_struct_max_body_size\", …)"), "{warning}");

    let raised = Kamailio::builder()
        .destinations(1_500)
        .config("modparam(\"ctl\", \"binrpc_struct_max_body_size\", 16)");
    let (report, code) = check(&raised.start(), &["-m", "dispatcher.list"]);
    assert_eq!((report["verdict"].as_str(), code), (Some("ok"), Some(0)), "{}", report["warnings"]);
}

#[test]
fn an_unresponsive_kamailio_is_exit_code_2() {
    let mut kamailio = Kamailio::builder().without("dispatcher").without("dmq").start();
    let (report, code) = check(&kamailio, &[]);
    assert_eq!(code, Some(0), "{}", report["warnings"]);
    assert!(
        ["dispatcher.list", "dmq.list_nodes"].iter().all(|name| in_state(&report, "absent").contains(name))
    );
    kamailio.suspend();
    let (report, code) = check(&kamailio, &["-t", "500ms"]);
    assert_eq!((code, report["kamailio"].is_null()), (Some(2), true));
    kamailio.resume();
    kamailio.kill();
    let (report, code) = check(&kamailio, &[]);
    assert_eq!(code, Some(2));
    let problem = report["problems"][0].as_str().unwrap();
    assert!(
        problem.contains("Start Kamailio, which is not running or was killed: the socket exists"),
        "{problem}"
    );
}

#[test]
fn nagios_gets_the_state_of_a_real_kamailio() {
    let mut kamailio = Kamailio::start();
    let plugin = |kamailio: &Kamailio| {
        let output = run(&["check", "--nagios", "-t", "2s", "-u", &kamailio.unix()]);
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let (text, code) = plugin(&kamailio);
    let processes = kamailio.kamcmd(&["core.psx"]).matches("PID: ").count();
    assert!(text.starts_with("KAMAILIO OK - kamailio "), "{text}");
    assert!(text.contains(&format!(" failed_collectors=0;0;;0 processes={processes};;;0 uptime=")), "{text}");
    assert_eq!(code, Some(0), "{text}");
    kamailio.kill();
    let (text, code) = plugin(&kamailio);
    assert!(text.starts_with("KAMAILIO CRITICAL - cannot connect to unix:"), "{text}");
    assert_eq!(code, Some(2));
}
