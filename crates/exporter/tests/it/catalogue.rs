use crate::replay::*;
use crate::support::{Exporter, samples};
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;
use kamailio_exporter::internals::{ALL, Call, Collector, catalogue};
use std::collections::BTreeSet;

/// Captures of methods that the main recorded server did not have.
const ELSEWHERE: [&str; 5] = [
    "aux.cdp.list_peers",
    "aux.rtpproxy.list",
    "aux.sipcapture.status_check",
    "aux.ulscscf.status",
    "aux2.cnxcc.stats",
];

/// Where the rows and values of a method's reply are, written down independently of the collectors' tables.
struct Plain {
    method: &'static str,
    capture: &'static str,
    /// The path to a row; if empty, each record is a row.
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
fn served_values_equal_those_of_the_capture_index() {
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
fn every_reply_in_the_captures_can_be_read() {
    for version in VERSIONS {
        page(version, "all", &[], &["--kamailio.stats-groups", "all"]);
    }
}

#[test]
fn every_family_of_a_table_is_in_a_capture() {
    // No recorded server had sctp, pdb or a proxy in front of UDP. The S-CSCF had no records, no Diameter peer had been
    // used, no gateway was defunct, no destination had sent overload control, and no configuration file was hashed.
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
        "kamailio_dispatcher_destination_overload_valid_until_timestamp_seconds",
        "kamailio_dispatcher_destination_overload_sequence",
        "kamailio_config_unchanged",
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
    // The kernel and files have their values.
    let is_elsewhere = |call| matches!(call, Call::Observed | Call::Files);
    let in_replies =
        |collector: &&&Collector| collector.method != "stats.fetch" && !is_elsewhere(collector.call);
    for collector in ALL.iter().filter(in_replies) {
        for field in collector.fields() {
            let name = catalogue().families()[catalogue().id(&field.family)].sample_name();
            assert_eq!(served.contains(name), !never.contains(&name), "{name}");
        }
    }
}

/// Malformed texts and structs fail their collectors, and Kamailio is still reported as up.
#[test]
fn malformed_replies_are_counted() {
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
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_up"], 1.0);
    for method in ["rl.stats", "secfilter.stats", "call_obj.stats", "cdp.list_peers", "rtpengine.show"] {
        let of = |name: &str| page[&format!("{name}{{collector=\"{method}\"}}")];
        assert!(of("kamailio_exporter_unreadable_values_total") > 0.0, "{method}");
        assert_eq!(of("kamailio_scrape_collector_success"), 0.0, "{method}");
    }
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0);
}

#[test]
fn secrets_are_neither_served_nor_logged() {
    for version in VERSIONS {
        let fake = Fake::replay(Captures::of(version));
        let methods = "uac.reg_dump,dbcl.list_connections";
        let exporter = Exporter::start(&["-u", &fake.unix(), "-m", methods, "--log.level", "debug"]);
        let page = exporter.exposition();
        assert!(
            page.contains("kamailio_uac_registration_up{")
                && page.contains("kamailio_db_cluster_connection_up{")
        );
        for secret in ["\"pw\"", "sqlite:", "testrealm"] {
            assert!(!page.contains(secret) && !exporter.log().contains(secret), "{secret}");
        }
    }
}
