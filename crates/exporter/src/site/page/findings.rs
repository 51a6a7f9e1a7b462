//! The problems of a Kamailio, since when they exist, and what to do about them.

use super::charts::{Chart, FAILED, FAILED_BAD, FULL_BAD, FULL_WARNING};
use super::model::{Level, NodeRow, NodeTable, Page};
use super::svg::Values;
use super::text::{Moment, Shown, count, duration, number, percent};
use crate::instance::history::NodeState;
use crate::instance::history::series::index;
use crate::scrape::diagnosis::CollectorState;
use std::collections::BTreeMap;

/// A problem.
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// A part of the headline, as in the middle of a sentence: `2 of 4 destinations are down`.
    pub(crate) title: Shown,
    pub(crate) since: Option<Moment>,
    pub(crate) details: Vec<Detail>,
    /// The number of details that were left out.
    pub(crate) more: usize,
}

/// A line about a finding.
#[derive(Default)]
pub(crate) struct Detail {
    /// The object with the problem, such as a destination or a collector.
    pub(crate) subject: Shown,
    /// A predicate: `is down`.
    pub(crate) text: Shown,
    pub(crate) since: Option<Moment>,
    /// The reason or the remedy, in complete sentences.
    pub(crate) reason: Shown,
    /// A command that shows more.
    pub(crate) command: &'static str,
}

/// Returns the problems, the worst first. `error` is the reason why the last scrape ended early.
pub(super) fn find(page: &Page, error: Option<&str>) -> Vec<Finding> {
    let waiting = waiting(page);
    let Some(scrape) = page.scrape else { return Vec::from_iter(waiting) };
    if !scrape.responded {
        let reason = Shown::message(capitalized(error.unwrap_or("no valid reply.")));
        let detail = Detail {
            subject: Shown::new("Kamailio"),
            text: Shown::new("has not responded to any scrape"),
            since: Some(scrape.since.unwrap_or(scrape.first)),
            reason,
            ..Detail::default()
        };
        let title = "Kamailio does not respond";
        // Other problems, known from an earlier scrape, may be over by now.
        return vec![Finding {
            level: Level::Bad,
            title: Shown::new(title),
            since: scrape.since,
            details: vec![detail],
            more: 0,
        }];
    }
    let mut findings = Vec::new();
    findings.extend(nodes(&page.destinations, "destination", "kamcmd dispatcher.list"));
    findings.extend(nodes(&page.rtpengine, "RTPEngine node", "kamcmd rtpengine.show all"));
    findings.extend(failed_transactions(page));
    findings.extend(page.charts.iter().filter_map(|chart| full(page, chart)));
    findings.extend(dropped_packets(page));
    findings.extend(collectors(page, error));
    findings.extend(restarts(page));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    // First, because the others may be over by now.
    waiting.into_iter().chain(findings).collect()
}

/// Returns a finding for a scrape that is taking long, before it fails.
fn waiting(page: &Page) -> Option<Finding> {
    let seconds = page.waiting.filter(|seconds| *seconds >= WAITING)?;
    let text = format!("has not responded for {}", duration(seconds));
    let values = page.scrape.map(|_| "The values below are those of the previous scrape.");
    let detail = Detail {
        subject: Shown::new("Kamailio"),
        text: Shown::new(&text),
        reason: Shown::new(values.unwrap_or_default()),
        ..Detail::default()
    };
    Some(Finding {
        level: Level::Warning,
        title: Shown::new(format!("Kamailio {text}")),
        since: None,
        details: vec![detail],
        more: 0,
    })
}

/// Returns the headline with its level, and since when it is true.
pub(super) fn headline(findings: &[Finding]) -> (Level, Shown, Option<Moment>) {
    let Some(first) = findings.first() else {
        return (Level::Good, Shown::new("No problem found"), None);
    };
    let text = match findings {
        [first] => capitalized(first.title.as_str()),
        [first, second] => format!("{}; {}", capitalized(first.title.as_str()), second.title.as_str()),
        [first, second, rest @ ..] => {
            format!(
                "{}; {}; {}",
                capitalized(first.title.as_str()),
                second.title.as_str(),
                count(rest.len(), "more problem")
            )
        }
        [] => String::new(),
    };
    // Two titles are longer than other texts of the page.
    let level = findings.iter().map(|finding| finding.level).max().unwrap_or_default();
    (level, Shown::message(text), first.since.filter(|_| findings.len() == 1))
}

