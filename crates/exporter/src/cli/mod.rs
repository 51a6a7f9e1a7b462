//! Parses the command line and the environment into plain data.

mod call;
mod check;
mod documents;
mod explain;
mod kamailio;
mod once;
mod push;
mod serve;
mod values;

use crate::commands::call::Call;
use crate::commands::check::Check;
use crate::commands::once::Once;
use crate::commands::push::Push;
use crate::commands::serve::Serve;
use crate::support::build_info;
use crate::support::log;
use clap::{Arg, ArgMatches, Command};
use explain::explain;
use kamailio_binrpc::Target;
use std::ffi::OsString;
use std::time::Duration;
use tracing::Level;
use values::{option, switch, text};

/// The parsed command line.
#[derive(Debug)]
pub(crate) struct Options {
    /// The address of Kamailio.
    pub target: Target,
    /// The timeout of a scrape or a call.
    pub timeout: Duration,
    /// The command to run.
    pub action: Action,
    /// The minimum level and the format of the log; `None` for a command that does not log.
    pub log: Option<(Level, log::Format)>,
}

/// The command to run.
#[derive(Debug)]
pub(crate) enum Action {
    /// Serve the metrics; the default without a command.
    Serve(Box<Serve>),
    /// Write the metrics once.
    Once(Box<Once>),
    /// Push the metrics periodically.
    Push(Box<Push>),
    /// Call an RPC method.
    Call(Call),
    /// Diagnose Kamailio.
    Check(Box<Check>),
}

/// The reason to exit without running a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Print this text, and exit successfully.
    Print(Vec<u8>),
    /// The command line is invalid: a human-readable message.
    Usage(String),
}

/// Parses the arguments, of which the first is the program's name, and the environment.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Exit> {
    let arguments = expand_files(arguments)?;
    let matches = command().try_get_matches_from(arguments).map_err(|error| explain(&error))?;
    if matches.get_flag(VERSION) {
        return Err(Exit::Print(build_info::version_text().into()));
    }
    match matches.subcommand() {
        None => resolve(&matches, |matches| Ok(Action::Serve(Box::new(serve::resolve(matches)?)))),
        Some((once::ONCE, matches)) => {
            resolve(matches, |matches| Ok(Action::Once(Box::new(once::resolve(matches)?))))
        }
        Some((push::PUSH, matches)) => {
            resolve(matches, |matches| Ok(Action::Push(Box::new(push::resolve(matches)?))))
        }
        Some((call::CALL, matches)) => resolve(matches, |matches| Ok(Action::Call(call::resolve(matches)?))),
        Some((check::CHECK, matches)) => {
            resolve(matches, |matches| Ok(Action::Check(Box::new(check::resolve(matches)?))))
        }
        Some((documents::COMPLETIONS, matches)) => Err(documents::completions(command(), matches)),
        Some((documents::MAN, matches)) => Err(documents::man(command(), matches)),
        Some((name, _)) => Err(Exit::Usage(format!("unknown command {name}"))),
    }
}

/// Defines the options and commands, for parsing, help and documentation.
pub fn command() -> Command {
    let options = kamailio::options().chain(serve::options()).chain(log_options()).chain([version()]);
    Command::new("kamailio_exporter")
        .about("Prometheus exporter for the SIP server Kamailio. Reads metrics over BINRPC, its native control protocol.")
        .version(build_info::VERSION)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .next_line_help(true)
        .max_term_width(110)
        .after_help(
            "Every option can also be set by an environment variable: KAMAILIO_EXPORTER_ followed by its name in upper \
             case, with . and - replaced by _, for example KAMAILIO_EXPORTER_KAMAILIO_SCRAPE_URI. The command line \
             takes precedence. An argument @FILE is replaced by the lines of that file, one argument per line; lines \
             that start with # are comments.",
        )
        .args(options.map(with_environment))
        .mut_arg(kamailio::TIMEOUT, |timeout| {
            timeout.help(
                "Timeout for a scrape of Kamailio, including the time to connect. Prometheus' scrape timeout minus half a \
                 second applies instead if it is shorter.",
            )
        })
        .args_conflicts_with_subcommands(true)
        .subcommand(with_log(push::command()))
        // Cron mails whatever a job prints, so only problems are logged.
        .subcommand(with_log(once::command()).mut_arg("log.level", |level| level.default_value("warn")))
        // Reports problems itself, and does not log.
        .subcommand(styled(call::command()))
        .subcommand(with_log(check::command()))
        .subcommands(documents::commands())
}

/// Adds the options for logging to a command.
fn with_log(command: Command) -> Command {
    styled(command.args(log_options()))
}

/// Lets the environment set a command's options, and formats its help like the program's.
fn styled(command: Command) -> Command {
    command.next_line_help(true).max_term_width(110).mut_args(with_environment)
}

fn log_options() -> [Arg; 2] {
    [
        option("log.level", "info", "LEVEL").help("Minimum level to log: debug, info, warn or error."),
        option("log.format", "logfmt", "FORMAT").help("Format of log messages: logfmt or json."),
    ]
}

fn version() -> Arg {
    switch(VERSION).help("Print the version and build information.")
}

