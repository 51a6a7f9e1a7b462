//! Writes samples in each format.

use crate::external::{ExternalFamily, ExternalKind};
use crate::families::Families;
use crate::format::Format;
use crate::metric::{FamilyId, Number};
use crate::number;
use crate::samples::{ExternalList, Samples};

/// Writes an exposition in pieces, so that a program with one thread can do something else between them.
///
/// ```
/// use prometheus_exposition::{Families, Format, Samples, Writer};
///
/// let (families, samples) = (Families::default(), Samples::new(10));
/// let parts = [&samples];
/// let mut writer = Writer::new(Format::OPENMETRICS, &families, &parts);
/// let mut out = Vec::with_capacity(writer.written_len());
/// while writer.write_next(&mut out) {}
/// assert_eq!(out, b"# EOF\n");
/// ```
#[derive(Debug)]
pub struct Writer<'w> {
    format: Format,
    families: &'w Families,
    parts: &'w [&'w Samples],
    /// Each family of a part with that part, in the order in which they are written.
    own: Vec<(FamilyId, &'w Samples)>,
    external: Vec<ExternalList<'w>>,
    created: Option<Created<'w>>,
    next: Next,
}

/// The creation time of counters. OpenMetrics writes the time as an additional sample for each sample of a counter,
/// `NAME_created`, which Prometheus reads with its feature `created-timestamp-zero-ingestion`.
///
/// ```
/// use prometheus_exposition::{Created, Families, Family, Format, Kind, Labels, Number, Samples, Writer};
///
/// const CALLS: Family = Family { name: "calls", kind: Kind::Counter, help: "Calls." };
/// let (mut families, mut samples) = (Families::default(), Samples::new(10));
/// let calls = families.add(&CALLS);
/// samples.push(calls, Labels::NONE, Number::Unsigned(3));
/// let (parts, counters) = ([&samples], [calls]);
/// let created = Created { seconds: 1_700_000_000, families: &counters };
/// let mut writer = Writer::new(Format::OPENMETRICS, &families, &parts).with_created(Some(created));
/// let mut out = Vec::new();
/// while writer.write_next(&mut out) {}
/// assert!(String::from_utf8(out)?.ends_with("calls_total 3\ncalls_created 1700000000\n# EOF\n"));
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Created<'w> {
    /// The Unix time in seconds.
    pub seconds: i64,
    /// The counters that count since then, sorted.
    pub families: &'w [FamilyId],
}

/// The family or sample that the next piece begins with.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The index in the list of families, and the family's sample unless the family is still to be announced.
    Own(usize, Option<usize>),
    /// The list of external families, the family in the list, and its sample unless the family is still to be announced.
    External(usize, usize, Option<u32>),
    End,
}

impl<'w> Writer<'w> {
    /// Number of bytes of a piece, besides its last line. Writing a piece takes 0.2 ms in a release build.
    pub const PIECE: usize = 256 << 10;

    /// Returns a writer of the samples of all `parts`, family by family.
    pub fn new(format: Format, families: &'w Families, parts: &'w [&'w Samples]) -> Self {
        let mut own: Vec<_> =
            parts.iter().flat_map(|part| part.families().map(move |id| (id, *part))).collect();
        own.sort_by_key(|(id, _)| *id);
        let external = parts.iter().flat_map(|samples| samples.external_lists());
        let external = external.filter(|list| !list.families.is_empty()).collect();
        Self { format, families, parts, own, external, created: None, next: Next::Own(0, None) }
    }

    /// Adds the time since which counters count, if the format is OpenMetrics.
    pub fn with_created(self, created: Option<Created<'w>>) -> Self {
        let created = created.filter(|_| !self.format.is_text());
        Self { created, ..self }
    }

    /// Returns about how many bytes the exposition has.
    pub fn written_len(&self) -> usize {
        let own: usize = self.parts.iter().map(|samples| samples.written_len()).sum();
        let external: usize = self.external.iter().map(|list| list.families.written_len()).sum();
        TYPICAL_LEN + own + external
    }

    /// Appends the next piece, of whole lines and about [`PIECE`](Self::PIECE) bytes, and returns whether there are more.
    pub fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        let end = out.len() + Self::PIECE;
        while !matches!(self.next, Next::End) {
            if out.len() >= end {
                return true;
            }
            self.next = match self.next {
                Next::Own(family, sample) => self.write_own(family, sample, end, out),
                Next::External(list, family, sample) => self.write_external(list, family, sample, end, out),
                Next::End => Next::End,
            };
        }
        if !self.format.is_text() {
            out.extend_from_slice(b"# EOF\n");
        }
        false
    }

