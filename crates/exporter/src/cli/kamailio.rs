//! The options about Kamailio, shared by most commands.

use super::values::{number, option, text, time, url};
use crate::instance::Settings;
use crate::scrape::selection::Selection;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use kamailio_binrpc::Target;
use std::sync::Arc;
use std::time::Duration;

/// The options that select what to read from Kamailio.
pub(super) fn options() -> impl Iterator<Item = Arg> {
    let [target, timeout] = connection();
    [
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
            .value_delimiter(',')
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
            .value_delimiter(',')
            .help("Dialog profile whose dialogs to count, optionally only those with VALUE, or by value if VALUE is *: then \
                 Kamailio lists all dialogs of the profile. Repeatable."),
        option("collector.max-series", "10000", "NUMBER").help(
            "Maximum number of series per metric. Further series are dropped and counted in \
             kamailio_exporter_dropped_samples_total.",
        ),
        option("kamailio.custom-metrics-url", "", "URL").hide_default_value(true).help(
            "URL of an external metrics page to include, such as that of the Kamailio module xhttp_prom: \
             http://HOST:PORT/PATH.",
        ),
    ]
    .into_iter()
}

/// The options for the address of Kamailio and the timeout.
pub(super) fn connection() -> [Arg; 2] {
    [
        option("kamailio.scrape-uri", "unix:/var/run/kamailio/kamailio_ctl", "URI").short('u').help(
            "Address of the BINRPC socket of Kamailio's ctl module: unix:/PATH, unixd:/PATH (datagram), \
             tcp:HOST:PORT or udp:HOST:PORT.",
        ),
        option(TIMEOUT, "5s", "DURATION")
            .short('t')
            .help("Timeout for a scrape of Kamailio, including the time to connect."),
    ]
}

pub(super) fn target(matches: &ArgMatches) -> Result<Target, String> {
    text(matches, "kamailio.scrape-uri").parse().map_err(|error| format!("{error}"))
}

pub(super) fn timeout(matches: &ArgMatches) -> Result<Duration, String> {
    time(matches, TIMEOUT)
}

pub(super) fn settings(matches: &ArgMatches) -> Result<Settings, String> {
    Ok(Settings {
        selection: Arc::new(selection(matches)?),
        max_series: max_series(matches)?,
        set_names: set_names(matches)?,
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
    let profiles = matches.get_many::<String>("collector.dialog.profiles").unwrap_or_default();
    let attributes = matches.get_many::<String>("collector.dispatcher.attributes").unwrap_or_default();
    let selection = selection.with_attributes(attributes.map(String::as_str))?;
    let page = url(matches, "kamailio.custom-metrics-url")?;
    Ok(selection.with_profiles(profiles.map(String::as_str)).with_page(page))
}

fn set_names(matches: &ArgMatches) -> Result<Vec<(String, String)>, String> {
    let mappings = matches.get_many::<String>("collector.dispatcher.mapping").unwrap_or_default();
    let pair = |mapping: &String| match mapping.split_once(':') {
        Some((set, name)) if set.parse::<i32>().is_ok() && !name.is_empty() => {
            Ok((set.to_owned(), name.to_owned()))
        }
        _ => Err(format!(
            "--collector.dispatcher.mapping \"{mapping}\" must have the form ID:NAME, for example 1:carriers"
        )),
    };
    mappings.map(pair).collect()
}

pub(super) const TIMEOUT: &str = "kamailio.timeout";
