use crate::scrape::{start, success};
use crate::support::{Exporter, samples};
use fake_kamailio::{Fake, body};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;
use std::time::{Duration, SystemTime};

#[test]
fn capabilities_are_fetched_again_after_a_restart() {
    let fake = Fake::start();
    let exporter = start(&fake, &[]);
    assert!(exporter.exposition().contains("kamailio_tls_info"));
    fake.remove("tls.info");
    let uptime = [(Some("up_since"), "Sun Nov 22 14:00:00 2026".into()), (Some("uptime"), Arg::Int(1))];
    fake.answer("core.uptime", Kind::Reply, &body(&[Arg::Struct(&uptime)]));
    let page = exporter.exposition();
    assert!(!page.contains("tls.info") && !page.contains("kamailio_tls_info"), "{page}");
    assert_eq!(samples(&page)["kamailio_exporter_failed_scrapes"], 0.0);
    assert_eq!(fake.count("system.listMethods"), 2);
    exporter.wait_for_log("Kamailio restarted");
}

/// Makes the fake respond like a Kamailio that has been running for `uptime` seconds. Returns its start time.
fn running_for(fake: &Fake, uptime: u32) -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let start = now - u64::from(uptime);
    // Its local time is 5:45 h before UTC; the day does not matter.
    let minute = (start / 60 + 15) % 60;
    let up_since = format!("Thu Jan  1 07:{minute:02}:{:02} 1970", start % 60);
    let row = [
        (Some("now"), "Thu Jan  1 00:00:00 1970".into()),
        (Some("up_since"), up_since.as_str().into()),
        (Some("uptime"), Arg::Int(uptime.into())),
    ];
    fake.answer("core.uptime", Kind::Reply, &body(&[Arg::Struct(&row)]));
    start
}

#[test]
fn the_start_time_is_the_same_until_kamailio_restarts() {
    let fake = Fake::start();
    let started = |exporter: &Exporter| samples(&exporter.exposition())["kamailio_start_time_seconds"] as u64;
    let [one, other] = [&["-m", "auto"][..], &["-m", "sl.stats", "-t", "3s"]]
        .map(|arguments| Exporter::start(&[&["-u", &fake.unix()], arguments].concat()));
    let start = running_for(&fake, 90_061);
    assert_eq!((started(&one), started(&other)), (start, start));
    // The uptime in the reply is 3 s too small, like that of a busy Kamailio.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((started(&one), started(&other)), (start, start));
    let restart = running_for(&fake, 1);
    assert_eq!((started(&one), started(&other)), (restart, restart));
}

