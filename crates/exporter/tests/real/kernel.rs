//! The values of the kernel follow what Kamailio does.

use crate::support::{Exporter, eventually, samples};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Kamailio, Release};

type Page = BTreeMap<String, f64>;

const SIP_PORT: u16 = 25060;

fn family<'p>(page: &'p Page, name: &str) -> Vec<(&'p str, f64)> {
    let start = format!("{name}{{");
    page.iter().filter_map(|(series, value)| Some((series.strip_prefix(&start)?, *value))).collect()
}

fn of_type(page: &Page, name: &str, kind: &str) -> f64 {
    page[&format!("{name}{{type=\"{kind}\"}}")]
}

fn udp(page: &Page, name: &str, kamailio: &Kamailio) -> f64 {
    page[&format!("{name}{{address=\"{}\",port=\"{SIP_PORT}\",proto=\"udp\"}}", kamailio.ip())]
}

/// The process IDs of a type.
fn pids(kamailio: &Kamailio, description: &str) -> Vec<u32> {
    let list = kamailio.kamcmd(&["core.ps"]);
    let lines: Vec<_> = list.lines().collect();
    let is_it = |pair: &&[&str]| pair[1].starts_with(description);
    lines.chunks_exact(2).filter(is_it).map(|pair| pair[0].trim().parse().unwrap()).collect()
}

fn send(kamailio: &Kamailio, packets: usize, packet: &[u8]) {
    let socket = UdpSocket::bind((kamailio.ip(), 0)).unwrap();
    let to = SocketAddr::new(kamailio.ip().into(), SIP_PORT);
    for _ in 0..packets {
        socket.send_to(packet, to).unwrap();
    }
}

fn processes_and_sockets_are_seen(release: Release) {
    if !release.is_available() {
        return;
    }
    let kamailio = Kamailio::builder().release(release).start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let page = samples(&exporter.exposition());
    let listed = kamailio.kamcmd(&["core.psa"]).matches("pid:").count();
    let seen: f64 = family(&page, "kamailio_processes").iter().map(|(_, count)| count).sum();
    assert_eq!((page["kamailio_processes_visible"], seen), (1.0, listed as f64), "{release:?}");
    assert_eq!(of_type(&page, "kamailio_processes", "udp receiver"), 2.0);
    assert_eq!(of_type(&page, "kamailio_processes", "ctl handler"), 1.0);
    assert_eq!(page["kamailio_sockets_visible"], 1.0);
    assert!(udp(&page, "kamailio_socket_receive_buffer_bytes", &kamailio) > 4096.0);
    let backlogs = family(&page, "kamailio_socket_accept_queue_max_connections");
    assert!(
        !backlogs.is_empty() && backlogs.iter().all(|(_, backlog)| *backlog > 0.0),
        "{release:?}: {backlogs:?}"
    );
    let private = of_type(&page, "kamailio_process_private_memory_bytes", "main process - attendant");
    assert!((100_000.0..1e9).contains(&private), "{release:?}: {private}");
    assert!(!exporter.log().contains("not visible"), "{}", exporter.log());
}

#[test]
fn the_processes_and_sockets_of_each_release_are_seen() {
    [Release::Bullseye, Release::Bookworm, Release::Trixie, Release::Sid]
        .into_iter()
        .for_each(processes_and_sockets_are_seen);
}

