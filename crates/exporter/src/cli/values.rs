//! The pieces that options are made of, and the readings of their values.

use crate::outbound::http::Url;
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, ArgMatches};
use exporter_toolkit::duration;
use std::time::Duration;

pub(super) fn option(name: &'static str, default: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).default_value(default).value_name(value).allow_hyphen_values(true)
}

/// Without a value; in the environment it is on or off in any of the words for that.
pub(super) fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).value_parser(BoolishValueParser::new())
}

pub(super) fn text<'m>(matches: &'m ArgMatches, name: &str) -> &'m str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

pub(super) fn time(matches: &ArgMatches, name: &str) -> Result<Duration, String> {
    let text = text(matches, name);
    duration::parse(text).map_err(|error| format!("--{name} \"{text}\": {error}"))
}

pub(super) fn number(matches: &ArgMatches, name: &str) -> Result<usize, String> {
    let text = text(matches, name);
    text.parse().map_err(|_| format!("--{name} is a whole number, not \"{text}\""))
}

/// The address of a page, which is got in plain text from this machine or its neighbours.
pub(super) fn url(matches: &ArgMatches, name: &str) -> Result<Option<Url>, String> {
    let text = text(matches, name);
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url) if url.is_https() => Err("only plain HTTP is spoken: http://HOST:PORT/PATH".to_owned()),
        url => url,
    }
    .map(Some)
    .map_err(|error| format!("--{name} \"{text}\": {error}"))
}
