//! Which targets can be probed. The tables list attacks, with the status that each must get; none may reach a server.

use crate::support::{Exporter, samples};
use fake_kamailio::{Captures, Fake};
use kamailio_exporter::internals::AllowList;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two Kamailios: `DIRECTORY/secret/ctl`, which must not be reached, and `DIRECTORY/open/a.sock`, which may.
struct Scene {
    directory: tempfile::TempDir,
    secret: Fake,
    open: Fake,
    tcp: String,
    udp: String,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for name in ["secret", "open"] {
            std::fs::create_dir(path.join(name)).unwrap();
        }
        let secret = Fake::listen_in(Captures::of("5.6.3"), &path.join("secret")).unwrap();
        let port = |uri: String| uri.rsplit_once(':').unwrap().1.to_owned();
        let (tcp, udp) = (port(secret.tcp()), port(secret.udp()));
        let open = [("unix", "a.sock"), ("unixd", "d.sock")]
            .map(|(scheme, name)| format!("{scheme}:{}/open/{name}", path.display()).parse().unwrap());
        let open = Fake::listen(Captures::of("5.6.3"), &open).unwrap();
        Self { directory, secret, open, tcp, udp }
    }

    /// Replaces `{F}` by the directory, `{T}` by the TCP port, and `{U}` by the UDP port.
    fn fill(&self, text: &str) -> String {
        let directory = self.directory.path().display().to_string();
        text.replace("{F}", &directory).replace("{T}", &self.tcp).replace("{U}", &self.udp)
    }

    fn link(&self, from: &str, to: &str) {
        symlink(self.fill(to), self.directory.path().join(from)).unwrap();
    }

    /// Returns the status, and `kamailio_up` if the status is 200.
    fn probe(&self, exporter: &Exporter, target: &str) -> (u16, f64) {
        let response = exporter.get(&format!("/probe?target={}", self.fill(target)));
        let up = if response.status == 200 { samples(&response.text())["kamailio_up"] } else { 0.0 };
        (response.status, up)
    }

    fn exporter(&self, rules: &str) -> Exporter {
        let rules = self.fill(rules);
        let rules: Vec<_> = rules.split(',').flat_map(|rule| ["--probe.allow", rule]).collect();
        Exporter::start(&[&["-u", "unix:/nonexistent/ctl", "-t", "30s"], &rules[..]].concat())
    }

    /// Checks that each target gets its status and `kamailio_up 0`, and that the exporter did not connect.
    fn attack(&self, rules: &str, targets: &[(&str, u16)]) {
        let exporter = self.exporter(rules);
        for (target, status) in targets {
            assert_eq!(self.probe(&exporter, target), (*status, 0.0), "{rules} {target}\n{}", exporter.log());
            assert_eq!(self.secret.connections().accepted, 0, "{rules} {target}");
            // Datagrams are not counted as connections.
            assert_eq!(self.secret.calls(), [""; 0], "{rules} {target}");
        }
    }

    /// Checks that each target is allowed and scraped.
    fn allow(&self, rules: &str, targets: &[&str]) {
        let exporter = self.exporter(rules);
        for target in targets {
            assert_eq!(self.probe(&exporter, target), (200, 1.0), "{rules} {target}\n{}", exporter.log());
        }
    }
}

