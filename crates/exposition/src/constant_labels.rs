//! Labels that every series of an exposition gets.

use crate::escape::escape_label;
use std::fmt;

/// Labels that an operator adds to every series, for example to tell several exporters of one machine apart.
///
/// ```
/// use prometheus_exposition::ConstantLabels;
///
/// let labels = ConstantLabels::new([("site", "berlin")])?;
/// let (exposition, _) = labels.add(b"# TYPE up gauge\nup 1\n".to_vec());
/// assert_eq!(exposition, b"# TYPE up gauge\nup{site=\"berlin\"} 1\n");
/// # Ok::<(), prometheus_exposition::InvalidLabel>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConstantLabels {
    /// Name, and `name="value"` as it is written.
    labels: Vec<(String, Vec<u8>)>,
}

/// The error for a label that cannot be added to every series. It is displayed as a human-readable message with the name.
///
/// ```
/// use prometheus_exposition::{ConstantLabels, InvalidLabel};
///
/// let error = ConstantLabels::new([("le", "1")]).unwrap_err();
/// assert_eq!(error, InvalidLabel::Reserved("le".to_owned()));
/// assert_eq!(error.to_string(), "the label le is reserved");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidLabel {
    /// The name is empty, has characters other than letters, digits and `_`, or begins with a digit.
    Name(String),
    /// The name has a meaning of its own: `le`, `quantile`, and names that begin with `__`.
    Reserved(String),
    /// The name is given twice.
    Duplicate(String),
}

impl ConstantLabels {
    /// Creates labels from names and values.
    ///
    /// # Errors
    /// If a name is not valid, is reserved, or is given twice.
    pub fn new<'l>(labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> Result<Self, InvalidLabel> {
        let mut written: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, value) in labels {
            let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if name.is_empty() || !is_word || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(InvalidLabel::Name(name.to_owned()));
            }
            if name.starts_with("__") || matches!(name, "le" | "quantile") {
                return Err(InvalidLabel::Reserved(name.to_owned()));
            }
            if written.iter().any(|(known, _)| known == name) {
                return Err(InvalidLabel::Duplicate(name.to_owned()));
            }
            let mut label = format!("{name}=\"").into_bytes();
            escape_label(value.as_bytes(), &mut label);
            label.push(b'"');
            written.push((name.to_owned(), label));
        }
        Ok(Self { labels: written })
    }

    /// Returns whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Adds the labels to every sample of an exposition. A sample keeps a label of the same name. Returns the exposition,
    /// and the number of samples that kept a label.
    pub fn add(&self, exposition: Vec<u8>) -> (Vec<u8>, usize) {
        if self.is_empty() {
            return (exposition, 0);
        }
        let own: usize = self.labels.iter().map(|(_, label)| label.len() + 1).sum();
        let samples = exposition.split(|byte| *byte == b'\n').filter(|line| is_sample(line)).count();
        let mut out = Vec::with_capacity(exposition.len() + samples * (own + 2));
        let mut kept = 0;
        for line in exposition.split_inclusive(|byte| *byte == b'\n') {
            if is_sample(line) {
                kept += usize::from(self.add_to_sample(line, &mut out));
            } else {
                out.extend_from_slice(line);
            }
        }
        (out, kept)
    }

    /// Writes a sample with the labels. Returns whether the sample has one of them already.
    fn add_to_sample(&self, line: &[u8], out: &mut Vec<u8>) -> bool {
        let end = line.iter().position(|byte| matches!(byte, b'{' | b' ' | b'\n')).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let rest = rest.strip_prefix(b"{").unwrap_or(rest);
        let has_braces = name.len() + rest.len() < line.len();
        let names = if has_braces { label_names(rest) } else { Vec::new() };
        out.extend_from_slice(name);
        out.push(b'{');
        let mut is_first = true;
        for (name, label) in &self.labels {
            if !names.contains(&name.as_bytes()) {
                out.extend_from_slice(if is_first { b"" } else { b"," });
                out.extend_from_slice(label);
                is_first = false;
            }
        }
        match (has_braces, rest.first()) {
            (false, _) => out.push(b'}'),
            (true, Some(b'}')) => {}
            (true, _) if is_first => {}
            (true, _) => out.push(b','),
        }
        out.extend_from_slice(rest);
        names.iter().any(|name| self.labels.iter().any(|(own, _)| own.as_bytes() == *name))
    }
}

