//! Basic authentication that reveals nothing about users and that no client can block for others.

use crate::sync::LockUnpoisoned as _;
use crate::worker::{Turn, Worker};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use hyper::header::HeaderValue;
use ring::hmac;
use ring::rand::SystemRandom;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex};

/// Checks user names and passwords, and remembers the results.
pub(crate) struct Authenticator {
    secret: hmac::Key,
    worker: Worker,
    state: Arc<Mutex<State>>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The user exists and the password is right.
    Allowed,
    /// No credentials, an unknown user or a wrong password.
    Refused,
    /// Too many passwords of this network, or of all, are being checked.
    Busy,
}

#[derive(Default)]
struct State {
    /// Separate from `wrong`, so that wrong passwords, however many, do not displace right ones.
    right: Remembered,
    wrong: Remembered,
    /// The running checks. A request with the same credentials joins.
    running: HashMap<Digest, Check>,
}

/// A check that several requests can wait for: whether the password is right, or `None` if there are too many checks.
type Check = Shared<BoxFuture<'static, Option<bool>>>;

/// Whether the user is known, the hash to compare with, and the password.
type Credentials<'h> = (bool, &'h String, Vec<u8>);

/// The latest results, oldest first.
#[derive(Default)]
struct Remembered(std::collections::VecDeque<Digest>);

/// The keyed hash of a user, password hash and password. Only this process has the key.
type Digest = [u8; 32];

impl Authenticator {
    /// Generates a new key.
    pub(crate) fn new() -> io::Result<Self> {
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| io::Error::other("the system has no random numbers"))?;
        let worker = Worker::new("passwords", CHECKS_PER_NETWORK, CHECKS, REST);
        Ok(Self { secret, worker, state: Arc::default() })
    }

    /// Checks an `Authorization` header against the hashes of `users`, which is not empty.
    pub(crate) async fn check(
        &self,
        users: &BTreeMap<String, String>,
        header: Option<&HeaderValue>,
        turn: Turn,
    ) -> Verdict {
        let Some((user, password)) = header.and_then(credentials) else { return Verdict::Refused };
        // The password of an unknown user is compared with the hash of a known one, always the same, so that the time of
        // the check does not reveal which users exist. Then the check fails.
        let known = std::str::from_utf8(&user).ok().and_then(|user| users.get(user));
        let Some(hash) = known.or_else(|| self.decoy(users, &user)) else { return Verdict::Refused };
        let digest = self.digest(&[&user, hash.as_bytes(), &password]);
        let check = {
            let mut state = self.state.lock_unpoisoned();
            if state.right.0.contains(&digest) {
                return Verdict::Allowed;
            }
            if state.wrong.0.contains(&digest) {
                return Verdict::Refused;
            }
            match state.running.get(&digest) {
                Some(check) => check.clone(),
                None => self.start(&mut state, digest, (known.is_some(), hash, password), turn),
            }
        };
        match check.await {
            Some(true) => Verdict::Allowed,
            Some(false) => Verdict::Refused,
            None => Verdict::Busy,
        }
    }

    /// Starts a check. It runs to its end even if every client that waits for it has gone, so that closing connections
    /// does not raise the limit.
    fn start(
        &self,
        state: &mut State,
        digest: Digest,
        (known, hash, password): Credentials<'_>,
        turn: Turn,
    ) -> Check {
        let (hash, shared) = (hash.clone(), self.state.clone());
        let verified = self.worker.run(turn, move || bcrypt::verify(password, &hash).unwrap_or(false));
        let task = tokio::spawn(async move {
            let verified = verified.await;
            let mut state = shared.lock_unpoisoned();
            state.running.remove(&digest);
            let right = verified.ok()? && known;
            if right { &mut state.right } else { &mut state.wrong }.add(digest);
            Some(right)
        });
        let check = task.map(|right| right.ok().flatten()).boxed().shared();
        state.running.insert(digest, check.clone());
        check
    }

    fn decoy<'u>(&self, users: &'u BTreeMap<String, String>, user: &[u8]) -> Option<&'u String> {
        let number = usize::from_le_bytes(self.digest(&[user]).first_chunk().copied()?);
        users.values().nth(number.checked_rem(users.len())?)
    }

    /// Hashes the parts, each with its length, so that no two lists of parts are the same bytes (CVE-2022-46146).
    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.secret);
        for part in parts {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

impl Remembered {
    fn add(&mut self, digest: Digest) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(digest);
    }
}

