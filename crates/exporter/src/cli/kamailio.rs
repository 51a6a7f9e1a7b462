//! The options about Kamailio, shared by most commands.

use super::credentials::{self, file};
use super::environment::list;
use super::values::{number, option, text, time, url};
use crate::instance::Settings;
use crate::outbound::{Access, Protocol, Target};
use crate::scrape::selection::Selection;
use crate::support::decimal;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use prometheus_exposition::ConstantLabels;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The options that select what to read from Kamailio.
pub(super) fn options() -> impl Iterator<Item = Arg> {
    let [target, timeout, access @ ..] = connection();
    let options = [
        target,
        option("kamailio.methods", "auto", "METHODS").short('m').help(
            "Comma-separated list of RPC methods to call. auto stands for the default methods and all for every method, \
             as far as Kamailio provides them; -NAME removes a method. If Kamailio lacks a method named here, its \
             collector is reported as failed. The manual page (kamailio_exporter man) lists the methods.",
        ),
        timeout,
        option("kamailio.stats-groups", "script", "GROUPS").help(
            "Comma-separated list of statistics groups to read with the method stats.fetch, or all for every group. \
             kamcmd cnt.list_groups lists the groups.",
        ),
        Arg::new("collector.dispatcher.mapping")
            .long("collector.dispatcher.mapping")
            .value_name("ID:NAME")
            .action(ArgAction::Append)
            .help("Name of a dispatcher set, exported as kamailio_dispatcher_set_info. Repeatable."),
        Arg::new("collector.dispatcher.attributes")
            .long("collector.dispatcher.attributes")
            .value_name("NAME")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help(
                "Attribute of dispatcher destinations to export as a label of \
                 kamailio_dispatcher_destination_info, for example carrier. Repeatable.",
            ),
        Arg::new("collector.dialog.profiles")
            .long("collector.dialog.profiles")
            .value_name("PROFILE[:VALUE]")
            .action(ArgAction::Append)
            .help(
                "Dialog profile to count. PROFILE counts all dialogs, PROFILE:VALUE those with that value, and PROFILE:* each \
                 value separately, for which Kamailio lists every dialog of the profile. Repeatable.",
            ),
        option("collector.max-series", "10000", "NUMBER").help(
            "Maximum number of series per metric. Further series are dropped and counted in \
             kamailio_exporter_dropped_samples_total.",
        ),
        option("kamailio.custom-metrics-url", "", "URL").hide_default_value(true).help(
            "URL of an external metrics page to include, such as that of the Kamailio module xhttp_prom: \
             http://HOST:PORT/PATH.",
        ),
        Arg::new("kamailio.tls-certificates")
            .long("kamailio.tls-certificates")
            .value_name("FILE")
            .action(ArgAction::Append)
            .help("Path of a PEM file with TLS certificates of Kamailio whose expiry is exported. Repeatable."),
    ];
    options.into_iter().chain(access)
}

/// The option for labels, of the commands that expose metrics.
pub(super) fn label() -> Arg {
    Arg::new(LABEL).long(LABEL).value_name("NAME=VALUE").action(ArgAction::Append).help(
        "Label to add to every series, for example to distinguish the Kamailios of one machine. A series that has a label \
         of this name keeps its own. Repeatable.",
    )
}

pub(super) fn labels(matches: &ArgMatches) -> Result<ConstantLabels, String> {
    let labels = list(matches, LABEL)?;
    let pair = |label: &'_ String| match label.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!("--label \"{label}\" must have the form NAME=VALUE, for example site=berlin")),
    };
    let labels = labels.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    let labels = labels.iter().map(|(name, value)| (&**name, &**value));
    ConstantLabels::new(labels).map_err(|error| format!("--label: {error}"))
}

/// The options for the address of Kamailio, the timeout and the credentials.
pub(super) fn connection() -> [Arg; 7] {
    [
        option("kamailio.scrape-uri", "unix:/var/run/kamailio/kamailio_ctl", "URI").short('u').help(
            "Address of Kamailio. BINRPC (module ctl): unix:/PATH, unixd:/PATH (datagram), tcp:HOST:PORT or udp:HOST:PORT. \
             JSON-RPC (module jsonrpcs): http://HOST:PORT/PATH, https://HOST:PORT/PATH, jsonrpc+unix:/PATH (datagram), \
             jsonrpc+udp:HOST:PORT or, from Kamailio 6.0 on, jsonrpc+tcp:HOST:PORT.",
        ),
        option(TIMEOUT, "5s", "DURATION")
            .short('t')
            .help("Timeout for a scrape of Kamailio, including the time to connect."),
        option("kamailio.basic-auth.username", "", "NAME")
            .hide_default_value(true)
            .help("User name for basic authentication at a Kamailio with an http:// or https:// address."),
        file(
            "kamailio.basic-auth.password-file",
            "Path of a file with the password for basic authentication at Kamailio. Read before each scrape or call.",
        ),
        file(
            "kamailio.tls.ca-file",
            "Path of a PEM file with the certificate authorities to verify the certificate of an https:// Kamailio, or with \
             that certificate itself. Defaults to the system's authorities. Read before each scrape or call.",
        ),
        file(
            "kamailio.tls.cert-file",
            "Path of a PEM file with the client certificate to present to an https:// Kamailio. Read before each scrape or call.",
        ),
        file(
            "kamailio.tls.key-file",
            "Path of a PEM file with the key of the client certificate for Kamailio. Read before each scrape or call.",
        ),
    ]
}

