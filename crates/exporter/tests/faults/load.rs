//! The resources of Kamailio that a scrape uses: one connection, and no more concurrent calls than its buffers hold.
//! `tests/it/tables.rs` tests that the exporter calls only methods that read, and that it walks tables only if configured.
//! `matrix.rs` tests that no fault leaves a connection open.

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

fn wait_until_closed(fake: &Fake) {
    eventually(|| match fake.connections().open {
        0 => Ok(()),
        open => Err(format!("{open} connections are open")),
    });
}

#[test]
fn a_scrape_opens_one_connection_and_a_second_only_after_a_restart_of_kamailio() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix()]);
    for _ in 0..10 {
        assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0);
        wait_until_closed(&fake);
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
        assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0);
        wait_until_closed(&fake);
    }
    assert_eq!(fake.connections().accepted, 19, "all scrapes but the first have to start again");
    // The exporter closes the first connection before it opens the second; the fake may notice the end later.
    assert!(fake.connections().most <= 2, "{:?}", fake.connections());
}

#[test]
fn scrapes_of_different_selections_open_one_connection_each_and_close_it() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix()]);
    exporter.exposition();
    wait_until_closed(&fake);
    let collectors = ["tm.stats", "sl.stats", "core.uptime", "core.shmmem", "core.tcp_info"];
    // The delay keeps all runs open at once. A request after the end of its run would start a second run, whose connection
    // the fake may accept before it notices the end of the first.
    fake.delay_method("core.uptime", Duration::from_secs(2));
    thread::scope(|scope| {
        for collector in collectors {
            for _ in 0..4 {
                let exporter = &exporter;
                scope.spawn(move || {
                    let response = exporter.get(&format!("/metrics?collect[]={collector}"));
                    assert_eq!(samples(&response.text())["kamailio_up"], 1.0);
                });
            }
        }
    });
    let connections = fake.connections();
    assert_eq!((connections.most, connections.accepted), (collectors.len(), 1 + collectors.len()));
    wait_until_closed(&fake);
}

#[test]
fn the_number_of_calls_in_flight_is_limited() {
    let fake = Fake::start();
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "all", "-t", "1s"]);
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 1.0);
    let before = fake.calls().len();
    fake.silent(true);
    assert_eq!(samples(&exporter.exposition())["kamailio_up"], 0.0);
    assert_eq!(fake.calls().len() - before, MAX_IN_FLIGHT);
    let exporter = Exporter::start(&["-u", &fake.udp(), "-m", "all", "-t", "1s"]);
    let before = fake.calls().len();
    exporter.exposition();
    assert_eq!(fake.calls().len() - before, 1, "over datagrams the limit is one");
}

#[test]
fn calls_with_large_replies_come_last() {
    let fake = Fake::replay(Captures::of("6.2-dev"));
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "all", "--kamailio.stats-groups", "all"]);
    exporter.exposition();
    let before = fake.calls().len();
    exporter.exposition();
    let is_large = |call: &String| {
        let method = call.split(' ').next();
        let mut collectors = ALL.iter().filter(|collector| Some(collector.method) == method);
        collectors.any(|collector| collector.large)
    };
    let calls: Vec<_> = fake.calls().drain(before..).collect();
    let large: Vec<_> = calls.iter().map(is_large).collect();
    assert!(large.is_sorted(), "a call with a small reply follows one with a large reply: {calls:?}");
    let count = large.iter().filter(|large| **large).count();
    assert!(count > 5 && calls.len() - count > 5, "{calls:?}");
}

#[test]
fn a_scrape_stops_and_closes_its_connection_when_its_last_client_disconnects() {
    let fake = Fake::start();
    fake.mangle("tm.stats", Then::Repeat, |_, _| vec![reply(kamailio_binrpc::Cookie(0), &[0; 50_000])]);
    let exporter = Exporter::start(&["-u", &fake.unix(), "-t", "60s"]);
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    eventually(|| if fake.count("tm.stats") == 1 { Ok(()) } else { Err("no scrape has started".to_owned()) });
    assert_eq!(fake.connections().open, 1);
    drop(client);
    wait_until_closed(&fake);
}
