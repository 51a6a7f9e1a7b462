use crate::support::{ClientResponse, Exporter, copy_of_program, eventually, samples};
use rustix::process::{Pid, Signal};
use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use testbed::Kamailio;

fn up(exporter: &Exporter) -> f64 {
    samples(&exporter.exposition())["kamailio_up"]
}

fn wait_until_up(exporter: &Exporter) {
    eventually(|| if up(exporter) == 1.0 { Ok(()) } else { Err("still down".to_owned()) });
}

#[test]
fn scrapes_recover_after_kamailio_was_killed() {
    let mut kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-t", "1s"]);
    assert_eq!(up(&exporter), 1.0);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let scrapers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut good, mut bad) = (0, 0);
                    while !over.load(Ordering::Relaxed) {
                        if up(&exporter) == 1.0 { good += 1 } else { bad += 1 }
                    }
                    (good, bad)
                })
            })
            .collect();
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(300));
            kamailio.kill();
            thread::sleep(Duration::from_millis(50));
            kamailio.restart();
        }
        over.store(true, Ordering::Relaxed);
        for scraper in scrapers {
            let (good, bad) = scraper.join().unwrap();
            assert!(good > 0 && bad > 0, "{good} with Kamailio, {bad} without");
        }
    });
    wait_until_up(&exporter);
    let log = exporter.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.matches("scrape failed").count() <= 6, "{log}");
}

#[test]
fn scrapes_recover_after_the_ctl_process_was_killed() {
    let mut kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-t", "1s"]);
    assert_eq!(up(&exporter), 1.0);
    let processes = kamailio.kamcmd(&["core.psx"]);
    let handler = processes.split('}').find(|process| process.contains("ctl handler")).unwrap();
    let pid = handler.lines().find_map(|line| line.trim().strip_prefix("PID: ")).unwrap();
    rustix::process::kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    // Kamailio ends when one of its processes does.
    eventually(|| if up(&exporter) == 0.0 { Ok(()) } else { Err("still up".to_owned()) });
    kamailio.kill();
    kamailio.restart();
    wait_until_up(&exporter);
}

/// An exporter that runs as another user than Kamailio and listens on a unix socket.
struct Foreign {
    child: Child,
    socket: std::path::PathBuf,
    log: std::path::PathBuf,
}

impl Foreign {
    /// Starts the exporter with `wrapper`, a command and its arguments.
    fn start(directory: &Path, wrapper: &[&str], arguments: &[&str]) -> Self {
        let binary = copy_of_program(directory);
        // For the socket.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
        let (socket, log) = (directory.join("web"), directory.join("log"));
        let child = Command::new(wrapper[0])
            .args(&wrapper[1..])
            .arg(&binary)
            .args(["--web.listen-address", &format!("unix:{}", socket.display())])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let started = Self { child, socket, log };
        eventually(|| UnixStream::connect(&started.socket).map_err(|_| started.log()));
        started
    }

    fn up(&self) -> f64 {
        self.up_at("/metrics")
    }

    fn up_at(&self, path: &str) -> f64 {
        let answer = ClientResponse::read(self.request(path));
        assert_eq!(answer.status, 200, "{}", answer.text());
        samples(&answer.text())["kamailio_up"]
    }

