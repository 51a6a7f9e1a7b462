//! How samples are written in each format.

use crate::external::{ExternalFamily, ExternalSample};
use crate::families::Families;
use crate::format::Format;
use crate::labels::escape_label;
use crate::metric::Number;
use crate::samples::Samples;

impl Format {
    /// Writes the samples of all `parts`, family by family.
    pub fn write(self, families: &Families, parts: &[&Samples]) -> Vec<u8> {
        // In one piece: a large page that grows is there twice while it moves.
        let len: usize = parts.iter().map(|samples| samples.written_len()).sum();
        let mut out = Vec::with_capacity(TYPICAL_LEN + len);
        let mut present: Vec<_> =
            parts.iter().flat_map(|part| part.families().map(move |id| (id, *part))).collect();
        present.sort_by_key(|(id, _)| *id);
        let mut last = None;
        for (id, samples) in present {
            let Some(announced) = families.get(id) else { continue };
            if last.replace(id) != Some(id) {
                let head = if self.is_text() { &announced.text } else { &announced.openmetrics };
                out.extend_from_slice(head.as_bytes());
            }
            for (labels, value) in samples.family(id) {
                out.extend_from_slice(announced.sample_name.as_bytes());
                out.extend_from_slice(labels);
                out.push(b' ');
                write_number(value, &mut out);
                out.push(b'\n');
            }
        }
        for family in parts.iter().flat_map(|samples| samples.external.families()) {
            let taken = |name: &str| parts.iter().any(|samples| samples.external.has(name));
            self.write_external(family, taken, &mut out);
        }
        if !self.is_text() {
            out.extend_from_slice(b"# EOF\n");
        }
        out
    }

    /// `taken` tells whether another family has a name.
    fn write_external(self, family: &ExternalFamily, taken: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        let (mut name, mut kind) = (family.name.as_str(), family.kind);
        if !self.is_text() {
            let counts = |sample: &ExternalSample| sample.value.counts();
            match name.strip_suffix("_total") {
                Some(base) if kind == "counter" && !taken(base) && family.samples.iter().all(counts) => {
                    name = base;
                }
                _ if matches!(kind, "counter" | "untyped" | "") => kind = "unknown",
                _ => {}
            }
        }
        if !family.help.is_empty() {
            let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
            let help = if self.is_text() { help } else { help.replace('"', "\\\"") };
            out.extend_from_slice(format!("# HELP {name} {help}\n").as_bytes());
        }
        if !kind.is_empty() {
            out.extend_from_slice(format!("# TYPE {name} {kind}\n").as_bytes());
        }
        for sample in &family.samples {
            out.extend_from_slice(family.name.as_bytes());
            out.extend_from_slice(sample.suffix.as_bytes());
            for (place, (name, value)) in sample.labels.iter().enumerate() {
                out.push(if place == 0 { b'{' } else { b',' });
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"=\"");
                escape_label(value.as_bytes(), out);
                out.push(b'"');
            }
            out.extend_from_slice(if sample.labels.is_empty() { b" " } else { b"} " });
            write_number(sample.value, out);
            out.push(b'\n');
        }
    }
}

fn write_number(number: Number, out: &mut Vec<u8>) {
    match number {
        Number::Unsigned(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Number::Signed(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Number::Float(number) => write_float(number, out),
    }
}

/// The shortest digits that read back as the same number; the formats' own words for what is not finite.
fn write_float(number: f64, out: &mut Vec<u8>) {
    let text = if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        number.to_string()
    };
    out.extend_from_slice(text.as_bytes());
}

/// A little more than an exposition of the default collectors takes.
const TYPICAL_LEN: usize = 32 * 1024;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_of_others_keeps_its_name_if_its_family_would_have_that_of_another() {
        let mut samples = Samples::new(9);
        for (name, kind) in [("x_total", "counter"), ("x", "gauge"), ("y_total", "counter")] {
            let sample = ExternalSample { suffix: "", labels: Vec::new(), value: Number::Unsigned(1) };
            samples.external.push(name, kind, "", sample);
        }
        let page = Format::negotiate("application/openmetrics-text").write(&Families::default(), &[&samples]);
        assert_eq!(
            String::from_utf8(page).unwrap(),
            "# TYPE x_total unknown\nx_total 1\n# TYPE x gauge\nx 1\n# TYPE y counter\ny_total 1\n# EOF\n"
        );
    }

    #[test]
    fn floats_have_the_shortest_digits() {
        for (number, text) in [
            (0.1, "0.1"),
            (-5.5, "-5.5"),
            (1e21, "1000000000000000000000"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = Vec::new();
            write_float(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
