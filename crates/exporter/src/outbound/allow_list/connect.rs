//! Connects to allowed targets.

use super::AllowList;
use super::remote_address::is_remote;
use super::rule::has_version;
use crate::outbound::client::Client;
use crate::outbound::target::{Target, accepted};
use kamailio_binrpc::{Endpoint, Error, Resolved, Target as Address};
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::time::timeout_at;

impl AllowList {
    /// Connects to an allowed target. A target that leads to an address or file that is not allowed is refused.
    ///
    /// # Errors
    /// The errors of [`kamailio_binrpc::tokio::Client::connect`]; and an error of kind [`io::ErrorKind::Other`] if the target, or the address or
    /// file it leads to, is not allowed.
    pub async fn connect(&self, target: &Target, deadline: Instant) -> Result<Client, Error> {
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot connect to {target}: {error}"));
        let checked = match timeout_at(deadline.into(), self.check(target)).await {
            Ok(checked) => checked.map_err(failed)?,
            Err(_) => {
                let late =
                    io::Error::new(io::ErrorKind::TimedOut, "the deadline passed during the name lookup");
                return Err(failed(late).into());
            }
        };
        Client::connect_resolved(target, &checked.peer, deadline).await
    }

    /// Determines where to connect to, and checks it.
    async fn check(&self, target: &Target) -> io::Result<Checked> {
        if !self.matches(target) {
            return Err(not_allowed("the target"));
        }
        let (peer, file) = match target.address() {
            Address::Unix(path) => {
                let (file, path) = self.open(target, path)?;
                (Resolved::Unix(path), Some(file))
            }
            Address::UnixDatagram(path) => {
                let (file, path) = self.open(target, path)?;
                (Resolved::UnixDatagram(path), Some(file))
            }
            Address::Tcp(endpoint) => (Resolved::Tcp(self.resolve(target, endpoint).await?), None),
            Address::Udp(endpoint) => (Resolved::Udp(self.resolve(target, endpoint).await?), None),
        };
        Ok(Checked { peer, _file: file })
    }

    /// Opens a socket's file without connecting, and returns a path that keeps leading to this file even if its name is
    /// given to another one.
    fn open(&self, target: &Target, path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
        let file = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let real = fs::read_link(&link)
            .map_err(|error| io::Error::other(format!("cannot determine where the path leads: {error}")))?;
        if self.path_patterns(target).any(|pattern| pattern.matches_real(&real)) {
            Ok((file, link))
        } else {
            Err(not_allowed(&format!("the path leads to {}, which", real.display())))
        }
    }

