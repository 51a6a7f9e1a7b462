//! Memory of many concurrent scrapes and of large ones. `matrix.rs` measures single scrapes with a fault.

use crate::packets::{body, destinations, of_struct, packet};
use crate::support::{ClientResponse, Exporter, eventually, extra_memory, samples};
use fake_kamailio::{Captures, Fake, Then};
use kamailio_binrpc::wire::{Arg, Kind, MAX_BODY, MAX_VALUES};
use std::thread;
use std::time::{Duration, Instant};

/// A Kamailio that listens on many sockets, each of which is a target.
struct Many {
    fake: Fake,
    targets: Vec<String>,
    _directory: tempfile::TempDir,
}

impl Many {
    fn start(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let target = |number| format!("unix:{}/{number}", directory.path().display());
        let targets: Vec<_> = (0..count).map(target).collect();
        let sockets: Vec<_> = targets.iter().map(|target| target.parse().unwrap()).collect();
        let fake = Fake::listen(Captures::of("5.6.3"), &sockets).unwrap();
        Self { fake, targets, _directory: directory }
    }
}

/// Makes a Kamailio send more values than the limit, and then a reply of the maximum size that is either endless or stops
/// halfway.
fn greedy(fake: &Fake, stalls: bool) {
    fake.answer("tm.stats", Kind::Reply, &vec![0; MAX_VALUES]);
    let then = if stalls { Then::GoOn } else { Then::Repeat };
    fake.mangle("dispatcher.list", then, move |cookie, _| {
        let begun = if stalls { 3 << 20 } else { 60_000 };
        vec![packet(0xa1, 1, cookie, MAX_BODY as u32, b""), vec![0; begun]]
    });
}

/// Makes a Kamailio list `count` destinations with all their attributes, in sets of 1,000.
fn large(fake: &Fake, count: usize) {
    let texts: Vec<_> = (0..count)
        .map(|number| {
            let uri = format!("sip:10.1.{}.{}:5060", number / 250, number % 250);
            (uri, format!("d{number}"), format!("weight=50;duid=d{number};rweight=50;maxload=100"))
        })
        .collect();
    let latency = ["AVG", "STD", "EST", "MAX", "TIMEOUT"].map(|name| (Some(name), Arg::Int(12_345)));
    let load = [(Some("DLGLOAD"), Arg::Int(1_234))];
    let attributes: Vec<_> = texts
        .iter()
        .map(|(_, duid, body)| {
            [
                (Some("BODY"), body.as_str().into()),
                (Some("DUID"), duid.as_str().into()),
                (Some("MAXLOAD"), Arg::Int(100)),
                (Some("WEIGHT"), Arg::Int(50)),
                (Some("RWEIGHT"), Arg::Int(50)),
                (Some("SOCKET"), "tls:192.0.2.1:5061".into()),
                (Some("SOCKNAME"), "carriers".into()),
                (Some("OBPROXY"), "sip:proxy.example.com".into()),
            ]
        })
        .collect();
    let rows: Vec<_> = texts
        .iter()
        .zip(&attributes)
        .map(|((uri, ..), attributes)| {
            [
                (Some("URI"), uri.as_str().into()),
                (Some("FLAGS"), "AP".into()),
                (Some("PRIORITY"), Arg::Int(10)),
                (Some("ATTRS"), Arg::Struct(attributes)),
                (Some("LATENCY"), Arg::Struct(&latency)),
                (Some("RUNTIME"), Arg::Struct(&load)),
            ]
        })
        .collect();
    let rows: Vec<_> = rows.iter().map(|row| (Some("DEST"), Arg::Struct(row))).collect();
    let sets: Vec<_> = (1i64..)
        .zip(rows.chunks(1_000))
        .map(|(id, rows)| [(Some("ID"), Arg::Int(id)), (Some("TARGETS"), Arg::Struct(rows))])
        .collect();
    let sets: Vec<_> = sets.iter().map(|set| (Some("SET"), Arg::Struct(set))).collect();
    let reply = [(Some("NRSETS"), Arg::Int(sets.len() as i64)), (Some("RECORDS"), Arg::Struct(&sets))];
    fake.answer("dispatcher.list", Kind::Reply, &body(&[Arg::Struct(&reply)]));
}

