//! The text that Prometheus reads: which format a request asks for, and how samples are written in it.

use crate::collectors::catalogue::catalogue;
use crate::exposition::external::{ForeignFamily, ForeignSample};
use crate::exposition::labels::escape_label;
use crate::exposition::metric::Number;
use crate::exposition::samples::Samples;
use bytes::Bytes;
use flate2::{Compress, CompressError, Compression, FlushCompress, Status};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

/// A format, and how names outside the classic alphabet would be escaped (ours never are).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    syntax: Syntax,
    escaping: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    /// The text format 0.0.4.
    Text,
    /// OpenMetrics, with its version.
    OpenMetrics(&'static str),
}

impl Format {
    /// What is sent to who asks for nothing in particular.
    pub const DEFAULT: Self = Self { syntax: Syntax::Text, escaping: "underscores" };

    /// The newest OpenMetrics that we have.
    pub const OPENMETRICS: Self = Self { syntax: Syntax::OpenMetrics("1.0.0"), escaping: "underscores" };

    /// The best format for an `Accept` header: of the media types that we have the one with the highest quality, of
    /// several the first; the text format if there is none.
    pub fn negotiate(accept: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in accept.split(',') {
            let (quality, format) = parse_range(range);
            if let Some(format) = format
                && quality > best.map_or(0.0, |(quality, _)| quality)
            {
                best = Some((quality, format));
            }
        }
        best.map_or(Self::DEFAULT, |(_, format)| format)
    }

    /// The `Content-Type` header.
    pub fn content_type(self) -> String {
        match self.syntax {
            Syntax::Text => format!("text/plain; version=0.0.4; charset=utf-8; escaping={}", self.escaping),
            Syntax::OpenMetrics(version) => {
                format!(
                    "application/openmetrics-text; version={version}; charset=utf-8; escaping={}",
                    self.escaping
                )
            }
        }
    }

