//! Sample values as text.

use crate::metric::Number;
use std::fmt::{self, Write};

/// The text of a float, which takes no allocation.
struct FloatText {
    bytes: [u8; MAX_LEN],
    len: usize,
}

/// Gives the text of a number, which both formats write in the same way, to a function.
pub(crate) fn with_text<R>(number: Number, write: impl FnOnce(&str) -> R) -> R {
    match number {
        Number::Unsigned(number) => write(itoa::Buffer::new().format(number)),
        Number::Signed(number) => write(itoa::Buffer::new().format(number)),
        Number::Float(number) => write(FloatText::new(number).as_str()),
    }
}

impl FloatText {
    /// Writes the fewest digits that parse to the same number.
    fn new(number: f64) -> Self {
        let mut text = Self { bytes: [0; MAX_LEN], len: 0 };
        let size = number.abs();
        // Every float fits into `MAX_LEN`, as a test checks, so writing cannot fail.
        let _ = if number.is_nan() {
            text.write_str("NaN")
        } else if number.is_infinite() {
            text.write_str(if number.is_sign_positive() { "+Inf" } else { "-Inf" })
        } else if size > MAX_PLAIN || (size < MIN_PLAIN && size > 0.0) {
            write!(text, "{number:e}")
        } else {
            write!(text, "{number}")
        };
        text
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl Write for FloatText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Larger numbers have an exponent: without one, there are up to 309 digits.
const MAX_PLAIN: f64 = 1e21;
/// Smaller numbers have an exponent: without one, there are up to 324 digits.
const MIN_PLAIN: f64 = 1e-7;
/// Maximum number of bytes of a float: a sign, `0.`, six zeros and 17 digits.
const MAX_LEN: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_fewest_digits() {
        for (number, text) in [
            (Number::Unsigned(u64::MAX), "18446744073709551615"),
            (Number::Signed(-5), "-5"),
            (Number::Float(0.1), "0.1"),
            (Number::Float(-5.5), "-5.5"),
            (Number::Float(0.0), "0"),
            (Number::Float(-0.0), "-0"),
            (Number::Float(1e21), "1000000000000000000000"),
            (Number::Float(-1.5e22), "-1.5e22"),
            (Number::Float(f64::MAX), "1.7976931348623157e308"),
            (Number::Float(1e-7), "0.0000001"),
            (Number::Float(-9e-8), "-9e-8"),
            (Number::Float(5e-324), "5e-324"),
            (Number::Float(f64::NAN), "NaN"),
            (Number::Float(f64::INFINITY), "+Inf"),
            (Number::Float(f64::NEG_INFINITY), "-Inf"),
        ] {
            assert_eq!(with_text(number, str::to_owned), text);
        }
    }

    #[test]
    fn the_longest_numbers_are_written_as_a_whole() {
        for number in
            [-1.234_567_890_123_456_7e-7, -123_456_789_012_345_680_000.0, f64::MIN, -f64::MIN_POSITIVE]
        {
            assert_eq!(with_text(Number::Float(number), str::parse), Ok(number));
        }
        let patterns =
            (1..10_000_u64).map(|number| f64::from_bits(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for number in patterns.filter(|number| number.is_finite()) {
            assert_eq!(with_text(Number::Float(number), str::parse), Ok(number));
        }
    }
}
