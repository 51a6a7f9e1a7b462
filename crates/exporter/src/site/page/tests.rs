//! Properties of the status page and of the status as JSON, for any texts from Kamailio and the network.

use super::charts;
use super::findings::{self, Detail, Finding};
use super::html::{self, Surroundings};
use super::json;
use super::model::{CollectorRow, Level, NodeRow, NodeTable, Page, ScrapeFacts, Server, TargetRow, Window};
use super::series::SeriesRow;
use super::svg::Frame;
use super::text::{Moment, Shown};
use crate::instance::history::NodeState;
use crate::instance::history::series::SERIES;
use crate::scrape::diagnosis::CollectorState;
use crate::support::printable::is_printable;
use proptest::prelude::*;

/// A page with every part, in which each text that comes from elsewhere is this one.
fn everything(text: &str) -> (Page, Surroundings) {
    let scrape = ScrapeFacts {
        responded: true,
        since: Some(Moment(1_000_000)),
        first: Moment(999_000),
        age: 3.0,
        duration: 0.002,
    };
    let series: Vec<_> = SERIES
        .iter()
        .map(|series| {
            Some(SeriesRow {
                key: series.key,
                title: series.title,
                unit: series.unit,
                promql: series.promql(0),
                now: Some(0.95),
                name: Some(Shown::new(text)),
                values: vec![Some(0.5), None, Some(f64::INFINITY), Some(0.9)],
            })
        })
        .collect();
    let node = |state| NodeRow {
        set: Shown::new(text),
        set_name: Shown::new(text),
        address: Shown::new(text),
        name: Shown::new(text),
        state,
        since: Some(Moment(1_000_000)),
        latency: Some(0.01),
        weight: Some(50.0),
        states: vec![(NodeState::Unknown, 1), (NodeState::Up, 2), (state, 1)],
    };
    let states = [NodeState::Up, NodeState::Down, NodeState::Trying, NodeState::Disabled, NodeState::Unknown];
    let table = |count: usize| NodeTable {
        rows: states.into_iter().cycle().take(count).map(node).collect(),
        left_out: 2,
    };
    let detail = || Detail {
        subject: Shown::new(text),
        text: Shown::new(text),
        since: Some(Moment(1_000_000)),
        reason: Shown::message(text),
        command: "kamcmd dispatcher.list",
    };
    let collector = |state| CollectorRow {
        name: "tm.stats",
        state,
        since: Some(Moment(1_000_000)),
        reason: Shown::message(text),
        advice: "Repair it.",
    };
    let page = Page {
        target: Shown::new(text),
        level: Level::Bad,
        headline: Shown::new(text),
        since: Some(Moment(1_000_000)),
        facts: Shown::new(text),
        findings: vec![Finding {
            level: Level::Bad,
            title: Shown::new(text),
            since: None,
            details: vec![detail(), detail()],
            more: 3,
        }],
        server: Server { version: Some(Shown::new(text)), start: Some(Moment(7)), processes: 3 },
        scrape: Some(scrape),
        waiting: Some(3.0),
        window: Window {
            step: 15.0,
            start: Moment(1_000_000),
            end: Moment(1_003_600),
            minutes: 60,
            ..Window::default()
        },
        frame: Frame { buckets: 4, outages: vec![(1, 1)], restarts: vec![2.5] },
        charts: charts::draw(&series, 15.0),
        series,
        destinations: table(20),
        rtpengine: table(5),
        restarts: vec![Moment(1_000_000)],
        collectors: [
            CollectorState::Ok,
            CollectorState::Failed,
            CollectorState::Absent,
            CollectorState::NotSelected,
            CollectorState::Unknown,
        ]
        .map(collector)
        .into(),
    };
    // A target is an address, of limited length.
    let target: String = text.chars().take(200).collect();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", &target).finish();
    let around = Surroundings {
        prefix: format!("/{text}"),
        metrics: format!("/{text}"),
        rtpengine: Some(format!("/{text}")),
        query: format!("?{query}"),
        targets: Some(vec![TargetRow { target: Shown::new(text), query: format!("?{query}"), scrape }]),
    };
    (page, around)
}

/// Returns the tags of a document with the names of their attributes, and its texts and values.
fn skeleton(mut html: &str) -> (Vec<String>, Vec<String>) {
    let (mut tags, mut texts) = (Vec::new(), Vec::new());
    while let Some((text, rest)) = html.split_once('<') {
        texts.push(text.to_owned());
        let mut tag = String::new();
        let mut parts = rest;
        loop {
            let end = parts.find(['"', '>']).expect("a tag ends");
            tag += &parts[..end];
            if parts.as_bytes()[end] == b'>' {
                parts = &parts[end + 1..];
                break;
            }
            let (value, after) = parts[end + 1..].split_once('"').expect("a value ends");
            texts.push(value.to_owned());
            parts = after;
        }
        tags.push(tag);
        html = parts;
    }
    texts.push(html.to_owned());
    (tags, texts)
}

