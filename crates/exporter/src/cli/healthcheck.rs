//! The options of `healthcheck`.

use super::Exit;
use super::values::text;
use crate::outbound::http::Url;
use clap::{Arg, ArgMatches, Command};

pub(super) const HEALTHCHECK: &str = "healthcheck";

pub(super) fn command() -> Command {
    let url = Arg::new(URL)
        .value_name("URL")
        .default_value("http://127.0.0.1:9494/-/healthy")
        .help("URL to request, which has to respond with status 200.");
    Command::new(HEALTHCHECK)
        .about("Check whether a running exporter responds, for containers.")
        .after_help(
            "Exit code: 0 if the exporter responds, 1 if it does not or if the command line is invalid.",
        )
        .arg(url)
}

pub(super) fn resolve(matches: &ArgMatches) -> Exit {
    match Url::parse(text(matches, URL)) {
        Ok(url) => Exit::Healthcheck(url),
        Err(error) => Exit::Usage(format!("URL: {error}")),
    }
}

const URL: &str = "url";
