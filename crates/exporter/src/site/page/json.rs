//! The status as JSON. Its members are documented in `docs/page.md`: they may be added, but neither removed nor changed.

use super::html::node_state;
use super::model::{Level, NodeTable, Page, TargetRow};
use super::text::{Moment, Shown};
use crate::instance::history::series::Unit;
use crate::support::build_info;
use serde_json::{Value, json};

/// Writes the status.
pub(crate) fn status(page: &Page, targets: Option<&[TargetRow]>) -> String {
    let text = |text: &Shown| (!text.is_empty()).then(|| text.as_str().to_owned());
    let problems = page.findings.iter().map(|finding| {
        let details = finding.details.iter().map(|detail| {
            json!({
                "subject": text(&detail.subject),
                "text": detail.text.as_str(),
                "since": seconds(detail.since),
                "reason": text(&detail.reason),
            })
        });
        json!({
            "level": level(finding.level),
            "title": finding.title.as_str(),
            "since": seconds(finding.since),
            "details": details.collect::<Vec<_>>(),
        })
    });
    let charts = page.charts.iter().map(|chart| {
        let series = chart.layers.iter().map(|(index, _)| *index).chain(chart.line);
        let keys = series.filter_map(|index| Some(page.series.get(index)?.as_ref()?.key));
        json!({
            "key": chart.key,
            "title": chart.title,
            "value": finite(chart.value),
            "limit": finite(chart.limit),
            "level": level(chart.level),
            "promql": chart.promql,
            "series": keys.collect::<Vec<_>>(),
        })
    });
    let series = page.series.iter().flatten().map(|row| {
        json!({
            "key": row.key,
            "title": row.title,
            "unit": unit(row.unit),
            "value": finite(row.now),
            "name": row.name.as_ref().map(Shown::as_str),
            "promql": row.promql,
            "values": row.values.iter().map(|value| finite(*value)).collect::<Vec<_>>(),
        })
    });
    let collectors = page.collectors.iter().map(|row| {
        json!({
            "name": row.name,
            "state": row.state.name(),
            "since": seconds(row.since),
            "reason": text(&row.reason),
        })
    });
    let scrape = page.scrape.map(|scrape| {
        json!({
            "responded": scrape.responded,
            "since": seconds(scrape.since),
            "age_seconds": finite(Some(scrape.age)),
            "duration_seconds": finite(Some(scrape.duration)),
        })
    });
    let targets = targets.map(|targets| {
        let targets = targets.iter().map(|row| {
            json!({
                "target": row.target.as_str(),
                "responded": row.scrape.responded,
                "since": seconds(row.scrape.since),
                "age_seconds": finite(Some(row.scrape.age)),
                "duration_seconds": finite(Some(row.scrape.duration)),
            })
        });
        targets.collect::<Vec<_>>()
    });
    let status = json!({
        "exporter": { "version": build_info::VERSION, "revision": build_info::REVISION },
        "target": page.target.as_str(),
        "level": level(page.level),
        "headline": page.headline.as_str(),
        "problems": problems.collect::<Vec<_>>(),
        "kamailio": {
            "version": page.server.version.as_ref().map(Shown::as_str),
            "start": seconds(page.server.start),
            "processes": page.server.processes,
        },
        "scrape": scrape,
        "collectors": collectors.collect::<Vec<_>>(),
        "window": {
            "start": page.window.start.0,
            "end": page.window.end.0,
            "step_seconds": page.window.step,
        },
        "restarts": page.restarts.iter().map(|moment| moment.0).collect::<Vec<_>>(),
        "charts": charts.collect::<Vec<_>>(),
        "series": series.collect::<Vec<_>>(),
        "destinations": nodes(&page.destinations),
        "rtpengine": nodes(&page.rtpengine),
        "targets": targets,
    });
    format!("{status}\n")
}

fn nodes(table: &NodeTable) -> Vec<Value> {
    let node = |row: &super::model::NodeRow| {
        let history = row.states.iter().map(|(state, length)| json!([node_state(*state).0, length]));
        json!({
            "set": row.set.as_str(),
            "set_name": (!row.set_name.is_empty()).then(|| row.set_name.as_str()),
            "address": row.address.as_str(),
            "name": (!row.name.is_empty()).then(|| row.name.as_str()),
            "state": node_state(row.state).0,
            "since": seconds(row.since),
            "latency_seconds": finite(row.latency),
            "weight": finite(row.weight),
            "history": history.collect::<Vec<_>>(),
        })
    };
    table.rows.iter().map(node).collect()
}

fn seconds(moment: Option<Moment>) -> Option<i64> {
    moment.map(|moment| moment.0)
}

/// Rounds a value to six decimals, which halves its length, and drops NaN and infinity, which JSON does not have.
fn finite(value: Option<f64>) -> Option<f64> {
    let value = value.filter(|value| value.is_finite())?;
    Some(if value.abs() < 1e9 { (value * 1e6).round() / 1e6 } else { value })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Unknown => "unknown",
        Level::Good => "good",
        Level::Warning => "warning",
        Level::Bad => "bad",
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "count",
        Unit::PerSecond => "per_second",
        Unit::Bytes => "bytes",
        Unit::Ratio => "ratio",
    }
}
