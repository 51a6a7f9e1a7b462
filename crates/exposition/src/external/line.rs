//! One line of a page in the text format, version 0.0.4.

use super::kind::ExternalKind;
use crate::metric::Number;
use memchr::memchr2;

/// A line, with slices of its text.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'l> {
    /// An empty line or a comment.
    Ignored,
    /// The help of a family, still escaped.
    Help(&'l str, &'l str),
    /// The type of a family.
    Kind(&'l str, ExternalKind),
    /// A sample: its name, its labels that are not empty, still escaped, and its value.
    Sample(&'l str, Vec<(&'l str, &'l str)>, Number),
}

/// Parses a line. The timestamp of a sample is dropped: the page was fetched just now.
///
/// # Errors
/// The reason why the line is invalid.
pub(super) fn parse(line: &str) -> Result<Line<'_>, &'static str> {
    let line = line.trim();
    match line.strip_prefix('#') {
        Some(comment) => parse_comment(comment.trim_start()),
        None if line.is_empty() => Ok(Line::Ignored),
        None => parse_sample(line),
    }
}

fn parse_comment(comment: &str) -> Result<Line<'_>, &'static str> {
    let (keyword, rest) = comment.split_once(' ').unwrap_or((comment, ""));
    if !matches!(keyword, "HELP" | "TYPE") {
        return Ok(Line::Ignored);
    }
    let (name, text) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    if !is_metric_name(name) {
        return Err(NAME);
    }
    if keyword == "TYPE" {
        return ExternalKind::parse(text.trim()).map(|kind| Line::Kind(name, kind)).ok_or("unknown type");
    }
    if is_escaped(text) { Ok(Line::Help(name, text)) } else { Err("unknown escape in the help") }
}

fn parse_sample(line: &str) -> Result<Line<'_>, &'static str> {
    let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace()).ok_or("no value")?;
    let (name, rest) = line.split_at(end);
    if !is_metric_name(name) {
        return Err(NAME);
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().and_then(parse_number).ok_or("the value is not a number")?;
    if words.next().is_some_and(|time| time.parse::<i64>().is_err()) {
        return Err("the timestamp is not an integer");
    }
    if words.next().is_some() {
        return Err("text after the timestamp");
    }
    Ok(Line::Sample(name, labels, value))
}

/// Parses the labels up to the closing brace, and returns what follows it.
#[expect(clippy::type_complexity, reason = "a pair that one caller takes apart at once")]
fn parse_labels(mut rest: &str) -> Result<(Vec<(&str, &str)>, &str), &'static str> {
    let mut labels: Vec<(&str, &str)> = Vec::new();
    let mut empty: Vec<&str> = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once('=').ok_or("a label without a value")?;
        let quoted = after.trim_start().strip_prefix('"').ok_or("a label value without quotes")?;
        let end = closing_quote(quoted)?;
        let name = name.trim();
        // Prometheus keeps names with two underscores to itself: `__name__` is the name of the metric.
        if !is_label_name(name) || name.starts_with("__") {
            return Err("invalid label name");
        }
        if labels.len() + empty.len() == MAX_LABELS {
            return Err("more than 64 labels");
        }
        if labels.iter().any(|(known, _)| *known == name) || empty.contains(&name) {
            return Err("duplicate label name");
        }
        // Prometheus drops labels with an empty value.
        match &quoted[..end] {
            "" => empty.push(name),
            value => labels.push((name, value)),
        }
        rest = quoted[end + 1..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// Returns the index of the quote that ends a label value.
fn closing_quote(text: &str) -> Result<usize, &'static str> {
    let mut from = 0;
    loop {
        let at = memchr2(b'"', b'\\', &text.as_bytes()[from..]).ok_or("a label value without an end")? + from;
        match (text.as_bytes()[at], text.as_bytes().get(at + 1)) {
            (b'"', _) => return Ok(at),
            (_, Some(b'n' | b'\\' | b'"')) => from = at + 2,
            _ => return Err("unknown escape in a label value"),
        }
    }
}

/// Returns whether every backslash begins an escape: `\n`, `\\`, or `\"`, which Kamailio's xhttp_prom writes in help texts.
fn is_escaped(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && !matches!(bytes.next(), Some(b'n' | b'\\' | b'"')) {
            return false;
        }
    }
    true
}

/// Parses a sample value. An integer that does not fit 64 bits becomes a float.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(integer) = text.parse()
    {
        return Some(Number::Unsigned(integer));
    }
    match text {
        "NaN" => Some(Number::Float(f64::NAN)),
        "+Inf" | "Inf" => Some(Number::Float(f64::INFINITY)),
        "-Inf" => Some(Number::Float(f64::NEG_INFINITY)),
        _ if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => {
            text.parse().ok().map(Number::Float)
        }
        _ => None,
    }
}

fn is_metric_name(name: &str) -> bool {
    is_name(name, |byte| matches!(byte, b'_' | b':'))
}

