use crate::support::{Exporter, samples};
pub(crate) use fake_kamailio::body;
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(crate) const VERSIONS: [&str; 2] = ["5.6.3", "6.2-dev"];

/// Returns the records of a capture, as the index of the captures lists them.
pub(crate) fn records(version: &str, name: &str) -> Vec<Value> {
    static INDEX: LazyLock<Value> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/index.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    });
    let request = format!("{version}/{name}.req");
    let captures = INDEX["captures"].as_array().unwrap();
    let capture = captures.iter().find(|capture| capture["request"] == request);
    capture.unwrap_or_else(|| panic!("no {request} in the index"))["records"].as_array().unwrap().clone()
}

/// Returns all members with this name.
pub(crate) fn members<'v>(value: &'v Value, name: Option<&str>) -> Vec<&'v Value> {
    let members = value["struct"].as_array().into_iter().flatten();
    members.filter(|member| member[0].as_str() == name).map(|member| &member[1]).collect()
}

pub(crate) fn member<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| members(value, Some(name)).first().copied())
}

pub(crate) fn text(value: &Value) -> String {
    match (value["str"].as_str(), value["int"].as_i64()) {
        (Some("<null string>"), _) => String::new(),
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        _ => panic!("no label: {value}"),
    }
}

pub(crate) fn number(value: &Value) -> f64 {
    let printed = value["str"].as_str().map(|text| text.parse().unwrap());
    value["int"].as_f64().or(value["double"].as_f64()).or(printed).unwrap_or_else(|| panic!("{value}"))
}

pub(crate) fn series(name: &str, labels: &[(&str, String)]) -> String {
    let labels = labels.iter().filter(|(_, value)| !value.is_empty());
    let mut labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    labels.sort_unstable();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// Returns the exposition of an exporter with these methods, after checking that every value could be read.
pub(crate) fn page(
    version: &str,
    methods: &str,
    captures: &[&str],
    arguments: &[&str],
) -> BTreeMap<String, f64> {
    let fake = Fake::replay(Captures::of(version));
    captures.iter().for_each(|capture| fake.answer_with(capture));
    // Only the first call of the one method, and one call of the other, were captured.
    fake.answer("sca.subscription_count", Kind::Reply, &body(&[Arg::from("3 call-info")]));
    fake.answer(
        "dispatcher.oclist",
        Kind::Fault,
        &body(&[Arg::Int(404), "Destination Group Not Found".into()]),
    );
    answer_uncaptured(&fake);
    let is_listed = |name: &str| {
        let listed = records(version, "system.listMethods");
        ["auto", "all", "dispatcher.info"].contains(&name)
            || listed.iter().any(|method| method["str"] == name)
    };
    if methods.split(',').any(|name| !name.starts_with('-') && !is_listed(name)) {
        // The captured list lacks some captured methods.
        fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "none".into()]));
    }
    served(&fake, methods, arguments)
}

/// Answers methods that the recorded servers had and that were not captured.
pub(crate) fn answer_uncaptured(fake: &Fake) {
    let no_file = body(&[Arg::Int(500), "No hash file".into()]);
    fake.answer("cfgutils.check_config_hash", Kind::Fault, &no_file);
}

pub(crate) fn served(fake: &Fake, methods: &str, arguments: &[&str]) -> BTreeMap<String, f64> {
    let exporter = Exporter::start(&[&["-u", &fake.unix(), "-m", methods], arguments].concat());
    let page = samples(&exporter.exposition());
    for (series, value) in &page {
        let expected = match series.split('{').next().unwrap() {
            "kamailio_exporter_unreadable_values_total" | "kamailio_exporter_duplicate_rows_total" => 0.0,
            "kamailio_scrape_collector_success" => 1.0,
            _ => continue,
        };
        assert_eq!(*value, expected, "{series}\n{}", exporter.log());
    }
    page
}

pub(crate) fn expect(page: &BTreeMap<String, f64>, series: &str, value: f64) {
    let found = page.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", page.keys()));
    assert!((found - value).abs() < 1e-9, "{series} is {found}, not {value}");
}

pub(crate) fn overload_control(fake: &Fake) -> BTreeMap<String, f64> {
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "dispatcher.oclist"]);
    samples(&exporter.exposition())
}
