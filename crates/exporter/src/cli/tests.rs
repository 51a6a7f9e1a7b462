//! Tests of the command line.

use super::*;
use crate::commands::call::argument::Argument;
use crate::scrape::selection::Selection;

fn serve(options: Options) -> Serve {
    match options.action {
        Action::Serve(serve) => *serve,
        other => panic!("{other:?}"),
    }
}

fn run(arguments: &[&str]) -> Result<Options, Exit> {
    parse(["kamailio_exporter"].iter().chain(arguments).map(OsString::from))
}

fn error(arguments: &[&str]) -> String {
    match run(arguments).unwrap_err() {
        Exit::Usage(message) | Exit::CallUsage(message) | Exit::CheckUsage(message) => message,
        Exit::PluginUsage(message) => message,
        Exit::Print(text) => panic!("printed {}", String::from_utf8_lossy(&text)),
        Exit::Healthcheck(url) => panic!("checks {url}"),
    }
}

#[test]
fn the_definition_of_the_options_is_valid() {
    command().debug_assert();
}

#[test]
fn command_lines_of_the_go_exporter_are_accepted() {
    let options = run(&[
        "-u",
        "tcp://localhost:2049",
        "-mtm.stats,sl.stats",
        "-t=1m30s",
        "--kamailio.stats-groups=script,core",
        "--web.telemetry-path",
        "/m",
        "-l",
        ":9595",
        "--web.listen-address=[::1]:9596",
        "--log.level=WARN",
        "--log.format",
        "json",
        "--no-web.systemd-socket",
    ])
    .unwrap();
    assert_eq!(options.target, "tcp:localhost:2049".parse().unwrap());
    assert_eq!(options.timeout, Duration::from_secs(90));
    assert_eq!(options.log, Some((Level::WARN, log::Format::Json)));
    let selection = Selection::parse("tm.stats,sl.stats").unwrap();
    let serve = serve(options);
    assert_eq!(*serve.settings.selection, selection.with_groups("script,core").unwrap());
    assert_eq!((serve.site.paths.telemetry.as_str(), serve.listen.len()), ("/m", 2));
}

#[test]
fn defaults_apply_without_arguments() {
    let options = run(&[]).unwrap();
    assert_eq!(options.target, "unix:/var/run/kamailio/kamailio_ctl".parse().unwrap());
    assert_eq!(options.timeout, Duration::from_secs(5));
    let serve = serve(options);
    assert_eq!(*serve.settings.selection, Selection::parse("auto").unwrap());
    assert_eq!((serve.site.max_requests, serve.max_probes), (Some(40), Some(200)));
    assert!(serve.allow.is_none());
    assert_eq!((serve.site.paths.telemetry.as_str(), serve.listen.len()), ("/metrics", 1));
}

