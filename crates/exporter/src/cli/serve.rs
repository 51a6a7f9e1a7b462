//! The options of the server, which runs when no command is given.

use super::environment::list;
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
            "URL of rtpengine's metrics, to expose under --web.rtp-telemetry-path: http://HOST:PORT/PATH.",
        ),
        Arg::new("probe.allow")
            .long("probe.allow")
            .value_name("RULE")
            .action(ArgAction::Append)
            .help(
                "Enable /probe?target=URI for the targets that this rule matches. Forms: unix:/PATH or unixd:/PATH, where \
                 * matches any characters except /; tcp:HOST:PORT or udp:HOST:PORT, where HOST is a name that may contain \
                 *, an address, or a network such as 10.0.0.0/8 or [2001:db8::]/32, and PORT is a number, a range or *; \
                 http://HOST:PORT/PATH or https://HOST:PORT/PATH, where credentials@ before HOST sends the user name and \
                 password or the client certificate of the --kamailio options to the targets; and jsonrpc+ before unix:, \
                 tcp: or udp:. Repeatable.",
            ),
        option("probe.max-requests", "200", "NUMBER")
            .help(
                "Maximum number of concurrent scrapes by probes. One target is limited to a quarter, and all targets that only \
                 a pattern of --probe.allow matches to three quarters in total. Beyond a limit, probes that would start a \
                 new scrape are rejected with status 503. 0 means no limit.",
            ),
        option("web.listen-address", ":9494", "ADDRESS")
            .short_alias('l')
            .action(ArgAction::Append)
            .help("Address to listen on: [HOST]:PORT, unix:/PATH or vsock://:PORT. Repeatable."),
        option("web.telemetry-path", "/metrics", "PATH").help("Path under which to expose metrics."),
        option("web.rtp-telemetry-path", "/rtpengine", "PATH")
            .help("Path under which to expose the metrics of --rtpengine.metrics-url."),
        option("web.max-requests", "40", "NUMBER")
            .help(
                "Maximum number of concurrent scrapes, not counting probes. Beyond it, requests that would start a new scrape \
                 are rejected with status 503; requests that share a running scrape are not limited. 0 means no limit.",
            ),
        option("web.max-connections", "256", "NUMBER").help(
            "Maximum number of connections. Beyond it, a new connection evicts the one that has been idle longest.",
        ),
        option("web.max-header-size", "32768", "BYTES").help("Maximum size of the request headers, in bytes."),
        option("web.header-timeout", "10s", "DURATION")
            .help("Timeout for a TLS handshake and for receiving the request headers."),
        option("web.idle-timeout", "6m", "DURATION").help(
            "Close a connection that has been idle for this long. Prometheus closes its idle connections after five \
             minutes.",
        ),
        option("web.write-timeout", "30s", "DURATION")
            .help("Close a connection whose client has read nothing for this long."),
        option("web.config.file", "", "FILE").hide_default_value(true).help(
            "Path of a web configuration file that enables TLS or authentication, in the format of Prometheus' own \
             exporters. Reloaded when the file changes.",
        ),
        switch(CHECK_CONFIG).help(
            "Check the file of --web.config.file and the files that it names, and exit. The exit code is 0 if the \
             configuration is valid.",
        ),
        switch("web.health-without-auth").help(
            "Let /-/healthy and /-/ready respond without a password. Client certificates remain necessary.",
        ),
        switch("web.enable-lifecycle").help("Enable POST /-/reload, which reloads the web configuration file."),
        switch("web.enable-created-timestamps").help(
            "Expose the time since which counters count (_created) in OpenMetrics, for counters that only a start of Kamailio \
             resets. For a Prometheus with --enable-feature=created-timestamp-zero-ingestion; others store each as a series.",
        ),
        switch("web.disable-exporter-metrics").help("Exclude the metrics of the exporter's own process (process_*)."),
        option("web.external-url", "", "URL").hide_default_value(true).help(
            "URL under which browsers reach the exporter, for example through a reverse proxy: http://HOST/PATH.",
        ),
        option("web.route-prefix", "", "PATH")
            .hide_default_value(true)
            .help("Prefix of all paths. Defaults to the path of --web.external-url."),
        switch(SYSTEMD_SOCKET)
            .help("Listen on the sockets passed by systemd instead of --web.listen-address."),
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
            "--web.rtp-telemetry-path must be neither / nor the path of --web.telemetry-path".to_owned()
        );
    }
    let served = [Some(&paths.telemetry), rtpengine];
    if allow.is_some() && served.into_iter().flatten().any(|path| path == PROBE_PATH) {
        return Err(format!(
            "{PROBE_PATH} is reserved for probes (--probe.allow) and cannot be the path of another endpoint"
        ));
    }
    let listen = match list(matches, "web.listen-address")? {
        // Without a listener the sockets of systemd would be used.
        listen if listen.is_empty() => return Err("--web.listen-address must not be empty".to_owned()),
        listen => listen,
    };
    let web_config =
        Some(text(matches, "web.config.file")).filter(|file| !file.is_empty()).map(PathBuf::from);
    if web_config.is_none() && matches.get_flag(CHECK_CONFIG) {
        return Err(format!("--{CHECK_CONFIG} needs --web.config.file"));
    }
    let max_requests = number(matches, "web.max-requests")?;
    let max_probes = number(matches, "probe.max-requests")?;
    Ok(Serve {
        settings: kamailio::settings(matches)?,
        site: site::Options {
            paths,
            timeout: kamailio::timeout(matches)?,
            max_requests: Some(max_requests).filter(|max| *max > 0),
            public_health: matches.get_flag("web.health-without-auth"),
            lifecycle: matches.get_flag("web.enable-lifecycle"),
            labels: kamailio::labels(matches)?,
            created_timestamps: matches.get_flag("web.enable-created-timestamps"),
            process_metrics: !matches.get_flag("web.disable-exporter-metrics"),
        },
        listen: if systemd_socket(matches) {
            Vec::new()
        } else {
            listen.iter().map(|address| address.parse()).collect::<Result<_, _>>()?
        },
        checks_web_config: matches.get_flag(CHECK_CONFIG),
        web_config,
        limits: limits(matches)?,
        allow,
        max_probes: Some(max_probes).filter(|max| *max > 0),
    })
}