/// Returns the credentials for Kamailios with HTTP.
pub(super) fn access(matches: &ArgMatches) -> Result<Arc<Access>, String> {
    let basic_auth = credentials::basic_auth(matches, PREFIX)?;
    Ok(Arc::new(Access { basic_auth, tls: credentials::tls(matches, PREFIX)? }))
}

/// Returns the target with its credentials.
pub(super) fn target(matches: &ArgMatches) -> Result<Target, String> {
    let target = address(text(matches, "kamailio.scrape-uri"))?;
    Ok(target.with_access(&access(matches)?))
}

/// Returns a warning if the password crosses a network in plain text.
pub(super) fn plain_text_warning(target: &Target) -> Option<String> {
    let Protocol::Http { url, access } = target.protocol() else { return None };
    let sends = access.basic_auth.is_some() && !url.is_https() && !url.is_local();
    sends.then(|| format!("the password for {url} is sent in plain text: use an https:// address"))
}

fn address(text: &str) -> Result<Target, String> {
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let endpoint = rest.strip_prefix("//").unwrap_or(rest);
    match scheme {
        "tcp" | "tcp4" | "tcp6" | "udp" | "udp4" | "udp6" => match endpoint.strip_prefix("*:") {
            Some(port) => Err(format!(
                "--kamailio.scrape-uri \"{text}\": with * Kamailio listens on all addresses; name one of them, for \
                     example {scheme}:localhost:{port}"
            )),
            // In Kamailio's own configuration, a port alone means all addresses.
            None if decimal::parse::<u16>(endpoint).is_some() => {
                format!("{scheme}:localhost:{endpoint}").parse()
            }
            None => text.parse(),
        },
        _ => text.parse(),
    }
}

pub(super) fn timeout(matches: &ArgMatches) -> Result<Duration, String> {
    time(matches, TIMEOUT)
}

pub(super) fn settings(matches: &ArgMatches) -> Result<Settings, String> {
    Ok(Settings {
        selection: Arc::new(selection(matches)?),
        max_series: max_series(matches)?,
        dispatcher_set_names: dispatcher_set_names(matches)?,
    })
}

fn max_series(matches: &ArgMatches) -> Result<usize, String> {
    match number(matches, "collector.max-series")? {
        0 => Err("--collector.max-series 0 would drop every metric of Kamailio".to_owned()),
        max => Ok(max),
    }
}

fn selection(matches: &ArgMatches) -> Result<Selection, String> {
    let mut selection = Selection::parse(text(matches, "kamailio.methods"))?;
    if matches.value_source("kamailio.stats-groups") != Some(ValueSource::DefaultValue) {
        selection = selection.with_groups(text(matches, "kamailio.stats-groups"))?;
    }
    let attributes = list(matches, "collector.dispatcher.attributes")?;
    let selection = selection.with_attributes(attributes.iter().map(String::as_str))?;
    let profiles = list(matches, "collector.dialog.profiles")?;
    let page = url(matches, "kamailio.custom-metrics-url")?;
    let certificates = list(matches, "kamailio.tls-certificates")?.into_iter().map(PathBuf::from).collect();
    let selection = selection.with_profiles(profiles.iter().map(String::as_str));
    Ok(selection.with_page(page).with_certificates(certificates))
}

fn dispatcher_set_names(matches: &ArgMatches) -> Result<Vec<(String, String)>, String> {
    let mut names: Vec<(String, String)> = Vec::new();
    for mapping in list(matches, "collector.dispatcher.mapping")? {
        let parts = mapping.split_once(':').filter(|(_, name)| !name.is_empty());
        let Some((Ok(id), name)) = parts.map(|(id, name)| (id.parse::<i32>(), name)) else {
            return Err(format!(
                "--collector.dispatcher.mapping \"{mapping}\" must have the form ID:NAME, for example 1:carriers"
            ));
        };
        // As Kamailio writes the number: 07 would join no destination.
        let id = id.to_string();
        match names.iter().find(|(known, _)| *known == id) {
            None => names.push((id, name.to_owned())),
            Some((_, known)) if known == name => {}
            Some((_, known)) => {
                return Err(format!(
                    "--collector.dispatcher.mapping: set {id} has two names, \"{known}\" and \"{name}\""
                ));
            }
        }
    }
    Ok(names)
}

const LABEL: &str = "label";
/// The prefix of the options for credentials.
const PREFIX: &str = "kamailio.";
pub(super) const TIMEOUT: &str = "kamailio.timeout";