const HOSTILE: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</bdi></td></table><svg/onload=alert(1)>",
    "' style='display:none",
    "&lt;b&gt;&amp;&#60;",
    "\u{0}\u{1b}[31m\u{8}\r\n\t\u{7f}",
    "\u{202e}\u{2066}\u{200f}\u{feff}",
    "<!--]]></title></style>",
    "שלום عالم",
    "javascript:alert(1)",
    "%3Cscript%3E?target=x&y=\"",
    "{{7*7}} ${x}",
];

fn texts() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned);
    let long = prop::sample::select(&HOSTILE[..]).prop_map(|text| text.repeat(65_536 / text.len() + 1));
    let part = prop_oneof![4 => hostile, 3 => any::<String>(), 1 => long];
    prop::collection::vec(part, 1..4).prop_map(|parts| format!("x{}", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_text_becomes_markup_or_changes_what_is_around_it(text in texts()) {
        let (page, around) = everything(&text);
        let (plain_page, plain_site) = everything("x");
        let (tags, texts) = skeleton(&html::page(&page, &around));
        prop_assert_eq!(tags, skeleton(&html::page(&plain_page, &plain_site)).0);
        for text in &texts {
            prop_assert!(!text.contains(['<', '>']), "{:?}", text);
        }
        // The prefix and the paths are the operator's own, and checked when the program starts.
        let around = Surroundings { prefix: String::new(), metrics: String::new(), rtpengine: None, ..around };
        let html = html::page(&page, &around);
        prop_assert!(html.chars().all(is_printable));
        prop_assert!(html.len() < 1 << 20, "{}", html.len());
    }

    #[test]
    fn the_status_is_json_whatever_the_texts(text in texts()) {
        let (page, around) = everything(&text);
        let status = json::status(&page, around.targets.as_deref());
        let parsed: serde_json::Value = serde_json::from_str(&status).unwrap();
        prop_assert_eq!(parsed["target"].as_str(), Some(page.target.as_str()));
        prop_assert!(status.len() < 1 << 20);
    }
}

#[test]
fn the_page_has_no_inline_style_or_script_and_loads_nothing_from_elsewhere() {
    let (page, around) = everything("x");
    let html = html::page(&page, &Surroundings { prefix: String::new(), ..around });
    for forbidden in [
        " style=",
        "<style",
        " onload=",
        " onclick=",
        "javascript:",
        "http://",
        "https://",
        "url(",
        "<img",
        "<iframe",
    ] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("<script defer src=\"/-/page.js?v="), "{html}");
    let style = include_str!("style.css");
    assert!(!style.contains("@import") && !style.contains("url("));
}

#[test]
fn the_headline_ends_with_the_number_of_other_problems_however_long_the_first_are() {
    let long = || "a problem with a name that is as long as it may be, ".repeat(10);
    let finding = || Finding {
        level: Level::Bad,
        title: Shown::new(long()),
        since: None,
        details: Vec::new(),
        more: 0,
    };
    let (.., headline, _) = findings::headline(&[finding(), finding(), finding(), finding()]);
    assert!(headline.as_str().ends_with("; 2 more problems"), "{headline:?}");
    let (.., headline, _) = findings::headline(&[finding(), finding(), finding()]);
    assert!(headline.as_str().ends_with("; 1 more problem"), "{headline:?}");
}

#[test]
fn a_hanging_scrape_is_the_first_finding_and_the_headline_has_the_worst_level() {
    let (page, _) = everything("x");
    let findings = findings::find(&page, None);
    assert_eq!((findings[0].level, findings[1].level), (Level::Warning, Level::Bad));
    let (level, headline, _) = findings::headline(&findings);
    assert!(headline.as_str().starts_with("Kamailio has not responded for 3 s; "), "{headline:?}");
    assert_eq!(level, Level::Bad);
}

#[test]
fn failed_transactions_are_a_problem_with_their_share() {
    let (page, _) = everything("x");
    let findings = findings::find(&page, None);
    let titles: Vec<_> = findings.iter().map(|finding| finding.title.as_str()).collect();
    assert!(titles.contains(&"25% of transactions fail"), "{titles:?}");
}

/// The members of the status, by their paths. Members may be added to the list, and none may be removed.
#[test]
fn the_members_of_the_status_stay() {
    fn paths(value: &serde_json::Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(members) => {
                members.iter().for_each(|(name, value)| paths(value, &format!("{path}.{name}"), found));
            }
            serde_json::Value::Array(items) => {
                items.iter().for_each(|item| paths(item, &format!("{path}[]"), found))
            }
            serde_json::Value::Null => drop(found.insert(format!("{path} null"))),
            serde_json::Value::Bool(_) => drop(found.insert(format!("{path} bool"))),
            serde_json::Value::Number(_) => drop(found.insert(format!("{path} number"))),
            serde_json::Value::String(_) => drop(found.insert(format!("{path} string"))),
        }
    }
    let (page, around) = everything("x");
    let status = serde_json::from_str(&json::status(&page, around.targets.as_deref())).unwrap();
    let mut found = std::collections::BTreeSet::new();
    paths(&status, "", &mut found);
    let found: String = found.iter().map(|path| path.clone() + "\n").collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/status.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, &found).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(file).unwrap_or_default(),
        found,
        "BLESS=1 accepts the current members"
    );
}
