use crate::replay::*;
use crate::support::run;
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn rtpengine_means_the_same_in_all_versions() {
    let states = |version, capture| {
        let page = page(version, "rtpengine.show", &[capture], &[]);
        let of = |name: &str, node: &str, index: &str| {
            let labels = [
                ("index", index.to_owned()),
                ("set", "1".to_owned()),
                ("url", format!("udp:127.0.0.1:{node}")),
            ];
            page[&series(&format!("kamailio_rtpengine_node_{name}"), &labels)]
        };
        [("22222", "0"), ("22223", "1")]
            .map(|(node, index)| (of("up", node, index), of("disabled", node, index)))
    };
    for version in VERSIONS {
        assert_eq!(states(version, "rtpengine.show_all"), [(1.0, 0.0), (0.0, 0.0)], "{version}");
        let switched_off = states(version, "rtpengine.show_all.permanently_disabled");
        assert_eq!(switched_off, [(1.0, 0.0), (0.0, 1.0)], "{version}");
    }
}

#[test]
fn large_shared_memory_comes_from_the_method_that_can_print_it() {
    let fake = Fake::replay(Captures::of("5.6.3"));
    fake.answer_with("shm5000M.core.shmmem");
    fake.answer_with("shm5000M.shm.stats");
    let page = served(&fake, "core.shmmem", &[]);
    assert_eq!(page["kamailio_core_shmmem_total"], 5000.0 * 1024.0 * 1024.0);
    assert_eq!(fake.count("core.shmmem"), 0);
}

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
fn states_are_read_from_flags_and_words() {
    for (version, method, series, value) in [
        (
            "5.6.3",
            "keepalive.list",
            "kamailio_keepalive_destination_up{owner=\"_params\",uri=\"sip:127.0.0.1:5195\"}",
            1.0,
        ),
        (
            "5.6.3",
            "keepalive.list",
            "kamailio_keepalive_destination_up{owner=\"_params\",uri=\"sip:127.0.0.1:5999\"}",
            0.0,
        ),
        (
            "6.2-dev",
            "keepalive.list",
            "kamailio_keepalive_destination_state{owner=\"_params\",state=\"down\",uri=\"sip:127.0.0.1:5999\"}",
            1.0,
        ),
        (
            "6.2-dev",
            "keepalive.list",
            "kamailio_keepalive_destination_state{owner=\"_params\",state=\"unknown\",uri=\"sip:127.0.0.1:5999\"}",
            0.0,
        ),
        (
            "5.6.3",
            "uac.reg_dump",
            "kamailio_uac_registration_up{domain=\"127.0.0.1\",username=\"alice\",uuid=\"u1\"}",
            1.0,
        ),
        (
            "5.6.3",
            "uac.reg_dump",
            "kamailio_uac_registration_up{domain=\"127.0.0.1\",username=\"bob\",uuid=\"u2\"}",
            0.0,
        ),
        (
            "6.2-dev",
            "uac.reg_dump",
            "kamailio_uac_registration_ongoing{domain=\"127.0.0.1\",username=\"bob\",uuid=\"u2\"}",
            1.0,
        ),
        (
            "6.2-dev",
            "uac.reg_dump",
            "kamailio_uac_registration_disabled{domain=\"127.0.0.1\",username=\"bob\",uuid=\"u2\"}",
            0.0,
        ),
        (
            "5.6.3",
            "rtpproxy.list",
            "kamailio_rtpproxy_node_up{index=\"0\",set=\"1\",url=\"udp:127.0.0.1:22322\"}",
            1.0,
        ),
        (
            "6.2-dev",
            "rtpproxy.list",
            "kamailio_rtpproxy_node_up{index=\"1\",set=\"1\",url=\"udp:127.0.0.1:22323\"}",
            0.0,
        ),
        ("5.6.3", "cdp.list_peers", "kamailio_cdp_peer_up{fqdn=\"hss.localhost\"}", 0.0),
        ("6.2-dev", "cdp.list_peers", "kamailio_cdp_peer_disabled{fqdn=\"ocs.localhost\"}", 0.0),
        ("5.6.3", "lcr.dump_gws", "kamailio_lcr_gateway_up{gw_id=\"2\",gw_name=\"gw2\",lcr_id=\"1\"}", 1.0),
        (
            "6.2-dev",
            "dbcl.list_connections",
            "kamailio_db_cluster_connection_up{cluster=\"k1\",connection=\"c1\"}",
            1.0,
        ),
        ("5.6.3", "siptrace.status", "kamailio_siptrace_enabled", 1.0),
        ("6.2-dev", "sipcapture.status", "kamailio_sipcapture_enabled", 1.0),
    ] {
        expect(&page(version, method, &[], &[]), series, value);
    }
    for version in VERSIONS {
        let page = page(version, "auto,-stats,-custom", &[], &[]);
        for port in ["5160", "5260"] {
            expect(
                &page,
                &format!("kamailio_dmq_node_up{{host=\"127.0.0.1\",port=\"{port}\",proto=\"*\"}}"),
                1.0,
            );
        }
    }
}

