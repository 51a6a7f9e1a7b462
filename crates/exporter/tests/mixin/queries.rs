use crate::lab::{Lab, files, hasten, read};
use crate::support::eventually;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;
use testbed::Kamailio;

/// Queries without data here, each with the reason: the start of the query, or of the question in docs/queries.md.
const EMPTY: [(&str, &str); 6] = [
    ("instance:kamailio_invites_answered:ratio_rate1h{} offset 1w", "it needs a week of history"),
    ("kamailio_exporter_web_config_last_reload_successful", "the exporter has no web configuration file"),
    ("sum by (collector) (rate(kamailio_exporter_dropped_samples_total", "no samples are left out"),
    ("sum by (collector) (rate(kamailio_exporter_duplicate_rows_total", "no samples are left out"),
    ("sum by (collector) (rate(kamailio_exporter_unreadable_values_total", "all values can be read"),
    ("kamailio_up == 0", "Kamailio is up"),
];

#[test]
fn every_query_of_the_dashboards_and_docs_has_data() {
    let lab = Lab::start(Kamailio::many_modules());
    let _traffic = lab.kamailio.background_traffic();
    lab.kamailio.traffic();
    // Destinations go down, so that alerts fire, and the rules have seen enough.
    eventually(|| if lab.firing().is_empty() { Err("no alert fires".to_owned()) } else { Ok(()) });
    thread::sleep(Duration::from_secs(5));
    let mut empty = BTreeSet::new();
    let mut queries = panels();
    assert!(queries.len() > 100, "only {} queries of panels", queries.len());
    queries.extend(blocks(&read("docs/queries.md")));
    for query in &queries {
        // There is a sample every second, and the longest range needs some of them.
        let result = eventually_some(&lab, &hasten(query));
        if result.is_empty() {
            let known = EMPTY.iter().find(|(start, _)| query.replace(SELECTED, "").starts_with(start));
            let (start, _) = known.unwrap_or_else(|| panic!("no data: {query}"));
            empty.insert(*start);
        }
    }
    assert_eq!(empty.len(), EMPTY.len(), "only these are empty: {empty:?}");
}

/// Repeats a query until it has a result, because a rate needs some seconds of history.
fn eventually_some(lab: &Lab, query: &str) -> Vec<Value> {
    for _ in 0..5 {
        let result = lab.prometheus.query(query).as_array().unwrap().clone();
        if !result.is_empty() {
            return result;
        }
        thread::sleep(Duration::from_millis(500));
    }
    Vec::new()
}

/// Returns the queries of all panels, with all variables set to everything.
fn panels() -> Vec<String> {
    let mut queries = Vec::new();
    for file in files("mixin/dashboards") {
        let board: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for target in
            board["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array())
        {
            queries.extend(target.iter().map(|target| selected(target["expr"].as_str().unwrap())));
        }
    }
    queries
}

fn selected(query: &str) -> String {
    let mut query = query.replace("$__rate_interval", "5m");
    for variable in ["cluster", "job", "instance", "setid"] {
        query = query.replace(&format!("${variable}"), ".*");
    }
    query
}

/// Returns the blocks of PromQL in a document.
fn blocks(document: &str) -> Vec<String> {
    let blocks = document.split("```promql\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

const SELECTED: &str = r#"cluster=~".*",job=~".*",instance=~".*""#;
