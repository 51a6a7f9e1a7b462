//! The command line and the environment; plain data out.

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
use exporter_toolkit::files;
use kamailio_binrpc::Target;
use std::ffi::OsString;
use std::io;
use std::time::Duration;
use tracing::Level;
use values::{option, switch, text};

/// What the operator asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// The Kamailio.
    pub target: Target,
    /// How long it may take.
    pub timeout: Duration,
    /// What to do with it.
    pub action: Action,
    /// Which lines the log has, and what they look like; `None` for a command that has none.
    pub log: Option<(Level, log::Format)>,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Serve its metrics; what the program is for, without a command.
    Serve(Box<Serve>),
    /// Write them once.
    Once(Box<Once>),
    /// Push them again and again.
    Push(Box<Push>),
    /// Call one of its methods.
    Call(Call),
    /// Examine it.
    Check(Box<Check>),
}

/// Why the program ends before it has begun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// There is something to print, and that is all.
    Print(Vec<u8>),
    /// The options cannot work: a sentence.
    Usage(String),
}

/// Reads the arguments, the program's name first, and the environment.
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
        Some((name, _)) => Err(Exit::Usage(format!("the command {name} does nothing"))),
    }
}

/// The program's options and commands, for parsing, help and documentation.
pub fn command() -> Command {
    let options = kamailio::options().chain(serve::options()).chain(log_options()).chain([version()]);
    Command::new("kamailio_exporter")
        .about("Prometheus exporter for the SIP server Kamailio, over its native control protocol.")
        .version(build_info::VERSION)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .next_line_help(true)
        .max_term_width(110)
        .after_help(
            "Every option can also be set by an environment variable: KAMAILIO_EXPORTER_ and its name in capitals, \
             with _ in place of . and -, as in KAMAILIO_EXPORTER_KAMAILIO_SCRAPE_URI. The command line wins. An \
             argument @FILE stands for the lines of that file, one argument a line; # begins a comment.",
        )
        .args(options.map(with_environment))
        .mut_arg(kamailio::TIMEOUT, |timeout| {
            timeout.help(
                "How long a scrape of Kamailio may take, connecting included. Half a second less than Prometheus' own \
                 timeout counts if that is shorter.",
            )
        })
        .args_conflicts_with_subcommands(true)
        .subcommand(with_log(push::command()))
        // What runs by a timer has nothing to say while all is well: cron would send a mail.
        .subcommand(with_log(once::command()).mut_arg("log.level", |level| level.default_value("warn")))
        // It says what there is to say itself.
        .subcommand(styled(call::command()))
        .subcommand(with_log(check::command()))
        .subcommands(documents::commands())
}

/// A command with the options of the log.
fn with_log(command: Command) -> Command {
    styled(command.args(log_options()))
}

/// A command whose options the environment sets too, with its help like the program's.
fn styled(command: Command) -> Command {
    command.next_line_help(true).max_term_width(110).mut_args(with_environment)
}

fn log_options() -> [Arg; 2] {
    [
        option("log.level", "info", "LEVEL")
            .help("Log only what is as severe as this: debug, info, warn or error."),
        option("log.format", "logfmt", "FORMAT").help("What log lines look like: logfmt or json."),
    ]
}

fn version() -> Arg {
    switch(VERSION).help("Print the version and what it was built from.")
}

/// An empty variable is one that is not set. `KAMAILIO_EXPORTER_VERSION` is what images call the version that they have.
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

/// What all commands have, with an action from the same arguments.
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
            return Err(format!("unrecognized log level {other}; there are debug, info, warn and error"));
        }
    })
}

fn log_format(matches: &ArgMatches) -> Result<log::Format, String> {
    Ok(match text(matches, "log.format") {
        "logfmt" => log::Format::Logfmt,
        "json" => log::Format::Json,
        other => return Err(format!("unrecognized log format {other}; there are logfmt and json")),
    })
}

