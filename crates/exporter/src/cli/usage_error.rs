//! Usage errors, worded like those of Prometheus' own exporters.

use super::Exit;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Translates an error of the parser into a one-line message.
pub(super) fn usage_error(error: &clap::Error) -> Exit {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let suggestion = |kind| match context(kind) {
        name if name.is_empty() => String::new(),
        name => format!(", did you mean '{name}'?"),
    };
    let flag = context(ContextKind::InvalidArg);
    let name = flag.split([' ', '=']).next().unwrap_or_default();
    let value = context(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::DisplayHelp => Exit::Print(error.to_string().into_bytes()),
        ErrorKind::UnknownArgument if name.starts_with("--") => {
            Exit::Usage(format!("unknown long flag '{name}'{}", suggestion(ContextKind::SuggestedArg)))
        }
        ErrorKind::UnknownArgument if name.starts_with('-') => {
            Exit::Usage(format!("unknown short flag '{name}'"))
        }
        ErrorKind::UnknownArgument => Exit::Usage(format!("unexpected {name}")),
        ErrorKind::InvalidSubcommand => Exit::Usage(format!(
            "unexpected {}{}",
            context(ContextKind::InvalidSubcommand),
            suggestion(ContextKind::SuggestedSubcommand)
        )),
        ErrorKind::ArgumentConflict if name.is_empty() => Exit::Usage(format!(
            "options of the command {} must follow its name",
            context(ContextKind::InvalidSubcommand)
        )),
        ErrorKind::ArgumentConflict => {
            Exit::Usage(format!("flag '{}' cannot be repeated", name.trim_start_matches('-')))
        }
        ErrorKind::MissingRequiredArgument => Exit::Usage(format!("expected {flag}")),
        ErrorKind::InvalidValue if value.is_empty() => {
            Exit::Usage(format!("expected argument for flag '{name}'"))
        }
        ErrorKind::InvalidValue => Exit::Usage(format!(
            "unexpected {value} for {flag}; expected one of {}",
            context(ContextKind::ValidValue)
        )),
        ErrorKind::TooManyValues => Exit::Usage(format!("unexpected {value}: flag '{name}' takes no value")),
        ErrorKind::InvalidUtf8 => Exit::Usage("an argument is not valid UTF-8".to_owned()),
        _ => Exit::Usage(error.to_string().lines().next().unwrap_or_default().replacen("error: ", "", 1)),
    }
}
