use crate::support::Exporter;
use crate::support::web::{Folder, basic, hash};
use std::time::{Duration, Instant};

const NOBODY: [&str; 2] = ["-u", "unix:/nonexistent/kamailio_ctl"];

fn start(folder: &Folder, users: &[(&str, String)]) -> Exporter {
    let users: String = users.iter().map(|(name, hash)| format!("  {name}: {hash}\n")).collect();
    let file = folder.write("web.yml", &format!("basic_auth_users:\n{users}"));
    Exporter::start(&["--web.config.file", &file, NOBODY[0], NOBODY[1]])
}

fn status(exporter: &Exporter, user: &str, password: &str) -> u16 {
    exporter.request("GET", "/-/healthy", &[("Authorization", &basic(user, password))]).status
}

/// The users of the exporter-toolkit's tests, and a hash of each version.
fn users() -> Vec<(&'static str, String)> {
    let version = |hash: String, version: &str| hash.replacen("$2b$", version, 1);
    vec![
        ("alice", hash("alice123")),
        ("carol", version(hash("carol123"), "$2a$")),
        ("dave", version(hash("dave123"), "$2y$")),
    ]
}

#[test]
fn without_authorization_every_path_is_401() {
    let exporter = start(&Folder::new(), &users());
    for path in ["/", "/metrics", "/nope", "/-/healthy", "/-/reload"] {
        let answer = exporter.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (401, "Unauthorized\n"), "{path}");
        assert_eq!(answer.header("www-authenticate"), "Basic", "{path}");
    }
    exporter.wait_for_log("msg=\"authentication failed\" client=127.0.0.1:");
}

#[test]
fn users_with_hashes_of_each_version_come_in() {
    let exporter = start(&Folder::new(), &users());
    for user in ["alice", "carol", "dave"] {
        for _ in 0..2 {
            assert_eq!(status(&exporter, user, &format!("{user}123")), 200, "{user}");
        }
    }
}

#[test]
fn wrong_passwords_and_unknown_users_are_401_and_not_in_the_log() {
    let exporter = start(&Folder::new(), &users());
    for (user, password) in
        [("alice", "wrong-pw"), ("nobody", "alice123"), ("nobody", "wrong-pw"), ("", ""), ("alice", "")]
    {
        for _ in 0..2 {
            assert_eq!(status(&exporter, user, password), 401, "{user} {password}");
        }
    }
    for header in ["Bearer x", "Basic", "Basic !!!", "Basic YWxpY2U="] {
        assert_eq!(exporter.request("GET", "/", &[("Authorization", header)]).status, 401, "{header}");
    }
    exporter.wait_for_log("authentication failed");
    assert!(
        !exporter.log().contains("wrong-pw") && !exporter.log().contains("alice123"),
        "{}",
        exporter.log()
    );
}

#[test]
fn the_password_of_a_hash_is_not_its_text() {
    let users = users();
    let exporter = start(&Folder::new(), &users);
    assert_eq!(status(&exporter, "alice", &users[0].1), 401);
    assert_eq!(status(&exporter, "alice", "alice123"), 200);
    // CVE-2022-46146: the remembered answer must not be found under other borders.
    assert_eq!(status(&exporter, "", &format!("alice{}alice123", users[0].1)), 401);
}

#[test]
fn unknown_users_cost_as_much_time_as_known_ones() {
    let exporter = start(&Folder::new(), &[("alice", bcrypt::hash("alice123", 11).unwrap())]);
    let time = |user: &str, password: &str| {
        let start = Instant::now();
        assert_eq!(status(&exporter, user, password), 401);
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
fn a_flood_of_wrong_passwords_stops_neither_other_requests_nor_the_right_password() {
    let exporter = start(&Folder::new(), &[("alice", bcrypt::hash("alice123", 10).unwrap())]);
    assert_eq!(status(&exporter, "alice", "alice123"), 200);
    std::thread::scope(|scope| {
        let end = Instant::now() + Duration::from_secs(3);
        for thread in 0..8 {
            let exporter = &exporter;
            scope.spawn(move || {
                for number in 0.. {
                    if Instant::now() > end {
                        break;
                    }
                    let status = status(exporter, "alice", &format!("wrong {thread} {number}"));
                    assert!(matches!(status, 401 | 503), "{status}");
                }
            });
        }
        let mut slowest = Duration::ZERO;
        while Instant::now() < end {
            let start = Instant::now();
            assert_eq!(status(&exporter, "alice", "alice123"), 200);
            slowest = slowest.max(start.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    });
    assert!(exporter.log().matches("msg=\"authentication ").count() < 40, "{}", exporter.log());
}