/// Prints the peak memory, and checks that it is under the limit.
fn takes(exporter: &Exporter, limit: u64, what: &str) {
    let (peak, limit) = (exporter.peak_memory(), limit + extra_memory());
    println!("{:>5.1} MiB: {what}", peak as f64 / 1_048_576.0);
    assert!(peak < limit, "{what}: {peak} bytes of memory, over {limit}");
}

/// Returns whether the exposition has all samples of a collector.
fn has(page: &str, collector: &str) -> bool {
    page.contains(&format!("\n{SUCCESS}{collector}\"}} 1\n"))
}

/// Sends all requests concurrently, and returns each response and its duration.
fn at_once(exporter: &Exporter, paths: &[String]) -> Vec<(ClientResponse, Duration)> {
    thread::scope(|scope| {
        let ask = |path| {
            move || {
                let start = Instant::now();
                (exporter.get(path), start.elapsed())
            }
        };
        let clients: Vec<_> = paths.iter().map(|path| scope.spawn(ask(path))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn five_thousand_destinations_are_served_with_all_that_they_have() {
    let fake = Fake::start();
    large(&fake, 5_000);
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "20s"]);
    for accept in ["text/plain", "application/openmetrics-text;version=1.0.0"] {
        for encoding in ["identity", "gzip"] {
            let headers = [("Accept", accept), ("Accept-Encoding", encoding)];
            assert_eq!(exporter.request("GET", "/metrics", &headers).status, 200);
        }
    }
    let page = exporter.exposition();
    for family in [
        "list_target",
        "destination_up",
        "destination_weight",
        "destination_dialog_load",
        "destination_latency_deviation_seconds",
        "destination_timeouts_total",
    ] {
        let name = format!("kamailio_dispatcher_{family}{{");
        assert_eq!(page.lines().filter(|line| line.starts_with(&name)).count(), 5_000, "{family}");
    }
    let dropped = |line: &&str| line.contains("_dropped_samples_total{") && !line.ends_with(" 0");
    assert_eq!(page.lines().find(dropped), None);
    takes(&exporter, MAX_MEMORY, "a Kamailio with 5,000 destinations and all that they can have");
}

/// Several replies at their limits together need more than 32 MiB. The scrape ends where it has used its share of the
/// memory, and the samples that it has by then are exported.
#[test]
fn everything_is_at_its_limit_in_one_scrape() {
    let fake = Fake::start();
    let uris: Vec<_> = (0..40_000).map(|number| format!("sip:{number:0160}@example.org")).collect();
    let names: Vec<_> = (0..50_000).map(|number| format!("script.statistic{number:0130}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), "7".into())).collect();
    fake.answer("tm.stats", Kind::Reply, &vec![0; MAX_VALUES]);
    fake.answer("dispatcher.list", Kind::Reply, &destinations(uris.iter().map(String::as_bytes)));
    fake.answer("stats.fetch", Kind::Reply, &of_struct(&members));
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "auto,-stats", "-t", "20s"]);
    for encoding in ["identity", "gzip", "identity"] {
        assert_eq!(exporter.request("GET", "/metrics", &[("Accept-Encoding", encoding)]).status, 200);
    }
    let page = exporter.exposition();
    assert!(has(&page, "sl.stats") && !has(&page, "tm.stats"), "{page}");
    takes(&exporter, MAX_OF_ONE, "everything at its limit in one scrape");
}

#[test]
fn forty_selections_at_once_share_their_memory() {
    let selections = |exporter: &Exporter| -> Vec<String> {
        let page = exporter.exposition();
        let name = |line: &str| Some(line.strip_prefix(SUCCESS)?.split_once('"')?.0.to_owned());
        let names: Vec<_> = page.lines().filter_map(name).collect();
        let without = |(place, first)| {
            let after = names.get(place + 1..).unwrap_or_default();
            after.iter().map(move |second| format!("/metrics?exclude[]={first}&exclude[]={second}"))
        };
        names.iter().enumerate().flat_map(without).take(40).collect()
    };

    let usual = Fake::start();
    let exporter = Exporter::start(&["-u", &usual.unix(), "-t", "10s"]);
    let paths = selections(&exporter);
    assert_eq!(paths.len(), 40);
    usual.delay_method("core.uptime", Duration::from_millis(500));
    for (answer, _) in at_once(&exporter, &paths) {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(samples(&answer.text())["kamailio_exporter_failed_scrapes"], 0.0);
    }
    assert!(usual.connections().most > 30, "they were not at the same time: {:?}", usual.connections());
    takes(&exporter, MAX_MEMORY, "40 selections at once");

    for (stalls, what) in [
        (false, "40 selections at once of a Kamailio that sends the largest replies"),
        (true, "40 selections at once of a Kamailio that sends half of the largest replies"),
    ] {
        let fake = Fake::start();
        greedy(&fake, stalls);
        let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "4s"]);
        for (answer, _) in at_once(&exporter, &paths) {
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(samples(&answer.text())["kamailio_up"], 1.0);
        }
        takes(&exporter, MAX_TOGETHER, what);
        assert!(exporter.log().contains(OVER), "{}", exporter.log());
        fake.behave();
        eventually(|| match exporter.exposition() {
            page if has(&page, "dispatcher.list") => Ok(()),
            page => Err(page),
        });
    }
}

