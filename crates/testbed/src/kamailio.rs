use std::{
    ffi::{OsStr, OsString},
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::{Builder, Phones, Traffic, address::Address, folder::Folder, group::Group, program::find, sipp};

/// A running Kamailio with the project's demo configuration, killed and removed on drop.
#[derive(Debug)]
pub struct Kamailio {
    // Dropped in this order: first who sends, then Kamailio, then its folder and address.
    callee: OnceLock<Group>,
    group: Option<Group>,
    media_proxy: Option<Group>,
    launch: Launch,
    folder: Folder,
    address: Address,
}

/// How a Kamailio is started, and again after it has stopped.
#[derive(Debug)]
pub(crate) struct Launch {
    /// Takes the folder, the address and options of Kamailio.
    pub(crate) script: PathBuf,
    pub(crate) defines: Vec<String>,
    /// MiB of shared memory, if it is not the script's.
    pub(crate) memory: Option<String>,
    /// The dispatcher's list, if it is not the script's.
    pub(crate) list: Option<PathBuf>,
    /// Whether rtpengine is started too.
    pub(crate) media_proxy: bool,
}

impl Kamailio {
    /// Starts one with everything that the demo configuration has, and returns when it answers.
    #[must_use]
    pub fn start() -> Self {
        Builder::default().start()
    }

    /// Starts one with nearly every module of Debian's that has something to count, and an rtpengine.
    #[must_use]
    pub fn many_modules() -> Self {
        Self::builder().many_modules().start()
    }

    /// What shall be different from the demo configuration.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn launch(address: Address, folder: Folder, launch: Launch) -> Self {
        let media_proxy = launch.media_proxy.then(|| rtpengine(address.ip, folder.path()));
        let callee = OnceLock::new();
        let mut kamailio = Self { callee, group: None, media_proxy, launch, folder, address };
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

    /// All its processes, none if it was killed.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.group.as_ref().map(Group::processes).unwrap_or_default()
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
        self.stop();
        self.run();
    }

    /// Stops it and starts it again with another configuration.
    pub fn restart_with(&mut self, builder: Builder) {
        self.stop();
        self.launch = builder.prepare(&self.address, &self.folder);
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
        sipp::some(
            self.address.ip,
            self.folder.path(),
            !self.launch.defines.iter().any(|d| d == "WITHOUT_TCP"),
        );
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

    /// Sends it as many calls as it can take for as long as the returned value lives: so many are under way at a
    /// time, each is answered and ended at once, and the next one follows. It needs more
    /// [`memory`](Builder::memory), and the callee's port.
    pub fn load(&self, calls: u32) -> Traffic {
        assert!(self.callee.get().is_none(), "another callee has its port");
        Traffic::load(self.address.ip, self.folder.path(), calls)
    }

    /// Registers a phone each over TCP, TLS and websocket, of which only the one with many modules has all.
    pub fn phones(&self) -> Phones {
        Phones::register(self.address.ip, self.folder.path())
    }

    /// The page of metrics that module xhttp_prom serves, in the one with many modules.
    #[must_use]
    pub fn custom_metrics_url(&self) -> String {
        format!("http://{}:{HTTP_PORT}/metrics", self.address.ip)
    }

    /// The page of metrics of its rtpengine, in the one with many modules.
    #[must_use]
    pub fn rtpengine_metrics_url(&self) -> String {
        format!("http://{}:{RTPENGINE_HTTP_PORT}/metrics", self.address.ip)
    }

    /// Starts the callee, who answers calls and the dispatcher's pings. Traffic does it by itself.
    pub fn callee(&self) {
        self.callee.get_or_init(|| sipp::callee(self.address.ip, self.folder.path()));
    }

    /// Stops the callee, so that calls and pings are not answered until [`callee`](Self::callee) starts it again.
    pub fn stop_callee(&mut self) {
        self.callee.take();
    }

    /// Stops rtpengine. Kamailio notices when it next uses or pings it.
    pub fn stop_media_proxy(&mut self) {
        self.media_proxy = None;
    }

    /// Starts rtpengine again.
    pub fn start_media_proxy(&mut self) {
        self.media_proxy = Some(rtpengine(self.address.ip, self.folder.path()));
    }

    fn dialogs(&self) -> u32 {
        let text = self.kamcmd(&["dlg.stats_active"]);
        let ongoing = text.lines().find_map(|line| line.trim().strip_prefix("ongoing: "));
        ongoing.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("calls need the module dialog: {text}"))
    }

    fn stop(&mut self) {
        if let Some(group) = self.group.take() {
            group.signal("CONT");
            group.signal_leader("TERM");
            group.wait(STOP_TIMEOUT);
        }
    }

    /// With some ninety modules, Kamailio 5.6 crashes now and then while its processes start, on a busy machine more often:
    /// that says nothing about what is tested, and is told.
    fn run(&mut self) {
        for _ in 1..STARTS {
            if self.try_run() {
                return;
            }
            assert!(self.log().contains(CRASHED), "Kamailio did not start. It logged:\n{}", self.log());
            eprintln!("Kamailio crashed while it started, and is started again. It logged:\n{}", self.log());
            fs::remove_file(self.folder.path().join("log")).unwrap_or_else(|e| panic!("its log: {e}"));
        }
        assert!(self.try_run(), "Kamailio did not start. It logged:\n{}", self.log());
    }

    /// Whether it did, and not ended.
    fn try_run(&mut self) -> bool {
        let (dir, ip) = (self.folder.path(), self.address.ip.to_string());
        let mut args = vec![dir.as_os_str(), OsStr::new(&ip)];
        for define in &self.launch.defines {
            args.extend([OsStr::new("-A"), OsStr::new(define)]);
        }
        if let Some(memory) = &self.launch.memory {
            args.extend([OsStr::new("-m"), OsStr::new(memory)]);
        }
        let config = dir.join("kamailio.cfg");
        let mut envs = vec![("KAMAILIO_CFG", config.as_os_str())];
        if let Some(list) = &self.launch.list {
            envs.push(("DISPATCHER_LIST", list.as_os_str()));
        }
        let group = Group::spawn(&self.launch.script, args, &envs, &dir.join("log"));
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.is_ready() {
            if !group.is_running() {
                return false;
            }
            assert!(Instant::now() < deadline, "Kamailio does not answer. It logged:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        self.group = Some(group);
        true
    }

    /// It answers, its first worker has done its start-up route, and it knows its media proxies.
    fn is_ready(&self) -> bool {
        let says = |args: &[&str], test: fn(&str) -> bool| {
            self.ask(&self.unix(), args).is_ok_and(|text| test(&text))
        };
        let statistics = !self.launch.defines.iter().any(|define| define == "WITHOUT_STATISTICS");
        self.socket_path().exists()
            && says(&["core.version"], |text| text.starts_with("kamailio "))
            && (!statistics || says(&["stats.fetch", "balance"], |text| !text.contains(": 0\n")))
            && (!self.launch.media_proxy
                || says(&["rtpengine.show", "all"], |text| !text.starts_with("error: ")))
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

/// Debian's rtpengine without its kernel module, which answers when this returns.
fn rtpengine(ip: Ipv4Addr, dir: &Path) -> Group {
    let args = [
        "--config-file=none".to_owned(),
        "--foreground".to_owned(),
        "--log-stderr".to_owned(),
        "--table=-1".to_owned(),
        "--num-threads=1".to_owned(),
        format!("--interface={ip}"),
        format!("--listen-ng={ip}:{RTPENGINE_PORT}"),
        format!("--listen-http={ip}:{RTPENGINE_HTTP_PORT}"),
        "--port-min=26000".to_owned(),
        "--port-max=26100".to_owned(),
    ];
    let log = dir.join("rtpengine-log");
    let group = Group::spawn(&find("rtpengine"), args.iter().map(OsStr::new), &[], &log);
    let deadline = Instant::now() + START_TIMEOUT;
    while TcpStream::connect((ip, RTPENGINE_HTTP_PORT)).is_err() {
        let said = || fs::read_to_string(&log).unwrap_or_default();
        assert!(group.is_running(), "rtpengine did not start. It logged:\n{}", said());
        assert!(Instant::now() < deadline, "rtpengine does not answer. It logged:\n{}", said());
        thread::sleep(Duration::from_millis(20));
    }
    group
}

/// The port of ctl over TCP and UDP in demo/kamailio.sh.
const CTL_PORT: u16 = 25_049;

/// The ports of demo/many-modules.sh.
const HTTP_PORT: u16 = 25_062;
const RTPENGINE_PORT: u16 = 25_022;
const RTPENGINE_HTTP_PORT: u16 = 25_023;

/// It takes well below a second; this is for a machine that is busy with many tests.
/// How often one that crashes is started.
const STARTS: usize = 3;
/// What its main process logs of another one, before it ends.
const CRASHED: &str = "exited by a signal 11";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Kamailio waits for its children before it goes; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