#[test]
fn connections_are_counted_by_kind() {
    for version in VERSIONS {
        let tcp = page(version, "core.tcp_list", &[], &[]);
        for kind in ["TCP", "TLS", "WS"] {
            let series = format!("kamailio_tcp_connections_by_state{{state=\"CONN_OK\",type=\"{kind}\"}}");
            expect(&tcp, &series, 1.0);
        }
        let series = "kamailio_tls_connections_by_cipher{cipher=\"TLS_AES_256_GCM_SHA384\",state=\"established\",\
                      version=\"TLSv1.3\"}";
        expect(&page(version, "tls.list", &[], &[]), series, 1.0);
    }
}

#[test]
fn texts_are_read_like_the_structs_that_replaced_them() {
    let filters = VERSIONS.map(|version| {
        let mut page = page(version, "secfilter.stats", &[], &[]);
        page.retain(|series, _| series.starts_with("kamailio_secfilter_"));
        page
    });
    assert_eq!(filters[0], filters[1]);
    assert_eq!(filters[0].len(), 26);
    assert_eq!(filters[0]["kamailio_secfilter_matches_total{list=\"whitelist\",type=\"user-agent\"}"], 4.0);
    for version in VERSIONS {
        let limits = page(version, "rl.stats", &[], &[]);
        let of =
            |name: &str, pipe: u8| limits.get(&format!("kamailio_ratelimit_pipe_{name}{{pipe=\"{pipe}\"}}"));
        let values = ["last_requests", "limit", "drop_rate"].map(|name| of(name, 0).copied());
        assert_eq!(values, [Some(300.0), Some(20.0), Some(1.0)]);
        assert_eq!(
            (of("limit", 2), of("limit", 3)),
            (Some(&200.0), None),
            "a pipe that is not used has no samples"
        );
        let objects = page(version, "call_obj.stats", &[], &[]);
        let values = ["first", "last", "objects", "assigned"]
            .map(|name| objects[&format!("kamailio_call_obj_{name}")]);
        assert_eq!(values, [1.0, 100.0, 100.0, 6.0]);
        let cache = page(version, "dns.mem_info,dst_blocklist.mem_info", &[], &[]);
        let values = ["dns_cache_used", "dns_cache_max", "dst_blocklist_used", "dst_blocklist_max"];
        let values = values.map(|name| cache[&format!("kamailio_{name}_bytes")]);
        assert_eq!(values, [367.0, 512_000.0, 24.0, 256_000.0]);
    }
}

#[test]
fn dialogs_are_counted_by_profile_and_state() {
    for (version, all, one) in [("5.6.3", 563.0, 560.0), ("6.2-dev", 895.0, 889.0)] {
        let arguments =
            ["--collector.dialog.profiles", "caller", "--collector.dialog.profiles", "caller:sipp"];
        let page = page(version, "tm.stats", &[], &arguments);
        expect(&page, "kamailio_dialog_profile_dialogs{profile=\"caller\"}", all);
        expect(&page, "kamailio_dialog_profile_dialogs{profile=\"caller\",value=\"sipp\"}", one);
    }
    let page = page("6.2-dev", "dlgs.stats", &[], &[]);
    expect(&page, "kamailio_dlgs_dialogs{state=\"confirmed\"}", 12.0);
    expect(&page, "kamailio_dlgs_dialogs{state=\"terminated\"}", 1022.0);
    expect(&page, "kamailio_dlgs_removed_dialogs_total{state=\"terminated\"}", 160.0);
}

