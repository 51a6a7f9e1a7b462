//! Helpers to define options and to read their values.

use crate::outbound::http::Url;
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, ArgMatches};
use exporter_toolkit::duration;
use std::time::Duration;

pub(super) fn option(name: &'static str, default: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).default_value(default).value_name(value).allow_hyphen_values(true)
}

/// A flag without a value. Its environment variable takes true or false, yes or no, on or off, 1 or 0.
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
    text.parse().map_err(|_| format!("--{name} must be a whole number, not \"{text}\""))
}

/// The URL of an external metrics page. Only plain HTTP is supported.
pub(super) fn url(matches: &ArgMatches, name: &str) -> Result<Option<Url>, String> {
    let text = text(matches, name);
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url) if url.is_https() => Err("only plain HTTP is supported: http://HOST:PORT/PATH".to_owned()),
        url => url,
    }
    .map(Some)
    .map_err(|error| format!("--{name} \"{text}\": {error}"))
}
