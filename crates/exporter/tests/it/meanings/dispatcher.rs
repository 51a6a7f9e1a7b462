use crate::replay::*;
use crate::support::run;
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn destinations_have_states_latencies_and_sets() {
    for version in VERSIONS {
        let page = page(version, "auto,-stats,-custom,dispatcher.list,dispatcher.info", &[], &[]);
        let mut count = 0;
        let mut by_state = BTreeMap::new();
        let replies = records(version, "dispatcher.list");
        expect(&page, "kamailio_dispatcher_sets", number(member(&replies[0], &["NRSETS"]).unwrap()));
        for set in members(member(&replies[0], &["RECORDS"]).unwrap(), Some("SET")) {
            let id = text(member(set, &["ID"]).unwrap());
            let destinations = members(member(set, &["TARGETS"]).unwrap(), Some("DEST"));
            for destination in &destinations {
                let uri = text(member(destination, &["URI"]).unwrap());
                let same = |other: &&&Value| text(member(other, &["URI"]).unwrap()) == uri;
                let mut labels = vec![("setid", id.clone()), ("uri", uri.clone())];
                let duid = member(destination, &["ATTRS", "DUID"]).map(text).unwrap_or_default();
                let extra_labels = [&labels[..], &[("duid", duid.clone())]].concat();
                if destinations.iter().filter(same).count() > 1 {
                    labels.push(("duid", duid));
                }
                let of = |name: &str| series(&format!("kamailio_dispatcher_{name}"), &extra_labels);
                let flags = text(member(destination, &["FLAGS"]).unwrap());
                let is = |letter| f64::from(u8::from(flags.starts_with(letter)));
                for (name, letter) in [("active", 'A'), ("inactive", 'I'), ("disabled", 'D'), ("trying", 'T')]
                {
                    expect(&page, &of(&format!("destination_{name}")), is(letter));
                    *by_state.entry((id.clone(), name)).or_insert(0.0) += is(letter);
                }
                expect(&page, &of("destination_up"), is('A') + is('T'));
                let probing = f64::from(u8::from(flags.as_bytes()[1] == b'P'));
                expect(&page, &of("destination_probing"), probing);
                let latency =
                    ["AVG", "STD", "EST", "MAX"].map(|name| member(destination, &["LATENCY", name]));
                let is_measured = latency.iter().flatten().any(|value| number(value) != 0.0);
                for (name, path, unit) in [
                    ("priority", &["PRIORITY"][..], 1.0),
                    ("weight", &["ATTRS", "WEIGHT"], 1.0),
                    ("relative_weight", &["ATTRS", "RWEIGHT"], 1.0),
                    ("max_load", &["ATTRS", "MAXLOAD"], 1.0),
                    ("dialog_load", &["RUNTIME", "DLGLOAD"], 1.0),
                    ("latency_average_seconds", &["LATENCY", "AVG"], 1e-3),
                    ("latency_deviation_seconds", &["LATENCY", "STD"], 1e-3),
                    ("latency_estimate_seconds", &["LATENCY", "EST"], 1e-3),
                    ("latency_max_seconds", &["LATENCY", "MAX"], 1e-3),
                    ("timeouts_total", &["LATENCY", "TIMEOUT"], 1.0),
                ] {
                    match member(destination, path) {
                        Some(value) if is_measured || !name.starts_with("latency") => {
                            expect(&page, &of(&format!("destination_{name}")), number(value) * unit)
                        }
                        _ => assert!(!page.contains_key(&of(&format!("destination_{name}")))),
                    }
                }
                let attribute = |name| member(destination, &["ATTRS", name]).map(text).unwrap_or_default();
                let info = [
                    ("setid", id.clone()),
                    ("uri", uri),
                    ("duid", attribute("DUID")),
                    ("attributes", attribute("BODY")),
                    ("socket", attribute("SOCKET")),
                ];
                expect(&page, &series("kamailio_dispatcher_destination_info", &info), 1.0);
                labels.push(("flags", flags));
                expect(&page, &series("kamailio_dispatcher_list_target", &labels), 1.0);
                count += 1;
            }
        }
        assert_eq!(count, 8, "{version}");
        assert!(by_state.keys().any(|(id, _)| id == "0"));
        for ((id, state), number) in by_state {
            let labels = [("setid", id), ("state", state.to_owned())];
            expect(&page, &series("kamailio_dispatcher_set_destinations", &labels), number);
        }
    }
}