#[test]
fn newer_methods_are_read() {
    let page = page("6.2-dev", "peerstate.stats,ptimer.list,sca.subscription_count", &[], &[]);
    for (series, value) in [
        ("kamailio_peerstate_peers", 635.0),
        ("kamailio_peerstate_incall_peers", 6.0),
        ("kamailio_peerstate_registered_peers", 629.0),
        ("kamailio_sca_subscriptions{event=\"call-info\"}", 3.0),
        ("kamailio_sca_subscriptions{event=\"line-seize\"}", 3.0),
        ("kamailio_ptimer_workers{timer=\"pt1\"}", 1.0),
        ("kamailio_ptimer_tasks{timer=\"pt1\"}", 0.0),
    ] {
        expect(&page, series, value);
    }
}

#[test]
fn values_that_mean_never_are_left_out() {
    let latency = |average: f64, max: i64, timeouts: i64| {
        [
            (Some("AVG"), Arg::Double(average)),
            (Some("STD"), Arg::Double(0.0)),
            (Some("EST"), Arg::Double(average)),
            (Some("MAX"), Arg::Int(max)),
            (Some("TIMEOUT"), Arg::Int(timeouts)),
        ]
    };
    let (never, fast) = (latency(0.0, 0, 41), latency(0.099, 3, 0));
    let destination = |uri: &'static str, latency| {
        let flags = (Some("FLAGS"), "IP".into());
        [(Some("URI"), uri.into()), flags, (Some("LATENCY"), Arg::Struct(latency))]
    };
    let destinations = [destination("sip:never", &never), destination("sip:fast", &fast)];
    let targets = [0, 1].map(|index| (Some("DEST"), Arg::Struct(&destinations[index])));
    let set = [(Some("ID"), Arg::Int(4)), (Some("TARGETS"), Arg::Struct(&targets))];
    let sets = [(Some("SET"), Arg::Struct(&set))];
    let list = [(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&sets))];
    let registration = |uuid: &'static str, expires, remaining| {
        [
            (Some("l_uuid"), uuid.into()),
            (Some("flags"), Arg::Int(1)),
            (Some("expires"), Arg::Int(300)),
            (Some("timer_expires"), Arg::Int(expires)),
            (Some("diff_expires"), Arg::Int(remaining)),
        ]
    };
    let disabled = registration("disabled", 0, -1_795_354_968);
    let overdue = registration("overdue", 1_795_354_000, -968);
    let timer = |name: &'static str, calls: &'static str, min: &'static str, max: &'static str| {
        let sum = (Some("sum"), max.into());
        let limits = [(Some("global_min"), min.into()), (Some("global_max"), max.into())];
        [[(Some("name"), name.into()), (Some("calls"), calls.into())], [sum, (None, Arg::Int(0))], limits]
            .concat()
    };
    let (unused, used) = (timer("unused", "0", "4294967295", "0"), timer("used", "2", "11", "1201"));
    let fake = Fake::start();
    let methods = ["dispatcher.list", "uac.reg_dump", "benchmark.timer_list"].map(Arg::from);
    fake.answer("system.listMethods", Kind::Reply, &body(&methods));
    fake.answer("dispatcher.list", Kind::Reply, &body(&[Arg::Struct(&list)]));
    fake.answer("uac.reg_dump", Kind::Reply, &body(&[Arg::Struct(&disabled), Arg::Struct(&overdue)]));
    fake.answer("benchmark.timer_list", Kind::Reply, &body(&[Arg::Struct(&unused), Arg::Struct(&used)]));
    let page = served(&fake, "all", &[]);
    let of = |name: &str, label: &str| page.get(&format!("kamailio_{name}{{{label}}}")).copied();
    for name in ["average", "deviation", "estimate", "max"] {
        let name = format!("dispatcher_destination_latency_{name}_seconds");
        assert_eq!(of(&name, "setid=\"4\",uri=\"sip:never\""), None, "{name}");
        assert!(of(&name, "setid=\"4\",uri=\"sip:fast\"").is_some(), "{name}");
    }
    let timeouts = "dispatcher_destination_timeouts_total";
    assert_eq!(of(timeouts, "setid=\"4\",uri=\"sip:never\""), Some(41.0));
    let average = "dispatcher_destination_latency_average_seconds";
    assert_eq!(of(average, "setid=\"4\",uri=\"sip:fast\""), Some(0.000_099));
    let remaining = "uac_registration_remaining_seconds";
    assert_eq!([of(remaining, "uuid=\"disabled\""), of(remaining, "uuid=\"overdue\"")], [None, Some(-968.0)]);
    for (name, value) in [("min", 0.000_011), ("max", 0.001_201)] {
        let name = format!("benchmark_timer_{name}_seconds");
        assert_eq!([of(&name, "name=\"unused\""), of(&name, "name=\"used\"")], [None, Some(value)], "{name}");
    }
}