    /// Sends a request, and returns the connection that has the response.
    fn request(&self, path: &str) -> UnixStream {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn wait_until_up(&self) {
        eventually(|| if self.up() == 1.0 { Ok(()) } else { Err(self.log()) });
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prints a message that cargo shows even if the test passes, because it bypasses the capture of output.
fn print_uncaptured(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_socket_of_another_owner_is_reported_with_advice() {
    if !is_root() {
        print_uncaptured("SKIPPED, needs root: a socket of another owner");
        return;
    }
    let with = |mode: &str| Kamailio::builder().config(&format!("modparam(\"ctl\", \"mode\", {mode})"));
    let mut kamailio = with("0666").start();
    let way = kamailio.socket_path();
    fs::set_permissions(way.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let exporter = Foreign::start(directory.path(), &nobody, &["-u", &kamailio.unix()]);
    assert_eq!(exporter.up(), 1.0, "{}", exporter.log());
    kamailio.restart_with(with("0600"));
    assert_eq!(exporter.up(), 0.0);
    assert_eq!(exporter.up(), 0.0);
    let log = exporter.log();
    assert_eq!(log.matches("scrape failed").count(), 1, "{log}");
    assert!(log.contains("with mode 0600, and this process runs as nobody: add the user to"), "{log}");
    kamailio.restart_with(with("0666"));
    exporter.wait_until_up();
}

#[test]
fn a_silent_name_server_delays_no_name_that_is_allowed_by_itself() {
    if !is_root() || !run("unshare", "--mount true") {
        print_uncaptured("SKIPPED, needs root and mount namespaces: a silent name server");
        return;
    }
    let kamailio = Kamailio::start();
    let name_server = UdpSocket::bind((kamailio.ip(), 53)).unwrap();
    name_server.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let resolv = file("resolv.conf", format!("nameserver {}\n", kamailio.ip()));
    let hosts = file("hosts", format!("{} kamailio.test\n", kamailio.ip()));
    let mount =
        r#"mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$@""#;
    let wrapper = ["unshare", "--mount", "sh", "-c", mount, "sh", &resolv, &hosts];
    let target = kamailio.tcp().replace(&kamailio.ip().to_string(), "kamailio.test");
    let rules = ["--probe.allow", "tcp:*.example:*", "--probe.allow", &target];
    let exporter = Foreign::start(directory.path(), &wrapper, &rules);
    // More than there are look-ups of names that a pattern allows.
    let probes: Vec<_> =
        (0..230).map(|n| exporter.request(&format!("/probe?target=tcp:{n}.example:2049"))).collect();
    name_server.recv_from(&mut [0; 512]).expect("the name server is asked");
    for _ in 0..3 {
        assert_eq!(exporter.up_at(&format!("/probe?target={target}")), 1.0, "{}", exporter.log());
    }
    let answer = ClientResponse::read(probes.into_iter().next().unwrap());
    assert_eq!((answer.status, samples(&answer.text())["kamailio_up"]), (200, 0.0), "{}", answer.text());
}

/// A network namespace for an exporter, with a virtual cable to this one. Removed on drop.
struct Network {
    name: String,
    device: String,
    ours: String,
}

impl Network {
    /// Returns `None` if the machine has no network namespaces.
    fn new() -> Option<Self> {
        let id = std::process::id();
        let (name, device) = (format!("faults-{id}"), format!("f{id}"));
        // 198.18.0.0/15 is for tests of networks (RFC 2544).
        let net = format!("198.18.{}", id % 250);
        let network = Self { name, device, ours: format!("{net}.1") };
        let Self { name, device, .. } = &network;
        let done = [
            format!("netns add {name}"),
            format!("link add {device} type veth peer name {device}x netns {name}"),
            format!("addr add {net}.1/24 dev {device}"),
            format!("link set {device} up"),
            format!("-n {name} addr add {net}.2/24 dev {device}x"),
            format!("-n {name} link set {device}x up"),
        ]
        .iter()
        .all(|arguments| run("ip", arguments));
        done.then_some(network)
    }

    /// Delays the packets of Kamailio. Returns false if the kernel cannot.
    fn delay(&self, how: &str) -> bool {
        run("tc", &format!("qdisc add dev {} root netem delay {how}", self.device))
    }

    fn end_delay(&self) {
        assert!(run("tc", &format!("qdisc del dev {} root", self.device)));
    }

    /// Disconnects or connects the virtual cable.
    fn link(&self, state: &str) {
        assert!(run("ip", &format!("link set {} {state}", self.device)));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        run("ip", &format!("netns del {}", self.name));
        run("ip", &format!("link del {}", self.device));
    }
}

fn run(program: &str, arguments: &str) -> bool {
    let output = Command::new(program).args(arguments.split(' ')).stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn scrapes_over_a_slow_and_interrupted_network() {
    let Some(network) = Network::new() else {
        print_uncaptured(
            "NO NETWORK NAMESPACES (they need root and iproute2): a fake Kamailio is slow and silent instead",
        );
        return scrapes_of_a_slow_and_silent_fake();
    };
    let (tcp, udp) = (format!("tcp:{}:25049", network.ours), format!("udp:{}:25049", network.ours));
    let config = format!(
        "modparam(\"ctl\", \"binrpc\", \"{tcp}\")\nmodparam(\"ctl\", \"binrpc\", \"{udp}\")\nmodparam(\"ctl\", \"mode\", 0666)"
    );
    let kamailio = Kamailio::builder().config(&config).start();
    for uri in [&tcp, &udp] {
        let directory = tempfile::tempdir().unwrap();
        let inside = ["ip", "netns", "exec", &network.name];
        let arguments = ["-u", uri, "-m", "core.uptime,tm.stats,sl.stats", "-t", "2s"];
        let exporter = Foreign::start(directory.path(), &inside, &arguments);
        assert_eq!(exporter.up(), 1.0, "{uri}: {}", exporter.log());
        if network.delay("100ms 20ms") {
            assert_eq!(exporter.up(), 1.0, "{uri}: {}", exporter.log());
            network.end_delay();
        } else {
            print_uncaptured(
                "NO NETEM (a module of the kernel): a fake Kamailio is slow instead of the network",
            );
            scrapes_of_a_slow_and_silent_fake();
        }
        network.link("down");
        assert_eq!((exporter.up(), exporter.up()), (0.0, 0.0), "{uri}");
        assert_eq!(exporter.log().matches("scrape failed").count(), 1, "{}", exporter.log());
        network.link("up");
        exporter.wait_until_up();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let scraper = scope.spawn(|| {
                let (mut good, mut bad) = (0, 0);
                while !over.load(Ordering::Relaxed) {
                    if exporter.up() == 1.0 { good += 1 } else { bad += 1 }
                }
                (good, bad)
            });
            for _ in 0..2 {
                thread::sleep(Duration::from_millis(300));
                network.link("down");
                // Longer than the timeout, so that at least one scrape runs entirely without the network.
                thread::sleep(Duration::from_secs(5));
                network.link("up");
                exporter.wait_until_up();
            }
            over.store(true, Ordering::Relaxed);
            let (good, bad) = scraper.join().unwrap();
            assert!(good > 0 && bad > 0, "{uri}: {good} with the cable, {bad} without");
        });
        exporter.wait_until_up();
        assert!(!exporter.log().contains("panicked"), "{}", exporter.log());
    }
    drop(kamailio);
}

fn scrapes_of_a_slow_and_silent_fake() {
    let fake = fake_kamailio::Fake::start();
    for uri in [fake.tcp(), fake.udp()] {
        let exporter = Exporter::start(&["-u", &uri, "-m", "core.uptime,tm.stats,sl.stats", "-t", "2s"]);
        fake.delay(Duration::from_millis(100));
        assert_eq!(up(&exporter), 1.0);
        fake.silent(true);
        assert_eq!(up(&exporter), 0.0);
        fake.behave();
        wait_until_up(&exporter);
    }
}
