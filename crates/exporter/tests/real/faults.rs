use crate::support::{Answer, Exporter, eventually, samples};
use rustix::process::{Pid, Signal};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use testbed::Kamailio;

fn up(exporter: &Exporter) -> f64 {
    samples(&exporter.page())["kamailio_up"]
}

fn comes_back(exporter: &Exporter) {
    eventually(|| if up(exporter) == 1.0 { Ok(()) } else { Err("still down".to_owned()) });
}

#[test]
fn kamailio_is_killed_in_the_middle_of_scrapes() {
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
    comes_back(&exporter);
    let log = exporter.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.matches("scrape failed").count() <= 6, "{log}");
}

#[test]
fn the_process_that_answers_is_killed_alone() {
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
    comes_back(&exporter);
}

/// The exporter of another user than Kamailio's, which listens on a unix socket.
struct Foreign {
    child: Child,
    socket: std::path::PathBuf,
    log: std::path::PathBuf,
}

impl Foreign {
    /// Started by `wrapper`, a command and its arguments.
    fn start(directory: &Path, wrapper: &[&str], arguments: &[&str]) -> Self {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
        let (binary, socket, log) =
            (directory.join("exporter"), directory.join("web"), directory.join("log"));
        fs::copy(env!("CARGO_BIN_EXE_kamailio_exporter"), &binary).unwrap();
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
        eventually(|| std::os::unix::net::UnixStream::connect(&started.socket).map_err(|_| started.log()));
        started
    }

    fn up(&self) -> f64 {
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let answer = Answer::read(stream);
        assert_eq!(answer.status, 200, "{}", answer.text());
        samples(&answer.text())["kamailio_up"]
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn comes_back(&self) {
        eventually(|| if self.up() == 1.0 { Ok(()) } else { Err(self.log()) });
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Past what captures the output of tests: what was not tried shows although nothing failed.
fn say(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "{sentence}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn the_socket_belongs_to_somebody_else_after_a_restart() {
    if !is_root() {
        say("NOT ROOT: the socket of another owner is not tried");
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
    exporter.comes_back();
}

/// A network of its own for an exporter, on a cable to this one. Removed on drop.
struct Network {
    name: String,
    device: String,
    ours: String,
}

impl Network {
    /// None where the machine does not allow it.
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

    /// Delays what Kamailio sends, if the kernel can.
    fn delay(&self, how: &str) -> bool {
        run("tc", &format!("qdisc add dev {} root netem delay {how}", self.device))
    }

    fn delay_no_more(&self) {
        assert!(run("tc", &format!("qdisc del dev {} root", self.device)));
    }

    /// Pulls the cable, or puts it in again.
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
fn the_network_is_slow_and_is_cut() {
    let Some(network) = Network::new() else {
        say("NO NETWORK NAMESPACES HERE (they need root and iproute2): a fake is slow and silent instead");
        return a_fake_is_slow_and_silent();
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
            network.delay_no_more();
        } else {
            say("NO NETEM HERE (a module of the kernel): a fake is slow instead of the network");
            a_fake_is_slow_and_silent();
        }
        network.link("down");
        assert_eq!((exporter.up(), exporter.up()), (0.0, 0.0), "{uri}");
        assert_eq!(exporter.log().matches("scrape failed").count(), 1, "{}", exporter.log());
        network.link("up");
        exporter.comes_back();
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
                // Longer than the timeout of a scrape that is under way, so that one sees nothing else.
                thread::sleep(Duration::from_secs(5));
                network.link("up");
                exporter.comes_back();
            }
            over.store(true, Ordering::Relaxed);
            let (good, bad) = scraper.join().unwrap();
            assert!(good > 0 && bad > 0, "{uri}: {good} with the cable, {bad} without");
        });
        exporter.comes_back();
        assert!(!exporter.log().contains("panicked"), "{}", exporter.log());
    }
    drop(kamailio);
}

fn a_fake_is_slow_and_silent() {
    let fake = fake_kamailio::Fake::start();
    for uri in [fake.tcp(), fake.udp()] {
        let exporter = Exporter::start(&["-u", &uri, "-m", "core.uptime,tm.stats,sl.stats", "-t", "2s"]);
        fake.delay(Duration::from_millis(100));
        assert_eq!(up(&exporter), 1.0);
        fake.silent(true);
        assert_eq!(up(&exporter), 0.0);
        fake.behave();
        comes_back(&exporter);
    }
}
