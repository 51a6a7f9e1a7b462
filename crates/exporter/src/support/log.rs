//! The log, in the form that Prometheus' programs have: `time=… level=… source=… msg=…` and attributes, or JSON.

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

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `key=value`, quoted where needed.
    Logfmt,
    /// An object.
    Json,
}

/// Sends the log to standard error from now on.
pub(crate) fn start(level: Level, format: Format) {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(level))
        .with_writer(LimitedStderr(LogLimit::new(OWN)))
        // It would be told on standard error as well, and whoever cannot write there panics.
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
        for (place, (name, value)) in attributes.enumerate() {
            let (separator, equals) = match self {
                Self::Logfmt => (if place == 0 { "" } else { " " }, "="),
                Self::Json => (if place == 0 { "{\"" } else { ",\"" }, "\":"),
            };
            write!(writer, "{separator}{name}{equals}")?;
            match self {
                Self::Logfmt if !needs_quotes(value) => writer.write_str(value)?,
                Self::Logfmt => write_quoted(value, writer)?,
                Self::Json => writer.write_str(&serde_json::Value::from(value).to_string())?,
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

/// In quotes, with what would break the line or the terminal escaped.
fn write_quoted(value: &str, writer: &mut impl fmt::Write) -> fmt::Result {
    writer.write_char('"')?;
    for c in value.chars() {
        match c {
            '"' | '\\' => write!(writer, "\\{c}")?,
            '\n' => writer.write_str("\\n")?,
            '\r' => writer.write_str("\\r")?,
            '\t' => writer.write_str("\\t")?,
            c if is_printable(c) => writer.write_char(c)?,
            c => write!(writer, "\\u{:04x}", c as u32)?,
        }
    }
    writer.write_char('"')
}

fn is_printable(c: char) -> bool {
    !c.is_control()
}

/// The end of a source file's path: its directory, unless that is the root of the crate, and its name. The rest says where
/// the program was built, which is nobody's business.
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
    fn logfmt_quotes_only_what_needs_it() {
        let mut line = String::new();
        Format::Logfmt.write_line(ATTRIBUTES.into_iter(), &mut line).unwrap();
        assert_eq!(line, "level=INFO msg=\"two words\" empty=\"\" odd=\"a=\\\"b\\\"\\\\\\n\\u001b[0m\"\n");
    }

    #[test]
    fn a_source_is_named_without_the_path_of_the_build() {
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
    fn json_lines_are_json() {
        let mut line = String::new();
        Format::Json.write_line(ATTRIBUTES.into_iter(), &mut line).unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        for (name, value) in ATTRIBUTES {
            assert_eq!(object[name], value);
        }
    }
}
