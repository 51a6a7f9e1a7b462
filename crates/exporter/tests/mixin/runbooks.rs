use crate::lab::read;
use crate::support;
use testbed::Kamailio;

#[test]
fn every_command_of_the_runbooks_works() {
    let kamailio = Kamailio::many_modules();
    kamailio.traffic();
    let _calls = kamailio.calls(2);
    let dialog = kamailio.kamcmd(&["dlg.briefing"]);
    let field = |name: &str| {
        let line = dialog.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} is not in {dialog}")).to_owned()
    };
    let ip = kamailio.ip();
    let words = [
        ("SET", "1".to_owned()),
        ("URI", format!("sip:{ip}:25070")),
        ("ENTRY", field("h_entry: ")),
        ("ID", field("h_id: ")),
    ];
    let node = |method: &str| match method {
        "dmq.remove" => format!("sip:{ip}:25099"),
        _ => format!("udp:{ip}:25022"),
    };
    let text = read("docs/runbooks.md");
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut commands: Vec<&str> = blocks.flat_map(str::lines).collect();
    commands.sort_unstable();
    commands.dedup();
    assert!(commands.len() > 30, "{commands:?}");
    for command in commands {
        let mut arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let program = arguments.remove(0);
        for argument in &mut arguments {
            if let Some((_, value)) = words.iter().find(|(word, _)| word == argument) {
                argument.clone_from(value);
            }
        }
        let method = arguments[0].clone();
        for argument in arguments.iter_mut().filter(|argument| *argument == "NODE") {
            *argument = node(&method);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match (program.as_str(), method.as_str()) {
            ("kamcmd", _) => {
                let reply = kamailio.kamcmd(&arguments);
                let known = FAULTS.iter().any(|(of, fault)| *of == command && reply.contains(fault));
                assert!(known || !reply.starts_with("error"), "{command}: {reply}");
            }
            ("kamailio_exporter", "check") => {
                let output = support::run(&["check", "-u", &kamailio.unix()]);
                assert_ne!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
            }
            ("kamailio_exporter", "--web.config.check") => {
                assert_eq!(arguments[1], "--web.config.file=FILE", "{command}");
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), "nonsense: true\n").unwrap();
                let output =
                    support::run(&[arguments[0], &format!("--web.config.file={}", file.path().display())]);
                let log = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.code() == Some(1) && log.contains("nonsense"), "{log}");
            }
            _ => panic!("unknown kind of command: {command}"),
        }
    }
}

/// Commands that Kamailio refuses with this configuration, as the runbook states.
const FAULTS: [(&str, &str); 1] = [("kamcmd tls.reload", "No TLS configuration file configured")];
