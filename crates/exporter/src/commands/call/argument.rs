//! The arguments of a call, as they stand on the command line.

use kamailio_binrpc::Arg;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// An argument, and the type that it is sent as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    /// A whole number of 32 bits, signed or not.
    Int(i64),
    /// A number with up to three decimals.
    Double(f64),
    /// A string, which need not be UTF-8.
    Text(Vec<u8>),
}

impl Argument {
    /// Reads an argument. The error is a sentence.
    ///
    /// As in `utils/kamcmd/kamcmd.c`, `parse_arg`: what is an int is sent as one, else what is a number as a double,
    /// else it is a string, and so is what has `s:` in front. Other than there, `d:` demands an int and `f:` a double,
    /// nothing is an empty string and not 0, and a number that would arrive as another one is refused.
    pub(crate) fn parse(argument: &OsStr) -> Result<Self, String> {
        let bytes = argument.as_bytes();
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(Self::Text(bytes.strip_prefix(b"s:").unwrap_or(bytes).to_vec()));
        };
        let wrong = |what| format!("\"{text}\" is not {what}; write s:{text} if it is to be a string");
        match text.split_once(':') {
            Some(("s", text)) => Ok(Self::Text(text.into())),
            Some(("d", number)) => int(number).ok_or("an int").and_then(fitting).map_err(wrong),
            Some(("f", number)) => double(number).ok_or("a number").and_then(finite).map_err(wrong),
            _ => match (int(text), double(text)) {
                (Some(int), _) => fitting(int).map_err(wrong),
                (None, Some(double)) => finite(double).map_err(wrong),
                (None, None) => Ok(Self::Text(text.into())),
            },
        }
    }

    /// The value to send.
    pub(crate) fn as_arg(&self) -> Arg<'_> {
        match self {
            Self::Int(int) => Arg::Int(*int),
            Self::Double(double) => Arg::Double(*double),
            Self::Text(text) => Arg::Str(text),
        }
    }
}

/// Decimal digits with or without a sign; as in C, blanks may be in front. However many they are.
fn int(text: &str) -> Option<Result<i64, std::num::ParseIntError>> {
    let number = text.trim_start_matches(BLANKS);
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    let is_int = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_int.then(|| number.parse())
}

fn double(text: &str) -> Option<f64> {
    text.trim_start_matches(BLANKS).parse().ok()
}

fn fitting(int: Result<i64, std::num::ParseIntError>) -> Result<Argument, &'static str> {
    let range = i64::from(i32::MIN)..=i64::from(u32::MAX);
    int.ok().filter(|int| range.contains(int)).map(Argument::Int).ok_or("an int of 32 bits")
}

fn finite(double: f64) -> Result<Argument, &'static str> {
    let fits = double.abs() <= MAX_DOUBLE;
    fits.then_some(Argument::Double(double)).ok_or("a number between -9.2e15 and 9.2e15")
}

/// What C's `isspace` calls so.
const BLANKS: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];
/// A double is sent as thousandths in 64 bits.
const MAX_DOUBLE: f64 = 9.2e15;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Argument, String> {
        Argument::parse(OsStr::new(text))
    }

    #[test]
    fn a_prefix_says_the_type() {
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
    fn what_would_arrive_as_something_else_is_refused() {
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
            let sentence = format!("\"{text}\" is not {what}; write s:{text} if it is to be a string");
            assert_eq!(parse(text), Err(sentence));
        }
    }
}