#[test]
fn the_drop_in_methods_alone_have_no_other_families() {
    let page = page("6.2-dev", "dispatcher.list,dmq.list_nodes,tls.info", &[], &[]);
    let families: BTreeSet<_> = page.keys().map(|series| series.split('{').next().unwrap()).collect();
    let kamailio = families.into_iter().filter(|name| {
        !["process_", "kamailio_exporter_", "kamailio_scrape_", "kamailio_up"]
            .iter()
            .any(|own| name.starts_with(own))
    });
    assert_eq!(
        kamailio.collect::<Vec<_>>(),
        [
            "kamailio_dispatcher_list_target",
            "kamailio_dmq_list_nodes_node",
            "kamailio_start_time_seconds",
            "kamailio_tls_info_max_connections",
            "kamailio_tls_info_opened_connections",
        ]
    );
}

#[test]
fn five_thousand_destinations_fit() {
    let uris: Vec<_> = (0..5000).map(|n| format!("sip:10.0.{}.{}:5060", n / 250, n % 250)).collect();
    let destinations: Vec<_> = uris
        .iter()
        .enumerate()
        .map(|(n, uri)| {
            let flags = ["AP", "IP", "DX", "TP"][n % 4];
            [
                (Some("URI"), uri.as_str().into()),
                (Some("FLAGS"), flags.into()),
                (Some("PRIORITY"), Arg::Int(-3)),
            ]
        })
        .collect();
    let targets: Vec<_> = destinations.iter().map(|members| (Some("DEST"), Arg::Struct(members))).collect();
    let set = [(Some("ID"), Arg::Int(0)), (Some("TARGETS"), Arg::Struct(&targets))];
    let sets = [(Some("SET"), Arg::Struct(&set))];
    let reply = [(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&sets))];
    let fake = Fake::start();
    fake.answer("dispatcher.list", Kind::Reply, &body(&[Arg::Struct(&reply)]));
    let page = served(&fake, "auto,-stats,-custom", &[]);
    let of =
        |name: &'static str| page.iter().filter(move |(series, _)| series.starts_with(&format!("{name}{{")));
    for name in ["kamailio_dispatcher_list_target", "kamailio_dispatcher_destination_trying"] {
        assert_eq!(of(name).count(), 5000, "{name}");
    }
    assert_eq!(of("kamailio_dispatcher_destination_up").map(|(_, up)| up).sum::<f64>(), 2500.0);
    assert!(of("kamailio_dispatcher_destination_priority").all(|(_, priority)| *priority == -3.0));
    assert_eq!(page["kamailio_dispatcher_set_destinations{setid=\"0\",state=\"trying\"}"], 1250.0);
    assert_eq!(page["kamailio_exporter_dropped_samples_total{collector=\"dispatcher.list\"}"], 0.0);
}

/// A destination as dispatcher.list has it.
fn destination<'a>(attributes: &'a [(Option<&'a str>, Arg<'a>)]) -> Vec<(Option<&'a str>, Arg<'a>)> {
    let uri = (Some("URI"), "sip:10.9.8.7".into());
    let flags = (Some("FLAGS"), "AP".into());
    vec![uri, flags, (Some("PRIORITY"), Arg::Int(6)), (Some("ATTRS"), Arg::Struct(attributes))]
}

