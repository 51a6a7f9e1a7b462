//! Every option of the command line and the environment, in one place; plain data out.

use crate::build_info;
use crate::collectors::ALL;
use crate::duration;
use crate::fetch::Url;
use crate::log;
use crate::selection::{Selection, names};
use crate::web::{Limits, ListenAddress, Paths, Timeouts};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use hyper::Uri;
use kamailio_binrpc::Target;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tracing::Level;

/// What the operator asked for.
#[derive(Debug)]
pub struct Options {
    /// The Kamailio to scrape.
    pub target: Target,
    /// The collectors, and the groups of statistics.
    pub selection: Selection,
    /// How many samples a family may have.
    pub max_series: usize,
    /// The numbers and names of dispatcher sets.
    pub set_names: Vec<(String, String)>,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// The pages.
    pub paths: Paths,
    /// Where to listen; nothing is where systemd says.
    pub listen: Vec<ListenAddress>,
    /// The web configuration file, for TLS and authentication.
    pub web_config: Option<PathBuf>,
    /// What clients may take.
    pub limits: Limits,
    /// How many requests may be under way at once; `None` is any number.
    pub max_requests: Option<usize>,
    /// Which lines the log has.
    pub log_level: Level,
    /// What they look like.
    pub log_format: log::Format,
}

/// Why the program ends before it has begun.
#[derive(Debug, PartialEq, Eq)]
pub enum Exit {
    /// There is something to print, and that is all.
    Print(String),
    /// The options cannot work: a sentence.
    Usage(String),
}

/// Reads the arguments, the program's name first, and the environment.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Exit> {
    let arguments = expand_files(arguments)?;
    let matches = command().try_get_matches_from(arguments).map_err(|error| explain(&error))?;
    if matches.get_flag("version") {
        return Err(Exit::Print(build_info::version_text()));
    }
    resolve(&matches).map_err(Exit::Usage)
}

/// The program's options, for parsing, help and documentation.
pub fn command() -> Command {
    Command::new("kamailio_exporter")
        .about("Prometheus exporter for the SIP server Kamailio, over its native control protocol.")
        .version(build_info::VERSION)
        .disable_version_flag(true)
        .next_line_help(true)
        .max_term_width(110)
        .after_help(
            "Every option can also be set by an environment variable: KAMAILIO_EXPORTER_ and its name in capitals, \
             with _ in place of . and -, as in KAMAILIO_EXPORTER_KAMAILIO_SCRAPE_URI. The command line wins. An \
             argument @FILE stands for the lines of that file, one argument a line.",
        )
        .args(options().map(with_environment))
}