    /// Writes the samples of a family up to `end`, and returns what follows.
    fn write_own(&self, index: usize, sample: Option<usize>, end: usize, out: &mut Vec<u8>) -> Next {
        let Some((id, samples)) = self.own.get(index).copied() else { return Next::External(0, 0, None) };
        let Some(announced) = self.families.get(id) else { return Next::Own(index + 1, None) };
        let created = self.created.filter(|created| created.families.binary_search(&id).is_ok());
        let name = announced.sample_name();
        let mut next = sample.or_else(|| {
            let before = index.checked_sub(1).and_then(|before| self.own.get(before));
            if before.is_none_or(|(before, _)| *before != id) {
                let lines = if self.format.is_text() { announced.text() } else { announced.openmetrics() };
                out.extend_from_slice(lines.as_bytes());
            }
            samples.first(id)
        });
        while let Some((labels, value, following)) = next.and_then(|sample| samples.sample(sample)) {
            if out.len() >= end {
                return Next::Own(index, next);
            }
            write_sample(&[name], labels, value, out);
            if let Some(created) = created {
                let name = [announced.family().name, "_created"];
                write_sample(&name, labels, Number::Signed(created.seconds), out);
            }
            next = following;
        }
        Next::Own(index + 1, None)
    }

    /// Writes the samples of a family of an external list up to `end`, and returns what follows.
    fn write_external(
        &self,
        list: usize,
        family: usize,
        sample: Option<u32>,
        end: usize,
        out: &mut Vec<u8>,
    ) -> Next {
        let Some(part) = self.external.get(list) else { return Next::End };
        let Some(found) = part.families.get(family) else { return Next::External(list + 1, 0, None) };
        let following_family = Next::External(list, family + 1, None);
        if found.is_empty() || part.left_out.binary_search(&family).is_ok() {
            return following_family;
        }
        let mut next = sample.or_else(|| {
            self.announce_external(found, out);
            found.first()
        });
        while let Some((line, following)) = next.and_then(|sample| found.line(sample)) {
            if out.len() >= end {
                return Next::External(list, family, next);
            }
            out.extend_from_slice(found.name().as_bytes());
            out.extend_from_slice(line.as_bytes());
            next = following;
        }
        following_family
    }

