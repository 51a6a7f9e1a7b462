//! What may be probed. Every attack is a row: its status, and that nothing was connected to.

use crate::support::{Exporter, samples};
use fake_kamailio::{Captures, Fake};
use kamailio_exporter::internals::AllowList;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A Kamailio that must not be reached, and another one that may be: `FOLDER/secret/ctl`, `FOLDER/open/a.sock`.
struct Place {
    folder: tempfile::TempDir,
    secret: Fake,
    open: Fake,
    tcp: String,
    udp: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        for name in ["secret", "open"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let listen = |sockets: &[String]| {
            let targets: Vec<_> = sockets.iter().map(|socket| socket.parse().unwrap()).collect();
            Fake::listen(Captures::of("5.6.3"), &targets).unwrap()
        };
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let (tcp, udp) = (port(), port());
        let secret = listen(&[
            format!("unix:{path}/secret/ctl"),
            format!("unixd:{path}/secret/ctld"),
            format!("tcp:127.0.0.1:{tcp}"),
            format!("udp:127.0.0.1:{udp}"),
        ]);
        let open = listen(&[format!("unix:{path}/open/a.sock"), format!("unixd:{path}/open/d.sock")]);
        Self { folder, secret, open, tcp, udp }
    }

    /// With `{F}` for the folder, `{T}` and `{U}` for the ports.
    fn fill(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        text.replace("{F}", &folder).replace("{T}", &self.tcp).replace("{U}", &self.udp)
    }

    fn link(&self, from: &str, to: &str) {
        symlink(self.fill(to), self.folder.path().join(from)).unwrap();
    }

    /// The status, and `kamailio_up` if it is 200.
    fn probe(&self, exporter: &Exporter, target: &str) -> (u16, f64) {
        let answer = exporter.get(&format!("/probe?target={}", self.fill(target)));
        let up = if answer.status == 200 { samples(&answer.text())["kamailio_up"] } else { 0.0 };
        (answer.status, up)
    }

    fn exporter(&self, rules: &str) -> Exporter {
        let rules = self.fill(rules);
        Exporter::start(&["-u", "unix:/nonexistent/ctl", "-t", "2s", "--probe.allow", &rules])
    }

    /// None of these brings anything, and none comes near what is not allowed.
    fn attack(&self, rules: &str, targets: &[(&str, u16)]) {
        let exporter = self.exporter(rules);
        for (target, status) in targets {
            assert_eq!(self.probe(&exporter, target), (*status, 0.0), "{rules} {target}\n{}", exporter.log());
            assert_eq!(self.secret.connections().accepted, 0, "{rules} {target}");
            // A datagram is no connection.
            assert_eq!(self.secret.calls(), [""; 0], "{rules} {target}");
        }
    }

    /// Each of these is allowed, and works.
    fn use_well(&self, rules: &str, targets: &[&str]) {
        let exporter = self.exporter(rules);
        for target in targets {
            assert_eq!(self.probe(&exporter, target), (200, 1.0), "{rules} {target}\n{}", exporter.log());
        }
    }
}