/// A destination as dispatcher.list has it.
fn destination<'a>(attributes: &'a [(Option<&'a str>, Arg<'a>)]) -> Vec<(Option<&'a str>, Arg<'a>)> {
    let uri = (Some("URI"), "sip:10.9.8.7".into());
    let flags = (Some("FLAGS"), "AP".into());
    vec![uri, flags, (Some("PRIORITY"), Arg::Int(6)), (Some("ATTRS"), Arg::Struct(attributes))]
}

/// Returns the exposition for a dispatcher set of these destinations, without values.
fn dispatcher_series(destinations: &[Vec<(Option<&str>, Arg<'_>)>], arguments: &[&str]) -> BTreeSet<String> {
    let targets: Vec<_> = destinations.iter().map(|members| (Some("DEST"), Arg::Struct(members))).collect();
    let set = [(Some("ID"), Arg::Int(12)), (Some("TARGETS"), Arg::Struct(&targets))];
    let sets = [(Some("SET"), Arg::Struct(&set))];
    let reply = [(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&sets))];
    let fake = Fake::start();
    fake.answer("system.listMethods", Kind::Reply, &body(&["dispatcher.list".into()]));
    fake.answer("dispatcher.list", Kind::Reply, &body(&[Arg::Struct(&reply)]));
    let page = served(&fake, "auto,dispatcher.info", arguments);
    page.into_keys().filter(|series| series.starts_with("kamailio_dispatcher_destination_")).collect()
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
fn labels_have_no_surrounding_blanks() {
    let fake = Fake::start();
    let info =
        [("name", "kamailio"), ("version", "5.9.1"), ("sourceid", "77c0de "), ("compiler", " gcc 14\n")];
    let info = info.map(|(name, value)| (Some(name), value.into()));
    fake.answer("core.runinfo", Kind::Reply, &body(&[Arg::Struct(&info)]));
    let page = served(&fake, "core.runinfo", &[]);
    let labels = [
        ("compiler", "gcc 14".to_owned()),
        ("name", "kamailio".to_owned()),
        ("sourceid", "77c0de".to_owned()),
        ("version", "5.9.1".to_owned()),
    ];
    expect(&page, &series("kamailio_build_info", &labels), 1.0);
}

#[test]
fn overload_control_says_until_when_it_is_valid() {
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

#[test]
fn changes_of_the_configuration_are_seen() {
    for (reply, expected) in [("Identical hash", 1.0), ("Different hash", 0.0)] {
        let fake = Fake::start();
        fake.answer("cfgutils.check_config_hash", Kind::Reply, &body(&[reply.into()]));
        fake.answer("core.modules", Kind::Reply, &body(&["kex".into(), "tm".into(), "my_module".into()]));
        // A server that does not list its methods has no preferred call either.
        let socket = [
            (Some("proto"), "tls".into()),
            (Some("address"), "10.1.1.1".into()),
            (Some("port"), "5061".into()),
        ];
        let sockets = [(Some("socket"), Arg::Struct(&socket))];
        fake.answer("core.sockets_list", Kind::Reply, &body(&[Arg::Struct(&sockets)]));
        fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "none".into()]));
        let page = served(&fake, "cfgutils.check_config_hash,core.modules,core.sockets_list", &[]);
        expect(&page, "kamailio_config_unchanged", expected);
        expect(&page, "kamailio_modules", 3.0);
        expect(&page, "kamailio_socket_info{address=\"10.1.1.1\",port=\"5061\",proto=\"tls\"}", 1.0);
    }
}