fn options() -> impl Iterator<Item = Arg> {
    [
        option("kamailio.scrape-uri", "unix:/var/run/kamailio/kamailio_ctl", "URI").short('u').help(
            "The binrpc socket of Kamailio's module ctl: unix:/PATH, unixd:/PATH, tcp:HOST:PORT or udp:HOST:PORT.",
        ),
        option("kamailio.methods", "auto", "METHODS").short('m').help(format!(
            "The RPC methods to call, separated by commas. auto stands for those that are cheap and that Kamailio has, \
             all for the others too, and -NAME takes one out. A method that is named is a failed collector if \
             Kamailio lacks it. Known: {}.",
            names(ALL.iter()).replace(',', ", ")
        )),
        option("kamailio.timeout", "5s", "DURATION").short('t').help(
            "How long a scrape of Kamailio may take, connecting included. Half a second less than Prometheus' own \
             timeout counts if that is shorter.",
        ),
        option("kamailio.stats-groups", "script", "GROUPS").help(
            "The groups of statistics for the method stats.fetch, separated by commas, or all. \
             `kamcmd cnt.list_groups` lists them.",
        ),
        Arg::new("collector.dispatcher.mapping")
            .long("collector.dispatcher.mapping")
            .value_name("ID:NAME")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help("The name of a dispatcher set, for kamailio_dispatcher_set_info. Repeatable."),
        Arg::new("collector.dialog.profiles")
            .long("collector.dialog.profiles")
            .value_name("PROFILE[:VALUE]")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help("A dialog profile whose number of dialogs is wanted. Repeatable."),
        option("collector.max-series", "10000", "NUMBER")
            .help("How many series a metric may have; the rest is left out and counted."),
        option("kamailio.custom-metrics-url", "", "URL").hide_default_value(true).help(
            "A page of metrics to serve with ours, as module xhttp_prom has it: http://HOST:PORT/PATH.",
        ),
        option("rtpengine.metrics-url", "", "URL").hide_default_value(true).help(
            "rtpengine's own page of metrics, to serve under --web.rtp-telemetry-path: http://HOST:PORT/PATH.",
        ),
        option("web.listen-address", ":9494", "ADDRESS")
            .short_alias('l')
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help("Where to listen: [HOST]:PORT, unix:/PATH or vsock://:PORT. Repeatable."),
        option("web.telemetry-path", "/metrics", "PATH").help("The path of the metrics."),
        option("web.rtp-telemetry-path", "/rtpengine", "PATH").help("The path of rtpengine's page."),
        option("web.max-requests", "40", "NUMBER")
            .help("How many requests may be under way at once; more are answered with 503. 0 is any number."),
        option("web.max-connections", "256", "NUMBER").help(
            "How many connections there may be. A new one takes the place of that which has waited longest for a \
             request.",
        ),
        option("web.max-header-size", "32768", "BYTES").help("How long the head of a request may be."),
        option("web.header-timeout", "10s", "DURATION")
            .help("How long a TLS handshake and the head of a request may take."),
        option("web.idle-timeout", "6m", "DURATION").help(
            "How long a connection may be without a request. Prometheus closes its own after five minutes.",
        ),
        option("web.write-timeout", "30s", "DURATION")
            .help("How long a client may take nothing of its answer."),
        option("web.config.file", "", "FILE").hide_default_value(true).help(
            "A web configuration file, for TLS and authentication, in the format of the other exporters. It is read \
             again when it changes.",
        ),
        switch("web.enable-lifecycle").help("Read the web configuration file again on POST /-/reload, too."),
        switch("web.disable-exporter-metrics").help("Leave out the metrics of the exporter's process."),
        option("web.external-url", "", "URL").hide_default_value(true).help(
            "The address that the exporter has for browsers, if a proxy is in between: http://HOST/PATH.",
        ),
        option("web.route-prefix", "", "PATH")
            .hide_default_value(true)
            .help("What every path begins with. Without it, the path of --web.external-url."),
        switch("web.systemd-socket")
            .help("Take the listening sockets from systemd, instead of --web.listen-address."),
        switch("no-web.systemd-socket").overrides_with("web.systemd-socket").hide(true),
        option("log.level", "info", "LEVEL").help("Log only what is as severe as this: debug, info, warn or error."),
        option("log.format", "logfmt", "FORMAT").help("What log lines look like: logfmt or json."),
        switch("version").help("Print the version and what it was built from."),
    ]
    .into_iter()
}

fn option(name: &'static str, default: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).default_value(default).value_name(value).allow_hyphen_values(true)
}

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// An empty variable is one that is not set.
fn with_environment(option: Arg) -> Arg {
    let name = option.get_id().as_str().to_ascii_uppercase().replace(['.', '-'], "_");
    let name = format!("KAMAILIO_EXPORTER_{name}");
    match std::env::var_os(&name) {
        Some(value) if !value.is_empty() => option.env(name).hide_env(true),
        _ => option,
    }
}

fn resolve(matches: &ArgMatches) -> Result<Options, String> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let listen = matches.get_many::<String>("web.listen-address").unwrap_or_default();
    let max_requests = number(matches, "web.max-requests")?;
    Ok(Options {
        target: text("kamailio.scrape-uri").parse().map_err(|error| format!("{error}"))?,
        selection: selection(matches)?,
        max_series: number(matches, "collector.max-series")?,
        set_names: set_names(matches)?,
        timeout: time(matches, "kamailio.timeout")?,
        paths: paths(matches)?,
        listen: if matches.get_flag("web.systemd-socket") {
            Vec::new()
        } else {
            listen.map(|address| address.parse()).collect::<Result<_, _>>()?
        },
        web_config: Some(text("web.config.file")).filter(|file| !file.is_empty()).map(PathBuf::from),
        limits: limits(matches)?,
        max_requests: Some(max_requests).filter(|max| *max > 0),
        log_level: match text("log.level").to_ascii_lowercase().as_str() {
            "debug" => Level::DEBUG,
            "info" => Level::INFO,
            "warn" => Level::WARN,
            "error" => Level::ERROR,
            other => {
                return Err(format!("unrecognized log level {other}; there are debug, info, warn and error"));
            }
        },
        log_format: match text("log.format") {
            "logfmt" => log::Format::Logfmt,
            "json" => log::Format::Json,
            other => return Err(format!("unrecognized log format {other}; there are logfmt and json")),
        },
    })
}