fn is_label_name(name: &str) -> bool {
    is_name(name, |byte| byte == b'_')
}

fn is_name(name: &str, is_special: impl Fn(u8) -> bool) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || is_special(byte);
    name.bytes().next().is_some_and(is_first)
        && name.bytes().all(|byte| is_first(byte) || byte.is_ascii_digit())
}

const NAME: &str = "invalid metric name";
/// Labels of one sample: xhttp_prom writes up to three, and no exporter of the field more than 20.
const MAX_LABELS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_are_parsed() {
        for (text, value) in [
            ("0", Number::Unsigned(0)),
            ("18446744073709551615", Number::Unsigned(u64::MAX)),
            ("18446744073709551616", Number::Float(18_446_744_073_709_551_616.0)),
            ("+5", Number::Float(5.0)),
            ("-5", Number::Float(-5.0)),
            ("1e3", Number::Float(1000.0)),
            ("Inf", Number::Float(f64::INFINITY)),
            ("+Inf", Number::Float(f64::INFINITY)),
            ("-Inf", Number::Float(f64::NEG_INFINITY)),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        assert!(matches!(parse_number("NaN"), Some(Number::Float(number)) if number.is_nan()));
        for text in ["", "inf", "nan", "0x10", "1_000", "e", "--1", "infinity"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn comments_are_help_or_type_or_ignored() {
        for (line, expected) in [
            ("", Line::Ignored),
            ("  ", Line::Ignored),
            ("#", Line::Ignored),
            ("# HELPS x y", Line::Ignored),
            ("# UNIT x seconds", Line::Ignored),
            ("#HELP x", Line::Help("x", "")),
            ("# HELP  x:y  two  blanks", Line::Help("x:y", " two  blanks")),
            ("# HELP x a\\\\b\\nc\\\"d", Line::Help("x", "a\\\\b\\nc\\\"d")),
            ("# TYPE x  summary ", Line::Kind("x", ExternalKind::Summary)),
            ("# TYPE _x untyped", Line::Kind("_x", ExternalKind::Untyped)),
        ] {
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn labels_may_have_blanks_around_them() {
        for line in
            ["x{a=\"1\",b=\"2\"} 7", " x { a = \"1\" , b = \"2\" , }\t7 -5", "x{a=\"1\" b=\"2\",e=\"\"} 7"]
        {
            let expected = Line::Sample("x", vec![("a", "1"), ("b", "2")], Number::Unsigned(7));
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
        let escaped = Line::Sample("x", vec![("a", "\\\"\\\\\\n}")], Number::Unsigned(1));
        assert_eq!(parse("x{a=\"\\\"\\\\\\n}\"} 1"), Ok(escaped));
    }

    #[test]
    fn a_sample_has_up_to_64_labels() {
        let line = |labels: usize, value: &str| {
            let labels: Vec<_> = (0..labels).map(|label| format!("l{label}=\"{value}\"")).collect();
            format!("x{{{}}} 1", labels.join(","))
        };
        for value in ["", "v"] {
            assert!(parse(&line(64, value)).is_ok());
            assert_eq!(parse(&line(65, value)), Err("more than 64 labels"));
        }
    }

    #[test]
    fn invalid_lines_have_a_reason() {
        for (line, reason) in [
            ("x", "no value"),
            ("x y", "the value is not a number"),
            ("x{}", "the value is not a number"),
            ("1x 1", NAME),
            ("x\u{e9} 1", NAME),
            ("x-y 1", NAME),
            ("{a=\"1\"} 1", NAME),
            ("<html> <body>", NAME),
            ("x{ 1", "a label without a value"),
            ("x{a} 1", "a label without a value"),
            ("x{a=b} 1", "a label value without quotes"),
            ("x{a=\"b} 1", "a label value without an end"),
            ("x{a=\"b\\", "unknown escape in a label value"),
            ("x{a=\"\\z\"} 1", "unknown escape in a label value"),
            ("x{a=\"1\",a=\"2\"} 1", "duplicate label name"),
            ("x{a=\"\",a=\"2\"} 1", "duplicate label name"),
            ("x{a=\"1\",a=\"\"} 1", "duplicate label name"),
            ("x{a:b=\"1\"} 1", "invalid label name"),
            ("x{1=\"1\"} 1", "invalid label name"),
            ("x{__name__=\"y\"} 1", "invalid label name"),
            ("x 1 soon", "the timestamp is not an integer"),
            ("x 1 2 3", "text after the timestamp"),
            ("# TYPE x nonsense", "unknown type"),
            ("# TYPE x", "unknown type"),
            ("# TYPE 1x counter", NAME),
            ("# HELP", NAME),
            ("# HELP x a\\tb", "unknown escape in the help"),
            ("# HELP x a\\", "unknown escape in the help"),
        ] {
            assert_eq!(parse(line), Err(reason), "{line}");
        }
    }
}
