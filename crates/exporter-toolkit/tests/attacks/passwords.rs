use crate::scenario::Scenario;
use crate::support::web::{Directory, basic};
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A hash whose check takes a tenth of a second in a debug build, as one of cost 11 does in a release.
fn slow_hash() -> String {
    bcrypt::hash("secret", if cfg!(debug_assertions) { 9 } else { 11 }).unwrap()
}

fn wrong(user: &str, number: usize) -> String {
    format!("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", basic(user, &number.to_string()))
}

#[test]
fn wrong_passwords_from_many_addresses() {
    let scenario = Scenario::with(Directory::new(), &slow_hash());
    let client = scenario.directory.tls_client();
    let number = AtomicUsize::new(0);
    for (name, user, addresses) in [
        ("of one user", "prometheus", 1),
        ("of unknown users", "nobody", 60),
        ("from many", "prometheus", 60),
    ] {
        let kept = std::sync::Mutex::new(std::collections::VecDeque::new());
        scenario.survives(name, 2, |_, _| {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let Ok(stream) = scenario.connect(number % addresses) else { return };
            let mut connection = client.over(stream);
            let _ = connection.send(wrong(user, number).as_bytes());
            let mut kept = kept.lock().unwrap();
            kept.push_back(connection);
            if kept.len() > 250 {
                kept.pop_front();
            }
        });
    }
}

#[test]
fn wrong_passwords_whose_clients_do_not_wait() {
    let scenario = Scenario::with(Directory::new(), &slow_hash());
    let client = scenario.directory.tls_client();
    let number = AtomicUsize::new(0);
    scenario.survives("not waiting", 2, |_, _| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let Ok(stream) = scenario.connect(number % 300) else { return };
        let _ = client.over(stream).send(wrong("prometheus", number).as_bytes());
    });
}

#[test]
fn pipelined_wrong_passwords() {
    let scenario = Scenario::with(Directory::new(), &slow_hash());
    let client = scenario.directory.tls_client();
    let number = AtomicUsize::new(0);
    scenario.survives("pipelined", 2, |thread, _| {
        let number = number.fetch_add(100, Ordering::Relaxed);
        let requests: String = (number..number + 100).map(|number| wrong("prometheus", number)).collect();
        let Ok(stream) = scenario.connect(thread) else { return };
        let mut connection = client.over(stream);
        let _ = connection.send(requests.as_bytes());
        let _ = connection.stream().write_all(b"");
        let _ = connection.stream().read(&mut [0; 64]);
    });
}
