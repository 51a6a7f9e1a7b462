//! Durations in Go's notation, extended by days and weeks: `500ms`, `1m30s`, `1.5h`, `1d`.

use crate::Error;
use std::time::Duration;

/// Parses a duration that is longer than zero and at most 366 days.
///
/// ```
/// # use std::time::Duration;
/// let duration = exporter_toolkit::duration::parse("1m30s")?;
/// assert_eq!(duration, Duration::from_secs(90));
/// # Ok::<(), exporter_toolkit::Error>(())
/// ```
///
/// # Errors
/// If the text is not a duration or is out of range. The message does not repeat the text.
pub fn parse(text: &str) -> Result<Duration, Error> {
    parse_text(text).map_err(Error::new)
}

fn parse_text(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(format!("a duration is missing; write for example {EXAMPLES}"));
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let number: f64 =
            number.parse().map_err(|_| format!("not a duration; write for example {EXAMPLES}"))?;
        if unit.is_empty() {
            return Err(format!("the unit is missing; write for example {EXAMPLES}"));
        }
        let unit = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
            format!("\"{unit}\" is not a unit of time; expected ns, us, ms, s, m, h, d or w")
        })?;
        seconds += number * unit.1;
        rest = after;
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration.is_zero() => Err("the duration must be longer than zero".to_owned()),
        Ok(duration) if duration > LONGEST => {
            Err("the duration is longer than the limit of 366 days".to_owned())
        }
        Ok(duration) => Ok(duration),
        Err(_) => Err("the duration is longer than the limit of 366 days".to_owned()),
    }
}

const EXAMPLES: &str = "500ms, 5s or 1m30s";
/// Longer durations could overflow when they are added to the clock.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
const UNITS: [(&str, f64); 9] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_go_notation_are_parsed() {
        for (text, millis) in [
            ("5s", 5_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("1d", 86_400_000),
            ("1w1d", 691_200_000),
            ("1500us", 1),
            (".5s", 500),
        ] {
            assert_eq!(parse_text(text).map(|d| d.as_millis()), Ok(millis), "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_refused_with_a_message() {
        for (text, error) in [
            ("", "a duration is missing; write for example 500ms, 5s or 1m30s"),
            ("5", "the unit is missing; write for example 500ms, 5s or 1m30s"),
            ("abc", "not a duration; write for example 500ms, 5s or 1m30s"),
            ("-5s", "not a duration; write for example 500ms, 5s or 1m30s"),
            ("1.2.3s", "not a duration; write for example 500ms, 5s or 1m30s"),
            ("5 s", "\" s\" is not a unit of time; expected ns, us, ms, s, m, h, d or w"),
            ("1y", "\"y\" is not a unit of time; expected ns, us, ms, s, m, h, d or w"),
            ("0s", "the duration must be longer than zero"),
            ("99999999999w", "the duration is longer than the limit of 366 days"),
        ] {
            assert_eq!(parse(text), Err(Error::new(error)), "{text}");
        }
    }
}
