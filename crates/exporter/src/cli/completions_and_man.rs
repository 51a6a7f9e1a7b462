//! Shell completions and manual pages, generated from the definition of the options.

use super::manual::{methods, sections};
use super::{Exit, PROGRAM};
use crate::collectors::ALL;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;
use exporter_toolkit::suggestion::nearest;

pub(super) const COMPLETIONS: &str = "completions";
pub(super) const MAN: &str = "man";

pub(super) fn commands() -> [Command; 2] {
    let shell = Arg::new(SHELL).value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    [
        Command::new(COMPLETIONS).about("Print shell completions.").arg(shell.help("Name of the shell.")),
        Command::new(MAN).about("Print the manual page. View it with: kamailio_exporter man | man -l -").arg(
            Arg::new(PAGE)
                .value_name("COMMAND")
                .help("Name of the command to document. Without it, the program itself."),
        ),
    ]
}

pub(super) fn completions(command: Command, matches: &ArgMatches) -> Exit {
    let Some(shell) = matches.get_one::<Shell>(SHELL) else {
        return Exit::Usage("expected <SHELL>".to_owned());
    };
    let name = command.get_name().to_owned();
    let mut command = with_values(command).mut_subcommands(with_values);
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut command, name, &mut script);
    Exit::Print(script)
}

/// Adds the values that a shell should offer. The commands check values themselves, with messages of their own.
fn with_values(command: Command) -> Command {
    let name = command.get_name().to_owned();
    command.mut_args(|option| {
        let values = match (option.get_id().as_str(), name.as_str()) {
            ("log.level", _) => vec!["debug", "info", "warn", "error"],
            ("log.format", _) => vec!["logfmt", "json"],
            ("format", "call") => vec!["pretty", "json"],
            ("format", _) => vec!["text", "openmetrics"],
            ("kamailio.methods", _) => {
                ["auto", "all"].into_iter().chain(ALL.iter().map(|collector| collector.name)).collect()
            }
            _ => Vec::new(),
        };
        let is_file = option.get_value_names().is_some_and(|names| names.iter().any(|name| name == "FILE"));
        match values.is_empty() {
            false => option.value_parser(PossibleValuesParser::new(values)),
            true if option.get_id() == SHELL || !option.get_action().takes_values() => option,
            true => option.value_hint(if is_file { ValueHint::FilePath } else { ValueHint::Other }),
        }
    })
}

/// Prints the manual page of the program, which also lists the methods, or of one of its commands.
pub(super) fn man(mut command: Command, matches: &ArgMatches) -> Exit {
    command.build();
    let (command, sections) = match matches.get_one::<String>(PAGE) {
        Some(name) => match command.find_subcommand(name) {
            Some(command) => (command.clone().name(format!("kamailio_exporter-{name}")), sections(name)),
            None => {
                let nearest = nearest(name, command.get_subcommands().map(Command::get_name));
                let advice =
                    nearest.map(|nearest| format!(", did you mean '{nearest}'?")).unwrap_or_default();
                return Exit::Usage(format!("unknown command {name}{advice}"));
            }
        },
        None => (command, methods() + &sections(PROGRAM)),
    };
    let mut page = Vec::new();
    match Man::new(command).render(&mut page) {
        Ok(()) => Exit::Print([page, sections.into_bytes()].concat()),
        Err(error) => Exit::Usage(format!("failed to write the manual page: {error}")),
    }
}

const SHELL: &str = "shell";
const PAGE: &str = "command";
