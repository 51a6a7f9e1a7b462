//! Sample values as text.

use crate::metric::Number;

/// Gives the text of a number, which both formats write in the same way, to a function.
pub(crate) fn with_text<R>(number: Number, write: impl FnOnce(&str) -> R) -> R {
    match number {
        Number::Unsigned(number) => write(itoa::Buffer::new().format(number)),
        Number::Signed(number) => write(itoa::Buffer::new().format(number)),
        Number::Float(number) => write(&float(number)),
    }
}

/// Returns the fewest digits that parse to the same number.
fn float(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number.is_sign_positive() { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else if size > MAX_PLAIN || (size < MIN_PLAIN && size > 0.0) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

/// Larger numbers have an exponent: without one, there are up to 309 digits.
const MAX_PLAIN: f64 = 1e21;
/// Smaller numbers have an exponent: without one, there are up to 324 digits.
const MIN_PLAIN: f64 = 1e-7;

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
    fn no_number_takes_more_than_28_bytes() {
        for number in
            [-1.234_567_890_123_456_7e-7, -123_456_789_012_345_680_000.0, f64::MIN, -f64::MIN_POSITIVE]
        {
            let text = float(number);
            assert!(text.len() <= 28 && text.parse() == Ok(number), "{text}");
        }
    }
}
