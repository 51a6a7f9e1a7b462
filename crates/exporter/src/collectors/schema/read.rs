//! Readers: a value of a reply as a number.

use super::Unreadable;
use kamailio_binrpc::Value;
use prometheus_exposition::Number;

/// Reads an int as unsigned, or a double that is not negative. Kamailio casts its unsigned counters to the protocol's
/// ints (`tm/t_stats.c`, `rpc->struct_add` with type `d`); newer versions send some as doubles.
pub(crate) fn unsigned(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match value {
        Value::Int(int) => Ok(Some(Number::Unsigned(int.as_u64()))),
        Value::Double(_) => match signed(value)? {
            Some(Number::Signed(number)) if number < 0 => Err(Unreadable),
            Some(Number::Float(number)) if number < 0.0 => Err(Unreadable),
            number => Ok(number),
        },
        _ => Err(Unreadable),
    }
}

/// Reads an int as signed, or a double. A double without a value is `None`.
pub(crate) fn signed(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match value {
        Value::Int(int) => Ok(Some(Number::Signed(int.as_i64()))),
        Value::Double(double) if double.milli() % 1000 == 0 => {
            Ok(Some(Number::Signed(double.milli() / 1000)))
        }
        Value::Double(double) => Ok(double.as_f64().map(Number::Float)),
        _ => Err(Unreadable),
    }
}

/// Returns 1, whatever the value.
pub(super) fn always_one(_: Value<'_>) -> Result<Option<Number>, Unreadable> {
    Ok(Some(Number::Unsigned(1)))
}

/// Reads a number of a smaller unit, such as milliseconds with the divisor 1000. A single division keeps the result the
/// closest number to what was sent, so that 0.099 ms prints as 0.000099 and not as 0.00009900000000000001.
pub(crate) fn divided(value: Value<'_>, divisor: f64) -> Result<Option<Number>, Unreadable> {
    let (numerator, divisor) = match value {
        Value::Double(double) if double.as_f64().is_none() => return Ok(None),
        Value::Double(double) => (double.milli(), divisor * 1000.0),
        value => match statistic(value)? {
            Some(Number::Signed(number)) => (number, divisor),
            _ => return Err(Unreadable),
        },
    };
    Ok(Some(Number::Float(numerator as f64 / divisor)))
}

/// Turns zero into `None`, for values whose zero means "never" or "unknown".
pub(crate) fn unless_zero(number: Option<Number>) -> Option<Number> {
    number.filter(|number| match number {
        Number::Unsigned(number) => *number != 0,
        Number::Signed(number) => *number != 0,
        Number::Float(number) => *number != 0.0,
    })
}

/// Reads a Unix time in seconds; 0 is `None`.
pub(crate) fn timestamp(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    unsigned(value).map(unless_zero)
}

/// Returns 1 for `true` and 0 for `false`.
pub(crate) fn boolean(is: bool) -> Result<Option<Number>, Unreadable> {
    Ok(Some(Number::Unsigned(is.into())))
}

/// Reads a statistic: a plain number, or a decimal string. Kamailio prints a signed long as unsigned, so that -5 arrives
/// as 18446744073709551611 (`kex/core_stats.c`, `rpc_fetch_add_stat`).
pub(crate) fn statistic(value: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match value {
        Value::Str(_) => value.parse_i64().map(|number| Some(Number::Signed(number))).ok_or(Unreadable),
        _ => signed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kamailio_binrpc::wire::{Arg, Nodes};

    #[test]
    fn a_statistic_is_a_signed_long_printed_as_unsigned() {
        for (text, number) in [
            ("0", 0),
            ("7182", 7182),
            ("9007199254740993", 9_007_199_254_740_993),
            ("18446744073709551611", -5),
            ("9223372036854775808", i64::MIN),
            ("-5", -5),
        ] {
            assert_eq!(statistic(Value::Str(text.as_bytes())), Ok(Some(Number::Signed(number))), "{text}");
        }
    }

    #[test]
    fn divided_numbers_print_as_they_were_sent() {
        for (milli, divisor, text) in [
            (99, 1e3, "0.000099"),
            (7, 1e3, "0.000007"),
            (1_003, 1e3, "0.001003"),
            (29_537, 1e3, "0.029537"),
            (4_611, 1e2, "0.04611"),
        ] {
            assert_eq!(printed(double(milli), divisor), text);
        }
        assert_eq!(printed(Value::Str(b"1201"), 1e6), "0.001201");
        let inexact = |milli: &i64| {
            let text = format!("{}.{:06}", milli / 1_000_000, milli % 1_000_000);
            printed(double(*milli), 1e3) != text.trim_end_matches('0').trim_end_matches('.')
        };
        assert_eq!((1..2_000_000).step_by(101).find(inexact), None);
    }

    fn printed(value: Value<'_>, divisor: f64) -> String {
        match divided(value, divisor) {
            Ok(Some(Number::Float(number))) => number.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the double that Kamailio sends as this many thousandths.
    fn double(milli: i64) -> Value<'static> {
        let body = Vec::leak(fake_kamailio::body(&[Arg::Double(milli as f64 / 1000.0)]));
        let nodes = Box::leak(Box::new(Nodes::new()));
        nodes.decode(body).unwrap();
        nodes.members(body).first().unwrap()
    }

    #[test]
    fn a_text_that_is_not_a_decimal_number_is_unreadable() {
        for text in
            ["", " 12", "12 ", "1e3", "NaN", "inf", "0x1p4", "+1", "--1", "-", "18446744073709551616", "1.5"]
        {
            assert_eq!(statistic(Value::Str(text.as_bytes())), Err(Unreadable), "{text:?}");
        }
        assert_eq!(statistic(Value::Str(b"\xff")), Err(Unreadable));
        assert_eq!(unsigned(Value::Str(b"1")), Err(Unreadable));
        assert_eq!(signed(Value::Str(b"1")), Err(Unreadable));
    }
}
