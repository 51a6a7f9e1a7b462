//! Parses the arguments of a call.

use kamailio_binrpc::Arg;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// An argument with the type in which it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    /// An integer of 32 bits, signed or unsigned.
    Int(i64),
    /// A number with up to three decimals.
    Double(f64),
    /// A string, not necessarily UTF-8.
    Text(Vec<u8>),
}

impl Argument {
    /// Parses an argument. The error is a human-readable message.
    ///
    /// Follows `utils/kamcmd/kamcmd.c`, `parse_arg`: an integer is sent as an int, another number as a double, everything
    /// else as a string; the prefix `s:` forces a string. Unlike kamcmd, `d:` requires an int and `f:` a number, an empty
    /// argument is an empty string instead of 0, and numbers that the wire format cannot represent are refused.
    pub(crate) fn parse(argument: &OsStr) -> Result<Self, String> {
        let bytes = argument.as_bytes();
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(Self::Text(bytes.strip_prefix(b"s:").unwrap_or(bytes).to_vec()));
        };
        let wrong = |what| format!("\"{text}\" is not {what}; write s:{text} to send a string");
        match text.split_once(':') {
            Some(("s", text)) => Ok(Self::Text(text.into())),
            Some(("d", number)) => int(number).ok_or("an int").and_then(in_range).map_err(wrong),
            Some(("f", number)) => double(number).ok_or("a number").and_then(finite).map_err(wrong),
            _ => match (int(text), double(text)) {
                (Some(int), _) => in_range(int).map_err(wrong),
                (None, Some(double)) => finite(double).map_err(wrong),
                (None, None) => Ok(Self::Text(text.into())),
            },
        }
    }

    /// The argument as the protocol library takes it.
    pub(crate) fn as_arg(&self) -> Arg<'_> {
        match self {
            Self::Int(int) => Arg::Int(*int),
            Self::Double(double) => Arg::Double(*double),
            Self::Text(text) => Arg::Str(text),
        }
    }
}

/// Parses decimal digits with an optional sign, after optional white space as in C. `None` if the text is something else,
/// an error if the number is too large.
fn int(text: &str) -> Option<Result<i64, std::num::ParseIntError>> {
    let number = text.trim_start_matches(WHITE_SPACE);
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    let is_int = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_int.then(|| number.parse())
}

fn double(text: &str) -> Option<f64> {
    text.trim_start_matches(WHITE_SPACE).parse().ok()
}

fn in_range(int: Result<i64, std::num::ParseIntError>) -> Result<Argument, &'static str> {
    let range = i64::from(i32::MIN)..=i64::from(u32::MAX);
    int.ok().filter(|int| range.contains(int)).map(Argument::Int).ok_or("an int of 32 bits")
}

fn finite(double: f64) -> Result<Argument, &'static str> {
    let fits = double.abs() <= MAX_DOUBLE;
    fits.then_some(Argument::Double(double)).ok_or("a number between -9.2e15 and 9.2e15")
}

/// The characters of C's `isspace`.
const WHITE_SPACE: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];
/// A double is sent in thousandths, as an integer of 64 bits.
const MAX_DOUBLE: f64 = 9.2e15;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Argument, String> {
        Argument::parse(OsStr::new(text))
    }

    #[test]
    fn a_prefix_forces_the_type() {
        for (text, argument) in [
            ("s:1", Argument::Text(b"1".into())),
            ("s:s:1", Argument::Text(b"s:1".into())),
            ("d:5", Argument::Int(5)),
            ("d:-5", Argument::Int(-5)),
            ("f:5", Argument::Double(5.0)),
            ("f:-0.5", Argument::Double(-0.5)),
            ("sip:a@b", Argument::Text(b"sip:a@b".into())),
        ] {
            assert_eq!(parse(text), Ok(argument), "{text}");
        }
        let bytes = Argument::parse(OsStr::from_bytes(b"s:\xff"));
        assert_eq!(bytes, Ok(Argument::Text(b"\xff".into())));
    }

    #[test]
    fn values_that_cannot_be_sent_are_refused() {
        for (text, what) in [
            ("4294967296", "an int of 32 bits"),
            ("-2147483649", "an int of 32 bits"),
            ("99999999999999999999", "an int of 32 bits"),
            ("d:1.5", "an int"),
            ("d:", "an int"),
            ("f:x", "a number"),
            ("1e400", "a number between -9.2e15 and 9.2e15"),
            ("nan", "a number between -9.2e15 and 9.2e15"),
            ("9.3e15", "a number between -9.2e15 and 9.2e15"),
        ] {
            let message = format!("\"{text}\" is not {what}; write s:{text} to send a string");
            assert_eq!(parse(text), Err(message));
        }
    }
}
