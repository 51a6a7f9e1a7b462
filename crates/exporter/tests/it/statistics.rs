use fake_kamailio::body;
use kamailio_binrpc::wire::{self, Arg, Nodes};
use kamailio_exporter::internals::{
    ALL, CallContext, Capabilities, Collector, CollectorFamilies, Field, Key, LabelValue, Omissions,
    catalogue, extract,
};
use prometheus_exposition::Samples;
use prometheus_exposition::{Kind, Number};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Statistics without a meaning: Kamailio always reports three as 0, the fourth has the value of another statistic, and the
/// fifth does not count what its name states.
const LEFT_OUT: [&str; 5] = [
    "sl.sent_err_replies",
    "sst.expired_sst",
    "imc.active_rooms",
    "ims_usrloc_pcscf.registered_impus",
    "uac.regactive",
];

/// An example name for each pattern in the list.
const EXAMPLES: [(&str, &str); 7] = [
    ("usrloc.*_users", "usrloc.location_users"),
    ("usrloc.*_contacts", "usrloc.location_contacts"),
    ("usrloc.*_expires", "usrloc.location_expires"),
    ("sipcapture.captured_requests[*]", "sipcapture.captured_requests[mode]"),
    ("sipcapture.captured_replies[*]", "sipcapture.captured_replies[mode]"),
    ("script.*", "script.calls"),
    ("*.*", "module.name"),
];

/// Examples that no field of their own matches.
const UNKNOWN: [&str; 2] = ["script.calls", "module.name"];

/// A row of the list of all statistics of Kamailio 5.6 and 6.2: group, name, type, unit, help.
struct Row {
    name: String,
    kind: String,
    unit: String,
}

fn rows() -> Vec<Row> {
    let list = include_str!("../fixtures/stats.tsv");
    let rows: Vec<_> = list.lines().skip(1).map(row).collect();
    assert_eq!(rows.len(), 487, "the list has grown or shrunk: so must the tables");
    rows
}

fn row(line: &str) -> Row {
    let columns: Vec<&str> = line.split('\t').collect();
    let [group, name, kind, unit, _help] = columns[..] else { panic!("not five columns: {line}") };
    let pattern = format!("{group}.{name}");
    let example = EXAMPLES.iter().find(|(row, _)| *row == pattern).map(|(_, example)| *example);
    assert!(example.is_some() || !pattern.contains('*'), "{pattern} needs an example");
    Row { name: example.map_or(pattern, str::to_owned), kind: kind.to_owned(), unit: unit.to_owned() }
}

fn collector() -> (&'static Collector, &'static CollectorFamilies) {
    let index = ALL.iter().position(|collector| collector.name == "stats").unwrap();
    (ALL[index], catalogue().collector(index))
}

fn walked(body: &[u8]) -> (Samples, Omissions, usize) {
    let mut nodes = Nodes::new();
    nodes.decode(body).unwrap();
    let records = nodes.members(body);
    let (collector, families) = collector();
    let mut samples = Samples::new(1000);
    let capabilities = Capabilities::default();
    let (arguments, parameters, capabilities) = (&[], &[], &capabilities);
    let answered =
        CallContext { collector, families, arguments, capabilities, extra_fields: true, parameters };
    let omissions = extract(answered, records, &mut samples);
    let statistics = records.iter().filter_map(|record| record.value.members()).flatten().count();
    (samples, omissions, statistics)
}

/// Returns the samples of a reply with these statistics, by series.
fn served(statistics: &[(&str, &str)]) -> (BTreeMap<String, Number>, Omissions) {
    let (samples, omissions, count) = walked(&reply(statistics));
    assert_eq!(count, statistics.len());
    (series(&samples), omissions)
}

fn series(samples: &Samples) -> BTreeMap<String, Number> {
    let families = catalogue().families().iter().enumerate();
    let series = families.flat_map(|(id, announced)| {
        samples.family(id).map(move |(labels, number)| {
            (format!("{}{}", announced.sample_name(), String::from_utf8_lossy(labels)), number)
        })
    });
    series.collect()
}

/// Returns a body with one struct, as `stats.fetch` sends it.
fn reply(statistics: &[(&str, &str)]) -> Vec<u8> {
    let members: Vec<_> = statistics.iter().map(|(name, value)| (Some(*name), Arg::from(*value))).collect();
    body(&[Arg::Struct(&members)])
}

/// Returns the body of a captured packet.
fn captured(version: &str, name: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(version);
    let mut packet = std::fs::read(directory.join(format!("{name}.reply"))).unwrap();
    packet.split_off(wire::header(&packet).unwrap().unwrap().header_len)
}

/// Returns the fields for a statistic of this name.
fn fields_named(name: &str) -> Vec<&'static Field> {
    let fields = collector().0.fields();
    fields.filter(|field| matches!(field.key, Key::At([key]) if *key == name)).collect()
}

