//! From an allowed target to a connection.

use super::AllowList;
use kamailio_binrpc::tokio::Client;
use kamailio_binrpc::{Endpoint, Error, Resolved, Target};
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout_at;

/// Finds the addresses of a host; may block.
#[derive(Clone)]
pub struct Lookup(Arc<LookupFn>);

type LookupFn = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl Lookup {
    /// A function of host and port.
    pub fn new(lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// What the system has: files, DNS.
    pub(super) fn system() -> Self {
        Self::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

impl AllowList {
    /// Connects to an allowed target, and to nothing that is not allowed, wherever the target leads.
    ///
    /// # Errors
    /// As [`Client::connect`]; and an error of kind [`io::ErrorKind::Other`] if the target is not allowed, or leads to
    /// what is not.
    pub async fn connect(&self, target: &Target, deadline: Instant) -> Result<Client, Error> {
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot connect to {target}: {error}"));
        let reach = match timeout_at(deadline.into(), self.reach(target)).await {
            Ok(reach) => reach.map_err(failed)?,
            Err(_) => {
                let late = io::Error::new(io::ErrorKind::TimedOut, "the deadline passed while looking it up");
                return Err(failed(late).into());
            }
        };
        Client::connect_resolved(target, &reach.peer, deadline).await
    }

    async fn reach(&self, target: &Target) -> io::Result<Reach> {
        if !self.names(target) {
            return Err(not_allowed("it"));
        }
        let (peer, file) = match target {
            Target::Unix(path) => {
                let (file, path) = self.open(target, path)?;
                (Resolved::Unix(path), Some(file))
            }
            Target::UnixDatagram(path) => {
                let (file, path) = self.open(target, path)?;
                (Resolved::UnixDatagram(path), Some(file))
            }
            Target::Tcp(endpoint) => (Resolved::Tcp(self.resolve(target, endpoint).await?), None),
            Target::Udp(endpoint) => (Resolved::Udp(self.resolve(target, endpoint).await?), None),
        };
        Ok(Reach { peer, _file: file })
    }

    /// Opens a socket's file without connecting, and returns a path that leads to this very file, whatever becomes of
    /// its name.
    fn open(&self, target: &Target, path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
        let file = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let real = fs::read_link(&link)
            .map_err(|error| io::Error::other(format!("cannot see where it leads: {error}")))?;
        if self.paths(target).any(|pattern| pattern.matches_real(&real)) {
            Ok((file, link))
        } else {
            Err(not_allowed(&format!("it leads to {}, which", real.display())))
        }
    }

    /// The addresses of a host, every one of them allowed.
    async fn resolve(&self, target: &Target, endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        let port = endpoint.port();
        if let Ok(address) = endpoint.host().parse::<IpAddr>() {
            return Ok(vec![(address.to_canonical(), port).into()]);
        }
        let found = self.look_up(endpoint).await?;
        let wanted: Vec<_> = found.into_iter().filter(|address| endpoint.accepts(address)).collect();
        if wanted.is_empty() {
            let sentence = format!("{} has no address of the wanted IP version", endpoint.host());
            return Err(io::Error::new(io::ErrorKind::NotFound, sentence));
        }
        let ruled = self.networks(target, port).next().is_some();
        let trusted = self.naming(target, endpoint).any(|pattern| pattern.is_literal());
        let mut addresses = Vec::with_capacity(wanted.len());
        for address in wanted {
            let address = SocketAddr::new(address.ip().to_canonical(), port);
            let allowed = match ruled {
                true => self.has_address(target, port, address.ip()),
                false => trusted || is_elsewhere(address.ip()),
            };
            if !allowed {
                return Err(not_allowed(&format!("its address {}", address.ip())));
            }
            addresses.push(address);
        }
        Ok(addresses)
    }

    async fn look_up(&self, endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        let permit = self.lookups.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (Lookup(lookup), host, port) = (self.lookup.clone(), endpoint.host().to_owned(), endpoint.port());
        let found = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            lookup(&host, port)
        });
        found.await.map_err(io::Error::other)?
    }
}

/// Where to connect to. The file keeps its path good.
struct Reach {
    peer: Resolved,
    _file: Option<OwnedFd>,
}

/// Neither this machine alone, nor a whole network, nor what only the link knows, such as a cloud's metadata.
fn is_elsewhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            !(first == 0
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast())
        }
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => is_elsewhere(address.into()),
            None => {
                !(address.is_unicast_link_local() || address.is_multicast() || METADATA.contains(&address))
            }
        },
    }
}

