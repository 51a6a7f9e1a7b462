//! The options of the doctor.

use super::kamailio;
use super::values::{option, switch, text};
use crate::commands::check::Check;
use clap::{ArgMatches, Command};

pub(super) const CHECK: &str = "check";

pub(super) fn command() -> Command {
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
        .args(kamailio::options().chain(report))
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
