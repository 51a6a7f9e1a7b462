//! Standard output and standard error, and their properties if they are terminals.

use super::printable::is_printable;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Returns whether to colour text for a stream: it is a terminal with colours, and `NO_COLOR` is not set.
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Writes to standard output. A reader that closes the pipe early, such as `head`, is not an error.
pub(crate) fn print(text: &[u8]) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes an error message to standard error. If that fails, for example on a full disk, the exit code still reports the
/// error.
pub(crate) fn print_error(message: &str) {
    let _ = writeln!(io::stderr(), "kamailio_exporter: error: {message}");
}

/// Text of a third party, such as the User-Agent of a phone, with the characters escaped that control a terminal or are
/// invisible.
pub(crate) fn printable(text: &[u8]) -> Vec<u8> {
    let mut safe = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        if is_printable(c) || c == '\n' || c == '\t' {
            safe.push(c);
        } else {
            safe.extend(c.escape_default());
        }
    }
    safe.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let shown = printable("a\u{1b}[31mb\r\n\tc\u{9b}é".as_bytes());
        assert_eq!(String::from_utf8(shown).unwrap(), "a\\u{1b}[31mb\\r\n\tc\\u{9b}é");
        assert_eq!(printable(b"\xff"), "\u{fffd}".as_bytes());
        assert_eq!(printable("a\u{202e}b".as_bytes()), b"a\\u{202e}b");
    }
}
