//! The report as the output of a Nagios or Icinga plugin: a status line with performance data, then the details
//! (<https://nagios-plugins.org/doc/guidelines.html>).

use super::report::{Report, Verdict};
use super::text::{clean, count, duration};
use crate::scrape::diagnosis::CollectorState;
use std::fmt::Write as _;
use std::time::Duration;

/// Writes the report. The thresholds of the scrape's duration are half of the timeout and the timeout.
pub(super) fn write(report: &Report, timeout: Duration) -> String {
    let (status, summary) = match report.verdict() {
        Verdict::Ok => ("OK", scraped(report)),
        Verdict::Warnings => {
            ("WARNING", format!("{}, {}", count(report.warnings.len() as u64, "warning"), scraped(report)))
        }
        Verdict::Failed => ("CRITICAL", report.problems.first().cloned().unwrap_or_default()),
    };
    let mut out = format!("KAMAILIO {status} - {} | ", field(&summary));
    performance_data(report, timeout, &mut out);
    out.push('\n');
    for message in report.problems.iter().chain(&report.warnings) {
        let _ = writeln!(out, "{}", field(message));
    }
    out
}

/// Writes why the check itself failed.
pub(super) fn unknown(message: &str) -> String {
    format!("KAMAILIO UNKNOWN - {}\n", field(message))
}

fn scraped(report: &Report) -> String {
    let version = report.kamailio.as_ref().and_then(|server| server.version.as_deref()).unwrap_or("Kamailio");
    format!("{version}, {} series in {}", report.series, duration(report.duration))
}

/// `'label'=value[unit];[warning];[critical];[minimum];[maximum]`. The warning range `0` includes 0 only.
fn performance_data(report: &Report, timeout: Duration, out: &mut String) {
    let failed = report.in_state(CollectorState::Failed).count();
    let timeout = timeout.as_secs_f64();
    let _ = write!(
        out,
        "time={:.6}s;{};{timeout};0 series={};;;0 failed_collectors={failed};0;;0",
        report.duration.as_secs_f64(),
        timeout / 2.0,
        report.series,
    );
    let Some(server) = &report.kamailio else { return };
    if let Some(processes) = server.processes {
        let _ = write!(out, " processes={processes};;;0");
    }
    if let Some(uptime) = server.uptime {
        let _ = write!(out, " uptime={}s;;;0", uptime.as_secs());
    }
}

/// Text on one line, without the character that starts performance data.
fn field(text: &str) -> String {
    clean(text).replace('|', "/")
}
