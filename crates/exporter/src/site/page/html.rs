//! The status page as HTML.

use super::assets::{ICON, SCRIPT, STYLE};
use super::charts::Chart;
use super::findings::{Detail, Finding};
use super::model::{CollectorRow, Level, NodeRow, NodeTable, Page, ScrapeFacts, TargetRow};
use super::svg::{self, Layer};
use super::text::{Moment, bytes, count, duration, number, percent};
use crate::instance::history::NodeState;
use crate::instance::history::series::Unit;
use crate::scrape::diagnosis::CollectorState;
use crate::support::build_info;
use maud::{DOCTYPE, Markup, html};

/// The parts of the page around its content: links and the table of targets.
pub(crate) struct Surroundings {
    /// The prefix of every path for a browser.
    pub(crate) prefix: String,
    /// The path of the metrics of this Kamailio.
    pub(crate) metrics: String,
    /// The path of the metrics of rtpengine.
    pub(crate) rtpengine: Option<String>,
    /// The query of this page: empty, or `?target=…`.
    pub(crate) query: String,
    /// The targets that were probed in the last hour, if targets can be probed.
    pub(crate) targets: Option<Vec<TargetRow>>,
}

/// Writes the page.
pub(crate) fn page(page: &Page, around: &Surroundings) -> String {
    let prefix = &around.prefix;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title(page)) }
                link rel="icon" type="image/svg+xml" href=(ICON.link(prefix));
                link rel="stylesheet" href=(STYLE.link(prefix));
                script defer src=(SCRIPT.link(prefix)) {}
            }
            body {
                header {
                    h1 { a href={ (prefix) "/" } { "Kamailio exporter" } }
                    span.target { (page.target) }
                    nav aria-label="Pages" {
                        a href={ (prefix) (around.metrics) } { "Metrics" }
                        @if let Some(path) = &around.rtpengine { a href={ (prefix) (path) } { "RTPEngine metrics" } }
                        a href={ (prefix) "/-/status" (around.query) } { "Status as JSON" }
                        a #refresh href={ (prefix) "/" (around.query) } { "Refresh" }
                    }
                }
                p #offline role="status" hidden {}
                main #main {
                    (verdict(page))
                    (charts(page))
                    (nodes(page, &page.destinations, "destinations", "Destinations", "destination"))
                    (nodes(page, &page.rtpengine, "rtpengine", "RTPEngine nodes", "node"))
                    @if page.scrape.is_some() { (collectors(&page.collectors)) }
                    @if let Some(targets) = &around.targets { (target_table(targets, prefix)) }
                }
                footer {
                    p {
                        "Drawn by the exporter from its own scrapes of the last hour, which it keeps in memory only. Times are in "
                        span #zone { "UTC" } "."
                    }
                    p {
                        "kamailio_exporter " (build_info::VERSION) ", revision " (build_info::REVISION.get(..12).unwrap_or(build_info::REVISION)) " · "
                        a href={ (prefix) "/-/healthy" } { "Healthy" } " · " a href={ (prefix) "/-/ready" } { "Ready" }
                    }
                }
            }
        }
    };
    markup.into_string()
}

fn title(page: &Page) -> String {
    match (page.level, page.findings.len()) {
        (Level::Unknown, _) => "Kamailio: not scraped yet".to_owned(),
        (Level::Good, _) => "Kamailio: no problem".to_owned(),
        (_, findings) => format!("Kamailio: {}", count(findings, "problem")),
    }
}

fn class(level: Level) -> &'static str {
    match level {
        Level::Unknown => "unknown",
        Level::Good => "good",
        Level::Warning => "warning",
        Level::Bad => "bad",
    }
}

fn verdict(page: &Page) -> Markup {
    let details = || page.findings.iter().filter(|finding| !finding.details.is_empty());
    html! {
        section #state class=(format!("verdict {}", class(page.level))) aria-label="State" {
            h2 { (page.headline) @if let Some(since) = page.since { ", since " (since) } }
            p.facts { (page.facts) }
            @if details().next().is_some() {
                ul { @for finding in details() { (finding_lines(page, finding)) } }
            }
        }
    }
}

