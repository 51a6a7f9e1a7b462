use crate::support::{Exporter, eventually, samples};
use fake_kamailio::{Fake, Then, body};
use kamailio_binrpc::wire::{Arg, Kind};
use kamailio_exporter::internals::ALL;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

const TEN: [&str; 10] = [
    "tm.stats",
    "sl.stats",
    "core.shmmem",
    "core.uptime",
    "core.tcp_info",
    "dispatcher.list",
    "tls.info",
    "dlg.stats_active",
    "dmq.list_nodes",
    "stats.fetch",
];

/// Starts an exporter with the ten collectors of the Go exporter.
pub(crate) fn start(fake: &Fake, arguments: &[&str]) -> Exporter {
    let others = ALL.iter().filter(|collector| collector.default && !TEN.contains(&collector.name));
    let others: String = others.map(|collector| format!(",-{}", collector.name)).collect();
    let methods = format!("auto,dlg.stats_active{others}");
    Exporter::start(&[&["-u", &fake.unix(), "-m", &methods], arguments].concat())
}

pub(crate) fn success(page: &str, collector: &str) -> f64 {
    samples(page)[&format!("kamailio_scrape_collector_success{{collector=\"{collector}\"}}")]
}

/// Returns the page, on which only this collector failed.
fn page_where_only(exporter: &Exporter, failed: &str) -> String {
    let page = exporter.exposition();
    for collector in TEN {
        assert_eq!(success(&page, collector) == 1.0, collector != failed, "{collector}\n{}", exporter.log());
    }
    let samples = samples(&page);
    assert_eq!((samples["kamailio_up"], samples["kamailio_exporter_failed_scrapes"]), (1.0, 1.0));
    page
}

#[test]
fn a_scrape_is_one_connection_and_in_steady_state_only_its_calls() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    exporter.exposition();
    let first = fake.calls();
    assert_eq!(&first[..2], ["system.listMethods", "cnt.list_groups"]);
    assert_eq!(fake.connections().accepted, 1);
    exporter.exposition();
    let second = &fake.calls()[first.len()..];
    assert!(first.ends_with(second), "{first:?} {second:?}");
    assert_eq!(second.len(), TEN.len());
    assert_eq!(second[..4], ["core.uptime", "tm.stats", "sl.stats", "stats.fetch script:"]);
    assert_eq!(second[9], "dispatcher.list", "replies that grow with the installation come last");
    assert_eq!(fake.connections().accepted, 2);
    eventually(|| if fake.connections().open == 0 { Ok(()) } else { Err("left open".to_owned()) });
}

#[test]
fn a_fault_fails_one_collector() {
    for (code, reason) in [(500, "Internal error"), (400, "bad"), (404, "not \"found\""), (-1, "")] {
        let fake = Fake::start();
        fake.answer("tm.stats", Kind::Fault, &body(&[Arg::Int(code), reason.into()]));
        let exporter = start(&fake, &[]);
        let page = page_where_only(&exporter, "tm.stats");
        assert!(!page.contains("kamailio_tm_stats"));
        exporter.wait_for_log(&format!("{code}"));
    }
}

#[test]
fn a_body_that_is_not_a_reply_fails_one_collector() {
    let fake = Fake::start();
    fake.answer("tm.stats", Kind::Reply, &[0x03, 0x75]);
    let exporter = start(&fake, &[]);
    page_where_only(&exporter, "tm.stats");
}

#[test]
fn a_skipped_reply_fails_one_collector() {
    let fake = Fake::start();
    fake.skip("sl.stats");
    let exporter = start(&fake, &[]);
    page_where_only(&exporter, "sl.stats");
}

#[test]
fn a_value_of_another_type_is_counted_and_the_others_are_served() {
    let fake = Fake::start();
    let row =
        [(Some("current"), "seven".into()), (Some("waiting"), Arg::Int(3)), (Some("2xx"), Arg::Struct(&[]))];
    fake.answer("tm.stats", Kind::Reply, &body(&[Arg::Struct(&row)]));
    let exporter = start(&fake, &[]);
    let page = page_where_only(&exporter, "tm.stats");
    let samples = samples(&page);
    assert_eq!(samples["kamailio_tm_stats_waiting"], 3.0);
    assert!(!samples.contains_key("kamailio_tm_stats_current"));
    assert_eq!(samples["kamailio_exporter_unreadable_values_total{collector=\"tm.stats\"}"], 2.0);
    exporter.wait_for_log("unreadable values: 2, the first of them for kamailio_tm_stats_current");
}