#[test]
fn statistics_that_do_not_fit_into_a_struct_are_fetched_in_small_parts() {
    let fake = Fake::start();
    let names: Vec<_> = (0..90).map(|number| format!("statistic_{number:02}")).collect();
    let names: Vec<Arg<'_>> = names.iter().map(|name| name.as_str().into()).collect();
    fake.answer("cnt.list_groups", Kind::Reply, &body(&["script".into()]));
    fake.answer("cnt.list_vars", Kind::Reply, &body(&names));
    fake.answer("stats.fetch", Kind::Fault, &body(&[Arg::Int(500), "Internal error - cannot add".into()]));
    let exporter = start(&fake, &[]);
    let fetches = |from: usize| {
        let calls = fake.calls();
        calls[from..].iter().filter(|call| call.starts_with("stats.fetch ")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(success(&exporter.exposition(), "stats.fetch"), 0.0);
    let calls = fetches(0);
    assert_eq!(calls[0], "stats.fetch script:", "the group fits into a struct of the default size");
    let parts = &calls[1..];
    assert!(parts.len() > 1 && parts.iter().all(|part| part.len() < 1024), "{parts:?}");
    assert_eq!(
        parts.iter().flat_map(|part| part.split(' ')).filter(|word| word.contains('.')).count(),
        90 + parts.len()
    );
    assert_eq!(fake.count("system.listMethods"), 2);
    // The size of the server's structs is remembered, and no scrape is repeated any more.
    let row = [(Some("script.statistic_07"), "7".into())];
    fake.answer("stats.fetch", Kind::Reply, &body(&[Arg::Struct(&row)]));
    let (made, accepted) = (fake.calls().len(), fake.connections().accepted);
    (0..3).for_each(|_| assert_eq!(success(&exporter.exposition(), "stats.fetch"), 1.0));
    assert_eq!(fetches(made), [parts, parts, parts].concat());
    assert_eq!((fake.count("system.listMethods"), fake.connections().accepted), (2, accepted + 3));
    exporter.wait_for_log("binrpc_struct_max_body_size");
    assert_eq!(exporter.log().matches("statistics fetched in small parts").count(), 1);
}

#[test]
fn other_faults_leave_the_statistics_in_large_parts() {
    for (code, reason, is_small) in [
        (500, "Internal error - cannot add", true),
        (500, "no memory", false),
        (400, "Internal error - cannot add", false),
    ] {
        let fake = Fake::start();
        let names: Vec<_> = (0..90).map(|number| format!("statistic_{number:02}")).collect();
        let names: Vec<Arg<'_>> = names.iter().map(|name| name.as_str().into()).collect();
        fake.answer("cnt.list_groups", Kind::Reply, &body(&["script".into()]));
        fake.answer("cnt.list_vars", Kind::Reply, &body(&names));
        fake.answer("stats.fetch", Kind::Fault, &body(&[Arg::Int(code), reason.into()]));
        let exporter = start(&fake, &[]);
        assert_eq!(success(&exporter.exposition(), "stats.fetch"), 0.0);
        assert_eq!(fake.count("stats.fetch") > 1, is_small, "{code} {reason}: {:?}", fake.calls());
    }
}

/// Returns the body of a list of dispatcher sets with these numbers.
fn dispatcher_sets(ids: &[i64]) -> Vec<u8> {
    let sets: Vec<[_; 1]> = ids.iter().map(|id| [(Some("ID"), Arg::Int(*id))]).collect();
    let records: Vec<_> = sets.iter().map(|set| (Some("SET"), Arg::Struct(set))).collect();
    body(&[Arg::Struct(&[(Some("NRSETS"), Arg::Int(3)), (Some("RECORDS"), Arg::Struct(&records))])])
}

#[test]
fn a_dispatcher_set_that_is_added_gets_its_calls_in_the_next_scrape() {
    let fake = Fake::start();
    fake.answer("dispatcher.list", Kind::Reply, &dispatcher_sets(&[7, 40]));
    fake.answer(
        "dispatcher.oclist",
        Kind::Fault,
        &body(&[Arg::Int(404), "Destination Group Not Found".into()]),
    );
    fake.answer(
        "system.listMethods",
        Kind::Reply,
        &body(&["dispatcher.list".into(), "dispatcher.oclist".into(), "core.uptime".into()]),
    );
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "dispatcher.list,dispatcher.oclist"]);
    let scrape = || {
        let made = fake.calls().len();
        assert_eq!(samples(&exporter.exposition())["kamailio_exporter_failed_scrapes"], 0.0);
        fake.calls()[made..].join(",")
    };
    scrape();
    let calls = |sets: &[&str]| {
        let sets = sets.iter().map(|set| format!("dispatcher.oclist {set}"));
        ["core.uptime".to_owned(), "dispatcher.list".to_owned()]
            .into_iter()
            .chain(sets)
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(scrape(), calls(&["7", "40"]));
    for sets in [&[7, 8, 40][..], &[3], &[]] {
        fake.answer("dispatcher.list", Kind::Reply, &dispatcher_sets(sets));
        scrape();
        let names: Vec<_> = sets.iter().map(ToString::to_string).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!((scrape(), scrape()), (calls(&names), calls(&names)));
    }
    assert_eq!(fake.count("system.listMethods"), 1);
}