fn finding_lines(page: &Page, finding: &Finding) -> Markup {
    html! {
        @for detail in &finding.details { li { (detail_line(page, detail, finding.level)) } }
        @if finding.more > 0 { li { "and " (finding.more) " more, listed below" } }
    }
}

fn detail_line(page: &Page, detail: &Detail, level: Level) -> Markup {
    html! {
        @if !detail.subject.is_empty() { b class=(class(level)) { (detail.subject) } " " }
        @if !detail.text.is_empty() {
            (detail.text) @if let Some(moment) = detail.since { (since(page, moment)) }
            ". "
        }
        @if !detail.reason.is_empty() { (detail.reason) " " }
        @if !detail.command.is_empty() { "Check it with " code { (detail.command) } "." }
    }
}

/// Writes the start of a state and its age: ` since 10:39 (21 min)`.
fn since(page: &Page, moment: Moment) -> Markup {
    let age = (page.window.end.0 - moment.0).max(0);
    html! { " since " (moment) " (" (duration(age as f64)) ")" }
}

fn charts(page: &Page) -> Markup {
    let (wide, small): (Vec<_>, Vec<_>) = page.charts.iter().partition(|chart| chart.wide);
    let class = |size: &str| format!("row {size}{}", if page.responded() { "" } else { " stale" });
    html! {
        @if !wide.is_empty() {
            div #wide-charts class=(class("wide")) { @for chart in wide { (figure(page, chart)) } }
        }
        @if !small.is_empty() {
            div #small-charts class=(class("small")) { @for chart in small { (figure(page, chart)) } }
        }
    }
}

fn figure(page: &Page, chart: &Chart) -> Markup {
    let row = |index: usize| page.series.get(index).and_then(Option::as_ref);
    let layers: Vec<_> =
        chart.layers.iter().filter_map(|(index, class)| Some((row(*index)?, *class))).collect();
    let line = chart.line.and_then(row);
    let single = match chart.level {
        Level::Warning => "warn",
        Level::Bad => "bad",
        _ => "c1",
    };
    let is_stack = layers.len() > 1;
    let areas = layers.iter().map(|(row, class)| Layer {
        class: if is_stack { class } else { single },
        values: &row.values,
        line: false,
    });
    let lines = line.iter().map(|row| Layer { class: "muted", values: &row.values, line: true });
    let drawn: Vec<_> = areas.chain(lines).collect();
    html! {
        figure.card id={ "chart-" (chart.key) } {
            figcaption {
                span.name { (chart.title) }
                span class=(format!("value {}", class(chart.level))) { (chart.figure) @if !chart.unit.is_empty() { small { (chart.unit) } } }
                span.caption { (chart.caption) }
                @if chart.wide && !chart.top_text.is_empty() { span.top { (chart.top_text) } }
            }
            (svg::areas(&page.frame, &drawn, chart.top, chart.limit, chart.description.as_str()))
            div.axis {
                @if chart.wide {
                    @for moment in page.window.marks() { span { (moment) } }
                } @else {
                    span { (page.window.start) }
                    @if !chart.highest.is_empty() { span.highest { "highest " (chart.highest) } }
                    span { (page.window.end) }
                }
            }
            @if is_stack && chart.wide {
                ul.legend {
                    @for (row, class) in &layers {
                        li { span class=(format!("swatch {class}")) {} (row.title) " " b { (value(row.now, row.unit)) } }
                    }
                }
            }
            (queries(chart, &layers.iter().map(|(row, _)| (row.title, row.promql.as_str())).collect::<Vec<_>>()))
        }
    }
}

fn queries(chart: &Chart, layers: &[(&str, &str)]) -> Markup {
    html! {
        details id={ "promql-" (chart.key) } {
            summary { "PromQL" span.hidden { " of " (chart.title) } }
            code { (chart.promql) }
            @if layers.len() > 1 { @for (title, promql) in layers { p.query { (title) ": " code { (promql) } } } }
        }
    }
}

/// Formats a value with its unit.
fn value(now: Option<f64>, unit: Unit) -> String {
    match (now, unit) {
        (None, _) => "–".to_owned(),
        (Some(now), Unit::Count) => number(now),
        (Some(now), Unit::PerSecond) => format!("{}/s", number(now)),
        (Some(now), Unit::Ratio) => format!("{}%", percent(now)),
        (Some(now), Unit::Bytes) => {
            let (text, unit) = bytes(now);
            format!("{text} {unit}")
        }
    }
}

