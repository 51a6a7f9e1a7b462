//! The options of the doctor.

use super::values::{option, switch, text};
use super::{kamailio, with_environment};
use crate::exporter::Settings;
use clap::{Arg, ArgMatches, Command};

/// What to examine.
#[derive(Debug)]
pub struct Check {
    /// What Kamailio is asked for.
    pub settings: Settings,
    /// The user that the exporter runs as; `None` is the one who asks.
    pub user: Option<String>,
    /// Whether the report is for programs.
    pub json: bool,
}

pub(super) const CHECK: &str = "check";

pub(super) fn command(log_options: [Arg; 2]) -> Command {
    let report = [
        option(USER, "", "NAME")
            .hide_default_value(true)
            .help("The user that the exporter will run as: may it use the unix socket? Without it, you."),
        switch(JSON).help("Print the report as JSON, which docs/operations.md describes."),
    ];
    Command::new(CHECK)
        .about("Examine a Kamailio: what the exporter gets from it, what it does not get, and why.")
        .after_help(
            "Exit code: 0 if all is well, 1 if there are warnings, 2 if the exporter cannot scrape. A \
             collector whose module is not loaded is no warning, unless it is named in --kamailio.methods.",
        )
        .next_line_help(true)
        .args(kamailio::options().chain(report).map(with_environment))
        .args(log_options.map(with_environment))
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Check, String> {
    Ok(Check {
        settings: kamailio::settings(matches)?,
        user: Some(text(matches, USER)).filter(|name| !name.is_empty()).map(str::to_owned),
        json: matches.get_flag(JSON),
    })
}

const USER: &str = "user";
const JSON: &str = "json";
