//! The options of the command that calls a method.

use super::kamailio;
use super::values::text;
use crate::commands::call::argument::Argument;
use crate::commands::call::{Call, Output};
use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) const CALL: &str = "call";

pub(super) fn command() -> Command {
    let output = [
        Arg::new(FORMAT).long(FORMAT).value_name("FORMAT").default_value("pretty").help(
            "How to print the reply: pretty, as kamcmd does, or json, which has all that is in it and is \
             described in docs/operations.md.",
        ),
        Arg::new(RAW).long(RAW).value_name("PATH").value_parser(ValueParser::path_buf()).help(
            "Write request and reply to PATH.req and PATH.reply, and print the entry of captures/index.json.",
        ),
    ];
    let call = [
        Arg::new(METHOD)
            .value_name("METHOD")
            .required(true)
            .help("The method, such as core.uptime; system.listMethods lists them."),
        Arg::new(ARGUMENTS)
            .value_name("ARGUMENT")
            .num_args(0..)
            .allow_negative_numbers(true)
            .value_parser(ValueParser::os_string())
            .help(
                "An int if it is one, else a number with decimals if it is one, else a string. s: in front \
                 makes it a string, d: an int, f: a number with decimals. What begins with - and is no \
                 number goes behind --.",
            ),
    ];
    Command::new(CALL)
        .about("Call a method of Kamailio and print the reply, as kamcmd does.")
        .after_help(
            "Exit code: 0 if there is a reply, 1 if it is a fault, 2 if there is none. Every method that \
             Kamailio has can be called, those too that change or end it; a call is never repeated.",
        )
        .args(kamailio::connection())
        .mut_arg(kamailio::TIMEOUT, |timeout| {
            timeout.help("How long the call may take, connecting included.")
        })
        .args(output)
        .args(call)
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Call, String> {
    let output = match (matches.get_one::<PathBuf>(RAW), text(matches, FORMAT)) {
        (Some(path), _) => Output::Capture(path.clone()),
        (None, "pretty") => Output::Pretty,
        (None, "json") => Output::Json,
        (None, other) => return Err(format!("unrecognized format {other}; there are pretty and json")),
    };
    let arguments = matches.get_many::<OsString>(ARGUMENTS).unwrap_or_default();
    Ok(Call {
        method: text(matches, METHOD).to_owned(),
        arguments: arguments.map(|argument| Argument::parse(argument)).collect::<Result<_, _>>()?,
        output,
    })
}

const FORMAT: &str = "format";
const RAW: &str = "raw";
const METHOD: &str = "method";
const ARGUMENTS: &str = "arguments";