#[test]
fn invalid_command_lines_are_one_line_messages() {
    for (arguments, message) in [
        (&["--nope"][..], "unknown long flag '--nope'"),
        (
            &["--web.max-conections=1"],
            "unknown long flag '--web.max-conections', did you mean '--web.max-connections'?",
        ),
        (&["push", "--gatway=x"], "unknown long flag '--gatway', did you mean '--gateway'?"),
        (&["--web.config.check"], "--web.config.check needs --web.config.file"),
        (&["--web.listen-address="], "--web.listen-address must not be empty"),
        (
            &["-u", "tcp:*:2050"],
            "--kamailio.scrape-uri \"tcp:*:2050\": with * Kamailio listens on all addresses; name one of them, for \
             example tcp:localhost:2050",
        ),
        (
            &["-u", "udp4://*:99"],
            "--kamailio.scrape-uri \"udp4://*:99\": with * Kamailio listens on all addresses; name one of them, for \
             example udp4:localhost:99",
        ),
        (
            &["--collector.dispatcher.mapping=7:a", "--collector.dispatcher.mapping=07:b"],
            "--collector.dispatcher.mapping: set 7 has two names, \"a\" and \"b\"",
        ),
        (&["-z"], "unknown short flag '-z'"),
        (&["extra"], "unexpected extra"),
        (&["man", "chekc"], "unknown command chekc, did you mean 'check'?"),
        (&["man", "sing"], "unknown command sing"),
        (&["heathcheck"], "unexpected heathcheck, did you mean 'healthcheck'?"),
        (&["-t", "1s", "man"], "options of the command man must follow its name"),
        (&["-t", "1s", "-t", "2s"], "flag 'kamailio.timeout' cannot be repeated"),
        (&["-u"], "expected argument for flag '--kamailio.scrape-uri'"),
        (&["-t", "5"], "--kamailio.timeout \"5\": the unit is missing; write for example 500ms, 5s or 1m30s"),
        (&["-t", "-5s"], "--kamailio.timeout \"-5s\": not a duration; write for example 500ms, 5s or 1m30s"),
        (&["--log.level", "trace"], "unrecognized log level trace; expected debug, info, warn or error"),
        (&["--log.format", "XML"], "unrecognized log format XML; expected logfmt or json"),
        (
            &["--probe.allow=unix:/run/*", "--probe.allow=tcp:host"],
            "--probe.allow \"tcp:host\": it has no port (accepted: unix:/PATH, unixd:/PATH, tcp:HOST:PORT, \
             tcp:10.0.0.0/8:PORT, tcp:[2001:db8::]/32:PORT, the same with udp:, http://HOST:PORT/PATH and \
             https://HOST:PORT/PATH with the same hosts, optionally credentials@ before HOST, and jsonrpc+ before unix:, \
             tcp: and udp:)",
        ),
        (
            &["--probe.allow=unix:/run/*", "--web.telemetry-path=/probe"],
            "/probe is reserved for probes (--probe.allow) and cannot be the path of another endpoint",
        ),
        (
            &["--rtpengine.metrics-url=http://h/x", "--web.rtp-telemetry-path=/metrics"],
            "--web.rtp-telemetry-path must be neither / nor the path of --web.telemetry-path",
        ),
        (&["--web.max-requests", "-1"], "--web.max-requests must be a whole number, not \"-1\""),
        (&["call"], "expected <METHOD>"),
        (&["call", "--log.level=debug", "core.uptime"], "unknown long flag '--log.level'"),
        (&["completions"], "expected <SHELL>"),
        (
            &["completions", "tcsh"],
            "unexpected tcsh for <SHELL>; expected one of bash, elvish, fish, powershell, zsh",
        ),
    ] {
        assert_eq!(error(arguments), message, "{arguments:?}");
    }
    for (arguments, part) in [
        (&["-u", "ftp://x:1"][..], "ftp://x:1"),
        (&["-m", "foo.bar"], "unknown method \"foo.bar\""),
        (&["--web.telemetry-path", "metrics"], "must start with /"),
        (&["--web.telemetry-path="], "must start with /"),
        (&["--web.listen-address", "9596"], "9596"),
        (&["--web.max-header-size", "100"], "between 8192 and 1048576"),
        (&["--web.max-connections", "0"], "reject every client"),
        (&["--collector.max-series", "0"], "would drop every metric"),
        (&["--web.idle-timeout", "5"], "--web.idle-timeout \"5\": the unit is missing"),
        (&["--web.external-url", "host/path"], "must have the form http://HOST/PATH"),
        (&["--web.route-prefix", "/a b"], "--web.route-prefix"),
        (&["--web.systemd-socket=true"], "'--web.systemd-socket'"),
        (&["@/nonexistent"], "failed to read arguments from /nonexistent"),
    ] {
        let message = error(arguments);
        assert!(message.contains(part) && !message.contains('\n'), "{arguments:?}: {message}");
    }
}

#[test]
fn a_value_on_the_command_line_is_not_split() {
    let arguments = [
        "--collector.dispatcher.mapping=7:Telco, Ltd",
        "--collector.dispatcher.mapping=08:x",
        "--collector.dispatcher.mapping=7:Telco, Ltd",
        "--collector.dispatcher.mapping=",
        "--collector.dialog.profiles=peer:Doe, Jane",
        "--collector.dialog.profiles=",
    ];
    let settings = serve(run(&arguments).unwrap()).settings;
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    assert_eq!(settings.dispatcher_set_names, [pair("7", "Telco, Ltd"), pair("8", "x")]);
    assert_eq!(settings.selection.profiles, [["peer", "Doe, Jane"]]);
    let addresses = ["--web.listen-address=:9595", "--web.listen-address=[::1]:9596"];
    assert_eq!(serve(run(&addresses).unwrap()).listen.len(), 2);
}

