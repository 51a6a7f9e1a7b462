//! Decimal numbers as operators write them.

use std::str::FromStr;

/// Parses a number that consists of decimal digits only. [`FromStr`] alone also accepts a sign.
pub(crate) fn parse<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(parse::<u16>("2049"), Some(2049));
        assert_eq!(parse::<u16>("007"), Some(7));
        for text in ["", "+1", "-1", " 1", "1 ", "1_000", "65536", "0x1", "٣"] {
            assert_eq!(parse::<u16>(text), None, "{text}");
        }
    }
}