/// The IPv4 address that a router or the system makes of one that is IPv4-compatible or mapped (RFC 4291), 6to4
/// (RFC 3056) or of NAT64 (RFC 6052). `::` and `::1` are 0.0.0.0 and 0.0.0.1.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    }
}

/// Of a kind that no advice is given for: the system has refused nothing.
fn not_allowed(what: &str) -> io::Error {
    io::Error::other(format!("{what} is not allowed by --probe.allow"))
}

/// Where clouds tell a machine its secrets over IPv6 (Amazon's and Google's), which over IPv4 is link-local.
const METADATA: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

#[cfg(test)]
mod tests {
    use super::*;
    use fake_kamailio::{Captures, Fake};
    use std::collections::VecDeque;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    /// A name that has these addresses, one answer after the other.
    fn answering(answers: &[&[&str]]) -> Lookup {
        let answers = answers.iter().map(|addresses| addresses.iter().map(|a| a.parse().unwrap()).collect());
        let answers: Mutex<VecDeque<Vec<IpAddr>>> = Mutex::new(answers.collect());
        Lookup::new(move |host, port| {
            assert_eq!(host, "sip.test");
            let addresses = answers.lock().unwrap().pop_front().expect("one look-up too many");
            Ok(addresses.into_iter().map(|address| (address, port).into()).collect())
        })
    }

    fn allow(rules: &str, lookup: Lookup) -> AllowList {
        AllowList::parse(rules.split(',')).unwrap().with_lookup(lookup)
    }

    #[tokio::test]
    async fn a_name_that_resolves_elsewhere_the_second_time_leads_nowhere_else() {
        let fake = |address: &str| {
            Fake::listen(Captures::of("5.6.3"), &[format!("tcp:{address}").parse().unwrap()]).unwrap()
        };
        let port = std::net::TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
        let (good, bad) = (fake(&format!("127.0.0.2:{port}")), fake(&format!("127.0.0.3:{port}")));
        let rules = format!("tcp:sip.test:{port},tcp:127.0.0.2:{port}");
        let target = format!("tcp:sip.test:{port}").parse().unwrap();
        let allow = allow(&rules, answering(&[&["127.0.0.2"], &["127.0.0.3"], &["127.0.0.2", "127.0.0.3"]]));
        let mut client = allow.connect(&target, soon()).await.unwrap();
        assert!(client.call("core.uptime", &[]).await.unwrap().records().is_ok());
        for _ in 0..2 {
            let error = allow.connect(&target, soon()).await.unwrap_err();
            let sentence = "its address 127.0.0.3 is not allowed by --probe.allow";
            assert_eq!(error.to_string(), format!("cannot connect to tcp:sip.test:{port}: {sentence}"));
        }
        assert_eq!((good.connections().accepted, bad.connections().accepted), (1, 0));
    }

