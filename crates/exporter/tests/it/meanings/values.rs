use crate::replay::*;
use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;

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
fn large_shared_memory_comes_from_the_method_that_can_print_it() {
    let fake = Fake::replay(Captures::of("5.6.3"));
    fake.answer_with("shm5000M.core.shmmem");
    fake.answer_with("shm5000M.shm.stats");
    let page = served(&fake, "core.shmmem", &[]);
    assert_eq!(page["kamailio_core_shmmem_total"], 5000.0 * 1024.0 * 1024.0);
    assert_eq!(fake.count("core.shmmem"), 0);
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