/// Whether to use the sockets passed by systemd. The last switch on the command line wins, also over the environment.
fn systemd_socket(matches: &ArgMatches) -> bool {
    let index = |name| match matches.value_source(name) {
        Some(ValueSource::CommandLine) => matches.indices_of(name).and_then(Iterator::last),
        _ => None,
    };
    matches.get_flag(SYSTEMD_SOCKET) && index(NO_SYSTEMD_SOCKET) <= index(SYSTEMD_SOCKET)
}

fn allow(matches: &ArgMatches) -> Result<Option<AllowList>, String> {
    let rules = list(matches, "probe.allow")?;
    if rules.is_empty() {
        return Ok(None);
    }
    let allow = AllowList::parse(rules.iter().map(String::as_str));
    let allow = allow.map_err(|error| format!("--probe.allow {error}"))?;
    Ok(Some(allow.with_access(kamailio::access(matches)?)))
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
                "--web.external-url \"{external}\" must have the form http://HOST/PATH or https://HOST/PATH"
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
            "--{name} \"{path}\" is not a valid path: it must start with / (but not with /-/) and must not contain \
             spaces, ?, # or %"
        ));
    }
    Ok(path.to_owned())
}

fn limits(matches: &ArgMatches) -> Result<Limits, String> {
    let header = number(matches, "web.max-header-size")?;
    if !(MIN_HEADER..=MAX_HEADER).contains(&header) {
        return Err(format!("--web.max-header-size {header} must be between {MIN_HEADER} and {MAX_HEADER}"));
    }
    let connections = number(matches, "web.max-connections")?;
    if connections == 0 {
        return Err("--web.max-connections 0 would reject every client".to_owned());
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
const CHECK_CONFIG: &str = "web.config.check";
const SYSTEMD_SOCKET: &str = "web.systemd-socket";
/// Accepted because the command lines of other exporters may contain it.
const NO_SYSTEMD_SOCKET: &str = "no-web.systemd-socket";
/// The smallest read buffer that hyper accepts.
const MIN_HEADER: usize = 8 * 1024;
/// Go's limit. With 256 connections, request headers alone can take 256 MiB.
const MAX_HEADER: usize = 1024 * 1024;
