//! The log, in the format of Prometheus' own programs: `time=… level=… source=… msg=…` and attributes, or JSON.

use super::printable::is_printable;
use exporter_toolkit::LogLimit;
use std::fmt::{self, Write as _};
use std::io::{self, Stderr};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::writer::OptionalWriter;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `key=value`, quoted where needed.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// Starts logging to standard error.
pub(crate) fn start(level: Level, format: Format) {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(level))
        .with_writer(LimitedStderr(LogLimit::new(OWN)))
        // The subscriber would report its errors on standard error too, and panic if that fails.
        .log_internal_errors(false)
        .event_format(format)
        .init();
}

/// Standard error, with a limit on the lines of other crates.
struct LimitedStderr(LogLimit);

impl<'w> MakeWriter<'w> for LimitedStderr {
    type Writer = OptionalWriter<Stderr>;

    fn make_writer(&'w self) -> Self::Writer {
        OptionalWriter::some(io::stderr())
    }

    fn make_writer_for(&'w self, event: &Metadata<'_>) -> Self::Writer {
        if self.0.admits(event) { self.make_writer() } else { OptionalWriter::none() }
    }
}

/// The crates whose lines are limited where they are written.
const OWN: &[&str] = &["kamailio_exporter", "kamailio_binrpc", "prometheus_exposition"];

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let file = metadata.file().unwrap_or_default();
        let source = format!("{}:{}", short_path(file), metadata.line().unwrap_or(0));
        let mut attributes = Attributes::default();
        event.record(&mut attributes);
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let level = metadata.level().as_str();
        let head =
            [("time", time.as_str()), ("level", level), ("source", &source), ("msg", &attributes.message)];
        let rest = attributes.rest.iter().map(|(name, value)| (*name, value.as_str()));
        self.write_line(head.into_iter().chain(rest), &mut writer)
    }
}

impl Format {
    fn write_line<'a>(
        self,
        attributes: impl Iterator<Item = (&'a str, &'a str)>,
        writer: &mut impl fmt::Write,
    ) -> fmt::Result {
        for (index, (name, value)) in attributes.enumerate() {
            let (separator, equals) = match self {
                Self::Logfmt => (if index == 0 { "" } else { " " }, "="),
                Self::Json => (if index == 0 { "{\"" } else { ",\"" }, "\":"),
            };
            write!(writer, "{separator}{name}{equals}")?;
            match self {
                Self::Logfmt if !needs_quotes(value) => writer.write_str(value)?,
                Self::Logfmt => write_quoted(value, writer)?,
                Self::Json => write_json(value, writer)?,
            }
        }
        writer.write_str(if self == Self::Json { "}\n" } else { "\n" })
    }
}

#[derive(Default)]
struct Attributes {
    message: String,
    rest: Vec<(&'static str, String)>,
}

impl Visit for Attributes {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.rest.push((field.name(), format!("{value:?}")));
        }
    }
}

fn needs_quotes(value: &str) -> bool {
    value.is_empty()
        || value.chars().any(|c| c == ' ' || c == '=' || c == '"' || c == '\\' || !is_printable(c))
}

/// Writes a value in quotes, with the characters escaped that are not printable.
fn write_quoted(value: &str, writer: &mut impl fmt::Write) -> fmt::Result {
    writer.write_char('"')?;
    for c in value.chars() {
        match c {
            '"' | '\\' => write!(writer, "\\{c}")?,
            '\n' => writer.write_str("\\n")?,
            '\r' => writer.write_str("\\r")?,
            '\t' => writer.write_str("\\t")?,
            c if is_printable(c) => writer.write_char(c)?,
            c => write_escape(c, writer)?,
        }
    }
    writer.write_char('"')
}

/// Writes a JSON string. JSON itself allows characters that are not printable.
fn write_json(value: &str, writer: &mut impl fmt::Write) -> fmt::Result {
    for c in serde_json::Value::from(value).to_string().chars() {
        if is_printable(c) { writer.write_char(c)? } else { write_escape(c, writer)? }
    }
    Ok(())
}

/// Writes a character as JSON and Go escape it: `\u` and four hexadecimal digits for each unit of its UTF-16.
fn write_escape(c: char, writer: &mut impl fmt::Write) -> fmt::Result {
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))
}

/// Shortens the path of a source file to its directory, unless that is the root of the crate, and its name. The rest would
/// reveal where the program was built.
fn short_path(path: &str) -> &str {
    let start = path.rmatch_indices('/').nth(1).map_or(0, |(slash, _)| slash + 1);
    let end = path.get(start..).unwrap_or(path);
    end.strip_prefix("src/").unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: [(&str, &str); 4] =
        [("level", "INFO"), ("msg", "two words"), ("empty", ""), ("odd", "a=\"b\"\\\n\u{1b}[0m")];

    #[test]
    fn logfmt_quotes_values_only_where_needed() {
        let mut line = String::new();
        Format::Logfmt.write_line(ATTRIBUTES.into_iter(), &mut line).unwrap();
        assert_eq!(line, "level=INFO msg=\"two words\" empty=\"\" odd=\"a=\\\"b\\\"\\\\\\n\\u001b[0m\"\n");
    }

    #[test]
    fn source_files_are_logged_without_the_path_of_the_build() {
        for (path, short) in [
            ("crates/exporter/src/site/mod.rs", "site/mod.rs"),
            ("crates/exporter-toolkit/src/server.rs", "server.rs"),
            ("/home/builder/.cargo/registry/src/index-1/h2-0.4.0/src/proto/streams.rs", "proto/streams.rs"),
            ("main.rs", "main.rs"),
            ("", ""),
        ] {
            assert_eq!(short_path(path), short);
        }
    }

    #[test]
    fn characters_that_are_not_printable_are_escaped() {
        let value = "a\u{202e}b\u{2028}\u{200b}\u{e0041}\u{85}";
        for (format, line) in [
            (Format::Logfmt, "a=\"a\\u202eb\\u2028\\u200b\\udb40\\udc41\\u0085\"\n"),
            (Format::Json, "{\"a\":\"a\\u202eb\\u2028\\u200b\\udb40\\udc41\\u0085\"}\n"),
        ] {
            let mut written = String::new();
            format.write_line([("a", value)].into_iter(), &mut written).unwrap();
            assert_eq!(written, line);
            if format == Format::Json {
                let object: serde_json::Value = serde_json::from_str(&written).unwrap();
                assert_eq!(object["a"], value);
            }
        }
    }

    #[test]
    fn json_lines_are_json() {
        let mut line = String::new();
        Format::Json.write_line(ATTRIBUTES.into_iter(), &mut line).unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        for (name, value) in ATTRIBUTES {
            assert_eq!(object[name], value);
        }
    }
}