#[test]
fn the_cpu_time_is_that_of_the_workers_that_a_script_keeps_busy() {
    let busy = "max_while_loops=1000000\n\
                onreply_route { $var(i) = 0; while ($var(i) < 20000) { $var(i) = $var(i) + 1; } }";
    let kamailio = Kamailio::builder().config(busy).start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let cpu = |page: &Page, kind| of_type(page, "kamailio_process_cpu_seconds_total", kind);
    let before = samples(&exporter.exposition());
    let reply = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {}:{SIP_PORT};branch=z9hG4bKbusy.0\r\nVia: SIP/2.0/UDP {}:9\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: busy\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        kamailio.ip(),
        kamailio.ip()
    );
    let start = Instant::now();
    let after = loop {
        send(&kamailio, 20, reply.as_bytes());
        thread::sleep(Duration::from_millis(20));
        let after = samples(&exporter.exposition());
        if cpu(&after, "udp receiver") > cpu(&before, "udp receiver") + 0.7 {
            break after;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{after:#?}");
    };
    // As the kernel counts them in /proc, by another way of reading, which rounds two times per process down to 10 ms.
    let receivers = pids(&kamailio, "udp receiver");
    let limit = receivers.iter().map(|pid| (ticks(*pid) + 2) as f64 / 100.0).sum();
    let shown = cpu(&after, "udp receiver");
    assert!(shown <= limit, "{shown} s, at most {limit} s");
    let idle = cpu(&after, "timer") - cpu(&before, "timer");
    assert!(idle < 0.3, "{idle}");
}

/// The CPU time in user mode and in kernel mode, each in whole hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_flood_that_overflows_the_receive_buffer_is_counted_to_the_packet() {
    let kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let before = samples(&exporter.exposition());
    let drops = |page: &Page| udp(page, "kamailio_socket_receive_drops_total", &kamailio);
    let queue = |page: &Page| udp(page, "kamailio_socket_receive_queue_bytes", &kamailio);
    let signal = |signal| {
        for pid in pids(&kamailio, "udp receiver") {
            kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
        }
    };
    signal(Signal::STOP);
    // Keepalives, which Kamailio reads and ignores.
    let sent = 5000;
    send(&kamailio, sent, b"\r\n\r\n");
    let full = samples(&exporter.exposition());
    let buffer = udp(&full, "kamailio_socket_receive_buffer_bytes", &kamailio);
    assert!(queue(&full) > 0.9 * buffer, "{} of {buffer}", queue(&full));
    let dropped = drops(&full) - drops(&before);
    assert!(dropped > 100.0 && dropped < sent as f64, "{dropped}");
    // The same socket in /proc.
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let local = format!("{:08X}:{SIP_PORT:04X} ", u32::from_le_bytes(kamailio.ip().octets()));
    let line = table.lines().find(|line| line.contains(&local)).unwrap();
    assert_eq!(line.split_whitespace().last().unwrap().parse::<f64>().unwrap(), drops(&full), "{line}");
    signal(Signal::CONT);
    let after = eventually(|| {
        let page = samples(&exporter.exposition());
        if queue(&page) == 0.0 { Ok(page) } else { Err(format!("{} bytes wait", queue(&page))) }
    });
    assert_eq!(drops(&after), drops(&full));
}

#[test]
fn connections_that_are_not_accepted_are_in_the_queue() {
    let kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let queue = |page: &Page| {
        let tcp = format!("address=\"{}\",port=\"{SIP_PORT}\",proto=\"tcp\"", kamailio.ip());
        page[&format!("kamailio_socket_accept_queue_connections{{{tcp}}}")]
    };
    assert_eq!(queue(&samples(&exporter.exposition())), 0.0);
    let signal = |signal| {
        for pid in pids(&kamailio, "tcp main process") {
            kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
        }
    };
    signal(Signal::STOP);
    let _clients: Vec<_> = (0..17)
        .map(|_| TcpStream::connect(SocketAddr::new(kamailio.ip().into(), SIP_PORT)).unwrap())
        .collect();
    let wait_for = |expected: f64| {
        eventually(|| match queue(&samples(&exporter.exposition())) {
            count if count == expected => Ok(()),
            count => Err(format!("{count} connections wait")),
        });
    };
    wait_for(17.0);
    signal(Signal::CONT);
    wait_for(0.0);
}