/// Returns the word for a state, and the class that gives its colour in a strip.
pub(super) fn node_state(state: NodeState) -> (&'static str, &'static str) {
    match state {
        NodeState::Unknown => ("unknown", ""),
        NodeState::Up => ("up", "ok"),
        NodeState::Disabled => ("disabled", "dis"),
        NodeState::Trying => ("trying", "warn"),
        NodeState::Down => ("down", "bad"),
    }
}

fn nodes(page: &Page, table: &NodeTable, id: &str, title: &str, noun: &str) -> Markup {
    if table.rows.is_empty() {
        return html! {};
    }
    let with_state = |state: NodeState| table.rows.iter().filter(move |row| row.state == state);
    use NodeState::{Disabled, Down, Trying, Unknown, Up};
    let troubled = || [Down, Trying, Disabled, Unknown].into_iter().flat_map(with_state);
    let up = with_state(Up).count();
    let folds = table.rows.len() > MAX_OPEN_ROWS && up > 0;
    html! {
        section.card id=(id) aria-label=(title) {
            div.heading {
                h2.name { (title) }
                span.value {
                    (number(up as f64)) " up"
                    @if !page.responded() { small { " when Kamailio last responded" } }
                    small { @for state in [Down, Trying, Disabled, Unknown] {
                        @let number = with_state(state).count();
                        @if number > 0 { ", " span class=(format!("count {}", node_state(state).0)) { (number) " " (node_state(state).0) } }
                    } }
                }
            }
            @if folds {
                @if troubled().next().is_some() { (node_rows(page, troubled(), title)) }
                details id={ (id) "-up" } {
                    summary { (count(up, noun)) @if up == 1 { " is" } @else { " are" } " up" }
                    (node_rows(page, with_state(Up), title))
                }
            } @else {
                (node_rows(page, table.rows.iter(), title))
            }
            @if table.left_out > 0 { p.muted { "and " (count(table.left_out, noun)) " for which the exporter keeps no history" } }
        }
    }
}

fn node_rows<'r>(page: &Page, rows: impl Iterator<Item = &'r NodeRow>, title: &str) -> Markup {
    html! {
        table.nodes {
            caption.hidden { (title) }
            thead { tr {
                th scope="col" { "Set" } th scope="col" { "Address" } th scope="col" { "State" }
                th scope="col" { "Last " (page.window.minutes) " min" }
                th.number scope="col" { "Latency" } th.number scope="col" { "Weight" }
            } }
            tbody { @for row in rows { (node_row(page, row)) } }
        }
    }
}

fn node_row(page: &Page, row: &NodeRow) -> Markup {
    let (state, _) = node_state(row.state);
    let runs: Vec<_> = row.states.iter().map(|(state, length)| (node_state(*state).1, *length)).collect();
    html! {
        tr {
            td.set { (row.set) @if !row.set_name.is_empty() { " " (row.set_name) } }
            td.address { (row.address) @if !row.name.is_empty() { " " span.muted { (row.name) } } }
            td.state {
                span class=(format!("count {state}")) { (state) }
                @if let Some(moment) = row.since { @if row.state != NodeState::Up || page.window.end.0 - moment.0 < 3600 { " since " (moment) } }
            }
            td.history { (svg::strip(&runs, &history(row))) }
            td.number { @match row.latency { Some(latency) => (duration(latency)), None => "–" } }
            td.number { @match row.weight { Some(weight) => (number(weight)), None => "–" } }
        }
    }
}

/// Describes a strip in words.
fn history(row: &NodeRow) -> String {
    let total: usize = row.states.iter().map(|(_, length)| length).sum();
    let share = |state: NodeState| {
        let length: usize =
            row.states.iter().filter(|(other, _)| *other == state).map(|(_, length)| length).sum();
        (length > 0).then(|| format!("{} {}%", node_state(state).0, percent(length as f64 / total as f64)))
    };
    use NodeState::{Disabled, Down, Trying, Unknown, Up};
    [Up, Trying, Down, Disabled, Unknown].into_iter().filter_map(share).collect::<Vec<_>>().join(", ")
        + " of the time shown"
}