#[test]
fn every_statistic_has_one_field_of_its_type() {
    let mut known = BTreeSet::new();
    for Row { name, kind, unit } in rows() {
        let named = fields_named(&name);
        assert!(named.len() < 2, "{name} has {} fields", named.len());
        let selected = || {
            let (index, _) = collector().1.matching(name.as_bytes())?;
            collector().0.fields().nth(index)
        };
        let field = named.first().copied().or_else(selected);
        known.insert(name.clone());
        if LEFT_OUT.contains(&name.as_str()) || UNKNOWN.contains(&name.as_str()) {
            assert_eq!(field.is_some(), LEFT_OUT.contains(&name.as_str()), "{name}");
            continue;
        }
        let family = field.unwrap_or_else(|| panic!("{name} has no field")).family;
        assert_eq!(
            family.kind == Kind::Counter,
            kind == "counter",
            "{name}, a {kind}, is in {}",
            family.name
        );
        assert!(
            unit.is_empty() || family.name.ends_with(&format!("_{unit}")),
            "{name} is in {}",
            family.name
        );
    }
    for field in collector().0.fields() {
        if let Key::At(path) = field.key {
            let [name] = path else { panic!("{} has no name", field.family.name) };
            assert!(known.contains(*name), "{name} is not in the list");
        }
    }
}

#[test]
fn every_statistic_becomes_a_sample_and_no_two_the_same() {
    let rows = rows();
    let values: Vec<String> = (1..=rows.len()).map(|number| (number * 1000).to_string()).collect();
    let statistics: Vec<_> = rows.iter().zip(&values).map(|(row, value)| (&*row.name, &**value)).collect();
    let (series, omissions) = served(&statistics);
    assert_eq!(omissions, Omissions::default());
    assert_eq!(series.len(), rows.len() - LEFT_OUT.len());
    let unknown: Vec<_> = series.keys().filter(|series| series.starts_with("kamailio_statistic")).collect();
    assert_eq!(
        unknown,
        [
            "kamailio_statistic{group=\"module\",name=\"name\"}",
            "kamailio_statistic{group=\"script\",name=\"calls\"}"
        ]
    );
}

#[test]
fn statistics_left_out_give_no_sample() {
    for name in LEFT_OUT {
        assert_eq!(fields_named(name).len(), 1, "{name}");
        let (series, omissions) = served(&[(name, "7")]);
        assert_eq!((series.len(), omissions), (0, Omissions::default()), "{name}");
    }
}

#[test]
fn constant_labels_agree_with_the_name_of_the_statistic() {
    for field in collector().0.fields() {
        let Key::At([name]) = field.key else { continue };
        for label in field.labels {
            let LabelValue::Constant(value) = label.value else {
                panic!("{name}: {} is not constant", label.name)
            };
            let words = words(label.name, value);
            assert!(words.iter().any(|word| name.contains(word)), "{name}: {}={value}", label.name);
        }
    }
}

