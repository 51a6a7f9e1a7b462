//! Options from environment variables.

use super::VERSION;
use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use exporter_toolkit::suggestion::nearest;
use std::env;

/// Lets the environment set an option of a command. Options that can be repeated are read by [`list`] instead, because only
/// variables have several values in one text. An empty variable counts as unset.
pub(super) fn with_environment(command: &str, option: Arg) -> Arg {
    let is_list = matches!(option.get_action(), ArgAction::Append);
    let Some(name) = variable(command, &option).filter(|_| !is_list) else { return option };
    match env::var_os(&name) {
        Some(value) if !value.is_empty() => option.env(name).hide_env(true),
        _ => option,
    }
}

/// Returns the values of an option that can be repeated. On the command line, each value stands for itself; in a variable,
/// commas separate values. Empty values are left out, so that an empty option means none. The error is a human-readable
/// message.
pub(super) fn list(matches: &ArgMatches, option: &str) -> Result<Vec<String>, String> {
    let given: Vec<String> = matches.get_many(option).unwrap_or_default().cloned().collect();
    let is_given = matches.value_source(option) == Some(ValueSource::CommandLine);
    let name = variable_of(option);
    let values = match env::var(&name) {
        Ok(values) if !is_given && !values.is_empty() => split(&values),
        Err(env::VarError::NotUnicode(_)) if !is_given => return Err(format!("{name} is not valid UTF-8")),
        _ => given,
    };
    Ok(values.into_iter().filter(|value| !value.is_empty()).collect())
}

/// Returns a warning for each variable that looks like an option and is not one.
pub(super) fn unknown_variables(program: &Command) -> Vec<String> {
    let commands = [program].into_iter().chain(program.get_subcommands());
    let known: Vec<String> = commands
        .flat_map(|command| command.get_arguments().filter_map(|option| variable(command.get_name(), option)))
        .collect();
    let is_known = |name: &String| name == IMAGE_VERSION || is_kubernetes(name) || known.contains(name);
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = names.filter(|name| name.starts_with(PREFIX) && !is_known(name));
    let warning = |name: String| match nearest_variable(&name, &known) {
        Some(nearest) => format!("unknown environment variable {name}, did you mean {nearest}?"),
        None => format!("unknown environment variable {name}"),
    };
    unknown.map(warning).collect()
}

/// Returns the known variable whose name is nearest to an unknown one. The prefix does not count, because all names have it.
fn nearest_variable(name: &str, known: &[String]) -> Option<String> {
    let option = name.strip_prefix(PREFIX)?.to_ascii_uppercase();
    let nearest = nearest(&option, known.iter().filter_map(|name| name.strip_prefix(PREFIX)))?;
    Some(format!("{PREFIX}{nearest}"))
}

/// The variable of an option; `None` for arguments that have none.
fn variable(command: &str, option: &Arg) -> Option<String> {
    match option.get_id().as_str() {
        _ if option.is_positional() => None,
        VERSION | "help" => None,
        // Several commands have an option of this name, with different values.
        "format" => Some(variable_of(&format!("{command}-format"))),
        id => Some(variable_of(id)),
    }
}

fn variable_of(option: &str) -> String {
    format!("{PREFIX}{}", option.to_ascii_uppercase().replace(['.', '-'], "_"))
}

/// Splits at commas; `\,` is a comma in a value, and `\\` a backslash.
fn split(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next_if(|next| matches!(next, ',' | '\\')) } else { None };
        match (c, escaped, values.last_mut()) {
            (',', None, _) => values.push(String::new()),
            (c, escaped, Some(value)) => value.push(escaped.unwrap_or(c)),
            (.., None) => {}
        }
    }
    values.into_iter().map(|value| value.trim().to_owned()).collect()
}

/// Returns whether Kubernetes sets this variable, for a service named kamailio-exporter.
fn is_kubernetes(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    rest == "PORT" || ["PORT_", "SERVICE_"].iter().any(|prefix| rest.starts_with(prefix))
}

const PREFIX: &str = "KAMAILIO_EXPORTER_";
/// Container images use this name for the version that they contain.
const IMAGE_VERSION: &str = "KAMAILIO_EXPORTER_VERSION";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_split_at_commas_that_are_not_escaped() {
        for (text, values) in [
            ("a", &["a"][..]),
            ("1:a, 2:b", &["1:a", "2:b"]),
            (r"7:Telco\, Ltd,8:x", &["7:Telco, Ltd", "8:x"]),
            (r"a\\,b", &[r"a\", "b"]),
            (r"a\b\", &[r"a\b\"]),
            (",a,", &["", "a", ""]),
        ] {
            assert_eq!(split(text), values, "{text}");
        }
    }

    #[test]
    fn the_nearest_variable_is_not_one_that_shares_only_the_prefix() {
        let known =
            ["LABEL", "LOG_LEVEL", "KAMAILIO_TIMEOUT", "ONCE_FORMAT"].map(|name| format!("{PREFIX}{name}"));
        for (name, nearest) in [
            ("LOG_LEVL", Some("LOG_LEVEL")),
            ("kamailio_timeout", Some("KAMAILIO_TIMEOUT")),
            ("TIMEOUT", None),
            ("FORMAT", Some("ONCE_FORMAT")),
            ("ZZZZZZZZ", None),
            ("", None),
        ] {
            let nearest = nearest.map(|nearest| format!("{PREFIX}{nearest}"));
            assert_eq!(nearest_variable(&format!("{PREFIX}{name}"), &known), nearest, "{name}");
        }
    }

    #[test]
    fn variables_of_kubernetes_services_are_known() {
        for (name, is) in [
            ("KAMAILIO_EXPORTER_SERVICE_HOST", true),
            ("KAMAILIO_EXPORTER_SERVICE_PORT_METRICS", true),
            ("KAMAILIO_EXPORTER_PORT", true),
            ("KAMAILIO_EXPORTER_PORT_9494_TCP_ADDR", true),
            ("KAMAILIO_EXPORTER_PORTS", false),
            ("KAMAILIO_EXPORTER_KAMAILIO_PORT", false),
        ] {
            assert_eq!(is_kubernetes(name), is, "{name}");
        }
    }
}