#[test]
fn empty_values_mean_none() {
    let serve =
        serve(run(&["--probe.allow=", "--kamailio.stats-groups=", "--collector.dialog.profiles="]).unwrap());
    assert!(serve.allow.is_none() && serve.settings.selection.profiles.is_empty());
    let methods: Vec<_> = serve.settings.selection.collectors().map(|collector| collector.name).collect();
    assert!(methods.contains(&"tm.stats") && !methods.contains(&"stats.fetch"), "{methods:?}");
}

#[test]
fn a_port_alone_is_that_of_localhost() {
    for (text, target) in
        [("tcp:2050", "tcp:localhost:2050"), ("udp6://77", "udp6:localhost:77"), ("tcp:h:1", "tcp:h:1")]
    {
        assert_eq!(run(&["-u", text]).unwrap().target, target.parse().unwrap(), "{text}");
    }
    assert!(error(&["-u", "tcp:70000"]).contains("port"));
}

#[test]
fn files_of_arguments_have_options_with_their_values() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        &file,
        "# a comment\n--kamailio.timeout 7s\n--collector.dispatcher.mapping=1:a b\n\n-u   tcp:h:1\n",
    )
    .unwrap();
    let file = format!("@{}", file.path().display());
    let options = run(&[&file]).unwrap();
    assert_eq!((options.timeout, &options.target), (Duration::from_secs(7), &"tcp:h:1".parse().unwrap()));
    assert_eq!(serve(options).settings.dispatcher_set_names, [("1".to_owned(), "a b".to_owned())]);
    for (other, reason) in [("@/dev/zero", "not a regular file"), ("@/", "not a regular file")] {
        let message = error(&[other]);
        assert!(message.ends_with(reason), "{message}");
    }
    let Action::Call(call) = run(&["call", "core.echo", &file]).unwrap().action else { panic!() };
    assert_eq!(call.arguments, [Argument::Text(file.into_bytes())]);
}

#[test]
fn the_manual_page_of_each_command_has_its_sections() {
    for command in ["push", "once", "call", "check", "healthcheck"] {
        let Err(Exit::Print(text)) = run(&["man", command]) else { panic!("{command}") };
        let text = String::from_utf8(text).unwrap();
        for section in ["\"EXIT STATUS\"", "EXAMPLES", "FILES", "\"SEE ALSO\""] {
            assert!(text.contains(&format!(".SH {section}\n")), "{command}: {section}");
        }
    }
}

#[test]
fn help_and_version_are_printed() {
    for (argument, part) in [
        ("--help", "--kamailio.scrape-uri"),
        ("-h", "KAMAILIO_EXPORTER_"),
        ("--version", "kamailio_exporter, version "),
        ("-V", "kamailio_exporter, version "),
        ("completions bash", "--kamailio.scrape-uri"),
        ("completions bash", "compgen -W \"debug info warn error\""),
        ("completions zsh", ":LEVEL:(debug info warn error)"),
        ("completions zsh", ":FORMAT:(logfmt json)"),
        ("completions zsh", ":FORMAT:(text openmetrics)"),
        ("completions zsh", ":FORMAT:(pretty json)"),
        ("completions zsh", ":METHODS:(auto all tm.stats "),
        ("completions zsh", "#compdef kamailio_exporter"),
        ("completions fish", "kamailio.scrape-uri"),
        ("man", ".TH kamailio_exporter 1"),
        ("man", ".SH EXAMPLES"),
        ("man", ".SH FILES"),
        ("man", ".SH \"EXIT STATUS\""),
        ("man", ".SH \"SEE ALSO\""),
        ("man", "dispatcher.list"),
        ("man completions", ".TH kamailio_exporter-completions 1"),
    ] {
        match run(&argument.split(' ').collect::<Vec<_>>()) {
            Err(Exit::Print(text)) => {
                let text = String::from_utf8(text).unwrap();
                assert!(text.contains(part), "{text}");
            }
            other => panic!("{argument}: {other:?}"),
        }
    }
}