/// Returns words of which at least one is part of the name of a statistic with this label.
fn words(label: &str, value: &str) -> Vec<String> {
    let same = [value.to_owned()];
    let words: &[&str] = match (label, value) {
        ("method", "REGISTER") => &["requests_register", "xx_reg"],
        ("state", "confirmed") => &["active"],
        ("result", "success") => &["successful", "dumped", "connok"],
        ("result", "failure") => &["failed", "connfail"],
        ("method" | "command", _) => {
            return vec![format!("_{}", value.to_lowercase()), format!(".{}", value.to_lowercase())];
        }
        ("code", _) if value.len() == 3 => return same.into(),
        ("class", "1xx" | "2xx" | "3xx" | "4xx" | "5xx" | "6xx") => return same.into(),
        ("subprotocol" | "side" | "type" | "session" | "table" | "kind" | "state" | "result", _) => {
            return same.into();
        }
        _ => panic!("{label}={value}: add what it stands for"),
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn fields_of_a_family_have_the_same_labels() {
    let mut families: HashMap<&str, (&str, Vec<&str>)> = HashMap::new();
    for field in collector().0.fields() {
        let Key::At([name]) = field.key else { continue };
        let labels: Vec<_> = field.labels.iter().map(|label| label.name).collect();
        let (first, known) = families.entry(field.family.name).or_insert((name, labels.clone()));
        // Old versions of ims_qos count all AARs together, instead of by session.
        let without_session = name.starts_with("ims_qos.aar_") || known.contains(&"session");
        if !without_session && !known.contains(&"command") {
            assert_eq!(labels, *known, "{name} and {first}");
        }
    }
}

#[test]
fn units_are_seconds_and_ratios() {
    for (name, value, series, expected) in [
        ("cdp.replies_response_time", "1500", "kamailio_cdp_response_seconds_total", Number::Float(1.5)),
        (
            "ims_icscf.lir_avg_response_time",
            "20",
            "kamailio_diameter_average_response_seconds{command=\"LIR\"}",
            Number::Float(0.02),
        ),
        ("registrar.expires_range", "30", "kamailio_registrar_expires_range_ratio", Number::Float(0.3)),
        (
            "registrar.default_expire",
            "3600",
            "kamailio_registrar_default_expires_seconds",
            Number::Signed(3600),
        ),
        (
            "ims_usrloc_scscf.impu_collisions",
            "18446744073709551613",
            "kamailio_ims_usrloc_scscf_hash_collisions{table=\"impu\"}",
            Number::Signed(-3),
        ),
        (
            "usrloc.my-table-expires",
            "4",
            "kamailio_usrloc_contacts_expired_total{table=\"my-table\"}",
            Number::Signed(4),
        ),
        (
            "sipcapture.captured_replies[hep]",
            "5",
            "kamailio_sipcapture_replies_captured_total{mode=\"hep\"}",
            Number::Signed(5),
        ),
    ] {
        let (served, omissions) = served(&[(name, value)]);
        assert_eq!(omissions, Omissions::default(), "{name}");
        assert_eq!(served, BTreeMap::from([(series.to_owned(), expected)]), "{name}");
    }
}

#[test]
fn a_counter_below_zero_is_unreadable() {
    for name in ["core.rcv_requests", "cdp.replies_response_time"] {
        let (series, omissions) = served(&[(name, "18446744073709551611")]);
        assert_eq!((series.len(), omissions.unreadable), (0, 1), "{name}");
    }
}

#[test]
fn an_average_of_nothing_is_left_out() {
    for (name, value, expected) in [
        ("cdp.average_response_time", "0", None),
        ("cdp.average_response_time", "17", Some(("kamailio_cdp_average_response_seconds", 0.017))),
        ("ims_auth.mar_avg_response_time", "0", None),
        ("ims_qos.media_aar_avg_response_time", "0", None),
        ("cdp.replies_response_time", "0", Some(("kamailio_cdp_response_seconds_total", 0.0))),
    ] {
        let (served, findings) = served(&[(name, value)]);
        let expected = expected.map(|(series, value)| (series.to_owned(), Number::Float(value)));
        assert_eq!(
            (served, findings),
            (expected.into_iter().collect(), Omissions::default()),
            "{name} {value}"
        );
    }
}

#[test]
fn a_script_total_below_zero_is_not_a_counter() {
    for (value, kind) in [("18446744073709551579", "gauge"), ("37", "counter"), ("0", "counter")] {
        let (samples, findings, _) = walked(&reply(&[("script.active_total", value)]));
        let family = samples.external().families().next().unwrap();
        assert_eq!(
            (family.name(), family.kind().as_str()),
            ("kamailio_script_active_total", kind),
            "{value}"
        );
        assert_eq!(findings, Omissions::default());
    }
}

#[test]
fn every_captured_statistic_is_served() {
    let all = ["stats.fetch_all", "aux.stats.fetch_all"];
    let parts = ["aux3.stats.fetch_ims_usrloc_pcscf-", "aux3.stats.fetch_ims_qos-", "stats.fetch_vals-"];
    for version in ["5.6.3", "6.2-dev"] {
        for (name, at_least) in all.map(|name| (name, 150)).into_iter().chain(parts.map(|name| (name, 3))) {
            let body = captured(version, name);
            let mut nodes = Nodes::new();
            nodes.decode(&body).unwrap();
            // No recorded server had replies to average.
            let left_out = |member: &str| {
                LEFT_OUT.contains(&member)
                    || member.ends_with("average_response_time")
                    || member.ends_with("_avg_response_time")
            };
            let records = nodes.members(&body);
            let members = records.iter().filter_map(|record| record.value.members()).flatten();
            let names: Vec<_> =
                members.map(|member| String::from_utf8(member.name.unwrap().to_vec()).unwrap()).collect();
            assert!(names.len() >= at_least, "{version} {name}: {}", names.len());
            let (samples, omissions, statistics) = walked(&body);
            assert_eq!(omissions, Omissions::default(), "{version} {name}");
            let left_out = names.iter().filter(|name| left_out(name)).count();
            let self_named = samples.external_len();
            assert_eq!(samples.len() + self_named, statistics - left_out, "{version} {name}");
            let own = |name: &&String| !name.starts_with("script.") && !name.starts_with("vals.");
            let known = names.iter().filter(own).count() - left_out;
            let series = series(&samples);
            let typed = series.keys().filter(|series| !series.starts_with("kamailio_statistic{")).count();
            assert_eq!(typed, known, "{version} {name}");
        }
    }
}

#[test]
fn totals_in_the_captures_equal_the_sum_of_their_parts() {
    for version in ["5.6.3", "6.2-dev"] {
        let (samples, _, _) = walked(&captured(version, "stats.fetch_all"));
        let series = series(&samples);
        let sum = |family: &str| -> i64 {
            let of_family = series.iter().filter(|(series, _)| series.split('{').next() == Some(family));
            of_family.map(|(_, number)| if let Number::Signed(number) = number { *number } else { 0 }).sum()
        };
        for (total, parts) in [
            ("kamailio_core_replies_received_total", "kamailio_core_replies_received_by_class_total"),
            ("kamailio_sl_replies_sent_total", "kamailio_sl_replies_sent_by_code_total"),
            (
                "kamailio_websocket_frames_received_total",
                "kamailio_websocket_frames_received_by_subprotocol_total",
            ),
        ] {
            assert!(sum(total) > 0, "{version} {total}");
            assert_eq!(sum(total), sum(parts), "{version} {total}");
        }
    }
}
