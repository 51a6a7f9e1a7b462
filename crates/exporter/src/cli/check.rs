//! The options of `check`.

use super::kamailio;
use super::values::{option, switch, text};
use crate::commands::check::Check;
use clap::{ArgMatches, Command};

pub(super) const CHECK: &str = "check";

pub(super) fn command() -> Command {
    let report = [
        option(USER, "", "NAME")
            .hide_default_value(true)
            .help("Name of the user that the exporter runs as, to check access to the unix socket. Defaults to the current user."),
        switch(JSON).help("Print the report as JSON (described in docs/operations.md)."),
    ];
    Command::new(CHECK)
        .about("Diagnose a Kamailio: which collectors work, which do not, and why.")
        .after_help(
            "Exit code: 0 if everything works, 1 if there are warnings, 2 if the exporter cannot scrape Kamailio. A \
             missing module is a warning only if its method is named in --kamailio.methods.",
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