fn nodes(table: &NodeTable, noun: &str, command: &'static str) -> Option<Finding> {
    let down: Vec<_> = table.rows.iter().filter(|node| node.state == NodeState::Down).collect();
    if down.is_empty() {
        return None;
    }
    // For each set: whether one of its nodes is used.
    let mut sets: BTreeMap<&str, bool> = BTreeMap::new();
    for node in &table.rows {
        *sets.entry(node.set.as_str()).or_default() |=
            matches!(node.state, NodeState::Up | NodeState::Trying);
    }
    let lost: Vec<_> = down.iter().filter(|node| sets.get(node.set.as_str()) == Some(&false)).collect();
    let is = if down.len() == 1 { "is" } else { "are" };
    let mut title = format!("{} of {} {is} down", down.len(), count(table.rows.len(), noun));
    let lost_sets: Vec<_> = sets
        .iter()
        .filter(|(set, used)| !**used && lost.iter().any(|node| node.set.as_str() == **set))
        .collect();
    match lost_sets.as_slice() {
        [] => {}
        [(set, _)] => title += &format!(", set {set} has none left"),
        sets => title += &format!(", {} sets have none left", sets.len()),
    }
    let since = down.iter().filter_map(|node| node.since).min();
    let detail = |node: &&NodeRow| {
        let name =
            if node.set_name.is_empty() { String::new() } else { format!(" ({})", node.set_name.as_str()) };
        Detail {
            subject: node.address.clone(),
            text: Shown::new(format!(
                "in set {}{name} {}",
                node.set.as_str(),
                so_far(node.since, "is", "has been") + " down"
            )),
            since: node.since,
            ..Detail::default()
        }
    };
    // The nodes of lost sets come first.
    let is_lost = |node: &NodeRow| sets.get(node.set.as_str()) == Some(&false);
    let ordered = down.iter().filter(|node| is_lost(node)).chain(down.iter().filter(|node| !is_lost(node)));
    let level = if lost.is_empty() { Level::Warning } else { Level::Bad };
    let mut details: Vec<_> = ordered.take(MAX_DETAILS).map(detail).collect();
    if let Some(last) = details.last_mut() {
        last.command = command;
    }
    Some(Finding { level, title: Shown::new(title), since, more: down.len() - details.len(), details })
}

fn failed_transactions(page: &Page) -> Option<Finding> {
    let chart = page.charts.iter().find(|chart| chart.key == "replies" && chart.level == Level::Bad)?;
    let layers: Vec<_> =
        chart.layers.iter().filter_map(|(index, _)| page.series.get(*index)?.as_ref()).collect();
    let failed = layers.iter().find(|row| row.key == FAILED)?;
    let share = |bucket: usize| {
        let sum: f64 = layers.iter().filter_map(|row| row.values.get(bucket).copied().flatten()).sum();
        Some(failed.values.get(bucket).copied().flatten()? / sum).filter(|share| share.is_finite())
    };
    let shares: Values = (0..failed.values.len()).map(share).collect();
    let since = since(page, &shares, FAILED_BAD);
    let share = percent(chart.value.unwrap_or_default());
    let detail = Detail {
        subject: Shown::new("Transactions"),
        text: Shown::new(so_far(since, "fail", "have been failing")),
        since,
        reason: Shown::new(format!(
            "{share}% of the transactions of the last two minutes ended with 5xx or 6xx."
        )),
        ..Detail::default()
    };
    Some(Finding {
        level: Level::Bad,
        title: Shown::new(format!("{share}% of transactions fail")),
        since,
        details: vec![detail],
        more: 0,
    })
}

/// Returns a finding for a chart whose limit is nearly reached.
fn full(page: &Page, chart: &Chart) -> Option<Finding> {
    if chart.key == "replies" || !matches!(chart.level, Level::Warning | Level::Bad) {
        return None;
    }
    let row = page.series.get(chart.layers.first()?.0)?.as_ref()?;
    let limit = chart.limit.unwrap_or(1.0);
    let threshold = if chart.level == Level::Bad { FULL_BAD } else { FULL_WARNING };
    let since = since(page, &row.values, threshold * limit);
    let (title, advice) = match chart.key {
        "tcp" => ("TCP connections are at", "Raise tcp_max_connections if the connections are legitimate."),
        "tls" => ("TLS connections are at", "Raise tls_max_connections if the connections are legitimate."),
        "udp" => (
            "a UDP queue is at",
            "Raise the number of UDP workers (children), or find out what they wait for.",
        ),
        "private_memory" => ("private memory is at", "Start Kamailio with more private memory (-M)."),
        _ => ("shared memory is at", "Start Kamailio with more shared memory (-m)."),
    };
    let title = format!("{title} {}%", chart.figure);
    let text = match since {
        Some(_) => format!("has been at {}% or more", percent(threshold)),
        None => format!("is at {}%", chart.figure),
    };
    let detail = Detail {
        subject: Shown::new(chart.title),
        text: Shown::new(text),
        since,
        reason: Shown::new(format!("{}. {advice}", capitalized(chart.caption.as_str()))),
        ..Detail::default()
    };
    Some(Finding { level: chart.level, title: Shown::new(title), since, details: vec![detail], more: 0 })
}

