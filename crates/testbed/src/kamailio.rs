use std::{
    ffi::{OsStr, OsString},
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Builder, Traffic,
    address::Address,
    folder::Folder,
    group::Group,
    program::{find, repository},
    sipp,
};

/// A running Kamailio with the project's demo configuration, killed and removed on drop.
#[derive(Debug)]
pub struct Kamailio {
    // Dropped in this order: first who sends, then Kamailio, then its folder and address.
    callee: OnceLock<Group>,
    group: Option<Group>,
    defines: Vec<String>,
    list: Option<PathBuf>,
    folder: Folder,
    address: Address,
}

impl Kamailio {
    /// Starts one with everything that the demo configuration has, and returns when it answers.
    #[must_use]
    pub fn start() -> Self {
        Builder::default().start()
    }

    /// What shall be different from the demo configuration.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn launch(
        address: Address,
        folder: Folder,
        defines: Vec<String>,
        list: Option<PathBuf>,
    ) -> Self {
        let mut kamailio = Self { callee: OnceLock::new(), group: None, defines, list, folder, address };
        kamailio.run();
        kamailio
    }

    /// The control socket as a unix stream: "unix:/tmp/…/ctl".
    #[must_use]
    pub fn unix(&self) -> String {
        format!("unix:{}", self.socket_path().display())
    }

    /// The control socket as unix datagrams: "unixd:/tmp/…/ctld".
    #[must_use]
    pub fn unixd(&self) -> String {
        format!("unixd:{}", self.folder.path().join("ctld").display())
    }

    /// The control socket over TCP: "tcp:127.x.y.z:25049".
    #[must_use]
    pub fn tcp(&self) -> String {
        format!("tcp:{}:{CTL_PORT}", self.address.ip)
    }

    /// The control socket over UDP: "udp:127.x.y.z:25049".
    #[must_use]
    pub fn udp(&self) -> String {
        format!("udp:{}:{CTL_PORT}", self.address.ip)
    }

    /// The path of the unix stream socket.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.folder.path().join("ctl")
    }

    /// The loopback address that is this Kamailio's own. SIP is on port 25060 of it.
    #[must_use]
    pub fn ip(&self) -> Ipv4Addr {
        self.address.ip
    }

    /// The process group of all its processes, none if it was killed.
    #[must_use]
    pub fn process_group(&self) -> Option<u32> {
        self.group.as_ref().map(Group::id)
    }

    /// What Debian's kamcmd prints for a method and its arguments, over the unix stream socket. A fault is a
    /// text too: "error: 500 - …".
    #[must_use]
    pub fn kamcmd(&self, args: &[&str]) -> String {
        self.kamcmd_over(&self.unix(), args)
    }

    /// The same over one of the other sockets.
    #[must_use]
    pub fn kamcmd_over(&self, uri: &str, args: &[&str]) -> String {
        match self.ask(uri, args) {
            Ok(text) => text,
            Err(text) => panic!("kamcmd -s {uri} {args:?} failed: {text}\nKamailio logged:\n{}", self.log()),
        }
    }

    /// Stops it as an operator does and starts it again, with the same sockets. A killed one is started too.
    pub fn restart(&mut self) {
        if let Some(group) = self.group.take() {
            group.signal("CONT");
            group.signal_leader("TERM");
            group.wait(STOP_TIMEOUT);
        }
        self.run();
    }

    /// Kills all its processes at once (SIGKILL). The socket files stay, as after a crash.
    pub fn kill(&mut self) {
        self.group = None;
    }

    /// Suspends all its processes (SIGSTOP): connections are accepted by the kernel, and nothing answers.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Lets a suspended one go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// What it has logged so far, over all restarts.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// Sends it a few registrations, keepalives, answered calls over UDP and TCP, and calls that fail, and
    /// returns when all are done: see [`Traffic`] for what exactly.
    pub fn traffic(&self) {
        self.callee();
        sipp::some(self.address.ip, self.folder.path(), !self.defines.iter().any(|d| d == "WITHOUT_TCP"));
    }

    /// Sends it calls and registrations for as long as the returned value lives.
    pub fn background_traffic(&self) -> Traffic {
        self.callee();
        Traffic::mixed(self.address.ip, self.folder.path())
    }

    /// Sets up so many answered calls and holds them for as long as the returned value lives. Returns when
    /// all are up.
    pub fn calls(&self, count: u32) -> Traffic {
        self.callee();
        let before = self.dialogs();
        let traffic = Traffic::calls(self.address.ip, self.folder.path(), count);
        let deadline = Instant::now() + START_TIMEOUT;
        while self.dialogs() < before + count {
            assert!(
                Instant::now() < deadline,
                "{} of {count} calls are up: {}",
                self.dialogs() - before,
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
        traffic
    }

    /// Starts the callee, who answers calls and the dispatcher's pings. Traffic does it by itself.
    pub fn callee(&self) {
        self.callee.get_or_init(|| sipp::callee(self.address.ip, self.folder.path()));
    }

    fn dialogs(&self) -> u32 {
        let text = self.kamcmd(&["dlg.stats_active"]);
        let ongoing = text.lines().find_map(|line| line.trim().strip_prefix("ongoing: "));
        ongoing.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("calls need the module dialog: {text}"))
    }

    fn run(&mut self) {
        let (dir, ip) = (self.folder.path(), self.address.ip.to_string());
        let mut args = vec![dir.as_os_str(), OsStr::new(&ip)];
        for define in &self.defines {
            args.extend([OsStr::new("-A"), OsStr::new(define)]);
        }
        let config = dir.join("kamailio.cfg");
        let mut envs = vec![("KAMAILIO_CFG", config.as_os_str())];
        if let Some(list) = &self.list {
            envs.push(("DISPATCHER_LIST", list.as_os_str()));
        }
        let group = Group::spawn(&repository("demo/kamailio.sh"), args, &envs, &dir.join("log"));
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.is_ready() {
            assert!(group.is_running(), "Kamailio did not start. It logged:\n{}", self.log());
            assert!(Instant::now() < deadline, "Kamailio does not answer. It logged:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        self.group = Some(group);
    }

    /// It answers, and its first worker has done its start-up route.
    fn is_ready(&self) -> bool {
        let version = self.socket_path().exists().then(|| self.ask(&self.unix(), &["core.version"]));
        let answers = matches!(version, Some(Ok(version)) if version.starts_with("kamailio "));
        let statistics = !self.defines.iter().any(|define| define == "WITHOUT_STATISTICS");
        answers
            && (!statistics
                || matches!(self.ask(&self.unix(), &["stats.fetch", "balance"]), Ok(text) if !text.contains(": 0\n")))
    }

    fn ask(&self, uri: &str, args: &[&str]) -> Result<String, String> {
        // kamcmd has no timeout of its own, and a suspended Kamailio never answers.
        let mut command = Command::new(find("timeout"));
        command.args([OsString::from("10"), find("kamcmd").into(), "-s".into(), uri.into()]).args(args);
        let output = command.output().map_err(|e| format!("cannot run kamcmd: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() || text.starts_with("error: ") {
            return Ok(text);
        }
        Err(format!("{}, {text}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }

    fn signal(&self, name: &str) {
        let Some(group) = &self.group else { panic!("this Kamailio was killed and not restarted") };
        group.signal(name);
    }
}

/// The port of ctl over TCP and UDP in demo/kamailio.sh.
const CTL_PORT: u16 = 25_049;

/// It takes well below a second; this is for a machine that is busy with many tests.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Kamailio waits for its children before it goes; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
