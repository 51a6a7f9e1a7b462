//! The options of `check`.

use super::kamailio;
use super::values::{option, switch, text};
use crate::commands::check::{Check, Format};
use clap::{ArgMatches, Command};

pub(super) const CHECK: &str = "check";

pub(super) fn command() -> Command {
    let report = [
        option(USER, "", "NAME")
            .hide_default_value(true)
            .help("Name of the user that the exporter runs as, to check access to the unix socket. Defaults to the current user."),
        switch(JSON).help("Print the report as JSON (described in docs/operations.md)."),
        switch(NAGIOS).help("Print the report as a Nagios or Icinga plugin does: a status line with performance data first."),
    ];
    Command::new(CHECK)
        .about("Diagnose a Kamailio: which collectors work, which do not, and why.")
        .after_help(
            "Exit code, as for a Nagios plugin: 0 if everything works, 1 if there are warnings, 2 if the exporter cannot \
             scrape Kamailio, 3 if the check could not run, for example because the command line is invalid. A missing \
             module is a warning only if its method is named in --kamailio.methods.",
        )
        .args(kamailio::options().chain(report))
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Check, String> {
    let format = match (matches.get_flag(JSON), matches.get_flag(NAGIOS)) {
        (false, false) => Format::Text,
        (true, false) => Format::Json,
        (false, true) => Format::Nagios,
        (true, true) => return Err("--json and --nagios cannot be used together".to_owned()),
    };
    Ok(Check {
        settings: kamailio::settings(matches)?,
        user: Some(text(matches, USER)).filter(|name| !name.is_empty()).map(str::to_owned),
        format,
    })
}

const USER: &str = "user";
const JSON: &str = "json";
const NAGIOS: &str = "nagios";
