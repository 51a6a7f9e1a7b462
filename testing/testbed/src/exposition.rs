//! A strict parser of expositions, independent of the exporter's writer.

use std::collections::{BTreeMap, HashSet};

/// One of Prometheus' formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// The text format 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// Checks an exposition, and returns the number of its samples.
///
/// The lines of a family must be consecutive, with `HELP` and `TYPE` before the samples. No family, sample name or series may
/// occur twice, regardless of the order of labels and of empty labels. Names must consist of ASCII letters, digits, `_` and
/// `:`, labels must be escaped, values must be numbers, counters must not be negative, and there must be no timestamps.
///
/// # Errors
/// A human-readable message with the line.
pub fn check_exposition(exposition: &[u8], syntax: Syntax) -> Result<usize, String> {
    let exposition =
        std::str::from_utf8(exposition).map_err(|error| format!("the exposition is not UTF-8: {error}"))?;
    let mut reader = Reader { syntax, ..Reader::default() };
    if exposition.is_empty() && syntax == Syntax::Text {
        return Ok(0);
    }
    let lines = exposition.strip_suffix('\n').ok_or("the last line has no end")?;
    for (number, line) in lines.split('\n').enumerate() {
        reader.line(line).map_err(|error| format!("line {}: {error}: {line:?}", number + 1))?;
    }
    if syntax == Syntax::OpenMetrics && !reader.ended {
        return Err("there is no # EOF".to_owned());
    }
    reader.close()?;
    Ok(reader.series.len())
}

#[derive(Default)]
struct Reader {
    syntax: Syntax,
    /// The current family.
    family: Family,
    /// All earlier families.
    families: HashSet<String>,
    /// The names that samples of earlier families have or can have.
    names: HashSet<String>,
    series: HashSet<(String, BTreeMap<String, String>)>,
    ended: bool,
}

#[derive(Default)]
struct Family {
    name: String,
    help: bool,
    kind: Option<String>,
    names: HashSet<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if self.ended {
            return Err("something follows # EOF".to_owned());
        }
        let Some(comment) = line.strip_prefix("# ") else { return self.sample(line) };
        if comment == "EOF" && self.syntax == Syntax::OpenMetrics {
            self.ended = true;
            return Ok(());
        }
        let (keyword, rest) = comment.split_once(' ').ok_or("a comment of another kind")?;
        let (name, text) = rest.split_once(' ').ok_or("nothing follows the name")?;
        check_name(name)?;
        if self.family.name != name || !self.family.names.is_empty() {
            self.open(name)?;
        }
        match keyword {
            "HELP" if self.family.help => return Err("a second HELP".to_owned()),
            "HELP" => {
                let quotes = if self.syntax == Syntax::Text { "\\n" } else { "\\n\"" };
                unescape(text, quotes)?;
                self.family.help = true;
            }
            "TYPE" if self.family.kind.is_some() => return Err("a second TYPE".to_owned()),
            "TYPE" => {
                if !kinds(self.syntax).contains(&text) {
                    return Err("an unknown type".to_owned());
                }
                self.family.kind = Some(text.to_owned());
            }
            _ => return Err("a comment of another kind".to_owned()),
        }
        Ok(())
    }

    fn open(&mut self, name: &str) -> Result<(), String> {
        self.close()?;
        if !self.families.insert(name.to_owned()) {
            return Err(format!("duplicate family {name}"));
        }
        self.family = Family { name: name.to_owned(), ..Family::default() };
        Ok(())
    }

    /// Reserves the sample names of the family that has ended.
    fn close(&mut self) -> Result<(), String> {
        let Family { name, kind, mut names, .. } = std::mem::take(&mut self.family);
        if name.is_empty() {
            return Ok(());
        }
        let suffixes = suffixes(self.syntax, kind.as_deref());
        names.extend(suffixes.iter().chain(&[""]).map(|suffix| format!("{name}{suffix}")));
        for name in names {
            if self.names.contains(&name) {
                return Err(format!("two families or their samples are called {name}"));
            }
            self.names.insert(name);
        }
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let end = line.find(['{', ' ']).ok_or("a line without a value")?;
        let (name, rest) = line.split_at(end);
        check_name(name)?;
        let owned = name.strip_prefix(self.family.name.as_str()).is_some_and(|suffix| {
            !self.family.name.is_empty()
                && suffixes(self.syntax, self.family.kind.as_deref()).contains(&suffix)
        });
        if !owned {
            if self.family.names.is_empty() && !self.family.name.is_empty() {
                return Err(format!("the sample does not belong to the family {}", self.family.name));
            }
            self.open(name)?;
        }
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = value.strip_prefix(' ').ok_or("no blank before the value")?;
        let value = number(value)?;
        if self.syntax == Syntax::OpenMetrics
            && self.family.kind.as_deref() == Some("counter")
            && (value.is_nan() || value < 0.0)
        {
            return Err("a counter that is negative or not a number".to_owned());
        }
        self.family.names.insert(name.to_owned());
        if !self.series.insert((name.to_owned(), labels)) {
            return Err("duplicate series".to_owned());
        }
        Ok(())
    }
}