fn selection(matches: &ArgMatches) -> Result<Selection, String> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let mut selection = Selection::parse(text("kamailio.methods"))?;
    if matches.value_source("kamailio.stats-groups") != Some(ValueSource::DefaultValue) {
        selection = selection.with_groups(text("kamailio.stats-groups"))?;
    }
    let profiles = matches.get_many::<String>("collector.dialog.profiles").unwrap_or_default();
    let page = url(matches, "kamailio.custom-metrics-url")?;
    Ok(selection.with_profiles(profiles.map(String::as_str)).with_page(page))
}

fn paths(matches: &ArgMatches) -> Result<Paths, String> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let external = text("web.external-url");
    let external_prefix = match external.parse::<Uri>() {
        _ if external.is_empty() => None,
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none() => {
            Some(uri.path().trim_end_matches('/').to_owned())
        }
        _ => {
            return Err(format!(
                "--web.external-url \"{external}\" is not http://HOST/PATH or https://HOST/PATH"
            ));
        }
    };
    let prefix = match text("web.route-prefix").trim_end_matches('/') {
        "" if text("web.route-prefix").is_empty() => external_prefix.clone().unwrap_or_default(),
        "" => String::new(),
        prefix if prefix.starts_with('/') => {
            path(matches, "web.route-prefix")?.trim_end_matches('/').to_owned()
        }
        prefix => format!("/{prefix}"),
    };
    Ok(Paths {
        telemetry: path(matches, "web.telemetry-path")?,
        rtpengine: match url(matches, "rtpengine.metrics-url")? {
            Some(url) => Some((url, path(matches, "web.rtp-telemetry-path")?)),
            None => None,
        },
        external_prefix: external_prefix.unwrap_or_else(|| prefix.clone()),
        prefix,
    })
}

fn limits(matches: &ArgMatches) -> Result<Limits, String> {
    let header = number(matches, "web.max-header-size")?;
    if !(MIN_HEADER..=MAX_HEADER).contains(&header) {
        return Err(format!("--web.max-header-size {header} is not between {MIN_HEADER} and {MAX_HEADER}"));
    }
    let connections = number(matches, "web.max-connections")?;
    if connections == 0 {
        return Err("--web.max-connections 0 would let nobody in".to_owned());
    }
    Ok(Limits {
        connections,
        header,
        timeouts: Timeouts {
            header: time(matches, "web.header-timeout")?,
            idle: time(matches, "web.idle-timeout")?,
            write: time(matches, "web.write-timeout")?,
        },
        lifecycle: matches.get_flag("web.enable-lifecycle"),
        process_metrics: !matches.get_flag("web.disable-exporter-metrics"),
    })
}

fn time(matches: &ArgMatches, name: &str) -> Result<Duration, String> {
    let text = matches.get_one::<String>(name).map_or("", String::as_str);
    duration::parse(text).map_err(|error| format!("--{name} \"{text}\": {error}"))
}

fn number(matches: &ArgMatches, name: &str) -> Result<usize, String> {
    let text = matches.get_one::<String>(name).map_or("", String::as_str);
    text.parse().map_err(|_| format!("--{name} is a whole number, not \"{text}\""))
}

fn set_names(matches: &ArgMatches) -> Result<Vec<(String, String)>, String> {
    let mappings = matches.get_many::<String>("collector.dispatcher.mapping").unwrap_or_default();
    let pair = |mapping: &String| match mapping.split_once(':') {
        Some((set, name)) if set.parse::<i32>().is_ok() && !name.is_empty() => {
            Ok((set.to_owned(), name.to_owned()))
        }
        _ => Err(format!(
            "--collector.dispatcher.mapping \"{mapping}\" is not ID:NAME, for example 1:carriers"
        )),
    };
    mappings.map(pair).collect()
}

fn url(matches: &ArgMatches, name: &str) -> Result<Option<Url>, String> {
    let text = matches.get_one::<String>(name).map_or("", String::as_str);
    if text.is_empty() {
        return Ok(None);
    }
    Url::parse(text).map(Some).map_err(|error| format!("--{name} \"{text}\": {error}"))
}

