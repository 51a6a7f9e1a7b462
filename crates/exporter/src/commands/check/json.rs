//! The report as JSON, as `docs/operations.md` describes it.

use super::report::{CollectorReport, MeasuredCall, Report, Verdict};
use serde_json::{Value, json};

/// Writes the report as an object, on one line.
pub(super) fn write(report: &Report) -> String {
    let verdict = match report.verdict() {
        Verdict::Ok => "ok",
        Verdict::Warnings => "warnings",
        Verdict::Failed => "failed",
    };
    let socket = report.socket.as_ref().map(
        |socket| json!({ "description": socket.description, "user": socket.user, "allowed": socket.allowed }),
    );
    let kamailio = report.kamailio.as_ref().map(|server| {
        json!({
            "version": server.version,
            "uptime_seconds": server.uptime.map(|uptime| uptime.as_secs()),
            "processes": server.processes,
        })
    });
    let document = json!({
        "verdict": verdict,
        "target": report.target,
        "socket": socket,
        "kamailio": kamailio,
        "scrape": { "duration_seconds": report.duration.as_secs_f64(), "series": report.series },
        "collectors": report.collectors.iter().map(collector).collect::<Value>(),
        "problems": report.problems,
        "warnings": report.warnings,
    });
    format!("{document}\n")
}

fn collector(collector: &CollectorReport) -> Value {
    let CollectorReport { name, method, module, state, reason, calls } = collector;
    let calls: Value = calls.iter().map(call).collect();
    json!({ "name": name, "method": method, "module": module, "state": state.name(), "reason": reason, "calls": calls })
}

fn call(call: &MeasuredCall) -> Value {
    json!({
        "method": call.method,
        "arguments": call.arguments,
        "duration_seconds": call.duration.as_secs_f64(),
        "reply_bytes": call.bytes,
        "body_bytes": call.size.body,
        "fullest_struct_bytes": call.size.largest_struct,
    })
}
