//! The options of `once`.

use super::kamailio;
use super::values::{option, text};
use crate::commands::once::Once;
use clap::{ArgMatches, Command};
use prometheus_exposition::Format;
use std::path::PathBuf;

pub(super) const ONCE: &str = "once";

pub(super) fn command() -> Command {
    Command::new(ONCE)
        .about("Print the metrics once, for example for node_exporter's textfile collector.")
        .after_help(
            "Exit code: 0 if Kamailio responded; 1 if it did not, in which case kamailio_up 0 is still printed, or if the \
             output could not be written.",
        )
        .args(kamailio::options().chain([kamailio::label()]))
        .args([
            option("format", "text", "FORMAT").help(
                "Exposition format: text (version 0.0.4, which node_exporter and the Pushgateway read) or openmetrics \
                 (version 1.0.0).",
            ),
            option("output", "", "FILE").short('o').hide_default_value(true).help(
                "Path of a file to replace atomically, instead of printing. node_exporter only reads files that end in \
                 .prom.",
            ),
        ])
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Once, String> {
    let format = match text(matches, "format") {
        "text" => Format::TEXT,
        "openmetrics" => Format::OPENMETRICS,
        other => return Err(format!("unrecognized format {other}; expected text or openmetrics")),
    };
    let output = Some(text(matches, "output")).filter(|file| !file.is_empty()).map(PathBuf::from);
    if format != Format::TEXT && output.as_ref().is_some_and(|file| file.extension() == Some("prom".as_ref()))
    {
        return Err(
            "node_exporter reads only the text format in a .prom file; omit --format, or choose another name for \
                    --output"
                .to_owned(),
        );
    }
    Ok(Once { settings: kamailio::settings(matches)?, labels: kamailio::labels(matches)?, format, output })
}
