//! The report as text, for one screen.

use super::report::{CollectorReport, Report, Verdict};
use crate::scrape::diagnosis::CollectorState;
use crate::support::terminal;
use std::fmt::Write as _;
use std::time::Duration;

/// Writes the report, optionally with colours.
pub(super) fn write(report: &Report, colours: bool) -> String {
    let paint = Paint { colours };
    let mut out = String::new();
    summary(report, &mut out);
    if report.kamailio.is_some() {
        collectors(report, paint, &mut out);
    }
    out.push('\n');
    for problem in &report.problems {
        let _ = writeln!(out, "{} {}", paint.word(RED, "error:"), clean(problem));
    }
    for warning in &report.warnings {
        let _ = writeln!(out, "{} {}", paint.word(YELLOW, "warning:"), clean(warning));
    }
    let _ = match report.verdict() {
        Verdict::Ok => writeln!(out, "{}", paint.word(GREEN, "No problems found.")),
        Verdict::Warnings => writeln!(out, "{}.", count(report.warnings.len() as u64, "warning")),
        Verdict::Failed => writeln!(out, "{}", paint.word(RED, "The exporter cannot scrape this Kamailio.")),
    };
    out
}

fn summary(report: &Report, out: &mut String) {
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "{name:<9} {}", clean(text));
    };
    line("Target", &report.target);
    if let Some(socket) = &report.socket {
        let can = if socket.allowed { "can" } else { "cannot" };
        line("Socket", &format!("{}; user {} {can} connect", socket.description, socket.user));
    }
    if let Some(server) = &report.kamailio {
        let uptime = server.uptime.map(|uptime| format!("up {}", humantime::format_duration(uptime)));
        let processes = server.processes.map(|processes| count(processes as u64, "process"));
        let parts: Vec<_> = [server.version.clone(), uptime, processes].into_iter().flatten().collect();
        line("Kamailio", &parts.join(", "));
        line(
            "Scrape",
            &format!(
                "{} series in {}, including the calls of a first scrape",
                report.series,
                duration(report.duration)
            ),
        );
    }
}

fn collectors(report: &Report, paint: Paint, out: &mut String) {
    let _ = writeln!(
        out,
        "\n{:<8}{:<28}{:>6}{:>12}{:>12}{:>16}",
        "STATE", "COLLECTOR", "CALLS", "TIME", "REPLY", "LARGEST STRUCT"
    );
    for (state, word, colour) in [(CollectorState::Ok, "ok", GREEN), (CollectorState::Failed, "failed", RED)]
    {
        for CollectorReport { name, calls, .. } in report.in_state(state) {
            let time: Duration = calls.iter().map(|call| call.duration).sum();
            let bytes: usize = calls.iter().map(|call| call.bytes).sum();
            let largest = calls.iter().map(|call| call.size.largest_struct).max().unwrap_or_default();
            let _ = writeln!(
                out,
                "{}{name:<28}{:>6}{:>12}{:>12}{:>16}",
                paint.word(colour, &format!("{word:<8}")),
                calls.len(),
                milliseconds(time),
                format!("{bytes} B"),
                format!("{largest} B"),
            );
        }
    }
    let absent = report
        .in_state(CollectorState::Absent)
        .map(|collector| format!("{} ({})", collector.name, collector.module));
    wrapped("absent", &absent.collect::<Vec<_>>(), out);
    let not_selected = report.in_state(CollectorState::NotSelected).count();
    if not_selected > 0 {
        let _ = writeln!(out, "{not_selected} more are not selected; --json lists them.");
    }
}

/// Writes a comma-separated list, wrapped at the width of the screen.
fn wrapped(word: &str, items: &[String], out: &mut String) {
    let mut column = WIDTH;
    for (index, item) in items.iter().enumerate() {
        let comma = if index + 1 < items.len() { "," } else { "" };
        if column + 1 + item.len() + comma.len() > WIDTH {
            let first = if index == 0 { word } else { "\n" };
            let indent = if index == 0 { 8 } else { 9 };
            let _ = write!(out, "{first:<indent$}");
            column = 7;
        } else {
            out.push(' ');
        }
        let _ = write!(out, "{item}{comma}");
        column += 1 + item.len() + comma.len();
    }
    if !items.is_empty() {
        out.push('\n');
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// A duration with one decimal, in the unit that shows it.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1000.0),
        seconds => format!("{seconds:.1} s"),
    }
}

/// A number and its noun: `1 process`, `2 processes`.
pub(super) fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ if noun.ends_with('s') => format!("{number} {noun}es"),
        _ => format!("{number} {noun}s"),
    }
}

/// Text of Kamailio on one line, without characters that control a terminal.
pub(super) fn clean(text: &str) -> String {
    String::from_utf8_lossy(&terminal::printable(text.as_bytes())).replace('\n', "\\n")
}

#[derive(Clone, Copy)]
struct Paint {
    colours: bool,
}

impl Paint {
    fn word(self, colour: &str, word: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() }
    }
}

/// Fits a terminal of 80 columns and a little more.
const WIDTH: usize = 82;
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