impl fmt::Display for InvalidLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                write!(
                    f,
                    "\"{name}\" is not a label name: expected letters, digits and _, not beginning with a digit"
                )
            }
            Self::Reserved(name) => write!(f, "the label {name} is reserved"),
            Self::Duplicate(name) => write!(f, "the label {name} is given twice"),
        }
    }
}

impl std::error::Error for InvalidLabel {}

fn is_sample(line: &[u8]) -> bool {
    !matches!(line.first(), None | Some(b'#' | b'\n'))
}

/// Returns the names of the labels up to the closing brace.
fn label_names(mut labels: &[u8]) -> Vec<&[u8]> {
    let mut names = Vec::new();
    while let Some(equals) = labels.iter().position(|byte| *byte == b'=')
        && labels.first() != Some(&b'}')
    {
        let (name, value) = labels.split_at(equals);
        names.push(name.trim_ascii());
        let mut is_escaped = false;
        // After `="`, up to the quote that is not escaped.
        let end = value.iter().enumerate().skip(2).find(|(_, byte)| {
            let is_end = **byte == b'"' && !is_escaped;
            is_escaped = **byte == b'\\' && !is_escaped;
            is_end
        });
        let Some((end, _)) = end else { break };
        labels = value.get(end + 1..).unwrap_or_default();
        labels = labels.strip_prefix(b",").unwrap_or(labels);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> ConstantLabels {
        ConstantLabels::new([("site", "a \"b\"\\c\n"), ("rack", "7")]).unwrap()
    }

    #[test]
    fn every_sample_gets_the_labels() {
        let site = r#"site="a \"b\"\\c\n",rack="7""#;
        for (line, expected) in [
            ("up 1\n", format!("up{{{site}}} 1\n")),
            ("up{} 1\n", format!("up{{{site}}} 1\n")),
            ("a{b=\"}\\\"=,\",c=\"\"} 1 2\n", format!("a{{{site},b=\"}}\\\"=,\",c=\"\"}} 1 2\n")),
            ("a{b=\"\\\",site=\\\"x\"} 1\n", format!("a{{{site},b=\"\\\",site=\\\"x\"}} 1\n")),
            ("a{b=\"\\\\\",c=\",site=\"} 1\n", format!("a{{{site},b=\"\\\\\",c=\",site=\"}} 1\n")),
            ("a 1", format!("a{{{site}}} 1")),
            ("# HELP a b{c=\"d\"} e\n", "# HELP a b{c=\"d\"} e\n".to_owned()),
            ("# EOF\n", "# EOF\n".to_owned()),
            ("\n", "\n".to_owned()),
        ] {
            let (written, kept) = labels().add(line.as_bytes().to_vec());
            assert_eq!((String::from_utf8(written).unwrap(), kept), (expected, 0), "{line}");
        }
        assert_eq!(ConstantLabels::default().add(b"a 1\n".to_vec()), (b"a 1\n".to_vec(), 0));
    }

    #[test]
    fn memory_is_allocated_once() {
        for line in ["a 1\n", "a{b=\"c\"} 1\n"] {
            let exposition = line.repeat(1000).into_bytes();
            let (written, _) = labels().add(exposition);
            // One byte each is for braces or a comma that not every sample needs.
            assert!(
                written.capacity() - written.len() <= 2 * 1000,
                "{} {}",
                written.capacity(),
                written.len()
            );
        }
    }

    #[test]
    fn labels_of_a_sample_are_kept() {
        let exposition = "a{rack=\"x\"} 1\nb{rack=\"x\",site=\"\\\\\"} 2\nc{racks=\"rack=\"} 3\n";
        let (written, kept) = labels().add(exposition.as_bytes().to_vec());
        let site = r#"site="a \"b\"\\c\n""#;
        let expected = format!(
            "a{{{site},rack=\"x\"}} 1\nb{{rack=\"x\",site=\"\\\\\"}} 2\nc{{{site},rack=\"7\",racks=\"rack=\"}} 3\n"
        );
        assert_eq!((String::from_utf8(written).unwrap(), kept), (expected, 2));
    }

    #[test]
    fn names_that_cannot_be_labels_are_refused() {
        for (labels, message) in [
            (&[("", "x")][..], "\"\" is not a label name"),
            (&[("1a", "x")], "\"1a\" is not a label name"),
            (&[("a-b", "x")], "\"a-b\" is not a label name"),
            (&[("__address__", "x")], "the label __address__ is reserved"),
            (&[("le", "x")], "the label le is reserved"),
            (&[("a", "1"), ("a", "2")], "the label a is given twice"),
        ] {
            let error = ConstantLabels::new(labels.iter().copied()).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }
}
