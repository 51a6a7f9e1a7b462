//! Human-readable values.

use crate::support::printable::is_printable;
use maud::{Markup, Render, html};
use std::fmt::Display;

/// A text that may come from Kamailio, a client or the network, made fit to be shown: of limited length, and without
/// characters that are invisible or change the text around them. The template escapes markup, and isolates the direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    pub(crate) fn new(text: impl Display) -> Self {
        Self::limited(text, MAX_CHARS)
    }

    /// Allows a longer text, such as an error with advice.
    pub(crate) fn message(text: impl Display) -> Self {
        Self::limited(text, MAX_MESSAGE_CHARS)
    }

    fn limited(text: impl Display, max: usize) -> Self {
        let text = text.to_string();
        let mut chars = text.chars().map(|c| if is_printable(c) { c } else { char::REPLACEMENT_CHARACTER });
        let mut shown: String = chars.by_ref().take(max).collect();
        if chars.next().is_some() {
            shown.push('…');
        }
        Self(shown)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Render for Shown {
    fn render(&self) -> Markup {
        html! { bdi { (self.0) } }
    }
}

/// Formats a number with three digits or so: `0.31`, `8.2`, `236`, `8,214`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 9.95 || value == 0.0 {
        // The sum makes 0 of -0, which an empty sum is.
        return grouped(&format!("{:.0}", value + 0.0));
    }
    let decimals = if size >= 0.995 { 1 } else { 2 };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if matches!(text, "0" | "-0" | "") { "<0.01".to_owned() } else { text.to_owned() }
}

/// Puts a comma between each three digits.
fn grouped(digits: &str) -> String {
    let len = digits.len();
    let mut text = String::with_capacity(len + len / 3);
    for (index, digit) in digits.char_indices() {
        let left = len - index;
        if index > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats bytes as a number and its unit.
pub(crate) fn bytes(value: f64) -> (String, &'static str) {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= 1000.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    (number(value), units[unit])
}

/// Formats a share as a percentage, without its sign.
pub(crate) fn percent(ratio: f64) -> String {
    match ratio * 100.0 {
        0.0 => "0".to_owned(),
        percent if percent < 0.1 => "<0.1".to_owned(),
        percent if percent < 9.95 => format!("{percent:.1}"),
        percent => format!("{percent:.0}"),
    }
}

/// Formats a duration with one or two units: `6 s`, `21 min`, `3 h 5 min`, `12 days 4 h`.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 1.0 {
        return format!("{} ms", number(seconds * 1000.0));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let seconds = seconds as u64;
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        86_400..172_800 => two(1, "day", seconds % 86_400 / 3600, "h"),
        _ => two(seconds / 86_400, "days", seconds % 86_400 / 3600, "h"),
    }
}

/// Returns a count with its noun: `1 collector`, `2 collectors`.
pub(crate) fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(&count.to_string()))
}

/// A time in seconds since 1970, which the browser shows in its own time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    /// Returns the hours and minutes in UTC.
    pub(crate) fn clock(self) -> String {
        let seconds = self.0.rem_euclid(86_400);
        format!("{:02}:{:02}", seconds / 3600, seconds % 3600 / 60)
    }

    /// Returns the time as RFC 3339.
    fn rfc3339(self) -> String {
        let time = std::time::SystemTime::UNIX_EPOCH
            + std::time::Duration::from_secs(self.0.clamp(0, MAX_TIME).unsigned_abs());
        humantime::format_rfc3339_seconds(time).to_string()
    }
}

impl Render for Moment {
    fn render(&self) -> Markup {
        html! { time datetime=(self.rfc3339()) { (self.clock()) } }
    }
}

/// Maximum number of characters of a name, such as a SIP URI.
const MAX_CHARS: usize = 120;
/// Maximum number of characters of an error with its advice.
const MAX_MESSAGE_CHARS: usize = 1000;
/// The end of the year 9999, the last that RFC 3339 can represent.
const MAX_TIME: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.001, "<0.01"),
            (0.3125, "0.31"),
            (0.5, "0.5"),
            (0.997, "1"),
            (8.0, "8"),
            (8.24, "8.2"),
            (236.4, "236"),
            (8214.0, "8,214"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "-1,234"),
            (-123_456.0, "-123,456"),
        ] {
            assert_eq!(number(value), text, "{value}");
        }
        assert_eq!(bytes(67_108_864.0), ("64".to_owned(), "MiB"));
        assert_eq!(bytes(999.0), ("999".to_owned(), "B"));
        assert_eq!([0.0, 0.0001, 0.0312, 0.511].map(percent), ["0", "<0.1", "3.1", "51"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0.0005, "0.5 ms"),
            (6.9, "6 s"),
            (61.0, "1 min"),
            (3600.0, "1 h"),
            (11_160.0, "3 h 6 min"),
            (90_000.0, "1 day 1 h"),
            (1_051_200.0, "12 days 4 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(
            (count(1, "target"), count(1200, "target")),
            ("1 target".to_owned(), "1,200 targets".to_owned())
        );
    }

    #[test]
    fn a_moment_is_shown_in_utc_and_marked_for_the_browser() {
        let html = Moment(1_774_745_998).render().into_string();
        assert_eq!(html, "<time datetime=\"2026-03-29T00:59:58Z\">00:59</time>");
        for odd in [i64::MIN, -1, i64::MAX] {
            assert!(Moment(odd).render().into_string().contains("Z\">"));
        }
    }

    #[test]
    fn shown_text_is_short_and_printable() {
        assert_eq!(Shown::new("a\u{202e}b\u{0}c\n<").as_str(), "a\u{fffd}b\u{fffd}c\u{fffd}<");
        assert_eq!(Shown::new("é".repeat(65_536)).as_str().chars().count(), MAX_CHARS + 1);
    }
}