    /// Returns the addresses of a host. Fails unless every one of them is allowed.
    async fn resolve(&self, target: &Target, endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        let port = endpoint.port();
        if let Ok(address) = endpoint.host().parse::<IpAddr>() {
            return Ok(vec![(address.to_canonical(), port).into()]);
        }
        let is_literal = self.name_rules(target, endpoint).any(|(pattern, _)| pattern.is_literal());
        let wanted = accepted(endpoint, self.resolver.addresses(endpoint, is_literal).await?)?;
        let has_networks = self.networks(target, port).next().is_some();
        let mut addresses = Vec::with_capacity(wanted.len());
        for address in wanted {
            let address = SocketAddr::new(address.ip().to_canonical(), port);
            let mut rules = self
                .name_rules(target, endpoint)
                .filter(|(_, family)| has_version(address.ip(), *family))
                .peekable();
            let allowed = match has_networks {
                _ if rules.peek().is_none() => false,
                true => self.contains(target, port, address.ip()),
                false => rules.any(|(pattern, _)| pattern.is_literal()) || is_remote(address.ip()),
            };
            if !allowed {
                return Err(not_allowed(&format!("its address {}", address.ip())));
            }
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Where to connect to. The open file keeps its path in `/proc/self/fd` valid.
struct Checked {
    peer: Resolved,
    _file: Option<OwnedFd>,
}

/// Returns the error for a target that the rules do not allow. Its kind is one for which no advice is logged, because the
/// system did not refuse the connection.
fn not_allowed(what: &str) -> io::Error {
    io::Error::other(format!("{what} is not allowed by --probe.allow"))
}

#[cfg(test)]
mod tests {
    use super::super::Lookup;
    use super::*;
    use fake_kamailio::{Captures, Fake};
    use std::collections::VecDeque;
    use std::os::unix::fs::symlink;
    use std::sync::Mutex;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    /// Resolves sip.test to each of these lists of addresses in turn.
    fn resolving(answers: &[&[&str]]) -> Lookup {
        let answers = answers.iter().map(|addresses| addresses.iter().map(|a| a.parse().unwrap()).collect());
        let answers: Mutex<VecDeque<Vec<IpAddr>>> = Mutex::new(answers.collect());
        Lookup::new(move |host, port| {
            assert_eq!(host, "sip.test");
            let addresses = answers.lock().unwrap().pop_front().expect("more look-ups than expected");
            Ok(addresses.into_iter().map(|address| (address, port).into()).collect())
        })
    }

    fn allow(rules: &str, lookup: Lookup) -> AllowList {
        AllowList::parse(rules.split(',')).unwrap().with_lookup(lookup)
    }

    #[tokio::test]
    async fn a_name_that_resolves_elsewhere_the_second_time_is_refused() {
        // The same port at two addresses, the second of which may be in use.
        let listen = |address: &str, port: u16| {
            Fake::listen(Captures::of("5.6.3"), &[format!("tcp:{address}:{port}").parse().unwrap()])
        };
        let (port, good, bad) = (0..100)
            .find_map(|_| {
                let free = std::net::TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
                Some((free, listen("127.0.0.2", free).ok()?, listen("127.0.0.3", free).ok()?))
            })
            .unwrap();
        let rules = format!("tcp:sip.test:{port},tcp:127.0.0.2:{port}");
        let target = format!("tcp:sip.test:{port}").parse().unwrap();
        let allow = allow(&rules, resolving(&[&["127.0.0.2"], &["127.0.0.3"], &["127.0.0.2", "127.0.0.3"]]));
        let mut client = allow.connect(&target, soon()).await.unwrap();
        assert!(client.call("core.uptime", &[]).await.unwrap().records.is_ok());
        for _ in 0..2 {
            let error = allow.connect(&target, soon()).await.unwrap_err();
            let message = "its address 127.0.0.3 is not allowed by --probe.allow";
            assert_eq!(error.to_string(), format!("cannot connect to tcp:sip.test:{port}: {message}"));
        }
        assert_eq!((good.connections().accepted, bad.connections().accepted), (1, 0));
    }

    #[tokio::test]
    async fn names_resolve_to_allowed_addresses_only() {
        let local = [
            "127.0.0.1",
            "127.255.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "2002:a9fe:a9fe:1::1",
            "fd00:ec2::254",
            "fd20:ce::254",
        ];
        let remote = [
            "10.0.0.1",
            "192.0.2.1",
            "100.64.0.1",
            "2001:db8::1",
            "fd00::1",
            "fd00:ec2::1",
            "::ffff:192.0.2.1",
            "64:ff9b::192.0.2.1",
            "64:ff9b:1::127.0.0.1",
            "2002:c000:201::1",
        ];
        for (rules, allowed, refused) in [
            ("tcp:*:*", &remote[..], &local[..]),
            ("tcp:*.test:2049,tcp:sip.test:1,udp:0.0.0.0/0:2049,tcp:0.0.0.0/0:2050", &remote, &local),
            ("tcp:sip.test:2049", &local, &[]),
            ("tcp:*:*,tcp:SIP.test.:*", &local, &[]),
            (
                "tcp:sip.test:*,tcp:10.0.0.0/8:*",
                &["10.0.0.1", "::ffff:10.1.1.1"],
                &["11.0.0.1", "::1", "127.0.0.1"],
            ),
            (
                "tcp:*:*,tcp:127.0.0.0/8:*",
                &["127.0.0.1", "::ffff:127.0.0.1"],
                &["10.0.0.1", "169.254.169.254"],
            ),
            ("tcp:*:*,tcp:[::]/0:*", &["::1", "fe80::1"], &["10.0.0.1", "::ffff:10.0.0.1"]),
            (
                "tcp:*:*,tcp:10.0.0.0/8:*,tcp:192.0.2.0/24:*",
                &["10.0.0.1", "192.0.2.7"],
                &["11.0.0.1", "192.0.3.1"],
            ),
            ("tcp4:sip.test:2049", &["127.0.0.1", "192.0.2.1", "::ffff:192.0.2.1"], &["::1", "2001:db8::1"]),
            ("tcp4:sip.test:2049,tcp:*:2049", &["127.0.0.1", "2001:db8::1"], &["::1", "fe80::1"]),
            ("tcp6:*:*,tcp:10.0.0.0/8:*", &[], &["10.0.0.1", "2001:db8::1"]),
        ] {
            for (addresses, expected) in [(allowed, true), (refused, false)] {
                for address in addresses {
                    let checked = allow(rules, resolving(&[&[address]]))
                        .check(&"tcp:sip.test:2049".parse().unwrap())
                        .await;
                    let peer = checked.map(|checked| checked.peer).map_err(|error| error.to_string());
                    let canonical = address.parse::<IpAddr>().unwrap().to_canonical();
                    let refusal = format!("its address {canonical} is not allowed by --probe.allow");
                    let wanted = if expected {
                        Ok(Resolved::Tcp(vec![(canonical, 2049).into()]))
                    } else {
                        Err(refusal)
                    };
                    assert_eq!(peer, wanted, "{rules} {address}");
                }
            }
        }
        let both = resolving(&[&["::1", "10.0.0.1"]]);
        let checked = allow("tcp:*:*", both).check(&"tcp4:sip.test:2049".parse().unwrap()).await.unwrap();
        assert_eq!(
            checked.peer,
            Resolved::Tcp(vec![([10, 0, 0, 1], 2049).into()]),
            "only addresses of the requested version have to be allowed"
        );
        let none =
            allow("udp:*:*", resolving(&[&["10.0.0.1"]])).check(&"udp6:sip.test:1".parse().unwrap()).await;
        assert!(
            none.is_err_and(|error| error.to_string().contains("no address of the requested IP version"))
        );
    }

    #[tokio::test]
    async fn addresses_are_checked_before_connecting() {
        let fake = Fake::start();
        let allow = AllowList::parse(["tcp:10.0.0.0/8:*", "udp:127.0.0.1:*"]).unwrap();
        let target = fake.tcp().parse().unwrap();
        let error = allow.connect(&target, soon()).await.unwrap_err().to_string();
        let message = "the target is not allowed by --probe.allow";
        assert_eq!(error, format!("cannot connect to {target}: {message}"));
        assert_eq!(fake.connections().accepted, 0);
        let mapped = allow.check(&"tcp:[::ffff:10.0.0.1]:7".parse().unwrap()).await.unwrap();
        assert_eq!(mapped.peer, Resolved::Tcp(vec![([10, 0, 0, 1], 7).into()]));
    }

    #[tokio::test]
    async fn a_path_that_changes_after_the_check_still_leads_to_the_checked_socket() {
        for scheme in ["unix", "unixd"] {
            let (good, bad) = (Fake::start(), Fake::start());
            let file = |fake: &Fake| {
                (if scheme == "unix" { fake.unix() } else { fake.unixd() })[scheme.len() + 1..].to_owned()
            };
            let directory = tempfile::tempdir().unwrap();
            let link = directory.path().join("ctl");
            symlink(file(&good), &link).unwrap();
            let target: Target = format!("{scheme}:{}", link.display()).parse().unwrap();
            let rules = format!("{scheme}:{},{scheme}:{}", link.display(), file(&good));
            let allow = AllowList::parse(rules.split(',')).unwrap();
            let checked = allow.check(&target).await.unwrap();
            fs::remove_file(&link).unwrap();
            symlink(file(&bad), &link).unwrap();
            let mut client = Client::connect_resolved(&target, &checked.peer, soon()).await.unwrap();
            assert!(client.call("core.uptime", &[]).await.unwrap().records.is_ok());
            assert_eq!((good.calls().len(), bad.calls().len()), (1, 0));
            let error = allow.connect(&target, soon()).await.unwrap_err().to_string();
            let message = format!("the path leads to {}, which is not allowed by --probe.allow", file(&bad));
            assert_eq!(error, format!("cannot connect to {target}: {message}"));
            assert_eq!((bad.connections().accepted, bad.calls().len()), (0, 0));
        }
    }
}