/// Returns the user and the password of an `Authorization: Basic` header.
fn credentials(header: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut user = BASE64_STANDARD.decode(encoded).ok()?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.split_off(colon + 1);
    user.pop();
    Some((user, password))
}

/// After a check, the thread rests for as long as the check took. Checks therefore use at most half of a core, and the
/// monitored service keeps the rest.
const REST: u32 = 1;
/// Maximum number of waiting passwords of one network.
const CHECKS_PER_NETWORK: usize = 4;
/// Maximum number of waiting passwords of all networks.
const CHECKS: usize = 1000;
/// Maximum number of right passwords that are remembered, and of wrong ones.
const REMEMBERED: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_address::Network;

    fn basic(user: &str, password: &str) -> HeaderValue {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        HeaderValue::from_str(&format!("basic {encoded}")).unwrap()
    }

    fn users(cost: u32) -> BTreeMap<String, String> {
        let hash = |password| bcrypt::hash(password, cost).unwrap();
        BTreeMap::from([("alice".to_owned(), hash("alice123")), ("bob".to_owned(), hash("bob123"))])
    }

    fn turn(network: u32) -> Turn {
        Turn { network: Network::Vsock(network), known: false }
    }

    #[tokio::test]
    async fn the_cache_is_bounded_and_wrong_passwords_do_not_displace_right_ones() {
        let (authenticator, users) = (Authenticator::new().unwrap(), users(4));
        let client = turn(1);
        assert_eq!(
            authenticator.check(&users, Some(&basic("alice", "alice123")), client).await,
            Verdict::Allowed
        );
        for number in 0..150 {
            let wrong = basic("alice", &number.to_string());
            assert_eq!(authenticator.check(&users, Some(&wrong), client).await, Verdict::Refused);
        }
        let state = authenticator.state.lock_unpoisoned();
        assert_eq!((state.right.0.len(), state.wrong.0.len()), (1, REMEMBERED));
        assert!(state.running.is_empty());
    }

    #[tokio::test]
    async fn cve_2022_46146_the_borders_between_the_parts_of_a_digest_count() {
        let (authenticator, users) = (Authenticator::new().unwrap(), users(4));
        let client = turn(1);
        let alice = &users["alice"];
        // The attack: a remembered user, hash and password with the borders between them elsewhere.
        assert_eq!(
            authenticator.check(&users, Some(&basic("alice", "alice123")), client).await,
            Verdict::Allowed
        );
        for (user, password) in [
            ("", format!("alice{alice}alice123")),
            ("alice", format!("{alice}alice123")),
            ("al", format!("ice{alice}alice123")),
        ] {
            let verdict = authenticator.check(&users, Some(&basic(user, &password)), client).await;
            assert_eq!(verdict, Verdict::Refused, "{user} {password}");
        }
        let (one, other) = (authenticator.digest(&[b"ab", b"c"]), authenticator.digest(&[b"a", b"bc"]));
        assert_ne!(one, other);
        assert_eq!(one, authenticator.digest(&[b"ab", b"c"]));
    }

    #[test]
    fn an_unknown_user_is_compared_with_the_hash_of_a_known_user_always_the_same() {
        let (authenticator, users) = (Authenticator::new().unwrap(), users(4));
        let decoys: Vec<_> = (0..100)
            .map(|number| {
                let unknown = format!("user{number}");
                let decoy = authenticator.decoy(&users, unknown.as_bytes()).unwrap();
                assert_eq!(authenticator.decoy(&users, unknown.as_bytes()), Some(decoy));
                decoy
            })
            .collect();
        // That one of the two hashes is never chosen has a probability of 2 in 2^100.
        for (user, hash) in &users {
            assert!(decoys.contains(&hash), "the hash of {user} is never used");
        }
        assert!(decoys.iter().all(|decoy| users.values().any(|hash| hash == *decoy)));
        assert_eq!(authenticator.decoy(&BTreeMap::new(), b"a"), None);
    }

    #[tokio::test]
    async fn requests_with_the_same_credentials_share_a_check() {
        let (authenticator, users) = (Authenticator::new().unwrap(), users(6));
        let client = turn(1);
        let right = basic("bob", "bob123");
        let checks = (0..300).map(|_| authenticator.check(&users, Some(&right), client));
        let verdicts = futures_util::future::join_all(checks).await;
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Allowed), "{verdicts:?}");
    }

    #[tokio::test]
    async fn a_flood_from_one_network_does_not_exclude_another() {
        let (authenticator, users) = (Authenticator::new().unwrap(), users(8));
        let wrong: Vec<_> = (0..100).map(|number| basic("alice", &number.to_string())).collect();
        let flood = wrong.iter().map(|wrong| authenticator.check(&users, Some(wrong), turn(1)));
        let right = basic("alice", "alice123");
        let (flood, verdict) = tokio::join!(
            futures_util::future::join_all(flood),
            authenticator.check(&users, Some(&right), turn(2))
        );
        assert_eq!(verdict, Verdict::Allowed);
        let refused = flood.iter().filter(|verdict| **verdict == Verdict::Refused).count();
        // One more can be running beside those that wait.
        assert!((CHECKS_PER_NETWORK..=CHECKS_PER_NETWORK + 1).contains(&refused), "{refused}");
        assert!(flood.iter().all(|verdict| *verdict != Verdict::Allowed));
    }

    #[tokio::test]
    async fn a_network_can_check_passwords_again_after_a_flood() {
        let (authenticator, users) = (Authenticator::new().unwrap(), users(4));
        for round in 0..3 {
            let wrong: Vec<_> = (0..50).map(|number| basic("alice", &format!("{round} {number}"))).collect();
            let flood = wrong.iter().map(|wrong| authenticator.check(&users, Some(wrong), turn(1)));
            let verdicts = futures_util::future::join_all(flood).await;
            assert!(verdicts.contains(&Verdict::Busy), "no flood");
            let later = basic("alice", &format!("later {round}"));
            assert_eq!(authenticator.check(&users, Some(&later), turn(1)).await, Verdict::Refused);
        }
        assert!(authenticator.state.lock_unpoisoned().running.is_empty());
    }

    #[tokio::test]
    async fn a_flood_from_any_number_of_networks_is_bounded_and_known_networks_come_first() {
        let (authenticator, users) = (Authenticator::new().unwrap(), users(6));
        let wrong: Vec<_> = (0..CHECKS + 50).map(|number| basic("alice", &number.to_string())).collect();
        let mut flood: Vec<_> = (0u32..)
            .zip(&wrong)
            .map(|(number, wrong)| authenticator.check(&users, Some(wrong), turn(number)).boxed())
            .collect();
        let busy = flood.iter_mut().filter_map(|check| check.now_or_never()).count();
        // Refusals arrive with the next turn of the runtime.
        tokio::task::yield_now().await;
        let running = authenticator.state.lock_unpoisoned().running.len();
        assert!(busy == 0 && running <= CHECKS + 50, "{busy} {running}");
        let right = basic("alice", "alice123");
        let known = Turn { known: true, ..turn(5000) };
        let start = std::time::Instant::now();
        assert_eq!(authenticator.check(&users, Some(&right), known).await, Verdict::Allowed);
        let waited = start.elapsed();
        assert!(authenticator.state.lock_unpoisoned().running.len() > CHECKS / 2, "the flood was over");
        assert!(waited < std::time::Duration::from_secs(2), "{waited:?}");
    }

    #[test]
    fn an_authorization_header_is_parsed_as_other_servers_do() {
        let read = |text: &'static str| credentials(&HeaderValue::from_static(text));
        assert_eq!(read("Basic YTpiOmM="), Some((b"a".to_vec(), b"b:c".to_vec())));
        assert_eq!(read("bASIC Og=="), Some((Vec::new(), Vec::new())));
        for text in ["", "Basic", "Basic YQ==", "Basic !", "Bearer YTpi", "BasicYTpi"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
