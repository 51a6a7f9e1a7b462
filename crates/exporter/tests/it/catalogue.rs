use crate::support::{Exporter, samples};
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::{self, Cookie, Kind};
use kamailio_exporter::catalogue::catalogue;
use kamailio_exporter::collector::Call;
use kamailio_exporter::collectors::ALL;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub(crate) const VERSIONS: [&str; 2] = ["5.6.3", "6.2-dev"];

/// Captures of other servers than the one that most were taken from, for methods that only these had.
const ELSEWHERE: [&str; 5] = [
    "aux.cdp.list_peers",
    "aux.rtpproxy.list",
    "aux.sipcapture.status_check",
    "aux.ulscscf.status",
    "aux2.cnxcc.stats",
];

/// What the index says that a capture decodes to.
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

/// All members of that name.
fn members<'v>(value: &'v Value, name: Option<&str>) -> Vec<&'v Value> {
    let members = value["struct"].as_array().into_iter().flatten();
    members.filter(|member| member[0].as_str() == name).map(|member| &member[1]).collect()
}

fn member<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| members(value, Some(name)).first().copied())
}

fn text(value: &Value) -> String {
    match (value["str"].as_str(), value["int"].as_i64()) {
        (Some("<null string>"), _) => String::new(),
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        _ => panic!("no label: {value}"),
    }
}

fn number(value: &Value) -> f64 {
    let printed = value["str"].as_str().map(|text| text.parse().unwrap());
    value["int"].as_f64().or(value["double"].as_f64()).or(printed).unwrap_or_else(|| panic!("{value}"))
}

fn series(name: &str, labels: &[(&str, String)]) -> String {
    let labels = labels.iter().filter(|(_, value)| !value.is_empty());
    let mut labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    labels.sort_unstable();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// A packet's body with these records.
fn body(records: &[Arg<'_>]) -> Vec<u8> {
    let mut packet = Vec::new();
    wire::encode(Kind::Reply, Cookie(1), records, &mut packet).unwrap();
    packet.split_off(wire::header(&packet).unwrap().unwrap().header_len)
}

/// The page of an exporter with these methods, none of whose replies had anything that could not be read.
fn page(version: &str, methods: &str, captures: &[&str], arguments: &[&str]) -> BTreeMap<String, f64> {
    let fake = Fake::replay(Captures::of(version));
    captures.iter().for_each(|capture| fake.answer_with(capture));
    // The second of the calls to the one, and all but one of those to the other were not captured.
    fake.answer("sca.subscription_count", Kind::Reply, &body(&[Arg::from("3 call-info")]));
    fake.answer(
        "dispatcher.oclist",
        Kind::Fault,
        &body(&[Arg::Int(404), "Destination Group Not Found".into()]),
    );
    let is_listed = |name: &str| {
        let listed = records(version, "system.listMethods");
        ["auto", "all", "dispatcher.info"].contains(&name)
            || listed.iter().any(|method| method["str"] == name)
    };
    if methods.split(',').any(|name| !name.starts_with('-') && !is_listed(name)) {
        // Nor does the captured list have all methods that were.
        fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "none".into()]));
    }
    served(&fake, methods, arguments)
}

fn served(fake: &Fake, methods: &str, arguments: &[&str]) -> BTreeMap<String, f64> {
    let exporter = Exporter::start(&[&["-u", &fake.unix(), "-m", methods], arguments].concat());
    let page = samples(&exporter.page());
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

fn expect(page: &BTreeMap<String, f64>, series: &str, value: f64) {
    let found = page.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", page.keys()));
    assert!((found - value).abs() < 1e-9, "{series} is {found}, not {value}");
}

/// Where a method's rows and values stand in its reply, told once more and independently of the tables.
struct Plain {
    method: &'static str,
    capture: &'static str,
    /// The path to a row; each record is one if there is none.
    rows: &'static [&'static str],
    labels: &'static [(&'static str, &'static str)],
    values: &'static [(&'static str, &'static [&'static str], f64)],
}

