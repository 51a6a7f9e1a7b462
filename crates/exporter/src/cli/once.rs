//! The options of the command that writes one exposition.

use super::kamailio;
use super::values::{option, text};
use crate::commands::once::Once;
use clap::{ArgMatches, Command};
use prometheus_exposition::Format;
use std::path::PathBuf;

pub(super) const ONCE: &str = "once";

pub(super) fn command() -> Command {
    Command::new(ONCE)
        .about(
            "Print the metrics once, for a timer and node_exporter's textfile collector. Exit code 1 if Kamailio did \
             not answer; then kamailio_up 0 is printed.",
        )
        .args(kamailio::options())
        .args([
            option("format", "text", "FORMAT").help(
                "text, the format 0.0.4, which node_exporter and the Pushgateway read, or openmetrics, version 1.0.0.",
            ),
            option("output", "", "FILE").short('o').hide_default_value(true).help(
                "Replace this file, all of it or nothing, instead of printing. node_exporter reads those that end in \
                 .prom.",
            ),
        ])
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Once, String> {
    let format = match text(matches, "format") {
        "text" => Format::TEXT,
        "openmetrics" => Format::OPENMETRICS,
        other => return Err(format!("unrecognized format {other}; there are text and openmetrics")),
    };
    let output = Some(text(matches, "output")).filter(|file| !file.is_empty()).map(PathBuf::from);
    if format != Format::TEXT && output.as_ref().is_some_and(|file| file.extension() == Some("prom".as_ref()))
    {
        return Err(
            "node_exporter reads the text format alone in a .prom file; leave out --format, or give \
                    --output another name"
                .to_owned(),
        );
    }
    Ok(Once { settings: kamailio::settings(matches)?, format, output })
}
