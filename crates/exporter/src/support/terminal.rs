//! Standard output and error, and what is different if they are a terminal.

use std::io::{self, ErrorKind, IsTerminal, Write};

/// Whether text for that stream is coloured: it is a terminal that can, and nobody has set `NO_COLOR`.
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Writes to standard output. A reader that has seen enough, as `head` does, is no error.
pub(crate) fn print(text: &[u8]) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes why a command ends to standard error, if that can be: on a full disk it cannot, and the exit code still tells.
pub(crate) fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "kamailio_exporter: error: {sentence}");
}

/// What others wrote, such as a phone its User-Agent, without the sequences that command a terminal.
pub(crate) fn printable(text: &[u8]) -> Vec<u8> {
    let mut safe = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        let shown = printable("a\u{1b}[31mb\r\n\tc\u{9b}é".as_bytes());
        assert_eq!(String::from_utf8(shown).unwrap(), "a\\u{1b}[31mb\\r\n\tc\\u{9b}é");
        assert_eq!(printable(b"\xff"), "\u{fffd}".as_bytes());
    }
}