#[test]
fn a_counter_below_zero_is_unreadable() {
    let fake = Fake::start();
    let timer = [(Some("name"), "a".into()), (Some("calls"), Arg::Int(-5)), (Some("sum"), "-7".into())];
    fake.answer("benchmark.timer_list", Kind::Reply, &body(&[Arg::Struct(&timer)]));
    fake.answer("system.listMethods", Kind::Reply, &body(&["benchmark.timer_list".into()]));
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "benchmark.timer_list"]);
    let page = exporter.exposition();
    assert!(!page.contains("kamailio_benchmark_timer_runs") && !page.contains("timer_seconds"), "{page}");
    let unreadable = "kamailio_exporter_unreadable_values_total{collector=\"benchmark.timer_list\"}";
    assert_eq!(samples(&page)[unreadable], 2.0, "{page}");
}

#[test]
fn a_row_that_is_not_a_struct_is_counted() {
    let fake = Fake::start();
    fake.answer("tm.stats", Kind::Reply, &body(&[Arg::Int(7)]));
    let exporter = start(&fake, &[]);
    let page = page_where_only(&exporter, "tm.stats");
    assert_eq!(samples(&page)["kamailio_exporter_unreadable_values_total{collector=\"tm.stats\"}"], 1.0);
}

#[test]
fn counters_are_unsigned_and_statistics_signed() {
    let fake = Fake::start();
    let row = [(Some("total"), Arg::Int(0xffff_fffb)), (Some("2xx"), Arg::Int(0x8000_0000))];
    fake.answer("tm.stats", Kind::Reply, &body(&[Arg::Struct(&row)]));
    let row = [
        (Some("script.neg"), "18446744073709551611".into()),
        (Some("script.big"), "9007199254740993".into()),
        (Some("script.dotted.name"), Arg::Int(-7)),
        (Some("lonely"), "1".into()),
    ];
    fake.answer("stats.fetch", Kind::Reply, &body(&[Arg::Struct(&row)]));
    let exporter = start(&fake, &[]);
    let page = exporter.exposition();
    for line in [
        "kamailio_tm_stats_total_total 4294967291",
        "kamailio_tm_stats_codes_total{code=\"2xx\"} 2147483648",
        "kamailio_stats_fetch_value{group=\"script\",name=\"neg\"} -5",
        "kamailio_stats_fetch_value{group=\"script\",name=\"big\"} 9007199254740993",
        "kamailio_stats_fetch_value{group=\"script\",name=\"dotted.name\"} -7",
        "kamailio_stats_fetch_value{name=\"lonely\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
}

#[test]
fn destinations_may_be_in_set_0_equal_and_of_any_bytes() {
    let fake = Fake::start();
    let destination = |uri: &'static [u8]| [(Some("URI"), Arg::Str(uri)), (Some("FLAGS"), "AP".into())];
    let (a, b) = (destination(b"sip:a"), destination(b"sip:\"\\\n\xff"));
    let targets = [&a, &a, &b].map(|row| (Some("DEST"), Arg::Struct(row)));
    let set = [(Some("ID"), Arg::Int(0)), (Some("TARGETS"), Arg::Struct(&targets))];
    let records = [(Some("SET"), Arg::Struct(&set))];
    let reply = [(Some("NRSETS"), Arg::Int(1)), (Some("RECORDS"), Arg::Struct(&records))];
    fake.answer("dispatcher.list", Kind::Reply, &body(&[Arg::Struct(&reply)]));
    let exporter = start(&fake, &[]);
    let page = exporter.exposition();
    let targets: Vec<_> =
        page.lines().filter(|line| line.starts_with("kamailio_dispatcher_list_target{")).collect();
    assert_eq!(
        targets,
        [
            "kamailio_dispatcher_list_target{setid=\"0\",uri=\"sip:a\",index=\"1\",flags=\"AP\"} 1",
            "kamailio_dispatcher_list_target{setid=\"0\",uri=\"sip:a\",index=\"2\",flags=\"AP\"} 1",
            "kamailio_dispatcher_list_target{setid=\"0\",uri=\"sip:\\\"\\\\\\n\u{fffd}\",flags=\"AP\"} 1",
        ]
    );
    assert_eq!(samples(&page)["kamailio_exporter_duplicate_rows_total{collector=\"dispatcher.list\"}"], 0.0);
    assert_eq!(success(&page, "dispatcher.list"), 1.0);
}

#[test]
fn a_fault_that_means_none_configured_is_not_a_failure() {
    let fake = Fake::start();
    fake.answer_with("dispatcher.list.0dest");
    fake.answer("core.tcp_info", Kind::Fault, &body(&[Arg::Int(500), "tcp support disabled".into()]));
    let exporter = start(&fake, &[]);
    let page = exporter.exposition();
    assert_eq!((success(&page, "dispatcher.list"), success(&page, "core.tcp_info")), (1.0, 1.0));
    assert!(!page.contains("kamailio_dispatcher_list_target"));
}

#[test]
fn a_set_that_kamailio_cannot_print_fails_the_dispatcher_only() {
    let fake = Fake::start();
    fake.answer_with("dispatcher.list.1025dest");
    let exporter = start(&fake, &[]);
    page_where_only(&exporter, "dispatcher.list");
    exporter.wait_for_log("Internal error creating dest");
}

#[test]
fn the_replies_that_arrive_before_the_deadline_are_served() {
    let fake = Fake::start();
    fake.delay_method("dispatcher.list", Duration::from_secs(30));
    let exporter = start(&fake, &["-t", "1s"]);
    let start = Instant::now();
    page_where_only(&exporter, "dispatcher.list");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn the_replies_before_a_lost_connection_are_served() {
    let fake = Fake::start();
    fake.truncate("dispatcher.list", 6, Then::Close);
    let exporter = start(&fake, &[]);
    page_where_only(&exporter, "dispatcher.list");
}

#[test]
fn a_declared_size_of_4_gib_allocates_nothing() {
    let fake = Fake::start();
    fake.lie("dispatcher.list", u32::MAX);
    let exporter = start(&fake, &[]);
    page_where_only(&exporter, "dispatcher.list");
    assert!(exporter.memory() < 32e6);
    exporter.wait_for_log("4294967295");
}

#[test]
fn a_missing_method_fails_only_if_it_is_named() {
    let fake = Fake::start();
    fake.remove("dmq.list_nodes");
    let exporter = start(&fake, &[]);
    assert!(!exporter.exposition().contains("dmq.list_nodes"));
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "tm.stats,dmq.list_nodes"]);
    let page = exporter.exposition();
    assert_eq!((success(&page, "tm.stats"), success(&page, "dmq.list_nodes")), (1.0, 0.0));
    assert_eq!(fake.count("dmq.list_nodes"), 0);
}