/// Parses labels up to the closing brace. Returns them without empty ones, which are equivalent to none, and the rest.
fn labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let mut names = HashSet::new();
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a quoted value")?;
        check_name(name)?;
        if name.contains(':') || name.starts_with("__") {
            return Err(format!("{name} is not the name of a label"));
        }
        let end = closing_quote(after).ok_or("a label's value does not end")?;
        let (value, after) = (&after[..end], &after[end + 1..]);
        if !names.insert(name) {
            return Err(format!("duplicate label {name}"));
        }
        let value = unescape(value, "\\n\"")?;
        if !value.is_empty() {
            labels.insert(name.to_owned(), value);
        }
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok((labels, after.strip_prefix('}').ok_or("neither comma nor brace")?)),
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    loop {
        match bytes.next()? {
            (at, b'"') => return Some(at),
            (_, b'\\') => drop(bytes.next()?),
            _ => {}
        }
    }
}

/// Replaces the escapes that the format defines. Other escapes, and characters that must be escaped, are errors.
fn unescape(text: &str, escapes: &str) -> Result<String, String> {
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        unescaped.push(match char {
            '"' if escapes.contains('"') => return Err("a quote that is not escaped".to_owned()),
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(escaped) if escapes.contains(escaped) => escaped,
                other => return Err(format!("the escape \\{other:?}")),
            },
            char => char,
        });
    }
    Ok(unescaped)
}

/// Parses a decimal number with optional fraction and exponent, or one of the words of the formats.
fn number(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is not a number");
    if matches!(text, "NaN" | "+Inf" | "-Inf") {
        return text.parse().map_err(|_| wrong());
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let valid = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if valid { text.parse().map_err(|_| wrong()) } else { Err(wrong()) }
}

fn check_name(name: &str) -> Result<(), String> {
    let first = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':');
    if name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("{name:?} is not a name"))
    }
}

fn kinds(syntax: Syntax) -> &'static [&'static str] {
    match syntax {
        Syntax::Text => &["counter", "gauge", "histogram", "summary", "untyped"],
        Syntax::OpenMetrics => {
            &["counter", "gauge", "histogram", "gaugehistogram", "stateset", "info", "summary", "unknown"]
        }
    }
}