    #[tokio::test]
    async fn what_names_may_resolve_to() {
        let here = [
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
        let elsewhere = [
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
            ("tcp:*:*", &elsewhere[..], &here[..]),
            ("tcp:*.test:2049,tcp:sip.test:1,udp:0.0.0.0/0:2049,tcp:0.0.0.0/0:2050", &elsewhere, &here),
            ("tcp:sip.test:2049", &here, &[]),
            ("tcp:*:*,tcp:SIP.test.:*", &here, &[]),
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
        ] {
            for (addresses, expected) in [(allowed, true), (refused, false)] {
                for address in addresses {
                    let reach = allow(rules, answering(&[&[address]]))
                        .reach(&"tcp:sip.test:2049".parse().unwrap())
                        .await;
                    let peer = reach.map(|reach| reach.peer).map_err(|error| error.to_string());
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
        let both = answering(&[&["::1", "10.0.0.1"]]);
        let reach = allow("tcp:*:*", both).reach(&"tcp4:sip.test:2049".parse().unwrap()).await.unwrap();
        assert_eq!(
            reach.peer,
            Resolved::Tcp(vec![([10, 0, 0, 1], 2049).into()]),
            "only what is wanted has to be allowed"
        );
        let none =
            allow("udp:*:*", answering(&[&["10.0.0.1"]])).reach(&"udp6:sip.test:1".parse().unwrap()).await;
        assert!(none.is_err_and(|error| error.to_string().contains("no address of the wanted IP version")));
    }

    #[tokio::test]
    async fn a_name_that_was_checked_and_then_changed_leads_to_what_was_checked() {
        for scheme in ["unix", "unixd"] {
            let (good, bad) = (Fake::start(), Fake::start());
            let file = |fake: &Fake| {
                (if scheme == "unix" { fake.unix() } else { fake.unixd() })[scheme.len() + 1..].to_owned()
            };
            let folder = tempfile::tempdir().unwrap();
            let link = folder.path().join("ctl");
            symlink(file(&good), &link).unwrap();
            let target = format!("{scheme}:{}", link.display()).parse().unwrap();
            let rules = format!("{scheme}:{},{scheme}:{}", link.display(), file(&good));
            let allow = AllowList::parse(rules.split(',')).unwrap();
            let reach = allow.reach(&target).await.unwrap();
            fs::remove_file(&link).unwrap();
            symlink(file(&bad), &link).unwrap();
            let mut client = Client::connect_resolved(&target, &reach.peer, soon()).await.unwrap();
            assert!(client.call("core.uptime", &[]).await.unwrap().records().is_ok());
            assert_eq!((good.calls().len(), bad.calls().len()), (1, 0));
            let error = allow.connect(&target, soon()).await.unwrap_err().to_string();
            let sentence = format!("it leads to {}, which is not allowed by --probe.allow", file(&bad));
            assert_eq!(error, format!("cannot connect to {target}: {sentence}"));
            assert_eq!((bad.connections().accepted, bad.calls().len()), (0, 0));
        }
    }

    #[tokio::test]
    async fn look_ups_that_hang_are_limited_and_hold_up_no_address() {
        let running = Arc::new((AtomicUsize::new(0), Mutex::new(false), Condvar::new()));
        let seen = running.clone();
        let allow = AllowList::parse(["tcp:*:*", "tcp:127.0.0.1:*"]).unwrap();
        let allow = Arc::new(allow.with_lookup(Lookup::new(move |_, _| {
            let (running, released, change) = &*seen;
            running.fetch_add(1, Ordering::SeqCst);
            drop(change.wait_while(released.lock().unwrap(), |released| !*released).unwrap());
            Ok(Vec::new())
        })));
        let target: Target = "tcp:sip.test:2049".parse().unwrap();
        let hang = |deadline| {
            let (allow, target) = (allow.clone(), target.clone());
            tokio::spawn(async move { allow.connect(&target, deadline).await.map(drop) })
        };
        let deadline = Instant::now() + Duration::from_secs(2);
        let hanging: Vec<_> = (0..super::super::MAX_LOOKUPS + 50).map(|_| hang(deadline)).collect();
        let fake = Fake::start();
        let connected = allow.connect(&fake.tcp().parse().unwrap(), soon()).await;
        let mut errors = Vec::new();
        for hanging in hanging {
            errors.push(hanging.await.unwrap().unwrap_err().to_string());
        }
        let most = running.0.load(Ordering::SeqCst);
        // The runtime waits for them, also if this test fails.
        *running.1.lock().unwrap() = true;
        running.2.notify_all();
        assert!(connected.is_ok());
        assert!(most <= super::super::MAX_LOOKUPS, "{most}");
        let late = "cannot connect to tcp:sip.test:2049: the deadline passed while looking it up";
        assert!(errors.iter().all(|error| error == late), "{errors:?}");
    }
}
