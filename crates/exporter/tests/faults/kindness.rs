//! The resources of Kamailio that a scrape may use: a connection, and as many calls at once as its buffers have room for. That only
//! methods are called that read, and tables walked only when it is asked for, is tested on the tables
//! (`tests/it/tables.rs`); that no fault leaves a connection open, in the matrix.

use crate::packets::{of_struct, reply};
use crate::support::{Exporter, eventually, samples};
use fake_kamailio::{Captures, Fake, Then};
use kamailio_binrpc::wire::MAX_IN_FLIGHT;
use kamailio_exporter::internals::ALL;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

fn nothing_is_open(fake: &Fake) {
    eventually(|| match fake.connections().open {
        0 => Ok(()),
        open => Err(format!("{open} connections are open")),
    });
}

#[test]
fn a_scrape_has_one_connection_and_another_only_when_kamailio_was_restarted() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix()]);
    for _ in 0..10 {
        assert_eq!(samples(&exporter.page())["kamailio_up"], 1.0);
        nothing_is_open(&fake);
    }
    assert_eq!((fake.connections().most, fake.connections().accepted), (1, 10));

    let fake = Fake::start();
    let times = AtomicUsize::new(0);
    fake.mangle("core.uptime", Then::GoOn, move |cookie, _| {
        let time = format!("{}", times.fetch_add(1, Ordering::Relaxed));
        vec![reply(cookie, &of_struct(&[("up_since", time.as_str().into())]))]
    });
    let exporter = Exporter::start(&["-u", &fake.unix()]);
    for _ in 0..10 {
        assert_eq!(samples(&exporter.page())["kamailio_up"], 1.0);
        nothing_is_open(&fake);
    }
    assert_eq!(fake.connections().accepted, 19, "it has to begin again in all but the first");
    // The first is closed before; the fake may see that a little later.
    assert!(fake.connections().most <= 2, "{:?}", fake.connections());
}

#[test]
fn scrapes_of_different_things_have_a_connection_each_and_leave_none() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix()]);
    exporter.page();
    nothing_is_open(&fake);
    let collectors = ["tm.stats", "sl.stats", "core.uptime", "core.shmmem", "core.tcp_info"];
    // All are there before the first of them has its answer: one that comes later has a connection of its own, which
    // the fake may accept before it sees the end of the one before.
    fake.delay_method("core.uptime", Duration::from_secs(2));
    thread::scope(|scope| {
        for collector in collectors {
            for _ in 0..4 {
                let exporter = &exporter;
                scope.spawn(move || {
                    let answer = exporter.get(&format!("/metrics?collect[]={collector}"));
                    assert_eq!(samples(&answer.text())["kamailio_up"], 1.0);
                });
            }
        }
    });
    let connections = fake.connections();
    assert_eq!((connections.most, connections.accepted), (collectors.len(), 1 + collectors.len()));
    nothing_is_open(&fake);
}

#[test]
fn calls_that_are_not_answered_are_few() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "all", "-t", "1s"]);
    assert_eq!(samples(&exporter.page())["kamailio_up"], 1.0);
    let before = fake.calls().len();
    fake.silent(true);
    assert_eq!(samples(&exporter.page())["kamailio_up"], 0.0);
    assert_eq!(fake.calls().len() - before, MAX_IN_FLIGHT);
    let exporter = Exporter::start(&["-u", &fake.udp(), "-m", "all", "-t", "1s"]);
    let before = fake.calls().len();
    exporter.page();
    assert_eq!(fake.calls().len() - before, 1, "over datagrams it is one");
}

#[test]
fn large_replies_are_asked_for_last() {
    let fake = Fake::replay(Captures::of("6.2-dev"));
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "all", "--kamailio.stats-groups", "all"]);
    exporter.page();
    let before = fake.calls().len();
    exporter.page();
    let is_large = |call: &String| {
        let method = call.split(' ').next();
        let mut collectors = ALL.iter().filter(|collector| Some(collector.method) == method);
        collectors.any(|collector| collector.large)
    };
    let calls: Vec<_> = fake.calls().drain(before..).collect();
    let large: Vec<_> = calls.iter().map(is_large).collect();
    assert!(large.is_sorted(), "a small one follows a large one: {calls:?}");
    let count = large.iter().filter(|large| **large).count();
    assert!(count > 5 && calls.len() - count > 5, "{calls:?}");
}

#[test]
fn a_scrape_that_nobody_waits_for_stops_reading_and_closes() {
    let fake = Fake::start();
    fake.mangle("tm.stats", Then::Repeat, |_, _| vec![reply(kamailio_binrpc::Cookie(0), &[0; 50_000])]);
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "60s"]);
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    eventually(|| if fake.count("tm.stats") == 1 { Ok(()) } else { Err("no run".to_owned()) });
    assert_eq!(fake.connections().open, 1);
    drop(client);
    nothing_is_open(&fake);
}
