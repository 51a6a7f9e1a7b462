//! The formats of an exposition, and which one a client accepts.

/// A format of an exposition.
///
/// The format includes the escaping scheme for names with characters other than `[a-zA-Z0-9_:]`, which the client requests and
/// the content type repeats; this crate writes no names that need escaping. The scheme `dots` would change names of letters,
/// digits and underscores too: each underscore would be doubled. Names here have the same form for every client, so a client
/// that asks for `dots` gets `underscores`, as the content type states.
///
/// ```
/// use prometheus_exposition::Format;
///
/// let format = Format::negotiate("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
/// assert_eq!(format, Format::OPENMETRICS);
/// assert!(Format::negotiate("text/html").content_type().starts_with("text/plain; version=0.0.4;"));
/// ```
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

impl Default for Format {
    fn default() -> Self {
        Self::TEXT
    }
}

impl Format {
    /// The text format 0.0.4, which every client accepts.
    pub const TEXT: Self = Self { syntax: Syntax::Text, escaping: "underscores" };

    /// OpenMetrics 1.0.0.
    pub const OPENMETRICS: Self = Self { syntax: Syntax::OpenMetrics("1.0.0"), escaping: "underscores" };

    /// Returns the format that an `Accept` header prefers: the first of those with the highest quality. If the header
    /// accepts none, it is the text format.
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
        best.map_or(Self::TEXT, |(_, format)| format)
    }

    /// Returns whether this is the text format and not OpenMetrics.
    pub fn is_text(self) -> bool {
        self.syntax == Syntax::Text
    }

    /// Returns the `Content-Type` header of a response.
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
}

/// Returns whether an `Accept-Encoding` header accepts gzip.
///
/// ```
/// use prometheus_exposition::accepts_gzip;
///
/// assert!(accepts_gzip("deflate, gzip;q=0.5"));
/// assert!(!accepts_gzip("gzip;q=0"));
/// ```
pub fn accepts_gzip(accept_encoding: &str) -> bool {
    accept_encoding.split(',').any(|coding| {
        let mut parameters = coding.split(';').map(str::trim);
        let name = parameters.next().unwrap_or_default();
        name.eq_ignore_ascii_case("gzip")
            && parameters.all(|p| quality(p).is_none_or(|quality| quality > 0.0))
    })
}

/// Parses a media range of an `Accept` header: its quality, and the format unless it is an unknown one.
fn parse_range(range: &str) -> (f32, Option<Format>) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (mut version, mut escaping, mut weight) = (None, Format::TEXT.escaping, 1.0);
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

/// Returns the value of a `q=` parameter.
fn quality(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    if name.trim().eq_ignore_ascii_case("q") { value.trim().parse().ok() } else { None }
}

/// The schemes that leave names of letters, digits and underscores as they are.
const ESCAPINGS: [&str; 3] = ["underscores", "allow-utf-8", "values"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_header_selects_the_format() {
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
            ("application/openmetrics-text;version=1.0.0;escaping=dots", openmetrics),
            (
                "application/openmetrics-text;version=1.0.0;escaping=values",
                &openmetrics.replace("underscores", "values"),
            ),
            ("application/openmetrics-text", &openmetrics.replace("1.0.0", "0.0.1")),
            ("application/openmetrics-text;version=9.0.0", text),
            ("text/plain;q=0.3,application/openmetrics-text;version=1.0.0;q=0.5", openmetrics),
            ("application/openmetrics-text;version=1.0.0;q=0.2, */*;q=0.8", text),
            ("application/openmetrics-text;version=1.0.0;q=0", text),
            ("text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.5", text),
            ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.5", openmetrics),
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
    fn the_text_format_is_the_default() {
        assert!(Format::default().is_text() && Format::TEXT.is_text() && !Format::OPENMETRICS.is_text());
        assert_eq!(Format::negotiate("text/plain"), Format::default());
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
}