const PLAIN: &[Plain] = &[
    Plain {
        method: "pkg.stats",
        capture: "pkg.stats",
        rows: &[],
        labels: &[("entry", "entry"), ("rank", "rank"), ("desc", "desc")],
        values: &[
            ("kamailio_pkgmem_used_bytes", &["used"], 1.0),
            ("kamailio_pkgmem_free_bytes", &["free"], 1.0),
            ("kamailio_pkgmem_real_used_bytes", &["real_used"], 1.0),
            ("kamailio_pkgmem_size_bytes", &["total_size"], 1.0),
            ("kamailio_pkgmem_fragments", &["total_frags"], 1.0),
        ],
    },
    Plain {
        method: "core.psa",
        capture: "core.psa",
        rows: &[],
        labels: &[("entry", "index"), ("rank", "rank"), ("desc", "description")],
        values: &[("kamailio_process_initialized", &["status"], 1.0)],
    },
    Plain {
        method: "htable.stats",
        capture: "htable.stats",
        rows: &[],
        labels: &[("name", "name")],
        values: &[
            ("kamailio_htable_slots", &["slots"], 1.0),
            ("kamailio_htable_items", &["all"], 1.0),
            ("kamailio_htable_slot_items_min", &["min"], 1.0),
            ("kamailio_htable_slot_items_max", &["max"], 1.0),
        ],
    },
    Plain {
        method: "mqueue.get_sizes",
        capture: "mqueue.get_sizes",
        rows: &[],
        labels: &[("name", "name")],
        values: &[("kamailio_mqueue_items", &["size"], 1.0)],
    },
    Plain {
        method: "pl.list",
        capture: "pl.list",
        rows: &[],
        labels: &[("name", "name"), ("algorithm", "algorithm")],
        values: &[
            ("kamailio_pipelimit_pipe_limit", &["limit"], 1.0),
            ("kamailio_pipelimit_pipe_current_requests", &["counter"], 1.0),
            ("kamailio_pipelimit_pipe_last_requests", &["last_counter"], 1.0),
            ("kamailio_pipelimit_pipe_unused_intervals", &["unused_intervals"], 1.0),
        ],
    },
    Plain {
        method: "mtree.summary",
        capture: "mtree.summary",
        rows: &[],
        labels: &[("table", "table")],
        values: &[
            ("kamailio_mtree_size_bytes", &["item", "memsize"], 1.0),
            ("kamailio_mtree_nodes", &["item", "nrnodes"], 1.0),
            ("kamailio_mtree_items", &["item", "nritems"], 1.0),
            ("kamailio_mtree_reloads_total", &["item", "reload_count"], 1.0),
            ("kamailio_mtree_last_reload_timestamp_seconds", &["item", "reload_time"], 1.0),
        ],
    },
    Plain {
        method: "core.shmmem",
        capture: "shm.stats",
        rows: &[],
        labels: &[],
        values: &[
            ("kamailio_core_shmmem_total", &["total"], 1.0),
            ("kamailio_core_shmmem_used", &["used"], 1.0),
            ("kamailio_core_shmmem_fragments", &["fragments"], 1.0),
        ],
    },
    Plain {
        method: "core.tcp_info",
        capture: "core.tcp_info",
        rows: &[],
        labels: &[],
        values: &[("kamailio_core_tcp_info_opened_connections", &["opened_connections"], 1.0)],
    },
    Plain {
        method: "rtpengine.show",
        capture: "rtpengine.show_all",
        rows: &[],
        labels: &[("url", "url"), ("set", "set"), ("index", "index")],
        values: &[("kamailio_rtpengine_node_weight", &["weight"], 1.0)],
    },
    Plain {
        method: "rtpengine.get_hash_total",
        capture: "rtpengine.get_hash_total",
        rows: &[],
        labels: &[],
        values: &[("kamailio_rtpengine_hash_calls", &[], 1.0)],
    },
    Plain {
        method: "rtpproxy.list",
        capture: "aux.rtpproxy.list",
        rows: &[],
        labels: &[("url", "url"), ("set", "setid"), ("index", "index")],
        values: &[("kamailio_rtpproxy_node_weight", &["weight"], 1.0)],
    },
    Plain {
        method: "uac.reg_dump",
        capture: "uac.reg_dump",
        rows: &[],
        labels: &[("uuid", "l_uuid"), ("username", "r_username"), ("domain", "r_domain")],
        values: &[
            ("kamailio_uac_registration_expires_seconds", &["expires"], 1.0),
            ("kamailio_uac_registration_remaining_seconds", &["diff_expires"], 1.0),
        ],
    },
    Plain {
        method: "pike.top",
        capture: "pike.top",
        rows: &[],
        labels: &[],
        values: &[
            ("kamailio_pike_hot_addresses", &["number_of_rows"], 1.0),
            ("kamailio_pike_max_hits", &["max_hits"], 1.0),
        ],
    },
    Plain {
        method: "benchmark.timer_list",
        capture: "benchmark.timer_list",
        rows: &[],
        labels: &[("name", "name")],
        values: &[
            ("kamailio_benchmark_timer_runs_total", &["calls"], 1.0),
            ("kamailio_benchmark_timer_seconds_total", &["sum"], 1e-6),
            ("kamailio_benchmark_timer_min_seconds", &["global_min"], 1e-6),
            ("kamailio_benchmark_timer_max_seconds", &["global_max"], 1e-6),
        ],
    },
    Plain {
        method: "cnxcc.stats",
        capture: "aux2.cnxcc.stats",
        rows: &[],
        labels: &[],
        values: &[
            ("kamailio_cnxcc_active_calls", &["active"], 1.0),
            ("kamailio_cnxcc_dropped_calls_total", &["dropped"], 1.0),
            ("kamailio_cnxcc_calls", &["total"], 1.0),
        ],
    },
    Plain {
        method: "cdp.list_peers",
        capture: "aux.cdp.list_peers",
        rows: &[],
        labels: &[],
        values: &[
            ("kamailio_cdp_peers", &["Peer count"], 1.0),
            ("kamailio_cdp_workers", &["Workers"], 1.0),
            ("kamailio_cdp_queue_size", &["Queue length"], 1.0),
        ],
    },
    Plain {
        method: "ws.dump",
        capture: "ws.dump",
        rows: &["info"],
        labels: &[],
        values: &[("kamailio_websocket_listed_connections", &["wscounter"], 1.0)],
    },
    Plain {
        method: "msrp.cmaplist",
        capture: "msrp.cmaplist",
        rows: &[],
        labels: &[],
        values: &[
            ("kamailio_msrp_connections", &["CONCOUNT"], 1.0),
            ("kamailio_msrp_slots", &["MAP_SIZE"], 1.0),
        ],
    },
    Plain {
        method: "imc.list_rooms",
        capture: "imc.list_rooms",
        rows: &[],
        labels: &[("room", "room")],
        values: &[("kamailio_imc_room_members", &["members"], 1.0)],
    },
    Plain {
        method: "ts.dump",
        capture: "ts.dump_brief",
        rows: &[],
        labels: &[],
        values: &[
            ("kamailio_tsilo_slots", &["Size"], 1.0),
            ("kamailio_tsilo_uris", &["Stats", "RURIs"], 1.0),
            ("kamailio_tsilo_slot_uris_max", &["Stats", "Max-Slots"], 1.0),
            ("kamailio_tsilo_waiting_transactions", &["Stats", "Transactions"], 1.0),
        ],
    },
    Plain {
        method: "ctl.connections",
        capture: "ctl.connections",
        rows: &[],
        labels: &[],
        values: &[("kamailio_ctl_connections", &[], 1.0)],
    },
    Plain {
        method: "dlg.stats_active",
        capture: "dlg.stats_active",
        rows: &[],
        labels: &[],
        values: &[("kamailio_dlg_stats_active_all", &["all"], 1.0)],
    },
];