/// The suffixes that sample names of a family have.
fn suffixes(syntax: Syntax, kind: Option<&str>) -> &'static [&'static str] {
    match (syntax, kind) {
        (Syntax::OpenMetrics, Some("counter")) => &["_total"],
        (_, Some("histogram")) => &["_bucket", "_sum", "_count"],
        (_, Some("summary")) => &["", "_sum", "_count"],
        _ => &[""],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPOSITION: &str = "# HELP a_total Some \\\\ text.\n# TYPE a_total counter\na_total{x=\"1\",y=\"\\\"\\\\\\n\"} 1\n\
         a_total{x=\"2\"} 18446744073709551615\n# TYPE b gauge\nb -1.5e3\nc 1\nd{x=\"\u{e9}\"} NaN\n\
         # TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 0.5\nh_count 2\n";

    #[test]
    fn samples_of_valid_expositions_are_counted() {
        assert_eq!(check_exposition(EXPOSITION.as_bytes(), Syntax::Text), Ok(8));
        let exposition =
            EXPOSITION.replace("HELP a_total", "HELP a").replace("TYPE a_total", "TYPE a") + "# EOF\n";
        assert_eq!(check_exposition(exposition.as_bytes(), Syntax::OpenMetrics), Ok(8));
        assert_eq!(check_exposition(b"", Syntax::Text), Ok(0));
        assert_eq!(check_exposition(b"# EOF\n", Syntax::OpenMetrics), Ok(0));
    }

    #[test]
    fn invalid_expositions_are_rejected_with_the_reason() {
        for (exposition, part) in [
            ("a 1", "no end"),
            ("a 1\n\n", "without a value"),
            ("a 1\nb 1\na 2\n", "duplicate family a"),
            ("a 1\na 2\n", "duplicate series"),
            ("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n", "duplicate series"),
            ("a 1\na{x=\"\"} 2\n", "duplicate series"),
            ("a{x=\"1\",x=\"2\"} 1\n", "duplicate label x"),
            ("a{__name__=\"1\"} 1\n", "not the name of a label"),
            ("a{1x=\"1\"} 1\n", "is not a name"),
            ("a{x=\"1\" } 1\n", "neither comma nor brace"),
            ("a{x=\"1\",} 1\n", "quoted value"),
            ("a{} 1\n", "quoted value"),
            ("a{x=\"\\t\"} 1\n", "escape"),
            ("a{x=\"1} 1\n", "does not end"),
            ("1a 1\n", "is not a name"),
            ("a  1\n", "not a number"),
            ("a 0x1\n", "not a number"),
            ("a inf\n", "not a number"),
            ("a 1 2\n", "not a number"),
            ("# HELP a x\n# HELP a y\n", "second HELP"),
            ("# TYPE a gauge\n# TYPE a gauge\n", "second TYPE"),
            ("# TYPE a gauge\na 1\n# HELP a x\n", "duplicate family a"),
            ("# TYPE a nonsense\n", "unknown type"),
            ("# TYPE a gauge\nb 1\n", "does not belong"),
            ("# TYPE a histogram\na 1\n", "does not belong"),
            ("h_sum 1\n# TYPE h histogram\nh_count 1\n", "are called h_sum"),
            ("# UNIT a seconds\n", "another kind"),
            ("# comment\n", "another kind"),
        ] {
            let error = check_exposition(exposition.as_bytes(), Syntax::Text).unwrap_err();
            assert!(error.contains(part), "{exposition:?}: {error}");
        }
        assert!(check_exposition(b"a{x=\"\xff\"} 1\n", Syntax::Text).unwrap_err().contains("UTF-8"));
        for (exposition, part) in [
            ("a 1\n", "no # EOF"),
            ("# EOF\na 1\n", "follows # EOF"),
            ("# TYPE a_total counter\na_total 1\n# EOF\n", "does not belong"),
            ("# TYPE a counter\na 1\n# EOF\n", "does not belong"),
            ("# TYPE a counter\na_total -1\n# EOF\n", "negative"),
            ("# TYPE a untyped\na 1\n# EOF\n", "unknown type"),
            ("# HELP a \"x\"\n# EOF\n", "not escaped"),
            (
                "# TYPE a counter\na_total 1\n# TYPE a_total gauge\na_total{x=\"1\"} 1\n# EOF\n",
                "are called a_total",
            ),
        ] {
            let error = check_exposition(exposition.as_bytes(), Syntax::OpenMetrics).unwrap_err();
            assert!(error.contains(part), "{exposition:?}: {error}");
        }
    }
}
