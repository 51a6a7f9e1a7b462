//! An external metrics page, parsed as its bytes arrive.

use super::families::ExternalFamilies;
use super::kind::{ExternalKind, MADE_BY_PROMETHEUS};
use super::line::{self, Line, parse_number};
use crate::families::Families;
use crate::metric::{Number, Pushed};
use memchr::memchr;

/// Parses a page in the text format 0.0.4 as its bytes arrive.
///
/// The parser keeps the parsed families and at most one line besides, whatever the page looks like: see
/// [`ExternalFamilies::MAX_SIZE`]. The time that [`parse`](Self::parse) takes is proportional to the bytes, so a program
/// with one thread passes one piece at a time.
///
/// The parser leaves out whatever an exporter must not pass on: lines that are invalid, duplicate series, and
/// metrics with a name that belongs to the exporter's own families or that Prometheus makes itself.
///
/// ```
/// use prometheus_exposition::{Families, PageParser};
///
/// let own = Families::default();
/// let mut parser = PageParser::new(100, &own);
/// for piece in ["# TYPE jobs_total coun", "ter\njobs_total 7\njobs", "_total 8\nup 0\n<html>"] {
///     parser.parse(piece.as_bytes());
/// }
/// let page = parser.finish();
/// assert_eq!(page.families.len(), 1);
/// assert_eq!((page.duplicates, page.invalid), (1, 2));
/// let first = page.first_invalid.unwrap();
/// assert_eq!((first.line.as_str(), first.reason), ("up 0", "Prometheus makes a metric of this name itself"));
/// ```
#[derive(Debug)]
pub struct PageParser<'f> {
    own: &'f Families,
    page: ExternalPage,
    /// The beginning of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// Whether the line is longer than `MAX_LINE`, and its rest is skipped.
    is_too_long: bool,
}

/// A parsed page, and what was left out of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExternalPage {
    /// The families.
    pub families: ExternalFamilies,
    /// The number of invalid lines.
    pub invalid: u64,
    /// The first invalid line.
    pub first_invalid: Option<InvalidLine>,
    /// The number of samples whose series exists already, or whose family's name is taken.
    pub duplicates: u64,
    /// The number of samples that exceed a limit.
    pub over_limit: u64,
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidLine {
    /// The first 80 characters of the line.
    pub line: String,
    /// The reason why the line was left out.
    pub reason: &'static str,
}

impl<'f> PageParser<'f> {
    /// Returns a parser of a page with up to `limit` families, and up to `limit` samples in each. Names of `own` families
    /// are left out.
    pub fn new(limit: usize, own: &'f Families) -> Self {
        let page = ExternalPage {
            families: ExternalFamilies::new(limit),
            invalid: 0,
            first_invalid: None,
            duplicates: 0,
            over_limit: 0,
        };
        Self { own, page, line: Vec::new(), is_too_long: false }
    }