#[test]
fn memory_switches_and_files_are_those_in_proc() {
    let kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let kind = "tcp main process";
    let [pid] = pids(&kamailio, kind)[..] else { panic!("{}", kamailio.kamcmd(&["core.ps"])) };
    let status = |name: &str| -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    let voluntary = "voluntary_ctxt_switches:";
    let (before, page, after) = (status(voluntary), samples(&exporter.exposition()), status(voluntary));
    let switches =
        page[&format!("kamailio_process_context_switches_total{{kind=\"voluntary\",type=\"{kind}\"}}")];
    assert!((before..=after).contains(&switches), "{switches} is not in {before} to {after}");
    let resident = of_type(&page, "kamailio_process_resident_memory_bytes", kind) / 1024.0;
    let difference = (resident - status("VmRSS:")).abs();
    assert!(difference < 1024.0, "{resident} KiB differ from {} KiB", status("VmRSS:"));
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert_eq!(of_type(&page, "kamailio_process_open_fds", kind), files as f64);
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let limit: f64 = limit.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(of_type(&page, "kamailio_process_max_fds", kind), limit);
}

#[test]
fn another_namespace_is_reported_and_not_mistaken_for_this_one() {
    let kamailio = Kamailio::start();
    for (namespace, processes, sockets, reason) in [
        (&["--net"][..], 1.0, 0.0, "Kamailio runs in another network namespace"),
        (&["--pid", "--fork", "--mount-proc"], 0.0, 0.0, "Kamailio runs in another PID namespace"),
    ] {
        let program = env!("CARGO_BIN_EXE_kamailio_exporter");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user"]).args(namespace).args([
            program,
            "once",
            "--log.level=info",
            "-u",
            &kamailio.unix(),
        ]);
        let output = command.output().unwrap();
        let (page, log) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{log}");
        let page = samples(&page);
        assert_eq!(page["kamailio_processes_visible"], processes, "{namespace:?}");
        assert_eq!(page["kamailio_sockets_visible"], sockets, "{namespace:?}");
        assert_eq!(family(&page, "kamailio_processes").is_empty(), processes == 0.0);
        assert!(family(&page, "kamailio_socket_receive_queue_bytes").is_empty());
        assert_eq!(page["kamailio_scrape_collector_success{collector=\"kernel.sockets\"}"], 1.0);
        assert_eq!(log.matches("not visible").count(), 1, "{log}");
        assert!(log.contains(reason), "{log}");
        // Where the operator asked for it, it is a failure.
        let output = command.args(["-m", "auto,kernel.sockets"]).output().unwrap();
        let page = samples(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(page["kamailio_scrape_collector_success{collector=\"kernel.sockets\"}"], 0.0);
    }
}

#[test]
fn over_tcp_the_kernel_is_not_asked() {
    let kamailio = Kamailio::start();
    let page = Exporter::start(&["-u", &kamailio.tcp()]).exposition();
    assert!(page.contains("kamailio_up 1\n"), "{page}");
    assert!(!page.contains("_visible") && !page.contains("collector=\"kernel"), "{page}");
    let exporter = Exporter::start(&["-u", &kamailio.tcp(), "-m", "auto,kernel.processes"]);
    let page = samples(&exporter.exposition());
    assert_eq!(page["kamailio_scrape_collector_success{collector=\"kernel.processes\"}"], 0.0);
    exporter.wait_for_log("the collector needs a Kamailio on the same machine");
}

#[test]
fn a_restarted_kamailio_is_seen_with_its_new_processes() {
    let mut kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let first = samples(&exporter.exposition());
    kamailio.restart();
    let second = eventually(|| {
        let page = samples(&exporter.exposition());
        if page["kamailio_up"] == 1.0 { Ok(page) } else { Err("down".to_owned()) }
    });
    let counts = |page: &Page| {
        family(page, "kamailio_processes")
            .into_iter()
            .map(|(kind, count)| (kind.to_owned(), count))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&first), counts(&second));
    // Two files for each process of one Kamailio, and some of the exporter's own.
    let processes: f64 = counts(&second).iter().map(|(_, count)| count).sum();
    assert!(exporter.open_files() < 2 * processes as usize + 25, "{}", exporter.open_files());
}
