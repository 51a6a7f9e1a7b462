//! The options about Kamailio, which most commands have.

use super::values::{number, option, text, time, url};
use crate::collectors::ALL;
use crate::instance::Settings;
use crate::scrape::selection::{Selection, names};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use kamailio_binrpc::Target;
use std::sync::Arc;
use std::time::Duration;

/// What to ask Kamailio for.
pub(super) fn options() -> impl Iterator<Item = Arg> {
    let [target, timeout] = connection();
    [
        target,
        option("kamailio.methods", "auto", "METHODS").short('m').help(format!(
            "The RPC methods to call, separated by commas. auto stands for those that are cheap and that Kamailio has, \
             all for the others too, and -NAME takes one out. A method that is named is a failed collector if \
             Kamailio lacks it. Known: {}.",
            names(ALL.iter()).replace(',', ", ")
        )),
        timeout,
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
        Arg::new("collector.dispatcher.attributes")
            .long("collector.dispatcher.attributes")
            .value_name("NAME")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help(
                "Attributes of dispatcher destinations to serve as labels of kamailio_dispatcher_destination_info, for \
                 example name,carrier. Repeatable.",
            ),
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
    ]
    .into_iter()
}

/// Where Kamailio is, and how long it may take.
pub(super) fn connection() -> [Arg; 2] {
    [
        option("kamailio.scrape-uri", "unix:/var/run/kamailio/kamailio_ctl", "URI").short('u').help(
            "The binrpc socket of Kamailio's module ctl: unix:/PATH, unixd:/PATH, tcp:HOST:PORT or udp:HOST:PORT.",
        ),
        option(TIMEOUT, "5s", "DURATION")
            .short('t')
            .help("How long a scrape of Kamailio may take, connecting included."),
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
        0 => Err("--collector.max-series 0 would leave out every metric of Kamailio".to_owned()),
        most => Ok(most),
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
            "--collector.dispatcher.mapping \"{mapping}\" is not ID:NAME, for example 1:carriers"
        )),
    };
    mappings.map(pair).collect()
}

pub(super) const TIMEOUT: &str = "kamailio.timeout";