fn collectors(rows: &[CollectorRow]) -> Markup {
    let with_state = |state: CollectorState| rows.iter().filter(move |row| row.state == state);
    let (ok, failed) = (with_state(CollectorState::Ok).count(), with_state(CollectorState::Failed).count());
    let unknown = with_state(CollectorState::Unknown).count();
    let (absent, not_selected) =
        (with_state(CollectorState::Absent).count(), with_state(CollectorState::NotSelected).count());
    html! {
        section.card #collectors aria-label="Collectors" {
            div.heading {
                h2.name { "Collectors" }
                span.value { (number(ok as f64)) " ok" @if failed > 0 { small { ", " span.count.down { (failed) " failed" } } } }
            }
            @for row in with_state(CollectorState::Failed) {
                p {
                    b.bad { (row.name) } " failed" @if let Some(since) = row.since { " since " (since) } ": " (row.reason)
                    @if !row.advice.is_empty() { " " (row.advice) }
                }
            }
            @if ok > 0 {
                details #collectors-ok {
                    summary { (count(ok, "collector")) @if ok == 1 { " is" } @else { " are" } " ok" }
                    ul.names { @for row in with_state(CollectorState::Ok) { li { code { (row.name) } } } }
                }
            }
            @if unknown > 0 {
                details #collectors-unknown {
                    summary { (count(unknown, "collector")) " unknown: Kamailio did not respond" }
                    ul.names { @for row in with_state(CollectorState::Unknown) { li { code { (row.name) } } } }
                }
            }
            @if absent + not_selected > 0 {
                details #collectors-unused {
                    summary {
                        (absent + not_selected) " not in use: " (absent) " that Kamailio lacks, " (not_selected) " not selected"
                    }
                    table {
                        caption.hidden { "Collectors that are not in use" }
                        thead { tr { th scope="col" { "Collector" } th scope="col" { "State" } th scope="col" { "Reason" } } }
                        tbody {
                            @for row in with_state(CollectorState::Absent) { (collector_row(row, "absent")) }
                            @for row in with_state(CollectorState::NotSelected) { (collector_row(row, "not selected")) }
                        }
                    }
                }
            }
        }
    }
}

fn collector_row(row: &CollectorRow, state: &str) -> Markup {
    html! { tr { td { code { (row.name) } } td.state { (state) } td.reason { (row.reason) } } }
}

fn target_table(targets: &[TargetRow], prefix: &str) -> Markup {
    let silent = targets.iter().filter(|row| !row.scrape.responded).count();
    html! {
        section.card #targets aria-label="Targets" {
            div.heading {
                h2.name { "Targets probed in the last hour" }
                span.value { (number((targets.len() - silent) as f64)) " up" @if silent > 0 { small { ", " span.count.down { (silent) " down" } } } }
            }
            p.muted { "Probe another Kamailio with " code { (prefix) "/probe?target=URI" } ", if --probe.allow permits it." }
            @if !targets.is_empty() {
                table.targets {
                    caption.hidden { "Targets probed in the last hour" }
                    thead { tr {
                        th scope="col" { "Target" } th scope="col" { "State" } th.number scope="col" { "Last probe" }
                        th.number scope="col" { "Duration" }
                    } }
                    tbody { @for row in targets { (target_row(row, prefix)) } }
                }
            }
        }
    }
}

fn target_row(row: &TargetRow, prefix: &str) -> Markup {
    let ScrapeFacts { responded, since, age, duration: seconds, .. } = row.scrape;
    let state = if responded { "up" } else { "down" };
    html! {
        tr {
            td.address { a href={ (prefix) "/" (row.query) } { (row.target) } }
            td.state { span class=(format!("count {state}")) { (state) } @if let Some(since) = since { " since " (since) } }
            td.number { (duration(age)) " ago" }
            td.number { (duration(seconds)) }
        }
    }
}

/// Maximum number of nodes that are all shown. Beyond it, the nodes that are up are folded, so that the others are seen.
const MAX_OPEN_ROWS: usize = 12;