/// Replaces each `@FILE` by the file's lines. Those that begin with `#` are comments, as in the files of other exporters.
fn expand_files(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Exit> {
    let mut expanded = Vec::new();
    for argument in arguments {
        match argument.to_str().and_then(|argument| argument.strip_prefix('@')) {
            Some(file) if !expanded.is_empty() => {
                let lines = files::read(file.as_ref(), MAX_ARGUMENTS)
                    .and_then(|lines| String::from_utf8(lines).map_err(io::Error::other))
                    .map_err(|error| Exit::Usage(format!("cannot read the arguments in {file}: {error}")))?;
                let lines = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
                expanded.extend(lines.map(OsString::from));
            }
            _ => expanded.push(argument),
        }
    }
    Ok(expanded)
}

/// The limit on a file of arguments, in bytes: far more than a kernel accepts on a command line.
const MAX_ARGUMENTS: usize = 1 << 20;
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
            Exit::Usage(sentence) => sentence,
            Exit::Print(text) => panic!("printed {}", String::from_utf8_lossy(&text)),
        }
    }

    #[test]
    fn the_table_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_peers_command_lines_are_understood() {
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
    fn without_arguments_the_defaults_stand() {
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
    fn what_cannot_work_is_one_sentence() {
        for (arguments, sentence) in [
            (&["--nope"][..], "unknown long flag '--nope'"),
            (&["-z"], "unknown short flag '-z'"),
            (&["extra"], "unexpected extra"),
            (&["-t", "1s", "man"], "the options of the command man go after it"),
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
            (
                &["--log.level", "trace"],
                "unrecognized log level trace; there are debug, info, warn and error",
            ),
            (&["--log.format", "XML"], "unrecognized log format XML; there are logfmt and json"),
            (
                &["--probe.allow=unix:/run/*,tcp:host"],
                "--probe.allow \"tcp:host\": it has no port (there are unix:/PATH, unixd:/PATH, tcp:HOST:PORT, \
                 tcp:10.0.0.0/8:PORT, tcp:[2001:db8::]/32:PORT, and udp: as tcp:)",
            ),
            (
                &["--probe.allow=unix:/run/*", "--web.telemetry-path=/probe"],
                "/probe is the path of probes (--probe.allow), and cannot be another page's",
            ),
            (
                &["--rtpengine.metrics-url=http://h/x", "--web.rtp-telemetry-path=/metrics"],
                "--web.rtp-telemetry-path may not be / or that of the metrics (--web.telemetry-path)",
            ),
            (&["--web.max-requests", "-1"], "--web.max-requests is a whole number, not \"-1\""),
            (&["call"], "expected <METHOD>"),
            (&["call", "--log.level=debug", "core.uptime"], "unknown long flag '--log.level'"),
            (&["completions"], "expected <SHELL>"),
            (
                &["completions", "tcsh"],
                "unexpected tcsh for <SHELL>; there are bash, elvish, fish, powershell, zsh",
            ),
        ] {
            assert_eq!(error(arguments), sentence, "{arguments:?}");
        }
        for (arguments, part) in [
            (&["-u", "http://x:1"][..], "http://x:1"),
            (&["-m", "foo.bar"], "unknown method \"foo.bar\""),
            (&["--web.telemetry-path", "metrics"], "begins with /"),
            (&["--web.telemetry-path="], "begins with /"),
            (&["--web.listen-address", "9596"], "9596"),
            (&["--web.max-header-size", "100"], "between 8192 and 1048576"),
            (&["--web.max-connections", "0"], "nobody in"),
            (&["--collector.max-series", "0"], "would leave out every metric"),
            (&["--web.idle-timeout", "5"], "--web.idle-timeout \"5\": the unit is missing"),
            (&["--web.external-url", "host/path"], "is not http://HOST/PATH"),
            (&["--web.route-prefix", "/a b"], "--web.route-prefix"),
            (&["--web.systemd-socket=true"], "'--web.systemd-socket'"),
            (&["@/nonexistent"], "cannot read the arguments in /nonexistent"),
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
