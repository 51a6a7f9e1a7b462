//! Shell completions and the manual page, from the same definition as the options.

use super::Exit;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

pub(super) const COMPLETIONS: &str = "completions";
pub(super) const MAN: &str = "man";

pub(super) fn commands() -> [Command; 2] {
    let shell = Arg::new(SHELL).value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    [
        Command::new(COMPLETIONS).about("Print the completions for a shell.").arg(shell.help("The shell.")),
        Command::new(MAN)
            .about("Print the manual page, for man -l -.")
            .arg(Arg::new(PAGE).value_name("COMMAND").help("The command whose page it is to be.")),
    ]
}

pub(super) fn completions(mut command: Command, matches: &ArgMatches) -> Exit {
    let Some(shell) = matches.get_one::<Shell>(SHELL) else {
        return Exit::Usage("expected the name of a shell".to_owned());
    };
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut command, name, &mut script);
    Exit::Print(script)
}

/// The page of the program, or of one of its commands.
pub(super) fn man(mut command: Command, matches: &ArgMatches) -> Exit {
    command.build();
    let command = match matches.get_one::<String>(PAGE) {
        Some(name) => match command.find_subcommand(name) {
            Some(command) => command.clone().name(format!("kamailio_exporter-{name}")),
            None => return Exit::Usage(format!("there is no command {name}")),
        },
        None => command,
    };
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => Exit::Print(page),
        Err(error) => Exit::Usage(format!("cannot write the manual page: {error}")),
    }
}

const SHELL: &str = "shell";
const PAGE: &str = "command";
