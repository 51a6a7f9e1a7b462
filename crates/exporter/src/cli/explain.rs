//! What is wrong with the arguments, in the words that the users of other exporters know.

use super::Exit;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The parser's complaint in one sentence, in the words that the users of other exporters know.
pub(super) fn explain(error: &clap::Error) -> Exit {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let flag = context(ContextKind::InvalidArg);
    let name = flag.split([' ', '=']).next().unwrap_or_default();
    let value = context(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::DisplayHelp => Exit::Print(error.to_string().into_bytes()),
        ErrorKind::UnknownArgument if name.starts_with("--") => {
            Exit::Usage(format!("unknown long flag '{name}'"))
        }
        ErrorKind::UnknownArgument if name.starts_with('-') => {
            Exit::Usage(format!("unknown short flag '{name}'"))
        }
        ErrorKind::UnknownArgument => Exit::Usage(format!("unexpected {name}")),
        ErrorKind::InvalidSubcommand => {
            Exit::Usage(format!("unexpected {}", context(ContextKind::InvalidSubcommand)))
        }
        ErrorKind::ArgumentConflict if name.is_empty() => Exit::Usage(format!(
            "the options of the command {} go after it",
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
            "unexpected {value} for {flag}; there are {}",
            context(ContextKind::ValidValue)
        )),
        ErrorKind::TooManyValues => {
            Exit::Usage(format!("unexpected {value} after '{name}', which takes no value"))
        }
        ErrorKind::InvalidUtf8 => Exit::Usage("an argument is not UTF-8".to_owned()),
        _ => Exit::Usage(error.to_string().lines().next().unwrap_or_default().replacen("error: ", "", 1)),
    }
}