#[test]
fn two_hundred_hostile_targets_share_their_memory_and_leave_enough_to_another() {
    let (endless, stalling, honest) = (Many::start(100), Many::start(100), Fake::start());
    greedy(&endless.fake, false);
    greedy(&stalling.fake, true);
    let hostile = endless.targets.iter().chain(&stalling.targets);
    let hostile: Vec<_> = hostile.map(|target| format!("/probe?target={target}")).collect();
    let exporter = Exporter::start(&[
        "-u",
        &honest.unix(),
        "--probe.allow",
        "unix:/*/*/*",
        // Half of the targets keep their memory until this timeout.
        "-t",
        "5s",
        // A pattern may use three quarters.
        "--probe.max-requests",
        "268",
    ]);
    thread::scope(|scope| {
        let all = scope.spawn(|| at_once(&exporter, &hostile));
        let mut meanwhile = 0;
        while !all.is_finished() {
            for path in [format!("/probe?target={}", honest.unix()), "/metrics".to_owned()] {
                let answer = exporter.get(&path);
                assert_eq!(answer.status, 200, "{}", answer.text());
                assert_eq!(samples(&answer.text())["kamailio_exporter_failed_scrapes"], 0.0, "{path}");
            }
            meanwhile += 1;
        }
        assert!(meanwhile > 0 && exporter.log().contains(OVER), "{meanwhile}: {}", exporter.log());
        for (answer, time) in all.join().unwrap() {
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(samples(&answer.text())["kamailio_up"], 1.0);
            assert!(time < Duration::from_secs(10), "{time:?}");
        }
    });
    takes(&exporter, MAX_TOGETHER, "200 hostile targets at once");
    assert!(!exporter.log().contains("panicked"), "{}", exporter.log());
}

const SUCCESS: &str = "kamailio_scrape_collector_success{collector=\"";
const OVER: &str = "bytes of memory; all scrapes share 33554432 bytes";
/// The limit for one scrape, or for several of the usual size, with the history of the page.
const MAX_MEMORY: u64 = 36 << 20;
/// The limit for a scrape that reaches every other limit: its share of 16 MiB, the same again for the exposition, and the
/// program.
const MAX_OF_ONE: u64 = 40 << 20;
/// The limit for all scrapes of hostile Kamailios: the 32 MiB that they share (`memory_budget.rs`) with the gaps between
/// allocations, the 128 KiB that each may always use, and the program.
const MAX_TOGETHER: u64 = 96 << 20;