#[test]
fn what_is_served_is_what_the_index_says() {
    for version in VERSIONS {
        for Plain { method, capture, rows, labels, values } in PLAIN {
            let page = page(version, method, &[capture], &[]);
            for record in records(version, capture) {
                let row = member(&record, rows).unwrap();
                let labels: Vec<_> =
                    labels.iter().map(|(name, key)| (*name, text(member(row, &[key]).unwrap()))).collect();
                for (name, path, unit) in *values {
                    expect(&page, &series(name, &labels), number(member(row, path).unwrap()) * unit);
                }
            }
        }
    }
}

#[test]
fn whatever_a_server_has_can_be_read() {
    for version in VERSIONS {
        page(version, "all", &[], &["--kamailio.stats-groups", "all"]);
    }
}

#[test]
fn every_family_of_a_table_is_in_a_capture() {
    // None of the recorded servers had sctp, pdb or a proxy in front of UDP; the S-CSCF had no records, no Diameter peer
    // had been used, no gateway was defunct.
    let never = [
        "kamailio_sctp_opened_connections",
        "kamailio_sctp_tracked_connections",
        "kamailio_sctp_connections",
        "kamailio_pdb_active",
        "kamailio_udp_proxy_used_buckets",
        "kamailio_udp_proxy_flows",
        "kamailio_ulscscf_slots",
        "kamailio_ulscscf_records",
        "kamailio_ulscscf_slot_records_max",
        "kamailio_cdp_peer_last_used_timestamp_seconds",
        "kamailio_lcr_gateway_defunct_until_timestamp_seconds",
    ];
    let mut served = BTreeSet::new();
    for version in VERSIONS {
        let profiles = ["--collector.dialog.profiles", "caller"];
        let pages = ELSEWHERE.iter().map(|capture| {
            let method = capture.split_once('.').unwrap().1.trim_end_matches("_check");
            page(version, method, &[capture], &[])
        });
        for page in pages.chain([
            page(version, "all", &[], &profiles),
            overload_control(&Fake::replay(Captures::of(version))),
        ]) {
            served.extend(page.into_keys().map(|series| series.split('{').next().unwrap().to_owned()));
        }
    }
    for collector in ALL.iter().filter(|collector| collector.method != "stats.fetch") {
        for field in collector.fields() {
            let name = &catalogue().families()[catalogue().id(&field.family)].sample_name;
            assert_eq!(served.contains(name), !never.contains(&name.as_str()), "{name}");
        }
    }
}

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
                if destinations.iter().filter(same).count() > 1 {
                    labels.push(("duid", text(member(destination, &["ATTRS", "DUID"]).unwrap())));
                }
                let of = |name: &str| series(&format!("kamailio_dispatcher_{name}"), &labels);
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
                        Some(value) => {
                            expect(&page, &of(&format!("destination_{name}")), number(value) * unit)
                        }
                        None => assert!(!page.contains_key(&of(&format!("destination_{name}")))),
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
fn overload_control_is_asked_for_by_set() {
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

/// Only one set's overload control was captured.
fn overload_control(fake: &Fake) -> BTreeMap<String, f64> {
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "dispatcher.oclist"]);
    samples(&exporter.page())
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
            expect(&page, &format!("kamailio_dmq_node_up{{host=\"127.0.0.1\",port=\"{port}\"}}"), 1.0);
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
fn texts_are_read_as_the_structs_that_replaced_them() {
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

/// What was not captured, or not in that state: shapes as Kamailio's source has them.
#[test]
fn states_that_no_recorded_server_was_in() {
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

/// Texts and structs that are not what they should be fail their collector, and nothing else.
#[test]
fn replies_that_no_kamailio_sends_are_counted() {
    let texts: [&[u8]; 6] =
        [b"", b"PIPE[", b"PIPE[0]: 1/2 (drop rate: x)", b"[+] a:b:c", b"Total: x \xff", b"[+] By \xff : -"];
    let members = texts.map(|text| (Some("Peers"), Arg::Str(text)));
    let lines = texts.iter().map(|text| Arg::Str(text)).chain([Arg::Struct(&members), Arg::Int(-1)]);
    let reply = body(&lines.collect::<Vec<_>>());
    let fake = Fake::start();
    fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "none".into()]));
    let asked = ALL.iter().filter(|collector| {
        matches!(collector.call, Call::Once(_) | Call::Each(_)) && collector.method != "core.uptime"
    });
    let names: Vec<_> = asked.map(|collector| collector.name).collect();
    for collector in ALL.iter().filter(|collector| names.contains(&collector.name)) {
        fake.answer(collector.method, Kind::Reply, &reply);
    }
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", &names.join(",")]);
    let page = samples(&exporter.page());
    assert_eq!(page["kamailio_up"], 1.0);
    for method in ["rl.stats", "secfilter.stats", "call_obj.stats", "cdp.list_peers", "rtpengine.show"] {
        let of = |name: &str| page[&format!("{name}{{collector=\"{method}\"}}")];
        assert!(of("kamailio_exporter_unreadable_values_total") > 0.0, "{method}");
        assert_eq!(of("kamailio_scrape_collector_success"), 0.0, "{method}");
    }
    assert_eq!(samples(&exporter.page())["kamailio_up"], 1.0);
}

#[test]
fn secrets_are_neither_served_nor_logged() {
    for version in VERSIONS {
        let fake = Fake::replay(Captures::of(version));
        let methods = "uac.reg_dump,dbcl.list_connections";
        let exporter = Exporter::start(&["-u", &fake.unix(), "-m", methods, "--log.level", "debug"]);
        let page = exporter.page();
        assert!(
            page.contains("kamailio_uac_registration_up{")
                && page.contains("kamailio_db_cluster_connection_up{")
        );
        for secret in ["\"pw\"", "sqlite:", "testrealm"] {
            assert!(!page.contains(secret) && !exporter.log().contains(secret), "{secret}");
        }
    }
}
