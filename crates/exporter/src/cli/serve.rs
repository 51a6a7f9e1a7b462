//! The options of the server, which is what the program is without a command.

use super::kamailio;
use super::values::{number, option, switch, text, time, url};
use crate::commands::serve::Serve;
use crate::outbound::allow_list::AllowList;
use crate::site::{self, PROBE_PATH, Paths};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use exporter_toolkit::Limits;
use hyper::Uri;
use std::path::PathBuf;

pub(super) fn options() -> impl Iterator<Item = Arg> {
    [
        option("rtpengine.metrics-url", "", "URL").hide_default_value(true).help(
            "rtpengine's own page of metrics, to serve under --web.rtp-telemetry-path: http://HOST:PORT/PATH.",
        ),
        Arg::new("probe.allow")
            .long("probe.allow")
            .value_name("RULE")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help(
                "Also serve /probe?target=URI, for the targets that a rule allows: unix:/PATH or unixd:/PATH, where * is \
                 anything but a /; tcp:HOST:PORT or udp:HOST:PORT, where HOST is a name with * in it or without, or \
                 addresses as 10.0.0.0/8 or [2001:db8::]/32, and PORT a number, a range or *. Repeatable.",
            ),
        option("probe.max-requests", "200", "NUMBER")
            .help("How many probes may be under way at once; more are answered with 503. 0 is any number."),
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
        switch(SYSTEMD_SOCKET)
            .help("Take the listening sockets from systemd, instead of --web.listen-address."),
        switch(NO_SYSTEMD_SOCKET).hide(true),
    ]
    .into_iter()
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Serve, String> {
    let allow = allow(matches)?;
    let paths = paths(matches)?;
    let rtpengine = paths.rtpengine.as_ref().map(|(_, path)| path);
    if rtpengine.is_some_and(|path| *path == paths.telemetry || path == LANDING_PAGE) {
        return Err(
            "--web.rtp-telemetry-path may not be / or that of the metrics (--web.telemetry-path)".to_owned()
        );
    }
    let served = [Some(&paths.telemetry), rtpengine];
    if allow.is_some() && served.into_iter().flatten().any(|path| path == PROBE_PATH) {
        return Err(format!(
            "{PROBE_PATH} is the path of probes (--probe.allow), and cannot be another page's"
        ));
    }
    let listen = matches.get_many::<String>("web.listen-address").unwrap_or_default();
    let max_requests = number(matches, "web.max-requests")?;
    let max_probes = number(matches, "probe.max-requests")?;
    Ok(Serve {
        settings: kamailio::settings(matches)?,
        site: site::Options {
            paths,
            timeout: kamailio::timeout(matches)?,
            max_requests: Some(max_requests).filter(|max| *max > 0),
            lifecycle: matches.get_flag("web.enable-lifecycle"),
            process_metrics: !matches.get_flag("web.disable-exporter-metrics"),
        },
        listen: if systemd_socket(matches) {
            Vec::new()
        } else {
            listen.map(|address| address.parse()).collect::<Result<_, _>>()?
        },
        web_config: Some(text(matches, "web.config.file")).filter(|file| !file.is_empty()).map(PathBuf::from),
        limits: limits(matches)?,
        allow,
        max_probes: Some(max_probes).filter(|max| *max > 0),
    })
}

/// The last one on the command line counts, and more than the environment.
fn systemd_socket(matches: &ArgMatches) -> bool {
    let place = |name| match matches.value_source(name) {
        Some(ValueSource::CommandLine) => matches.indices_of(name).and_then(Iterator::last),
        _ => None,
    };
    matches.get_flag(SYSTEMD_SOCKET) && place(NO_SYSTEMD_SOCKET) <= place(SYSTEMD_SOCKET)
}

fn allow(matches: &ArgMatches) -> Result<Option<AllowList>, String> {
    let Some(rules) = matches.get_many::<String>("probe.allow") else { return Ok(None) };
    let allow = AllowList::parse(rules.map(String::as_str));
    allow.map(Some).map_err(|error| format!("--probe.allow {error}"))
}

fn paths(matches: &ArgMatches) -> Result<Paths, String> {
    let external = text(matches, "web.external-url");
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
    let prefix = match text(matches, "web.route-prefix").trim_end_matches('/') {
        "" if text(matches, "web.route-prefix").is_empty() => external_prefix.clone().unwrap_or_default(),
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

fn limits(matches: &ArgMatches) -> Result<Limits, String> {
    let header = number(matches, "web.max-header-size")?;
    if !(MIN_HEADER..=MAX_HEADER).contains(&header) {
        return Err(format!("--web.max-header-size {header} is not between {MIN_HEADER} and {MAX_HEADER}"));
    }
    let connections = number(matches, "web.max-connections")?;
    if connections == 0 {
        return Err("--web.max-connections 0 would let nobody in".to_owned());
    }
    let mut limits = Limits::default();
    limits.connections = connections;
    limits.header = header;
    limits.timeouts.header = time(matches, "web.header-timeout")?;
    limits.timeouts.idle = time(matches, "web.idle-timeout")?;
    limits.timeouts.write = time(matches, "web.write-timeout")?;
    Ok(limits)
}

const LANDING_PAGE: &str = "/";
const SYSTEMD_SOCKET: &str = "web.systemd-socket";
/// What the command lines of other exporters may have.
const NO_SYSTEMD_SOCKET: &str = "no-web.systemd-socket";
/// Less than hyper can read at once.
const MIN_HEADER: usize = 8 * 1024;
/// Go's limit; with it, connections alone can take 256 MiB.
const MAX_HEADER: usize = 1024 * 1024;