#[test]
fn paths_lead_nowhere_else() {
    let place = Place::new();
    place.link("open/link.sock", "{F}/secret/ctl");
    place.link("open/linkd.sock", "{F}/secret/ctld");
    place.link("open/relative.sock", "../secret/ctl");
    place.link("open/chain.sock", "link.sock");
    place.link("open/dir.sock", "{F}/secret");
    place.link("open/loop.sock", "loop.sock");
    place.link("way", "{F}/secret");
    place.attack(
        "unix:{F}/open/*.sock,unixd:{F}/open/*.sock",
        &[
            ("unix:{F}/secret/ctl", 403),
            ("unixs:{F}/secret/ctl", 403),
            ("unix://{F}/secret/ctl", 403),
            ("{F}/secret/ctl", 403),
            ("unixd:{F}/secret/ctld", 403),
            ("unix:{F}/open/../secret/ctl", 403),
            ("unix:{F}/open/../secret/a.sock", 403),
            ("unix:{F}/open/%2e%2e/secret/ctl", 403),
            ("unix:{F}/open/..%2fsecret%2fctl", 403),
            ("unix:{F}/open/%252e%252e/secret/ctl", 403),
            ("unix:{F}/open/..%252fsecret%252fctl", 403),
            ("unix:{F}/open/.%00./secret/ctl", 400),
            ("unix:{F}/secret/ctl%00.sock", 400),
            ("unix:{F}/secret/ctl%0a.sock", 400),
            ("unix:{F}/open/%c0%ae%c0%ae/secret/ctl", 403),
            ("unix:{F}/open/./a.sock", 403),
            ("unix:{F}/open//a.sock", 403),
            ("unix:{F}//open/a.sock", 403),
            ("unix:{F}/open/a.sock/", 403),
            ("unix:/{F}/open/a.sock", 400),
            ("unix:///{F}/open/a.sock", 403),
            ("unix://localhost{F}/open/a.sock", 400),
            ("unix:open/a.sock", 400),
            ("unix:/proc/self/root{F}/open/a.sock", 403),
            ("unix:{F}/open/sub/a.sock", 403),
            ("unix:{F}/open/.sock2", 403),
            // What lies behind a name is not told.
            ("unix:{F}/open/link.sock", 200),
            ("unixd:{F}/open/linkd.sock", 200),
            ("unix:{F}/open/relative.sock", 200),
            ("unix:{F}/open/chain.sock", 200),
            ("unix:{F}/open/loop.sock", 200),
            ("unix:{F}/open/dir.sock", 200),
            ("unix:{F}/open/dir.sock/ctl", 403),
            ("unix:{F}/open/none.sock", 200),
        ],
    );
    place.attack(
        "unix:{F}/w*/ctl,unix:{F}/open/*.sock",
        &[("unix:{F}/way/ctl", 200), ("unix:{F}/open/link.sock/ctl", 403)],
    );
    // The transport is part of the rule.
    place.attack("unixd:{F}/secret/ctl", &[("unix:{F}/secret/ctl", 403)]);
    place.attack("unix:{F}/secret/ctld", &[("unixd:{F}/secret/ctld", 403)]);
    assert_eq!(place.open.connections().accepted, 0);
}

#[test]
fn paths_that_are_allowed_work() {
    let place = Place::new();
    place.link("open/b.sock", "a.sock");
    place.link("way", "{F}/open");
    place.use_well(
        "unix:{F}/open/*.sock,unixd:{F}/open/d*",
        &[
            "unix:{F}/open/a.sock",
            "unix://{F}/open/a.sock",
            "{F}/open/a.sock",
            "unix:{F}/op%65n/a%2Esock",
            "unixd:{F}/open/d.sock",
            // It leads to what is allowed, too.
            "unix:{F}/open/b.sock",
        ],
    );
    // As /var/run is a link to /run.
    place.use_well("unix:{F}/way/a.sock,unix:{F}/way/*k", &["unix:{F}/way/a.sock", "unix:{F}/way/b.sock"]);
    place.use_well("unix:{F}/*/*.sock", &["unix:{F}/open/a.sock", "unix:{F}/way/a.sock"]);
}

