//! Numbers written as decimal digits. The parsers of std also accept `+1`, `1e3`, `inf` and `NaN`.

/// Parses digits and nothing else.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    let (first, rest) = text.split_first()?;
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    rest.iter().try_fold(digit(first)?, |number, byte| number.checked_mul(10)?.checked_add(digit(byte)?))
}

/// Parses digits with or without a minus sign. Numbers from 2⁶³ up are negative ones that were printed as unsigned.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(unsigned(digits)?),
        None => unsigned(text).map(u64::cast_signed),
    }
}

/// Parses digits with or without a minus sign and a fraction.
pub(crate) fn fraction(text: &[u8]) -> Option<f64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_number = digits.split(|byte| *byte == b'.').count() <= 2
        && digits.first().is_some_and(u8::is_ascii_digit)
        && digits.last().is_some_and(u8::is_ascii_digit)
        && digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if is_number { str::from_utf8(text).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        for (text, as_unsigned, as_signed, as_fraction) in [
            ("0", Some(0), Some(0), Some(0.0)),
            ("007", Some(7), Some(7), Some(7.0)),
            ("18446744073709551615", Some(u64::MAX), Some(-1), Some(18_446_744_073_709_551_615.0)),
            ("18446744073709551616", None, None, Some(18_446_744_073_709_551_616.0)),
            ("9223372036854775808", Some(1 << 63), Some(i64::MIN), Some(9_223_372_036_854_775_808.0)),
            ("-9223372036854775808", None, Some(i64::MIN), Some(-9_223_372_036_854_775_808.0)),
            ("-9223372036854775809", None, None, Some(-9_223_372_036_854_775_809.0)),
            ("-5", None, Some(-5), Some(-5.0)),
            ("0.029", None, None, Some(0.029)),
            ("-1.5", None, None, Some(-1.5)),
            ("", None, None, None),
            ("-", None, None, None),
            ("--1", None, None, None),
            ("+1", None, None, None),
            (" 1", None, None, None),
            ("1 ", None, None, None),
            ("1.", None, None, None),
            (".5", None, None, None),
            ("1.2.3", None, None, None),
            ("1e3", None, None, None),
            ("inf", None, None, None),
            ("0x1", None, None, None),
            ("1a", None, None, None),
        ] {
            let bytes = text.as_bytes();
            assert_eq!(
                (unsigned(bytes), signed(bytes), fraction(bytes)),
                (as_unsigned, as_signed, as_fraction),
                "{text:?}"
            );
        }
        assert_eq!(fraction(b"1\xff1"), None);
    }
}