/// Lets the environment set an option. An empty variable counts as unset, and `KAMAILIO_EXPORTER_VERSION` is ignored,
/// because container images use that name for the version they contain.
fn with_environment(option: Arg) -> Arg {
    if option.is_positional() || option.get_id() == VERSION {
        return option;
    }
    let name = option.get_id().as_str().to_ascii_uppercase().replace(['.', '-'], "_");
    let name = format!("KAMAILIO_EXPORTER_{name}");
    match std::env::var_os(&name) {
        Some(value) if !value.is_empty() => option.env(name).hide_env(true),
        _ => option,
    }
}

/// Resolves the options that all commands share, and the command's own with `action`.
fn resolve(
    matches: &ArgMatches,
    action: impl FnOnce(&ArgMatches) -> Result<Action, String>,
) -> Result<Options, Exit> {
    let options = || {
        Ok(Options {
            target: kamailio::target(matches)?,
            timeout: kamailio::timeout(matches)?,
            action: action(matches)?,
            log: log(matches)?,
        })
    };
    options().map_err(Exit::Usage)
}

fn log(matches: &ArgMatches) -> Result<Option<(Level, log::Format)>, String> {
    let has_log = matches.try_contains_id("log.level").unwrap_or(false);
    has_log.then(|| Ok((log_level(matches)?, log_format(matches)?))).transpose()
}

fn log_level(matches: &ArgMatches) -> Result<Level, String> {
    Ok(match text(matches, "log.level").to_ascii_lowercase().as_str() {
        "debug" => Level::DEBUG,
        "info" => Level::INFO,
        "warn" => Level::WARN,
        "error" => Level::ERROR,
        other => {
            return Err(format!("unrecognized log level {other}; expected debug, info, warn or error"));
        }
    })
}

fn log_format(matches: &ArgMatches) -> Result<log::Format, String> {
    Ok(match text(matches, "log.format") {
        "logfmt" => log::Format::Logfmt,
        "json" => log::Format::Json,
        other => return Err(format!("unrecognized log format {other}; expected logfmt or json")),
    })
}

/// Replaces each `@FILE` by the file's lines. Lines that start with `#` are comments, as in the files of other
/// exporters.
fn expand_files(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Exit> {
    let mut expanded = Vec::new();
    for argument in arguments {
        match argument.to_str().and_then(|argument| argument.strip_prefix('@')) {
            Some(file) if !expanded.is_empty() => {
                let lines = std::fs::read_to_string(file)
                    .map_err(|error| Exit::Usage(format!("failed to read arguments from {file}: {error}")))?;
                let lines = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
                expanded.extend(lines.map(OsString::from));
            }
            _ => expanded.push(argument),
        }
    }
    Ok(expanded)
}

const VERSION: &str = "version";

#[cfg(test)]
mod tests {
    use super::*;
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
            Exit::Usage(message) => message,
            Exit::Print(text) => panic!("printed {}", String::from_utf8_lossy(&text)),
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
        for (arguments, sentence) in [
            (&["--nope"][..], "unknown long flag '--nope'"),
            (&["-z"], "unknown short flag '-z'"),
            (&["extra"], "unexpected extra"),
            (&["-t", "1s", "man"], "options of the command man must follow its name"),
            (&["-t", "1s", "-t", "2s"], "flag 'kamailio.timeout' cannot be repeated"),
            (&["-u"], "expected argument for flag '--kamailio.scrape-uri'"),
            (
                &["-t", "5"],
                "--kamailio.timeout \"5\": the unit is missing; write for example 500ms, 5s or 1m30s",
            ),
            (
                &["-t", "-5s"],
                "--kamailio.timeout \"-5s\": not a duration; write for example 500ms, 5s or 1m30s",
            ),
            (&["--log.level", "trace"], "unrecognized log level trace; expected debug, info, warn or error"),
            (&["--log.format", "XML"], "unrecognized log format XML; expected logfmt or json"),
            (
                &["--probe.allow=unix:/run/*,tcp:host"],
                "--probe.allow \"tcp:host\": it has no port (there are unix:/PATH, unixd:/PATH, tcp:HOST:PORT, \
                 tcp:10.0.0.0/8:PORT, tcp:[2001:db8::]/32:PORT, and udp: as tcp:)",
            ),
            (
                &["--probe.allow=unix:/run/*", "--web.telemetry-path=/probe"],
                "/probe is reserved for probes (--probe.allow) and cannot be the path of another page",
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
            assert_eq!(error(arguments), sentence, "{arguments:?}");
        }
        for (arguments, part) in [
            (&["-u", "http://x:1"][..], "http://x:1"),
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
            let sentence = error(arguments);
            assert!(sentence.contains(part) && !sentence.contains('\n'), "{arguments:?}: {sentence}");
        }
    }

    #[test]
    fn help_and_version_are_printed() {
        for (argument, part) in [
            ("--help", "--kamailio.scrape-uri"),
            ("-h", "KAMAILIO_EXPORTER_"),
            ("--version", "kamailio_exporter, version "),
            ("completions bash", "--kamailio.scrape-uri"),
            ("completions zsh", "#compdef kamailio_exporter"),
            ("completions fish", "kamailio.scrape-uri"),
            ("man", ".TH kamailio_exporter 1"),
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
}
