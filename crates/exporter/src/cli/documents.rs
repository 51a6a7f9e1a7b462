//! Shell completions and manual pages, generated from the definition of the options.

use super::Exit;
use crate::collectors::ALL;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

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

pub(super) fn completions(mut command: Command, matches: &ArgMatches) -> Exit {
    let Some(shell) = matches.get_one::<Shell>(SHELL) else {
        return Exit::Usage("expected <SHELL>".to_owned());
    };
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut command, name, &mut script);
    Exit::Print(script)
}

/// Prints the manual page of the program, which also lists the methods, or of one of its commands.
pub(super) fn man(mut command: Command, matches: &ArgMatches) -> Exit {
    command.build();
    let (command, methods) = match matches.get_one::<String>(PAGE) {
        Some(name) => match command.find_subcommand(name) {
            Some(command) => (command.clone().name(format!("kamailio_exporter-{name}")), String::new()),
            None => return Exit::Usage(format!("unknown command {name}")),
        },
        None => (command, methods()),
    };
    let mut page = Vec::new();
    match Man::new(command).render(&mut page) {
        Ok(()) => Exit::Print([page, methods.into_bytes()].concat()),
        Err(error) => Exit::Usage(format!("failed to write the manual page: {error}")),
    }
}

/// Returns the section of the manual page that lists the methods.
fn methods() -> String {
    let mut section = Roff::new();
    section.control("SH", ["METHODS"]);
    for collector in ALL {
        let selected_by = if collector.default { "auto" } else { "all" };
        section.control("TP", []);
        section.text([bold(collector.name)]);
        section.text([roman(format!("{} Selected by {selected_by}.", collector.help))]);
    }
    section.to_roff()
}

const SHELL: &str = "shell";
const PAGE: &str = "command";