#[test]
fn a_missing_group_of_statistics_fails_only_if_it_is_named() {
    let fake = Fake::start();
    let exporter = start(&fake, &["--kamailio.stats-groups", "core,nosuch"]);
    let page = page_where_only(&exporter, "stats.fetch");
    assert!(page.contains("kamailio_stats_fetch_value{group=\"core\""));
    exporter.wait_for_log("Kamailio has no statistics in the group nosuch");
    fake.answer("stats.fetch", Kind::Reply, &body(&[Arg::Struct(&[])]));
    let exporter = start(&fake, &[]);
    assert_eq!(success(&exporter.exposition(), "stats.fetch"), 1.0, "script is only the default");
}

#[test]
fn statistics_with_known_name_patterns_have_families_of_their_own() {
    let fake = Fake::start();
    fake.answer(
        "cnt.list_vars",
        Kind::Reply,
        &body(&["calls_total".into(), "delay_seconds".into(), "other".into()]),
    );
    fake.answer("cnt.help", Kind::Reply, &body(&["Calls \"seen\"".into()]));
    let row = [
        (Some("script.calls_total"), "7".into()),
        (Some("script.delay_seconds"), "18446744073709551611".into()),
        (Some("script.other"), "1".into()),
        (Some("script.not-a-name_total"), "2".into()),
    ];
    fake.answer("stats.fetch", Kind::Reply, &body(&[Arg::Struct(&row)]));
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "auto,-stats.fetch"]);
    let page = exporter.exposition();
    for part in [
        "# HELP kamailio_script_calls_total Calls \"seen\"\n# TYPE kamailio_script_calls_total counter\n\
         kamailio_script_calls_total 7\n",
        "# TYPE kamailio_script_delay_seconds gauge\nkamailio_script_delay_seconds -5\n",
        "kamailio_statistic{group=\"script\",name=\"other\"} 1\n",
        "kamailio_statistic{group=\"script\",name=\"not-a-name_total\"} 2\n",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    let calls = fake.calls().len();
    exporter.exposition();
    assert!(
        !fake.calls()[calls..].iter().any(|call| call.starts_with("cnt.")),
        "the exporter fetches the capabilities again"
    );
}