#[test]
fn addresses_are_not_let_in_by_another_name() {
    let place = Place::new();
    let disguised = [
        "127.0.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0X7F000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "127.000.000.001",
        "0",
        "0.0.0.0",
        "127.0.0.1.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
    ];
    for (transport, port) in [("tcp", "{T}"), ("udp", "{U}")] {
        let targets: Vec<_> = disguised.iter().map(|host| format!("{transport}:{host}:{port}")).collect();
        let targets: Vec<_> = targets.iter().map(|target| (target.as_str(), 403)).collect();
        place.attack(&format!("{transport}:*:*"), &targets);
        place.attack(&format!("{transport}:10.0.0.0/8:*,{transport}:[2000::]/3:*"), &targets);
        place.attack(&format!("{transport}:localhost:*,{transport}:*i*:*"), &targets);
    }
    for (rules, target, status) in [
        // A wildcard does not let in what is only here.
        ("tcp:*:*", "tcp:localhost:{T}", 200),
        ("tcp:*:*", "tcp:LocalHost:{T}", 200),
        ("tcp:*:*", "tcp:localhost.:{T}", 200),
        ("tcp:local*:*", "tcp4:localhost:{T}", 200),
        ("udp:*:*", "udp:localhost:{U}", 200),
        // What is named may be anywhere, unless there are rules about addresses.
        ("tcp:localhost:*,tcp:10.0.0.0/8:*", "tcp:localhost:{T}", 200),
        ("tcp:localhost:{T}", "tcp:localhost.localdomain:{T}", 403),
        ("tcp:127.0.0.1:{T}", "tcp:localhost:{T}", 403),
        ("tcp:127.0.0.0/8:1-1023,tcp:127.0.0.0/8:{U}", "tcp:127.0.0.1:{T}", 403),
        ("tcp:localhost:1", "tcp:localhost:{T}", 403),
        ("udp:127.0.0.1:*,udp:localhost:*", "tcp:127.0.0.1:{T}", 403),
        ("udp:127.0.0.1:*,udp:localhost:*", "tcp:localhost:{T}", 403),
        ("tcp:127.0.0.1:*,tcp:localhost:*", "udp:127.0.0.1:{U}", 403),
        ("tcp:10.0.0.1:*,tcp:a:*", "tcp:10.0.0.1:1@127.0.0.1:{T}", 400),
        ("tcp:10.0.0.1:*,tcp:a:*", "tcp://a@127.0.0.1:{T}", 400),
        ("tcp:10.0.0.1:*,tcp:a:*", "tcp:127.0.0.1:{T}%23@a:1", 400),
        ("tcp:10.0.0.1:*,tcp:a:*", "tcp:127.0.0.1:{T}/a:1", 400),
        ("tcp:*:*", "tcp:127%E3%80%820.0.1:{T}", 400),
        ("tcp:*:*", "tcp:%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1:{T}", 400),
        ("tcp:*:*", "tcp:[fe80::1%25lo]:{T}", 400),
        ("tcp:*:*", "tcp:local%20host:{T}", 400),
        ("tcp:*:*", "http://127.0.0.1:{T}/", 400),
        ("tcp:*:*", "https://127.0.0.1:{T}/", 400),
    ] {
        place.attack(rules, &[(target, status)]);
    }
}

#[test]
fn addresses_and_names_that_are_allowed_work() {
    let place = Place::new();
    for (rules, target) in [
        ("tcp:127.0.0.0/8:{T}", "tcp:127.0.0.1:{T}"),
        ("tcp:127.0.0.1:*", "tcp://127.0.0.1:{T}"),
        ("tcp:127.0.0.1:1-65535", "tcp4:127.0.0.1:{T}"),
        ("tcp:127.0.0.1:*", "tcp:[::ffff:127.0.0.1]:{T}"),
        ("udp:127.0.0.0/8:*", "udp:127.0.0.1:{U}"),
        ("tcp:localhost:{T}", "tcp4:localhost:{T}"),
        ("tcp:localhost:{T}", "tcp4:LOCALHOST:{T}"),
        ("tcp:*:*,tcp:127.0.0.0/8:*", "tcp4:localhost:{T}"),
        ("udp:localhost:*", "udp4:localhost:{U}"),
    ] {
        place.use_well(rules, &[target]);
    }
}

#[test]
fn what_a_target_says_leads_nowhere() {
    let place = Place::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let asked = AtomicUsize::new(0);
    let exporter = place.exporter(&format!("tcp:127.0.0.1:{port}"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for status in
                ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
            {
                let (mut stream, _) = server.accept().unwrap();
                asked.fetch_add(1, Ordering::Relaxed);
                let location = place.fill("http://127.0.0.1:{T}/");
                let _ = stream.read(&mut [0; 4096]);
                let _ =
                    stream.write_all(format!("HTTP/1.1 {status}\r\nLocation: {location}\r\n\r\n").as_bytes());
            }
        });
        for _ in 0..4 {
            assert_eq!(place.probe(&exporter, &format!("tcp:127.0.0.1:{port}")), (200, 0.0));
        }
    });
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert_eq!(place.secret.connections().accepted, 0);
}

#[test]
fn the_rules_of_the_documentation_are_rules() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Multiple Kamailios\n").unwrap();
    let quoted = section.split("\n## ").next().unwrap().split('`').skip(1).step_by(2);
    let flags = quoted
        .clone()
        .filter_map(|code| code.strip_prefix("--probe.allow="))
        .flat_map(|flag| flag.split(','));
    let is_rule = |code: &&str| {
        let begins = ["tcp:", "unix:/run", "unix:/tmp"].iter().any(|start| code.starts_with(start));
        begins && ["2049", "ctl", "*"].iter().any(|end| code.ends_with(end))
    };
    let rules = quoted.filter(is_rule);
    let rules: Vec<_> = flags.chain(rules).collect();
    assert!(rules.len() > 12, "{rules:?}");
    if let Err(error) = AllowList::parse(rules) {
        panic!("{error}");
    }
}
