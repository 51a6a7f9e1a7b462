//! Parses the command line and the environment into plain data.

mod call;
mod check;
mod completions_and_man;
mod credentials;
mod environment;
mod healthcheck;
mod kamailio;
mod manual;
mod once;
mod push;
mod serve;
mod usage_error;
mod values;

use crate::commands::call::Call;
use crate::commands::check::Check;
use crate::commands::once::Once;
use crate::commands::push::Push;
use crate::commands::serve::Serve;
use crate::outbound::Target;
use crate::outbound::http::Url;
use crate::support::build_info;
use crate::support::log;
use clap::{Arg, ArgMatches, Command};
use environment::{unknown_variables, with_environment};
use exporter_toolkit::files::read_text;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tracing::Level;
use usage_error::usage_error;
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
    /// Warnings to log.
    pub warnings: Vec<String>,
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

/// The reason to exit without a Kamailio.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Check whether the exporter at this URL responds, and exit with the result.
    Healthcheck(Url),
    /// Print this text, and exit successfully.
    Print(Vec<u8>),
    /// The command line is invalid: a human-readable message.
    Usage(String),
    /// The command line of `call` is invalid.
    CallUsage(String),
    /// The command line of `check` is invalid.
    CheckUsage(String),
    /// The command line of `check --nagios` is invalid.
    PluginUsage(String),
}

/// Parses the arguments, of which the first is the program's name, and the environment.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Exit> {
    let arguments = expand_files(arguments)?;
    parse_expanded(&arguments).map_err(|exit| match (exit, arguments.get(1).and_then(|name| name.to_str())) {
        (Exit::Usage(message), Some(call::CALL)) => Exit::CallUsage(message),
        (Exit::Usage(message), Some(check::CHECK))
            if arguments.iter().any(|argument| argument == "--nagios") =>
        {
            Exit::PluginUsage(message)
        }
        (Exit::Usage(message), Some(check::CHECK)) => Exit::CheckUsage(message),
        (exit, _) => exit,
    })
}

fn parse_expanded(arguments: &[OsString]) -> Result<Options, Exit> {
    let matches = command().try_get_matches_from(arguments).map_err(|error| usage_error(&error))?;
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
        Some((healthcheck::HEALTHCHECK, matches)) => Err(healthcheck::resolve(matches)),
        Some((completions_and_man::COMPLETIONS, matches)) => {
            Err(completions_and_man::completions(command(), matches))
        }
        Some((completions_and_man::MAN, matches)) => Err(completions_and_man::man(command(), matches)),
        Some((name, _)) => Err(Exit::Usage(format!("unknown command {name}"))),
    }
}

/// Defines the options and commands, for parsing, help and documentation.
pub fn command() -> Command {
    let options = kamailio::options()
        .chain([kamailio::label()])
        .chain(serve::options())
        .chain(log_options())
        .chain([version()]);
    Command::new(PROGRAM)
        .about(
            "Prometheus exporter for the SIP server Kamailio. Reads metrics from Kamailio over BINRPC or JSON-RPC.",
        )
        .version(build_info::VERSION)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .next_line_help(true)
        .max_term_width(110)
        .after_help(
            "Every option can also be set by an environment variable: KAMAILIO_EXPORTER_ followed by its name in upper \
             case, with . and - replaced by _, for example KAMAILIO_EXPORTER_KAMAILIO_SCRAPE_URI. Commas separate the values \
             of repeatable options; write \\, for a comma in a value. The command line takes precedence. An argument @FILE is \
             replaced by the lines of that file, one argument or one option with its value per line; lines that start \
             with # are comments.",
        )
        .args(options.map(|option| with_environment(PROGRAM, option)))
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
        .subcommand(styled(healthcheck::command()))
        .subcommands(completions_and_man::commands())
}

/// Adds the options for logging to a command.
fn with_log(command: Command) -> Command {
    styled(command.args(log_options()))
}

/// Lets the environment set a command's options, and formats its help like the program's.
fn styled(command: Command) -> Command {
    let name = command.get_name().to_owned();
    command.next_line_help(true).max_term_width(110).mut_args(|option| with_environment(&name, option))
}

fn log_options() -> [Arg; 2] {
    [
        option("log.level", "info", "LEVEL").help("Minimum level to log: debug, info, warn or error."),
        option("log.format", "logfmt", "FORMAT").help("Format of log messages: logfmt or json."),
    ]
}

fn version() -> Arg {
    switch(VERSION).short('V').help("Print the version and build information.")
}

/// Resolves the options that all commands share, and the command's own with `action`.
fn resolve(
    matches: &ArgMatches,
    action: impl FnOnce(&ArgMatches) -> Result<Action, String>,
) -> Result<Options, Exit> {
    let options = || {
        let target = kamailio::target(matches)?;
        let warnings = unknown_variables(&command()).into_iter().chain(kamailio::plain_text_warning(&target));
        Ok(Options {
            warnings: warnings.collect(),
            target,
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

/// Replaces each `@FILE` by the lines of that file. The arguments of `call` are passed to Kamailio as they are. The error is
/// a human-readable message.
fn expand_files(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Exit> {
    let mut expanded: Vec<OsString> = Vec::new();
    for argument in arguments {
        let file = argument.to_str().and_then(|argument| argument.strip_prefix('@'));
        let is_call = expanded.get(1).is_some_and(|command| command == call::CALL);
        match file.filter(|_| !expanded.is_empty() && !is_call) {
            Some(file) => expanded
                .extend(arguments_in(file).map_err(|error| {
                    Exit::Usage(format!("failed to read arguments from {file}: {error}"))
                })?),
            None => expanded.push(argument),
        }
    }
    Ok(expanded)
}

/// The arguments in a file: one on each line, or an option and its value. Lines that start with `#` are comments, as in the
/// files of other exporters.
fn arguments_in(file: &str) -> std::io::Result<Vec<OsString>> {
    let content = read_text(Path::new(file), MAX_ARGUMENT_FILE)?;
    let lines = content.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let arguments = lines.flat_map(|line| match line.split_once(char::is_whitespace) {
        Some((option, value)) if option.starts_with('-') && !option.contains('=') => {
            vec![option, value.trim()]
        }
        _ => vec![line],
    });
    Ok(arguments.map(OsString::from).collect())
}

const PROGRAM: &str = "kamailio_exporter";
const VERSION: &str = "version";
/// More than any command line needs.
const MAX_ARGUMENT_FILE: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