#[test]
fn replies_that_arrive_together_have_one_wait() {
    let fake = Fake::start();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("ctl");
    let listener = UnixListener::bind(&socket).unwrap();
    let wait = Duration::from_millis(250);
    std::thread::scope(|scope| {
        // Forwards all replies in one piece, after the last has arrived.
        scope.spawn(|| {
            let (mut client, _) = listener.accept().unwrap();
            let mut kamailio = UnixStream::connect(fake.unix().strip_prefix("unix:").unwrap()).unwrap();
            kamailio.set_read_timeout(Some(wait)).unwrap();
            let mut buffer = vec![0; 1 << 20];
            loop {
                let read = client.read(&mut buffer).unwrap();
                if read == 0 {
                    return;
                }
                kamailio.write_all(&buffer[..read]).unwrap();
                let mut replies = Vec::new();
                while let Ok(read) = kamailio.read(&mut buffer) {
                    replies.extend_from_slice(&buffer[..read]);
                }
                client.write_all(&replies).unwrap();
            }
        });
        let exporter = Exporter::start(&["-u", socket.to_str().unwrap(), "-m", "tm.stats,sl.stats,tls.info"]);
        let page = samples(&exporter.exposition());
        let durations =
            page.iter().filter(|(name, _)| name.starts_with("kamailio_scrape_collector_duration_seconds"));
        let durations: Vec<_> = durations.map(|(_, duration)| *duration).collect();
        // core.uptime has the duration of the wait, because its reply is the first.
        assert_eq!(durations, [0.0; 3]);
    });
    fake.delay_method("sl.stats", wait);
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "tm.stats,sl.stats,tls.info"]);
    let page = samples(&exporter.exposition());
    let duration =
        |name| page[&format!("kamailio_scrape_collector_duration_seconds{{collector=\"{name}\"}}")];
    assert!(
        duration("sl.stats") >= 0.2 && duration("tm.stats") < 0.2 && duration("tls.info") < 0.2,
        "{page:?}"
    );
}

#[test]
fn shared_memory_of_4_gib_is_exact_without_corex() {
    let fake = Fake::start();
    fake.answer_with("shm5000M.core.shmmem");
    fake.remove("shm.stats");
    let row =
        [(Some("shmem.total_size"), "5242880000".into()), (Some("shmem.free_size"), "5240106688".into())];
    fake.answer("stats.fetch", Kind::Reply, &body(&[Arg::Struct(&row)]));
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "core.shmmem"]);
    let page = samples(&exporter.exposition());
    assert_eq!(
        (page["kamailio_core_shmmem_total"], page["kamailio_core_shmmem_free"]),
        (5242880000.0, 5240106688.0)
    );
    assert_eq!(fake.count("core.shmmem"), 0);
}

#[test]
fn a_family_has_no_more_series_than_its_limit() {
    let fake = Fake::start();
    fake.answer_with("dispatcher.list.50dest");
    let exporter = start(&fake, &["--collector.max-series", "20"]);
    let page = exporter.exposition();
    assert_eq!(page.matches("\nkamailio_dispatcher_list_target{").count(), 20);
    let dropped = samples(&page)["kamailio_exporter_dropped_samples_total{collector=\"dispatcher.list\"}"];
    assert!(dropped >= 30.0, "{dropped}");
    assert_eq!(success(&page, "dispatcher.list"), 1.0);
    exporter.exposition();
    assert_eq!(exporter.log().matches("samples over the limit dropped").count(), 1, "{}", exporter.log());
}

#[test]
fn scrapes_of_a_long_list_reuse_the_memory_of_those_before() {
    const SCRAPES: u64 = 50;
    let fake = Fake::start();
    fake.answer_with("dispatcher.list.1000dest");
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "dispatcher.list"]);
    (0..10).for_each(|_| drop(exporter.exposition()));
    let before = exporter.page_faults();
    (0..SCRAPES).for_each(|_| drop(exporter.exposition()));
    let faults = exporter.page_faults() - before;
    assert!(faults < 10 * SCRAPES, "{faults} page faults in {SCRAPES} scrapes");
}