    /// Parses the next bytes of the page.
    pub fn parse(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.is_too_long || self.line.len() + line.len() > MAX_LINE {
                self.extend(line);
                self.end_line();
            } else if self.line.is_empty() {
                self.parse_line(line);
            } else {
                self.line.extend_from_slice(line);
                self.end_line();
            }
        }
        self.extend(bytes);
    }

    /// Returns the number of bytes of memory that the parser and its page take.
    pub fn memory(&self) -> usize {
        self.page.families.memory() + self.line.capacity()
    }

    /// Parses the last line if it has no line feed, and returns the page.
    pub fn finish(mut self) -> ExternalPage {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.page
    }

    #[cfg(test)]
    pub(super) fn families(&mut self) -> &mut ExternalFamilies {
        &mut self.page.families
    }

    /// Keeps the beginning of a line.
    fn extend(&mut self, bytes: &[u8]) {
        let remaining = MAX_LINE - self.line.len();
        self.is_too_long |= bytes.len() > remaining;
        self.line.extend_from_slice(&bytes[..bytes.len().min(remaining)]);
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_too_long) {
            self.leave_out(&String::from_utf8_lossy(&line), "longer than 128 KiB");
        } else {
            self.parse_line(&line);
        }
    }

    fn parse_line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        match line::parse(&line).and_then(|parsed| self.take(parsed)) {
            Ok(Pushed::Added) => {}
            Ok(Pushed::Duplicate) => self.page.duplicates += 1,
            Ok(Pushed::OverLimit) => self.page.over_limit += 1,
            Err(reason) => self.leave_out(line.trim(), reason),
        }
    }

    fn take(&mut self, line: Line<'_>) -> Result<Pushed, &'static str> {
        let families = &mut self.page.families;
        match line {
            Line::Ignored => {}
            Line::Help(name, help) => {
                let help = unescape_quotes(help);
                if families.family(name).is_none_or(|family| !families.set_help(family, &help)) {
                    return Ok(Pushed::OverLimit);
                }
            }
            Line::Kind(name, kind) => match families.family(name) {
                Some(family) if !families.set_kind(family, kind) => {
                    return Err("a type after samples of another type");
                }
                Some(_) => {}
                None => return Ok(Pushed::OverLimit),
            },
            Line::Sample(name, labels, value) => {
                let (family, suffix) = match families.split(name) {
                    Some(found) => found,
                    None => match families.family(name) {
                        Some(family) => (family, ""),
                        None => return Ok(Pushed::OverLimit),
                    },
                };
                check_labels(families.kind(family), suffix, &labels)?;
                if MADE_BY_PROMETHEUS.contains(&name) {
                    return Err("Prometheus makes a metric of this name itself");
                }
                let names = families.names_of_new(family);
                if names.is_some_and(|mut names| names.any(|name| self.own.reserves(&name))) {
                    families.refuse(family);
                }
                return Ok(families.add(family, suffix, &labels, value));
            }
        }
        Ok(Pushed::Added)
    }

    fn leave_out(&mut self, line: &str, reason: &'static str) {
        self.page.invalid += 1;
        let quote = || InvalidLine { line: line.chars().take(MAX_QUOTE).collect(), reason };
        self.page.first_invalid.get_or_insert_with(quote);
    }
}

/// Replaces `\"` by a quote: the text format does not escape quotes in the help, but xhttp_prom does.
fn unescape_quotes(help: &str) -> String {
    let mut unescaped = String::with_capacity(help.len());
    let mut chars = help.chars();
    while let Some(char) = chars.next() {
        match (char, chars.as_str().starts_with('"')) {
            ('\\', true) => {}
            ('\\', false) => unescaped.extend([Some(char), chars.next()].into_iter().flatten()),
            (char, _) => unescaped.push(char),
        }
    }
    unescaped
}

/// Checks the labels that make a sample a bucket or a quantile, as Prometheus does, which rejects a whole page if one of these
/// labels is not a number (`expfmt/text_parse.go`, `startLabelValue`).
fn check_labels(kind: ExternalKind, suffix: &str, labels: &[(&str, &str)]) -> Result<(), &'static str> {
    let (label, is_needed, is_valid): (_, _, fn(f64) -> bool) = match kind {
        ExternalKind::Histogram if suffix.is_empty() => {
            return Err("a histogram has no sample of its own name");
        }
        ExternalKind::Histogram => ("le", suffix == "_bucket", |bound| !bound.is_nan()),
        ExternalKind::Summary => ("quantile", suffix.is_empty(), |quantile| (0.0..=1.0).contains(&quantile)),
        _ => return Ok(()),
    };
    match labels.iter().find(|(name, _)| *name == label) {
        None if is_needed => Err("a bucket without le, or a quantile without quantile"),
        Some((_, value)) if !parse_number(value).map(Number::as_f64).is_some_and(is_valid) => {
            Err("le is not a number, or quantile is not between 0 and 1")
        }
        _ => Ok(()),
    }
}

/// Maximum length of a line: more than a sample whose one label has the longest value that the exporter itself writes.
pub(super) const MAX_LINE: usize = 128 << 10;
/// Maximum number of characters of an invalid line that are kept for the log.
const MAX_QUOTE: usize = 80;