    fn announce_external(&self, family: ExternalFamily<'_>, out: &mut Vec<u8>) {
        let (mut name, mut kind) = (family.name(), family.kind().as_str());
        if !self.format.is_text() {
            let is_counter = family.kind() == ExternalKind::Counter && family.has_counter_values();
            match name.strip_suffix("_total") {
                // The family has the name of its samples in the text format, and that without the suffix here.
                Some(base) if is_counter && !self.external.iter().any(|list| list.families.has(base)) => {
                    name = base
                }
                _ if matches!(
                    family.kind(),
                    ExternalKind::Counter | ExternalKind::Untyped | ExternalKind::Unspecified
                ) =>
                {
                    kind = "unknown";
                }
                _ => {}
            }
        }
        let mut line = |keyword: &str, text: &str| {
            if !text.is_empty() {
                for part in ["# ", keyword, " ", name, " ", text, "\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
        };
        if self.format.is_text() {
            line("HELP", family.help());
        } else {
            line("HELP", &family.help().replace('"', "\\\""));
        }
        line("TYPE", kind);
    }
}

impl Format {
    /// Writes the samples of all `parts`, family by family.
    pub fn write(self, families: &Families, parts: &[&Samples]) -> Vec<u8> {
        let mut writer = Writer::new(self, families, parts);
        // In one allocation: a large exposition that grows is in memory twice while it moves.
        let mut out = Vec::with_capacity(writer.written_len());
        while writer.write_next(&mut out) {}
        out
    }
}

/// A little more than the exposition of a typical scrape has besides its samples.
const TYPICAL_LEN: usize = 32 * 1024;

/// Writes a line. The name is in parts.
fn write_sample(name: &[&str], labels: &[u8], value: Number, out: &mut Vec<u8>) {
    name.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.extend_from_slice(labels);
    out.push(b' ');
    number::with_text(value, |text| out.extend_from_slice(text.as_bytes()));
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, Kind, Labels, PageParser};
    use std::sync::Arc;

    #[test]
    fn a_large_page_is_written_in_pieces() {
        const OWN: Family = Family { name: "own", kind: Kind::Gauge, help: "Own." };
        let mut families = Families::default();
        let own = families.add(&OWN);
        let mut parser = PageParser::new(100_000, &families);
        // One family of many samples, and many families of one.
        for number in 0..15_000 {
            parser.parse(format!("one_family{{label=\"{number}\"}} 1\nfamily_{number}_total 1\n").as_bytes());
        }
        let (mut samples, mut more) = (Samples::new(15_000), Samples::new(10));
        samples.join_page(Arc::new(parser.finish()));
        for (value, part) in [&mut samples, &mut more].into_iter().enumerate() {
            let labels = part.labels([("part", value.to_string())]);
            part.push(own, labels, (value as u64).into());
        }
        for number in 2..15_000_u64 {
            let labels = samples.labels([("part", number.to_string())]);
            samples.push(own, labels, number.into());
        }
        let parts = [&samples, &more];
        for format in [Format::TEXT, Format::OPENMETRICS] {
            let whole = format.write(&families, &parts);
            let mut writer = Writer::new(format, &families, &parts);
            let announced = writer.written_len();
            let external: usize = writer.external.iter().map(|list| list.families.written_len()).sum();
            assert_eq!(announced, TYPICAL_LEN + samples.written_len() + more.written_len() + external);
            let (mut out, mut pieces, mut has_more) = (Vec::new(), 0, true);
            while has_more {
                let before = out.len();
                has_more = writer.write_next(&mut out);
                pieces += 1;
                assert!(out.len() - before < Writer::PIECE + 200, "{} bytes", out.len() - before);
                assert!(!has_more || out.len() - before >= Writer::PIECE, "{} bytes", out.len() - before);
            }
            assert!(out == whole);
            assert_eq!(pieces, whole.len() / Writer::PIECE + 1);
            assert!((whole.len()..3 * whole.len()).contains(&announced), "{announced}");
            let text = String::from_utf8(whole).unwrap();
            let own: String =
                (2..15_000).map(|number| format!("own{{part=\"{number}\"}} {number}\n")).collect();
            let own =
                format!("# HELP own Own.\n# TYPE own gauge\nown{{part=\"0\"}} 0\n{own}own{{part=\"1\"}} 1\n");
            assert!(own.len() > Writer::PIECE && text.starts_with(&own));
            let samples = text.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(samples, 45_000);
            let ends = text.ends_with("\n# EOF\n");
            assert_eq!(ends, !format.is_text());
        }
    }

    #[test]
    fn openmetrics_has_the_time_since_which_counters_count() {
        const CALLS: Family = Family { name: "calls", kind: Kind::Counter, help: "Calls." };
        const OTHER: Family = Family { name: "other", kind: Kind::Counter, help: "Others." };
        let mut families = Families::default();
        let [calls, other] = [&CALLS, &OTHER].map(|family| families.add(family));
        let mut samples = Samples::new(10);
        for family in [calls, other] {
            samples.push(family, Labels::NONE, 3_u64.into());
        }
        let parts = [&samples];
        let created = Created { seconds: 1_700_000_000, families: &[calls] };
        let write = |format, created| {
            let mut writer = Writer::new(format, &families, &parts).with_created(created);
            let mut out = Vec::new();
            while writer.write_next(&mut out) {}
            String::from_utf8(out).unwrap()
        };
        let with = write(Format::OPENMETRICS, Some(created));
        assert!(with.contains("calls_total 3\ncalls_created 1700000000\n"), "{with}");
        assert_eq!(with.matches("_created").count(), 1, "{with}");
        assert!(!write(Format::OPENMETRICS, None).contains("_created"));
        assert_eq!(write(Format::TEXT, Some(created)), write(Format::TEXT, None));
    }

    #[test]
    fn samples_of_a_family_that_is_not_in_the_list_are_left_out() {
        const KNOWN: Family = Family { name: "known", kind: Kind::Gauge, help: "Known." };
        let (mut families, mut samples) = (Families::default(), Samples::new(10));
        let known = families.add(&KNOWN);
        for family in [known + 2, known, known + 1] {
            samples.push(family, Labels::NONE, 3_u64.into());
        }
        let text = Format::TEXT.write(&families, &[&samples]);
        assert_eq!(text, b"# HELP known Known.\n# TYPE known gauge\nknown 3\n");
    }

    /// An exposition that grows is in memory twice while it moves.
    #[test]
    fn a_typical_exposition_is_not_longer_than_announced() {
        const HELP: &str = "The number of something, in a sentence as long as that of a typical family.";
        let mut families = Families::default();
        let mut samples = Samples::new(1000);
        for number in 0..150 {
            let name = format!("kamailio_module_something_{number}_total").leak();
            let family = families.add(Box::leak(Box::new(Family { name, kind: Kind::Counter, help: HELP })));
            samples.push(family, Labels::NONE, 3_u64.into());
        }
        let parts = [&samples];
        for format in [Format::TEXT, Format::OPENMETRICS] {
            let (written, announced) =
                (format.write(&families, &parts).len(), Writer::new(format, &families, &parts).written_len());
            assert!(written <= announced, "{written} bytes, {announced} announced");
        }
    }
}