#[test]
fn disguised_paths_are_refused() {
    let scene = Scene::new();
    scene.link("open/link.sock", "{F}/secret/ctl");
    scene.link("open/linkd.sock", "{F}/secret/ctld");
    scene.link("open/relative.sock", "../secret/ctl");
    scene.link("open/chain.sock", "link.sock");
    scene.link("open/dir.sock", "{F}/secret");
    scene.link("open/loop.sock", "loop.sock");
    scene.link("way", "{F}/secret");
    scene.attack(
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
            // The response does not reveal what a path leads to.
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
    scene.attack(
        "unix:{F}/w*/ctl,unix:{F}/open/*.sock",
        &[("unix:{F}/way/ctl", 200), ("unix:{F}/open/link.sock/ctl", 403)],
    );
    // A rule applies to one transport only.
    scene.attack("unixd:{F}/secret/ctl", &[("unix:{F}/secret/ctl", 403)]);
    scene.attack("unix:{F}/secret/ctld", &[("unixd:{F}/secret/ctld", 403)]);
    assert_eq!(scene.open.connections().accepted, 0);
}

#[test]
fn allowed_paths_are_scraped() {
    let scene = Scene::new();
    scene.link("open/b.sock", "a.sock");
    scene.link("way", "{F}/open");
    scene.allow(
        "unix:{F}/open/*.sock,unixd:{F}/open/d*",
        &[
            "unix:{F}/open/a.sock",
            "unix://{F}/open/a.sock",
            "{F}/open/a.sock",
            "unix:{F}/op%65n/a%2Esock",
            "unixd:{F}/open/d.sock",
            // The link leads to an allowed socket.
            "unix:{F}/open/b.sock",
        ],
    );
    scene.allow("{F}/open/*.sock,unixd://{F}/open/d*", &["unix:{F}/open/a.sock", "unixd:{F}/open/d.sock"]);
    // Like /var/run, which is a link to /run.
    scene.allow("unix:{F}/way/a.sock,unix:{F}/way/*k", &["unix:{F}/way/a.sock", "unix:{F}/way/b.sock"]);
    scene.allow("unix:{F}/*/*.sock", &["unix:{F}/open/a.sock", "unix:{F}/way/a.sock"]);
}

#[test]
fn disguised_addresses_are_refused() {
    let scene = Scene::new();
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
        scene.attack(&format!("{transport}:*:*"), &targets);
        scene.attack(&format!("{transport}:10.0.0.0/8:*,{transport}:[2000::]/3:*"), &targets);
        scene.attack(&format!("{transport}:localhost:*,{transport}:*i*:*"), &targets);
    }
    for (rules, target, status) in [
        // A wildcard does not allow addresses of this machine.
        ("tcp:*:*", "tcp:localhost:{T}", 200),
        ("tcp:*:*", "tcp:LocalHost:{T}", 200),
        ("tcp:*:*", "tcp:localhost.:{T}", 200),
        ("tcp:local*:*", "tcp4:localhost:{T}", 200),
        ("udp:*:*", "udp:localhost:{U}", 200),
        // A literal name may have any address, unless there are rules for addresses.
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
        ("tcp:*:*", "http://127.0.0.1:{T}/", 403),
        ("tcp:*:*", "ftp://127.0.0.1:{T}/", 400),
        ("tcp:*:*", "https://127.0.0.1:{T}/", 403),
    ] {
        scene.attack(rules, &[(target, status)]);
    }
}

#[test]
fn allowed_addresses_and_names_are_scraped() {
    let scene = Scene::new();
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
        ("tcp://127.0.0.1:{T}", "tcp:127.0.0.1:{T}"),
        ("tcp:{T}", "tcp4:localhost:{T}"),
        ("udp4://localhost:*", "udp:localhost:{U}"),
    ] {
        scene.allow(rules, &[target]);
    }
}

#[test]
fn redirects_of_a_target_are_not_followed() {
    let scene = Scene::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let requests = AtomicUsize::new(0);
    let exporter = scene.exporter(&format!("tcp:127.0.0.1:{port}"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for status in
                ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
            {
                let (mut stream, _) = server.accept().unwrap();
                requests.fetch_add(1, Ordering::Relaxed);
                let location = scene.fill("http://127.0.0.1:{T}/");
                let _ = stream.read(&mut [0; 4096]);
                let _ =
                    stream.write_all(format!("HTTP/1.1 {status}\r\nLocation: {location}\r\n\r\n").as_bytes());
            }
        });
        for _ in 0..4 {
            assert_eq!(scene.probe(&exporter, &format!("tcp:127.0.0.1:{port}")), (200, 0.0));
        }
    });
    assert_eq!(requests.load(Ordering::Relaxed), 4);
    assert_eq!(scene.secret.connections().accepted, 0);
}

#[test]
fn the_rules_in_the_documentation_are_valid() {
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