fn path(matches: &ArgMatches, name: &str) -> Result<String, String> {
    let path = matches.get_one::<String>(name).map_or("", String::as_str);
    let unusable = |byte: u8| byte <= b' ' || byte >= 0x7f || matches!(byte, b'?' | b'#' | b'%');
    if !path.starts_with('/') || path.bytes().any(unusable) || path.starts_with("/-/") {
        return Err(format!(
            "--{name} \"{path}\" is not a path for metrics: it begins with / (but not with /-/) and has no \
             blanks, ?, # or %"
        ));
    }
    Ok(path.to_owned())
}

/// Replaces each `@FILE` by the file's lines.
fn expand_files(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Exit> {
    let mut expanded = Vec::new();
    for argument in arguments {
        match argument.to_str().and_then(|argument| argument.strip_prefix('@')) {
            Some(file) if !expanded.is_empty() => {
                let lines = std::fs::read_to_string(file)
                    .map_err(|error| Exit::Usage(format!("cannot read the arguments in {file}: {error}")))?;
                expanded.extend(lines.lines().filter(|line| !line.is_empty()).map(OsString::from));
            }
            _ => expanded.push(argument),
        }
    }
    Ok(expanded)
}

/// The parser's complaint in one sentence, in the words that the users of other exporters know.
fn explain(error: &clap::Error) -> Exit {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let flag = context(ContextKind::InvalidArg);
    let name = flag.split([' ', '=']).next().unwrap_or_default();
    let value = context(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::DisplayHelp => Exit::Print(error.to_string()),
        ErrorKind::UnknownArgument if name.starts_with("--") => {
            Exit::Usage(format!("unknown long flag '{name}'"))
        }
        ErrorKind::UnknownArgument if name.starts_with('-') => {
            Exit::Usage(format!("unknown short flag '{name}'"))
        }
        ErrorKind::UnknownArgument => Exit::Usage(format!("unexpected {name}")),
        ErrorKind::ArgumentConflict => {
            Exit::Usage(format!("flag '{}' cannot be repeated", name.trim_start_matches('-')))
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            Exit::Usage(format!("expected argument for flag '{name}'"))
        }
        ErrorKind::TooManyValues => {
            Exit::Usage(format!("unexpected {value} after '{name}', which takes no value"))
        }
        ErrorKind::InvalidUtf8 => Exit::Usage("an argument is not UTF-8".to_owned()),
        _ => Exit::Usage(error.to_string().lines().next().unwrap_or_default().replacen("error: ", "", 1)),
    }
}

/// Less than hyper can read at once.
const MIN_HEADER: usize = 8 * 1024;
/// Go's limit; with it, connections alone can take 256 MiB.
const MAX_HEADER: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<Options, Exit> {
        parse(["kamailio_exporter"].iter().chain(arguments).map(OsString::from))
    }

    fn error(arguments: &[&str]) -> String {
        match run(arguments).unwrap_err() {
            Exit::Usage(sentence) => sentence,
            Exit::Print(text) => panic!("printed {text}"),
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
        assert_eq!(options.paths.telemetry, "/m");
        assert_eq!(options.listen.len(), 2);
        assert_eq!(options.log_level, Level::WARN);
        assert_eq!(options.log_format, log::Format::Json);
        let selection = Selection::parse("tm.stats,sl.stats").unwrap();
        assert_eq!(options.selection, selection.with_groups("script,core").unwrap());
    }

    #[test]
    fn without_arguments_the_defaults_stand() {
        let options = run(&[]).unwrap();
        assert_eq!(options.target, "unix:/var/run/kamailio/kamailio_ctl".parse().unwrap());
        assert_eq!(options.selection, Selection::parse("auto").unwrap());
        assert_eq!((options.timeout, options.max_requests), (Duration::from_secs(5), Some(40)));
        assert_eq!((options.paths.telemetry.as_str(), options.listen.len()), ("/metrics", 1));
    }

    #[test]
    fn what_cannot_work_is_one_sentence() {
        for (arguments, sentence) in [
            (&["--nope"][..], "unknown long flag '--nope'"),
            (&["-z"], "unknown short flag '-z'"),
            (&["extra"], "unexpected extra"),
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
            (&["--web.max-requests", "-1"], "--web.max-requests is a whole number, not \"-1\""),
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
        ] {
            match run(&[argument]) {
                Err(Exit::Print(text)) => assert!(text.contains(part), "{text}"),
                other => panic!("{argument}: {other:?}"),
            }
        }
    }
}
