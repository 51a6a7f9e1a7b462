//! Users and passwords, and clients that guess them.

use crate::support::TestServer;
use crate::support::web::{Directory, basic, hash};
use std::time::{Duration, Instant};

fn start(directory: &Directory, users: &[(&str, String)]) -> TestServer {
    let users: String = users.iter().map(|(name, hash)| format!("  {name}: {hash}\n")).collect();
    let file = directory.write("web.yml", &format!("basic_auth_users:\n{users}"));
    TestServer::start(Some(&file))
}

fn status(server: &TestServer, user: &str, password: &str) -> u16 {
    server.request("GET", "/-/healthy", &[("Authorization", &basic(user, password))]).status
}

/// The users of the tests of Prometheus' exporter-toolkit, with a hash of each version.
fn users() -> Vec<(&'static str, String)> {
    let version = |hash: String, version: &str| hash.replacen("$2b$", version, 1);
    vec![
        ("alice", hash("alice123")),
        ("carol", version(hash("carol123"), "$2a$")),
        ("dave", version(hash("dave123"), "$2y$")),
    ]
}

#[test]
fn without_credentials_every_path_is_401() {
    let server = start(&Directory::new(), &users());
    for path in ["/", "/metrics", "/nope", "/-/healthy", "/-/reload"] {
        let response = server.get(path);
        assert_eq!((response.status, response.text().as_str()), (401, "Unauthorized\n"), "{path}");
        assert_eq!(response.header("www-authenticate"), "Basic", "{path}");
    }
    server.wait_for_log("authentication failed client=127.0.0.1:");
}

#[test]
fn hashes_of_each_version_are_accepted() {
    let server = start(&Directory::new(), &users());
    for user in ["alice", "carol", "dave"] {
        for _ in 0..2 {
            assert_eq!(status(&server, user, &format!("{user}123")), 200, "{user}");
        }
    }
}

#[test]
fn wrong_passwords_and_unknown_users_are_401_and_not_logged() {
    let server = start(&Directory::new(), &users());
    for (user, password) in
        [("alice", "wrong-pw"), ("nobody", "alice123"), ("nobody", "wrong-pw"), ("", ""), ("alice", "")]
    {
        for _ in 0..2 {
            assert_eq!(status(&server, user, password), 401, "{user} {password}");
        }
    }
    for header in ["Bearer x", "Basic", "Basic !!!", "Basic YWxpY2U="] {
        assert_eq!(server.request("GET", "/", &[("Authorization", header)]).status, 401, "{header}");
    }
    server.wait_for_log("authentication failed");
    assert!(!server.log().contains("wrong-pw") && !server.log().contains("alice123"), "{}", server.log());
}

#[test]
fn a_hash_is_not_accepted_as_a_password() {
    let users = users();
    let server = start(&Directory::new(), &users);
    assert_eq!(status(&server, "alice", &users[0].1), 401);
    assert_eq!(status(&server, "alice", "alice123"), 200);
    // CVE-2022-46146: other borders between user, hash and password must not hit the cache.
    assert_eq!(status(&server, "", &format!("alice{}alice123", users[0].1)), 401);
}

#[test]
fn unknown_users_take_as_long_as_known_ones() {
    let server = start(&Directory::new(), &[("alice", bcrypt::hash("alice123", 11).unwrap())]);
    let time = |user: &str, password: &str| {
        let start = Instant::now();
        assert_eq!(status(&server, user, password), 401);
        start.elapsed().as_secs_f64()
    };
    let mut samples = [Vec::new(), Vec::new()];
    for number in 0..7 {
        samples[0].push(time("alice", &format!("a{number}")));
        samples[1].push(time(&format!("nobody{number}"), "alice123"));
    }
    let [known, unknown] = samples.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    assert!((0.5..2.0).contains(&(unknown / known)), "known {known} s, unknown {unknown} s");
}

#[test]
fn a_flood_of_wrong_passwords_does_not_delay_the_right_one() {
    let server = start(&Directory::new(), &[("alice", bcrypt::hash("alice123", 10).unwrap())]);
    assert_eq!(status(&server, "alice", "alice123"), 200);
    std::thread::scope(|scope| {
        let end = Instant::now() + Duration::from_secs(3);
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for number in 0.. {
                    if Instant::now() > end {
                        break;
                    }
                    let status = status(server, "alice", &format!("wrong {thread} {number}"));
                    assert!(matches!(status, 401 | 503), "{status}");
                }
            });
        }
        let mut slowest = Duration::ZERO;
        while Instant::now() < end {
            let start = Instant::now();
            assert_eq!(status(&server, "alice", "alice123"), 200);
            slowest = slowest.max(start.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    });
    assert!(server.log().matches(": authentication ").count() < 40, "{}", server.log());
}
