//! The options of `call`.

use super::kamailio;
use super::values::text;
use crate::commands::call::argument::Argument;
use crate::commands::call::{Call, Format};
use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsString;

pub(super) const CALL: &str = "call";

pub(super) fn command() -> Command {
    let format = [Arg::new(FORMAT).long(FORMAT).value_name("FORMAT").default_value("pretty").help(
        "Output format: pretty (as kamcmd prints the reply) or json (without loss; described in \
             docs/operations.md).",
    )];
    let call = [
        Arg::new(METHOD)
            .value_name("METHOD")
            .required(true)
            .help("Method to call, for example core.uptime. The method system.listMethods lists all of them."),
        Arg::new(ARGUMENTS)
            .value_name("ARGUMENT")
            .num_args(0..)
            .allow_negative_numbers(true)
            .value_parser(ValueParser::os_string())
            .help(
                "Argument of the method. Integers are sent as int, other numbers as double, everything else as string; \
                 the prefixes d:, f: and s: force int, double and string. Put arguments that start with - and are not \
                 numbers after --.",
            ),
    ];
    Command::new(CALL)
        .about("Call an RPC method and print the reply, as kamcmd does.")
        .after_help(
            "Exit code: 0 for a reply, 1 for a fault, 2 if there is no valid reply, 64 if the \
             command line is invalid. No method is refused, not even those that change or stop Kamailio. A call is never repeated.",
        )
        .args(kamailio::connection())
        .mut_arg(kamailio::TIMEOUT, |timeout| {
            timeout.help("Timeout for the call, including the time to connect.")
        })
        .args(format)
        .args(call)
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Call, String> {
    let format = match text(matches, FORMAT) {
        "pretty" => Format::Pretty,
        "json" => Format::Json,
        other => return Err(format!("unrecognized format {other}; expected pretty or json")),
    };
    let arguments = matches.get_many::<OsString>(ARGUMENTS).unwrap_or_default();
    Ok(Call {
        method: text(matches, METHOD).to_owned(),
        arguments: arguments.map(|argument| Argument::parse(argument)).collect::<Result<_, _>>()?,
        format,
    })
}

const FORMAT: &str = "format";
const METHOD: &str = "method";
const ARGUMENTS: &str = "arguments";