#[test]
fn all_values_of_a_profile_are_counted() {
    let in_profile = |name: &'static str, value: &'static str| [(Some(name), Arg::from(value))];
    let (blue, red, other) =
        (in_profile("carrier", "blue"), in_profile("carrier", "red"), in_profile("callee", "blue"));
    let entry = |members| (None, Arg::Struct(members));
    let profiles = [
        vec![entry(&blue), entry(&other), (None, "calls".into())],
        vec![entry(&blue), entry(&red)],
        vec![entry(&red)],
        vec![entry(&blue)],
    ];
    let dialog = |number: i64, profiles| {
        [
            (Some("h_entry"), Arg::Int(5)),
            (Some("h_id"), Arg::Int(number)),
            (Some("profiles"), Arg::Struct(profiles)),
        ]
    };
    let dialogs: Vec<_> =
        profiles.iter().zip(1..).map(|(profiles, number)| dialog(number, profiles)).collect();
    // The dialog with two values is listed twice.
    let records: Vec<_> = [0, 1, 1, 2, 3].map(|index: usize| Arg::Struct(&dialogs[index])).into();
    let fake = Fake::start();
    fake.answer("dlg.profile_list", Kind::Reply, &body(&records));
    fake.answer("dlg.profile_get_size", Kind::Reply, &body(&[Arg::Int(4)]));
    let profiles = ["carrier:*", "carrier:red", "carrier", "calls:*", "empty:*"];
    let arguments: Vec<_> =
        profiles.iter().flat_map(|profile| ["--collector.dialog.profiles", profile]).collect();
    let page = served(&fake, "dlg.profile_list", &arguments);
    let of = |labels: &str| page.get(&format!("kamailio_dialog_profile_dialogs{{{labels}}}")).copied();
    assert_eq!(of("profile=\"carrier\",value=\"blue\""), Some(3.0));
    assert_eq!(of("profile=\"carrier\",value=\"red\""), Some(2.0));
    assert_eq!(of("profile=\"carrier\""), Some(4.0));
    assert_eq!(of("profile=\"calls\""), Some(1.0));
    assert_eq!(
        page.keys().filter(|series| series.starts_with("kamailio_dialog_profile_dialogs{")).count(),
        4
    );
    let calls = fake.calls();
    let sizes = calls.iter().filter(|call| call.starts_with("dlg.profile_get_size"));
    assert_eq!(sizes.count(), 1, "a value that is listed is not asked for as well: {calls:?}");
}

