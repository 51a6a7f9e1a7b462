//! The report for people, on one screen.

use super::report::{Examined, Report, Verdict};
use crate::scrape::diagnosis::State;
use crate::support::terminal;
use std::fmt::Write as _;
use std::time::Duration;

/// Writes the report, with colours or without.
pub(super) fn write(report: &Report, colours: bool) -> String {
    let paint = Paint { colours };
    let mut out = String::new();
    head(report, &mut out);
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
    let _ = match (report.verdict(), report.warnings.len()) {
        (Verdict::Ok, _) => writeln!(out, "{}", paint.word(GREEN, "All is well.")),
        (Verdict::Warnings, 1) => writeln!(out, "There is a warning."),
        (Verdict::Warnings, count) => writeln!(out, "There are {count} warnings."),
        (Verdict::Failed, _) => {
            writeln!(out, "{}", paint.word(RED, "The exporter cannot scrape this Kamailio."))
        }
    };
    out
}

fn head(report: &Report, out: &mut String) {
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "{name:<9} {}", clean(text));
    };
    line("Target", &report.target);
    if let Some(socket) = &report.socket {
        let may = if socket.allowed { "may" } else { "may not" };
        line("Socket", &format!("{}; {} {may} use it", socket.description, socket.user));
    }
    if let Some(server) = &report.kamailio {
        let uptime = server.uptime.map(|uptime| format!("up {}", humantime::format_duration(uptime)));
        let processes = server.processes.map(|count| format!("{count} processes"));
        let parts: Vec<_> = [server.version.clone(), uptime, processes].into_iter().flatten().collect();
        line("Kamailio", &parts.join(", "));
        line(
            "Scrape",
            &format!(
                "{} series in {}, with what is asked only at the start",
                report.series,
                milliseconds(report.duration)
            ),
        );
    }
}

fn collectors(report: &Report, paint: Paint, out: &mut String) {
    let _ = writeln!(
        out,
        "\n{:<8}{:<28}{:>6}{:>12}{:>12}{:>16}",
        "STATE", "COLLECTOR", "CALLS", "TIME", "REPLY", "FULLEST STRUCT"
    );
    for (state, word, colour) in [(State::Ok, "ok", GREEN), (State::Failed, "failed", RED)] {
        for Examined { name, calls, .. } in report.in_state(state) {
            let time: Duration = calls.iter().map(|call| call.duration).sum();
            let bytes: usize = calls.iter().map(|call| call.bytes).sum();
            let fullest = calls.iter().map(|call| call.room.fullest_struct).max().unwrap_or_default();
            let _ = writeln!(
                out,
                "{}{name:<28}{:>6}{:>12}{:>12}{:>16}",
                paint.word(colour, &format!("{word:<8}")),
                calls.len(),
                milliseconds(time),
                format!("{bytes} B"),
                format!("{fullest} B"),
            );
        }
    }
    let absent =
        report.in_state(State::Absent).map(|collector| format!("{} ({})", collector.name, collector.module));
    wrapped("absent", &absent.collect::<Vec<_>>(), out);
    let not_selected = report.in_state(State::NotSelected).count();
    if not_selected > 0 {
        let _ = writeln!(out, "{not_selected} more are not selected; --json names them.");
    }
}

/// A list with commas, on as many lines as it needs.
fn wrapped(word: &str, items: &[String], out: &mut String) {
    let mut column = WIDTH;
    for (place, item) in items.iter().enumerate() {
        let comma = if place + 1 < items.len() { "," } else { "" };
        if column + 1 + item.len() + comma.len() > WIDTH {
            let first = if place == 0 { word } else { "\n" };
            let indent = if place == 0 { 8 } else { 9 };
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

/// Kamailio's texts on a line of ours.
fn clean(text: &str) -> String {
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

/// Of a screen that is not wide.
const WIDTH: usize = 82;
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
