use crate::support::{Exporter, samples};
use fake_kamailio::{Fake, body};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;
use std::net::UdpSocket;

/// This process has the socket of the fake Kamailio, and started the exporter, so that both can be listed.
#[test]
fn the_kernels_values_are_those_of_the_listed_processes_and_sockets() {
    let (fake, socket) = (Fake::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "kernel.processes,kernel.sockets"]);
    let process = |pid: u32, description| {
        [(Some("pid"), Arg::Int(pid.into())), (Some("description"), Arg::from(description))]
    };
    let processes = [process(std::process::id(), "main"), process(exporter.pid(), "worker child=1")];
    fake.answer("core.psa", Kind::Reply, &body(&processes.each_ref().map(|process| Arg::Struct(process))));
    let port = socket.local_addr().unwrap().port().to_string();
    let listed = [
        (Some("PROTO"), Arg::from("udp")),
        (Some("NAME"), "127.0.0.1".into()),
        (Some("PORT"), Arg::from(&*port)),
    ];
    fake.answer("corex.list_sockets", Kind::Reply, &body(&[Arg::Struct(&listed)]));
    let page = samples(&exporter.exposition());
    assert_eq!((page["kamailio_processes_visible"], page["kamailio_sockets_visible"]), (1.0, 1.0));
    assert_eq!(page["kamailio_processes{type=\"worker\"}"], 1.0);
    let queue =
        format!("kamailio_socket_receive_queue_bytes{{address=\"127.0.0.1\",port=\"{port}\",proto=\"udp\"}}");
    assert_eq!(page[&*queue], 0.0);
    for collector in ["kernel.processes", "kernel.sockets"] {
        assert_eq!(page[&*format!("kamailio_scrape_collector_success{{collector=\"{collector}\"}}")], 1.0);
    }
}

#[test]
fn processes_that_cannot_be_seen_are_a_failure_only_if_they_were_asked_for() {
    let fake = Fake::start();
    for (methods, success) in [("kernel.processes", 0.0), ("auto", 1.0)] {
        let exporter = Exporter::start(&["-u", &fake.unix(), "-m", methods]);
        let page = samples(&exporter.exposition());
        assert_eq!(page["kamailio_processes_visible"], 0.0, "{methods}");
        assert_eq!(
            page["kamailio_scrape_collector_success{collector=\"kernel.processes\"}"], success,
            "{methods}"
        );
    }
}