/// Replies that were not captured, or not in this state, with the shapes of Kamailio's source.
#[test]
fn states_missing_in_the_captures_are_read() {
    let fake = Fake::start();
    fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "none".into()]));
    let answer = |method: &str, members: &[(Option<&str>, Arg<'_>)]| {
        fake.answer(method, Kind::Reply, &body(&[Arg::Struct(members)]));
    };
    let connections = ["opened_connections", "tracked_connections", "total_connections"];
    answer("sctp.info", &connections.map(|name| (Some(name), Arg::Int(name.len() as i64))));
    answer("pdb.status", &[(Some("active"), Arg::Int(1)), (Some("status"), "active".into())]);
    let table = ["real_buckets", "proxy_buckets", "real_items", "proxy_items"];
    answer("udp.proxy.stats", &table.map(|name| (Some(name), Arg::Int(name.len() as i64))));
    let stats = [(Some("Records"), Arg::Int(7)), (Some("Max-Slots"), Arg::Int(2))];
    let domain = [
        (Some("Domain"), "location".into()),
        (Some("Size"), Arg::Int(512)),
        (Some("Stats"), Arg::Struct(&stats)),
    ];
    answer("ulscscf.status", &domain);
    let peer = |state: &'static str, disabled: &'static str, last_used| {
        let last_used = Arg::Double(last_used);
        [(Some("State"), state.into()), (Some("Disabled"), disabled.into()), (Some("Last used"), last_used)]
    };
    let (open, closing) = (peer("I_Open", "False", 1_795_354_968.0), peer("Closing", "True", 0.0));
    let peers = [
        (Some("FQDN"), "hss".into()),
        (Some("Details"), Arg::Struct(&open)),
        (Some("FQDN"), "ocs".into()),
        (Some("Details"), Arg::Struct(&closing)),
    ];
    let counts = ["Peer count", "Workers", "Queue length"].map(|name| (Some(name), Arg::Int(2)));
    answer("cdp.list_peers", &[&counts[..], &[(Some("Peers"), Arg::Struct(&peers))]].concat());
    let gateway = |id, state, until: &'static str| {
        let lcr_id = (Some("lcr_id"), Arg::Int(1));
        [
            lcr_id,
            (Some("gw_id"), Arg::Int(id)),
            (Some("state"), Arg::Int(state)),
            (Some("defunct_until"), until.into()),
        ]
    };
    let gateways = [gateway(1, 2, "0"), gateway(2, 3, "4294967295")];
    let gateways = [0, 1].map(|place| (None, Arg::Struct(&gateways[place])));
    answer("lcr.dump_gws", &[(Some("gw"), Arg::Struct(&gateways))]);
    let old = [(Some("terminted"), Arg::Int(3))];
    answer("dlgs.stats", &[(Some("final"), Arg::Struct(&old)), (Some("active"), Arg::Struct(&old))]);
    let info = [(Some("wscounter"), Arg::Int(50)), (Some("truncated"), "yes".into())];
    answer("ws.dump", &[(Some("info"), Arg::Struct(&info))]);
    let methods =
        "sctp.info,pdb.status,udp.proxy.stats,ulscscf.status,cdp.list_peers,lcr.dump_gws,dlgs.stats,ws.dump";
    let page = served(&fake, methods, &[]);
    for (series, value) in [
        ("sctp_opened_connections", 18.0),
        ("sctp_tracked_connections", 19.0),
        ("sctp_connections", 17.0),
        ("pdb_active", 1.0),
        ("udp_proxy_used_buckets{table=\"real\"}", 12.0),
        ("udp_proxy_used_buckets{table=\"proxy\"}", 13.0),
        ("udp_proxy_flows", 10.0),
        ("ulscscf_slots{domain=\"location\"}", 512.0),
        ("ulscscf_records{domain=\"location\"}", 7.0),
        ("ulscscf_slot_records_max{domain=\"location\"}", 2.0),
        ("cdp_peer_up{fqdn=\"hss\"}", 1.0),
        ("cdp_peer_up{fqdn=\"ocs\"}", 0.0),
        ("cdp_peer_disabled{fqdn=\"hss\"}", 0.0),
        ("cdp_peer_disabled{fqdn=\"ocs\"}", 1.0),
        ("cdp_peer_last_used_timestamp_seconds{fqdn=\"hss\"}", 1_795_354_968.0),
        ("lcr_gateway_up{gw_id=\"1\",lcr_id=\"1\"}", 0.0),
        ("lcr_gateway_up{gw_id=\"2\",lcr_id=\"1\"}", 1.0),
        ("lcr_gateway_defunct_until_timestamp_seconds{gw_id=\"2\",lcr_id=\"1\"}", 4_294_967_295.0),
        ("dlgs_dialogs{state=\"terminated\"}", 3.0),
        ("dlgs_removed_dialogs_total{state=\"terminated\"}", 3.0),
    ] {
        expect(&page, &format!("kamailio_{series}"), value);
    }
    for series in [
        "cdp_peer_last_used_timestamp_seconds{fqdn=\"ocs\"}",
        "lcr_gateway_defunct_until_timestamp_seconds{gw_id=\"1\",lcr_id=\"1\"}",
        "websocket_listed_connections",
    ] {
        assert!(!page.contains_key(&format!("kamailio_{series}")), "{series}");
    }
}