fn dropped_packets(page: &Page) -> Option<Finding> {
    let row = page.series.get(index("udp_dropped"))?.as_ref()?;
    let rate = row.now.filter(|rate| *rate > 0.0)?;
    let since = since(page, &row.values, f64::MIN_POSITIVE);
    let detail = Detail {
        subject: Shown::new("The kernel"),
        text: Shown::new(so_far(since, "drops packets", "has been dropping packets")),
        since,
        reason: Shown::new(format!(
            "{} packets/s in the last two minutes, because Kamailio reads more slowly than packets arrive.",
            number(rate)
        )),
        ..Detail::default()
    };
    let title = Shown::new("UDP packets are dropped");
    Some(Finding { level: Level::Warning, title, since, details: vec![detail], more: 0 })
}

fn collectors(page: &Page, error: Option<&str>) -> Option<Finding> {
    let failed: Vec<_> = page.collectors.iter().filter(|row| row.state == CollectorState::Failed).collect();
    let since = failed.iter().filter_map(|row| row.since).min();
    let mut details = Vec::new();
    let mut more = 0;
    if let Some(error) = error {
        // All collectors after that point fail for this reason.
        let text =
            Shown::new(so_far(since, "does not complete its replies", "has not completed its replies"));
        details.push(Detail {
            subject: Shown::new("Kamailio"),
            text,
            since,
            reason: Shown::message(error),
            command: "",
        });
    } else {
        details.extend(failed.iter().take(MAX_DETAILS).map(|row| Detail {
            subject: Shown::new(row.name),
            text: Shown::new(so_far(row.since, "fails", "has been failing")),
            since: row.since,
            reason: Shown::message(format!(
                "{}. {}",
                capitalized(row.reason.as_str()).trim_end_matches('.'),
                row.advice
            )),
            command: "",
        }));
        more = failed.len() - details.len();
    }
    let title = match failed.len() {
        0 => return None,
        1 => "1 collector fails".to_owned(),
        failed => format!("{failed} collectors fail"),
    };
    Some(Finding { level: Level::Warning, title: Shown::new(title), since, details, more })
}

fn restarts(page: &Page) -> Option<Finding> {
    let last = *page.restarts.last()?;
    let title = match page.restarts.len() {
        1 => format!("Kamailio restarted {} ago", duration((page.window.end.0 - last.0) as f64)),
        restarts => format!("Kamailio restarted {restarts} times in the last hour"),
    };
    let detail = Detail {
        subject: Shown::new("Kamailio"),
        text: Shown::new("has been up"),
        since: Some(last),
        ..Detail::default()
    };
    Some(Finding {
        level: Level::Warning,
        title: Shown::new(title),
        since: None,
        details: vec![detail],
        more: 0,
    })
}

/// Returns since when the values have been at or above a threshold; `None` if all of them are, or only the newest is.
fn since(page: &Page, values: &Values, threshold: f64) -> Option<Moment> {
    let known = || values.iter().enumerate().rev().filter_map(|(bucket, value)| Some((bucket, (*value)?)));
    let first = known().skip(1).take_while(|(_, value)| *value >= threshold).last()?.0;
    known().any(|(bucket, _)| bucket < first).then(|| page.window.moment(first))
}

/// Returns the present tense, or the perfect tense if a time follows.
fn so_far(since: Option<Moment>, present: &str, perfect: &str) -> String {
    if since.is_some() { perfect } else { present }.to_owned()
}

/// Capitalises the first letter, for the beginning of a headline.
fn capitalized(title: &str) -> String {
    title.chars().take(1).flat_map(char::to_uppercase).chain(title.chars().skip(1)).collect()
}

/// Seconds after which a scrape is slow; a scrape over a slow network takes less.
const WAITING: f64 = 1.5;
/// Details of a finding; the tables below have all of them.
const MAX_DETAILS: usize = 4;