/// Returns the samples about the destinations of a dispatcher set.
fn dispatcher_samples(
    destinations: &[Vec<(Option<&str>, Arg<'_>)>],
    arguments: &[&str],
) -> BTreeMap<String, f64> {
    let targets: Vec<_> = destinations.iter().map(|members| (Some("DEST"), Arg::Struct(members))).collect();
    let set = [(Some("ID"), Arg::Int(12)), (Some("TARGETS"), Arg::Struct(&targets))];
    let sets = [(Some("SET"), Arg::Struct(&set))];
    let reply = [(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&sets))];
    let fake = Fake::start();
    fake.answer("system.listMethods", Kind::Reply, &body(&["dispatcher.list".into()]));
    fake.answer("dispatcher.list", Kind::Reply, &body(&[Arg::Struct(&reply)]));
    let mut page = served(&fake, "auto,dispatcher.info", arguments);
    page.retain(|series, _| series.starts_with("kamailio_dispatcher_destination_"));
    page
}

/// Returns the series about the destinations of a dispatcher set.
fn dispatcher_series(destinations: &[Vec<(Option<&str>, Arg<'_>)>], arguments: &[&str]) -> BTreeSet<String> {
    dispatcher_samples(destinations, arguments).into_keys().collect()
}

#[test]
fn the_first_of_equal_destinations_keeps_its_series() {
    let mut destinations = [(); 3].map(|()| destination(&[]));
    for (destination, priority) in destinations.iter_mut().zip(6..) {
        destination[2] = (Some("PRIORITY"), Arg::Int(priority));
    }
    let samples = dispatcher_samples(&destinations, &[]);
    for (labels, priority) in [("", 6.0), (",index=\"2\"", 7.0), (",index=\"3\"", 8.0)] {
        let of = |first: &str| {
            let prefix = format!("kamailio_dispatcher_destination_priority{{{first}");
            samples.iter().find(|(series, _)| series.starts_with(&prefix)).map(|(_, value)| *value)
        };
        let index = labels.trim_start_matches(',');
        let first = if index.is_empty() { "setid".to_owned() } else { format!("{index},setid") };
        assert_eq!(of(&first), Some(priority), "{labels}: {samples:#?}");
    }
}

#[test]
fn a_second_equal_destination_changes_no_series_of_the_first() {
    let first = [(Some("BODY"), "duid=x7".into()), (Some("DUID"), "x7".into())];
    let other = [(Some("BODY"), "duid=x8".into()), (Some("DUID"), "x8".into())];
    let nameless = [(Some("BODY"), "".into()), (Some("DUID"), "<null string>".into())];
    for (attributes, more) in
        [(&first, &other), (&first, &first), (&nameless, &nameless), (&nameless, &other)]
    {
        let alone = dispatcher_series(&[destination(attributes)], &[]);
        let both = dispatcher_series(&[destination(attributes), destination(more)], &[]);
        assert!(alone.len() >= 8 && both.is_superset(&alone), "{alone:#?} {both:#?}");
        assert_eq!(both.len(), 2 * alone.len());
        let keys = |page: &BTreeSet<String>, family: &str| {
            let labels = page.iter().filter_map(|series| {
                series.strip_prefix(&format!("kamailio_dispatcher_destination_{family}{{"))
            });
            let key = |label: &&str| !label.starts_with("attributes=");
            let keys = labels.map(|labels| labels.trim_end_matches('}').split(',').filter(key));
            keys.map(|key| key.collect::<Vec<_>>().join(",")).collect::<Vec<_>>()
        };
        assert_eq!(keys(&both, "info"), keys(&both, "up"), "the info joins the values");
    }
}

#[test]
fn attributes_that_are_named_become_labels() {
    let body = "weight=20;carrier=\"Blue; Ltd\";duid=x7;region=eu-1";
    let first = [(Some("BODY"), body.into()), (Some("DUID"), "x7".into())];
    let other = [(Some("BODY"), "region=us".into()), (Some("DUID"), "<null string>".into())];
    let info = |arguments: &[&str]| {
        let page = dispatcher_series(&[destination(&first), destination(&other)], arguments);
        let info = page.into_iter().filter_map(|series| {
            series.strip_prefix("kamailio_dispatcher_destination_info").map(str::to_owned)
        });
        info.collect::<Vec<_>>()
    };
    let named = info(&["--collector.dispatcher.attributes", "region,carrier"]);
    let expected = [
        "{carrier=\"Blue; Ltd\",duid=\"x7\",region=\"eu-1\",setid=\"12\",uri=\"sip:10.9.8.7\"}",
        "{region=\"us\",setid=\"12\",uri=\"sip:10.9.8.7\"}",
    ];
    assert_eq!(named, expected);
    let repeated =
        ["--collector.dispatcher.attributes=region", "--collector.dispatcher.attributes=carrier,region"];
    assert_eq!(info(&repeated), expected);
    let whole = info(&["--collector.dispatcher.attributes="]);
    assert!(whole.iter().all(|labels| labels.contains("attributes=")), "{whole:?}");
    for (name, message) in [
        ("duid", "the metric has a label of this name already"),
        ("my-name", "not valid as a label's name"),
        ("__x", "not valid as a label's name"),
        ("7up", "not valid as a label's name"),
    ] {
        let output = run(&["--collector.dispatcher.attributes", name]);
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && log.contains(message), "{name}: {log}");
    }
}

#[test]
fn overload_control_is_queried_by_set() {
    let fake = Fake::replay(Captures::of("6.2-dev"));
    let page = overload_control(&fake);
    for record in records("6.2-dev", "dispatcher.oclist_1") {
        let of = |name: &str| text(member(&record, &[name]).unwrap());
        let labels = [("setid", of("group")), ("uri", of("uri"))];
        for (name, key) in [("", "ocrate"), ("_min", "ocmin"), ("_max", "ocmax")] {
            let name = format!("kamailio_dispatcher_destination_overload_rate{name}");
            expect(&page, &series(&name, &labels), number(member(&record, &[key]).unwrap()));
        }
    }
    let calls = fake.calls();
    let asked: BTreeSet<_> = calls.iter().filter(|call| call.starts_with("dispatcher.oclist")).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
}

#[test]
fn overload_control_has_an_expiry_time() {
    let destination = |uri: &'static str, sequence, seconds, microseconds| {
        [
            (Some("group"), Arg::Int(3)),
            (Some("uri"), uri.into()),
            (Some("ocrate"), Arg::Int(35)),
            (Some("ocseq"), Arg::Int(sequence)),
            (Some("octime_sec"), Arg::Double(seconds)),
            (Some("octime_usec"), Arg::Double(microseconds)),
        ]
    };
    let updated = destination("sip:a", 4_000_000_007, 1_795_354_968.0, 250_000.0);
    let never = destination("sip:b", 0, 0.0, 0.0);
    let list = [(Some("SET"), Arg::Struct(&[(Some("ID"), Arg::Int(3))]))];
    let list = [(Some("RECORDS"), Arg::Struct(&list))];
    let fake = Fake::start();
    let methods = ["dispatcher.list", "dispatcher.oclist"].map(Arg::from);
    fake.answer("system.listMethods", Kind::Reply, &body(&methods));
    fake.answer("dispatcher.list", Kind::Reply, &body(&[Arg::Struct(&list)]));
    fake.answer("dispatcher.oclist", Kind::Reply, &body(&[Arg::Struct(&updated), Arg::Struct(&never)]));
    let page = served(&fake, "dispatcher.oclist", &[]);
    let of = |name: &str, uri: &str| {
        let series = format!("kamailio_dispatcher_destination_overload_{name}{{setid=\"3\",uri=\"{uri}\"}}");
        page.get(&series).copied()
    };
    assert_eq!([of("rate", "sip:a"), of("rate", "sip:b")], [Some(35.0); 2]);
    let until = "valid_until_timestamp_seconds";
    assert_eq!([of(until, "sip:a"), of(until, "sip:b")], [Some(1_795_354_968.25), None]);
    assert_eq!([of("sequence", "sip:a"), of("sequence", "sip:b")], [Some(4_000_000_007.0), None]);
}