    /// Writes the samples of all `parts`, family by family.
    pub fn write(self, parts: &[&Samples]) -> Vec<u8> {
        // In one piece: a large page that grows is there twice while it moves.
        let len: usize = parts.iter().map(|samples| samples.written_len()).sum();
        let mut out = Vec::with_capacity(TYPICAL_LEN + len);
        let mut families: Vec<_> =
            parts.iter().flat_map(|part| part.families().map(move |id| (id, *part))).collect();
        families.sort_by_key(|(id, _)| *id);
        let mut last = None;
        for (id, samples) in families {
            let Some(announced) = catalogue().families().get(id) else { continue };
            if last.replace(id) != Some(id) {
                let head = if self.syntax == Syntax::Text { &announced.text } else { &announced.openmetrics };
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
        for family in parts.iter().flat_map(|samples| samples.foreign.families()) {
            let taken = |name: &str| parts.iter().any(|samples| samples.foreign.has(name));
            self.write_foreign(family, taken, &mut out);
        }
        if self.syntax != Syntax::Text {
            out.extend_from_slice(b"# EOF\n");
        }
        out
    }

    /// `taken` tells whether another family has a name.
    fn write_foreign(self, family: &ForeignFamily, taken: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        let (mut name, mut kind) = (family.name.as_str(), family.kind);
        if self.syntax != Syntax::Text {
            let counts = |sample: &ForeignSample| sample.value.counts();
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
            let help = if self.syntax == Syntax::Text { help } else { help.replace('"', "\\\"") };
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

/// The bodies of one scrape: each is written once, however many requests the scrape answers.
#[derive(Default)]
pub struct Bodies {
    /// By syntax, then plain and compressed.
    written: [[OnceLock<Body>; 2]; 2],
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its bytes.
    pub content: Bytes,
    /// Whether they are compressed.
    pub gzip: bool,
}

impl Body {
    /// A page as it is.
    pub fn plain(page: Vec<u8>) -> Self {
        Self { content: page.into(), gzip: false }
    }

    /// A page that is compressed.
    pub fn compressed(page: Vec<u8>) -> Self {
        match gzip(&page) {
            Ok(compressed) => Self { content: compressed.into(), gzip: true },
            Err(error) => {
                tracing::error!(%error, "cannot compress, sending as it is");
                Self::plain(page)
            }
        }
    }
}

impl Bodies {
    /// The body in a format, compressed or not; `write` writes what is not there yet.
    pub fn get(&self, format: Format, gzip: bool, write: impl FnOnce() -> Body) -> Body {
        let [text, openmetrics] = &self.written;
        let [plain, compressed] = if format.syntax == Syntax::Text { text } else { openmetrics };
        if gzip { compressed } else { plain }.get_or_init(write).clone()
    }
}

/// Whether an `Accept-Encoding` header allows gzip.
pub fn accepts_gzip(accept_encoding: &str) -> bool {
    accept_encoding.split(',').any(|coding| {
        let mut parameters = coding.split(';').map(str::trim);
        let name = parameters.next().unwrap_or_default();
        name.eq_ignore_ascii_case("gzip")
            && parameters.all(|p| quality(p).is_none_or(|quality| quality > 0.0))
    })
}

/// The same bytes, compressed. What that needs is 0.3 MiB, which is made once and kept.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>, CompressError> {
    static COMPRESSOR: LazyLock<Mutex<Compress>> =
        LazyLock::new(|| Mutex::new(Compress::new_gzip(Compression::fast(), WINDOW_BITS)));
    let mut compressor = COMPRESSOR.lock().unwrap_or_else(PoisonError::into_inner);
    compressor.reset();
    let mut out = Vec::with_capacity(bytes.len() / 4);
    loop {
        out.reserve(MIN_ROOM);
        let taken = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX);
        let rest = bytes.get(taken..).unwrap_or_default();
        if compressor.compress_vec(rest, &mut out, FlushCompress::Finish)? == Status::StreamEnd {
            return Ok(out);
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

/// A media range of an `Accept` header: its quality, and our format if it is one of ours.
fn parse_range(range: &str) -> (f32, Option<Format>) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (mut version, mut escaping, mut weight) = (None, Format::DEFAULT.escaping, 1.0);
    for parameter in parts {
        if let Some(quality) = quality(parameter) {
            weight = quality;
        } else if let Some((name, value)) = parameter.split_once('=') {
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => version = Some(value.trim()),
                "escaping" => {
                    let known = ESCAPINGS.iter().find(|known| **known == value.trim());
                    escaping = known.copied().unwrap_or(escaping);
                }
                _ => {}
            }
        }
    }
    let syntax = match (media_type.as_str(), version) {
        ("application/openmetrics-text", Some("1.0.0")) => Some(Syntax::OpenMetrics("1.0.0")),
        ("application/openmetrics-text", None | Some("0.0.1")) => Some(Syntax::OpenMetrics("0.0.1")),
        ("text/plain", None | Some("0.0.4" | "1.0.0")) | ("*/*" | "text/*", _) => Some(Syntax::Text),
        _ => None,
    };
    (weight, syntax.map(|syntax| Format { syntax, escaping }))
}

/// The value of a `q=` parameter.
fn quality(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    if name.trim().eq_ignore_ascii_case("q") { value.trim().parse().ok() } else { None }
}

/// Of the window that repetitions are looked for in: 32 KiB, the most that there is.
const WINDOW_BITS: u8 = 15;
/// Of the compressed bytes, before the compressor goes on: a header of gzip fits.
const MIN_ROOM: usize = 1024;
/// A little more than an exposition of the default collectors takes.
const TYPICAL_LEN: usize = 32 * 1024;
const ESCAPINGS: [&str; 4] = ["underscores", "allow-utf-8", "dots", "values"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_header_chooses_the_format() {
        let text = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
        let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";
        for (accept, content_type) in [
            ("", text),
            ("*/*", text),
            ("text/plain", text),
            ("text/html", text),
            ("application/json", text),
            ("text/plain;version=1.0.0", text),
            ("application/openmetrics-text;version=1.0.0", openmetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", openmetrics),
            ("application/openmetrics-text;version=1.0.0;escaping=bogus", openmetrics),
            ("application/openmetrics-text", &openmetrics.replace("1.0.0", "0.0.1")),
            ("application/openmetrics-text;version=9.0.0", text),
            ("text/plain;q=0.3,application/openmetrics-text;version=1.0.0;q=0.5", openmetrics),
            ("application/openmetrics-text;version=1.0.0;q=0.2, */*;q=0.8", text),
            ("application/openmetrics-text;version=1.0.0;q=0", text),
            // Prometheus 2.42
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                openmetrics,
            ),
            // Prometheus 3
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                &openmetrics.replace("underscores", "allow-utf-8"),
            ),
        ] {
            assert_eq!(Format::negotiate(accept).content_type(), content_type, "{accept}");
        }
    }

    #[test]
    fn a_counter_of_others_keeps_its_name_if_its_family_would_have_that_of_another() {
        let mut samples = Samples::new(9);
        for (name, kind) in [("x_total", "counter"), ("x", "gauge"), ("y_total", "counter")] {
            let sample = ForeignSample { suffix: "", labels: Vec::new(), value: Number::Unsigned(1) };
            samples.foreign.push(name, kind, "", sample);
        }
        let page = Format::negotiate("application/openmetrics-text").write(&[&samples]);
        assert_eq!(
            String::from_utf8(page).unwrap(),
            "# TYPE x_total unknown\nx_total 1\n# TYPE x gauge\nx 1\n# TYPE y counter\ny_total 1\n# EOF\n"
        );
    }

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        for (header, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip, deflate", true),
            ("", false),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("*", false),
            ("zstd, br", false),
        ] {
            assert_eq!(accepts_gzip(header), expected, "{header:?}");
        }
    }

    #[test]
    fn what_is_compressed_can_be_read_again_and_again() {
        use std::io::Read as _;
        let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for page in [&b""[..], b"up 1\n", &b"kamailio_up 1\n".repeat(50_000), &noise, b"up 1\n"] {
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(&gzip(page).unwrap()[..]).read_to_end(&mut read).unwrap();
            assert!(read == page, "{} bytes", page.len());
        }
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
