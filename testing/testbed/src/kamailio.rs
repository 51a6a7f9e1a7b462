//! Starts a Kamailio, with its callee and its rtpengine.

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

use crate::{
    Builder, Phones, Traffic, address::Address, directory::Directory, group::Group, paths::find, sipp,
};

/// A running Kamailio with the project's demo configuration, killed and removed on drop.
#[derive(Debug)]
pub struct Kamailio {
    // Dropped in this order: the callee, Kamailio, rtpengine, the directory, the address.
    callee: OnceLock<Group>,
    group: Option<Group>,
    media_proxy: Option<Group>,
    launch: Launch,
    directory: Directory,
    address: Address,
}

/// The settings with which a Kamailio is started, and started again after it has stopped.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The script, whose arguments are the directory, the address and options of Kamailio.
    pub(crate) script: PathBuf,
    /// The kamcmd of the same Kamailio.
    pub(crate) kamcmd: PathBuf,
    /// Environment variables that select the Kamailio that the script starts.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
    pub(crate) defines: Vec<String>,
    /// Shared memory in MiB; `None` is the default of the script.
    pub(crate) memory: Option<String>,
    /// The dispatcher's list; `None` is the default of the script.
    pub(crate) list: Option<PathBuf>,
    /// Whether to start rtpengine too.
    pub(crate) media_proxy: bool,
}

impl Kamailio {
    /// Starts a Kamailio with the demo configuration, and returns when it is ready.
    #[must_use]
    pub fn start() -> Self {
        Builder::default().start()
    }

    /// Starts a Kamailio with nearly every module of Debian's packages that has metrics, and an rtpengine.
    #[must_use]
    pub fn many_modules() -> Self {
        Self::builder().many_modules().start()
    }

    /// Returns a builder that changes parts of the demo configuration.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn launch(address: Address, directory: Directory, launch: Launch) -> Self {
        let media_proxy = launch.media_proxy.then(|| rtpengine(address.ip, directory.path()));
        let callee = OnceLock::new();
        let mut kamailio = Self { callee, group: None, media_proxy, launch, directory, address };
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
        format!("unixd:{}", self.directory.path().join("ctld").display())
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

    /// JSON-RPC over HTTP. Needs [`many_modules`](Self::many_modules).
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://{}:{HTTP_PORT}/RPC", self.address.ip)
    }

    /// JSON-RPC over HTTP with TLS, with the certificate in [`certificate`](Self::certificate). Needs an
    /// `event_route[xhttp:request]`, as [`many_modules`](Self::many_modules) has.
    #[must_use]
    pub fn https(&self) -> String {
        format!("https://{}:{TLS_PORT}/RPC", self.address.ip)
    }

    /// The path of Kamailio's certificate for TLS, which is signed by itself, and valid for its address.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    /// JSON-RPC in datagrams. Needs [`many_modules`](Self::many_modules).
    #[must_use]
    pub fn jsonrpc_unix(&self) -> String {
        format!("jsonrpc+unix:{}", self.directory.path().join("rpc.sock").display())
    }

    /// JSON-RPC over UDP. Needs module jsonrpcs with `dgram_socket` set to `JSONRPC_UDP`.
    #[must_use]
    pub fn jsonrpc_udp(&self) -> String {
        format!("jsonrpc+udp:{}:{JSONRPC_PORT}", self.address.ip)
    }

    /// JSON-RPC over TCP. Needs [`many_modules`](Self::many_modules), and Kamailio 6.0.
    #[must_use]
    pub fn jsonrpc_tcp(&self) -> String {
        format!("jsonrpc+tcp:{}:{JSONRPC_PORT}", self.address.ip)
    }

    /// The path of the unix stream socket.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.directory.path().join("ctl")
    }

    /// The loopback address of this Kamailio. SIP is on port 25060.
    #[must_use]
    pub fn ip(&self) -> Ipv4Addr {
        self.address.ip
    }

    /// The process group of all processes; `None` if Kamailio was killed.
    #[must_use]
    pub fn process_group(&self) -> Option<u32> {
        self.group.as_ref().map(Group::id)
    }

    /// All processes; none if Kamailio was killed.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.group.as_ref().map(Group::processes).unwrap_or_default()
    }

    /// Returns the output of this version's own kamcmd for a method and its arguments, over the unix stream socket. A fault
    /// is printed as "error: 500 - …".
    #[must_use]
    pub fn kamcmd(&self, args: &[&str]) -> String {
        self.kamcmd_over(&self.unix(), args)
    }

    /// Like [`kamcmd`](Self::kamcmd), over another socket.
    #[must_use]
    pub fn kamcmd_over(&self, uri: &str, args: &[&str]) -> String {
        match self.ask(uri, args) {
            Ok(text) => text,
            Err(text) => panic!("kamcmd -s {uri} {args:?} failed: {text}\nKamailio logged:\n{}", self.log()),
        }
    }

    /// Stops Kamailio as an operator does, unless it was killed, and starts it again with the same sockets.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// Stops Kamailio, and starts it again with another configuration.
    pub fn restart_with(&mut self, builder: Builder) {
        self.stop();
        self.launch = builder.prepare(&self.address, &self.directory);
        self.run();
    }

    /// Kills all processes at once (SIGKILL). The socket files remain, as after a crash.
    pub fn kill(&mut self) {
        self.group = None;
    }

    /// Suspends all processes (SIGSTOP): the kernel accepts connections, and Kamailio does not respond.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Resumes a suspended Kamailio.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Returns the log so far, including that before restarts.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.directory.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// Sends registrations, keepalives, answered calls over UDP and TCP, and failing calls, and returns when all have ended.
    /// [`Traffic`] has the numbers.
    pub fn traffic(&self) {
        self.callee();
        sipp::run_scenarios(
            self.address.ip,
            self.directory.path(),
            !self.launch.defines.iter().any(|d| d == "WITHOUT_TCP"),
        );
    }

    /// Sends calls and registrations until the returned value is dropped.
    pub fn background_traffic(&self) -> Traffic {
        self.callee();
        Traffic::mixed(self.address.ip, self.directory.path())
    }

    /// Sets up `count` answered calls, and keeps them until the returned value is dropped. Returns when all calls are set up.
    pub fn calls(&self, count: u32) -> Traffic {
        self.callee();
        let before = self.dialogs();
        let traffic = Traffic::calls(self.address.ip, self.directory.path(), count);
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

    /// Sends as many calls as Kamailio can handle until the returned value is dropped. `calls` are in progress at a time;
    /// each is answered and ended immediately. Needs more [`memory`](Builder::memory), and the callee's port.
    pub fn load(&self, calls: u32) -> Traffic {
        assert!(self.callee.get().is_none(), "another callee has its port");
        Traffic::load(self.address.ip, self.directory.path(), calls)
    }

    /// Registers one phone each over TCP, TLS and websocket. Needs [`many_modules`](Self::many_modules).
    pub fn phones(&self) -> Phones {
        Phones::register(self.address.ip, self.directory.path())
    }

    /// The metrics of module xhttp_prom. Needs [`many_modules`](Self::many_modules).
    #[must_use]
    pub fn custom_metrics_url(&self) -> String {
        format!("http://{}:{HTTP_PORT}/metrics", self.address.ip)
    }

    /// The metrics of rtpengine. Needs [`many_modules`](Self::many_modules).
    #[must_use]
    pub fn rtpengine_metrics_url(&self) -> String {
        format!("http://{}:{RTPENGINE_HTTP_PORT}/metrics", self.address.ip)
    }

    /// Starts the callee, which answers calls and the dispatcher's pings. Traffic starts the callee itself.
    pub fn callee(&self) {
        self.callee.get_or_init(|| sipp::callee(self.address.ip, self.directory.path()));
    }

    /// Stops the callee, so that calls and pings are not answered until [`callee`](Self::callee) starts it again.
    pub fn stop_callee(&mut self) {
        self.callee.take();
    }

    /// Stops rtpengine. Kamailio notices at its next request or ping to rtpengine.
    pub fn stop_media_proxy(&mut self) {
        self.media_proxy = None;
    }

    /// Starts rtpengine again.
    pub fn start_media_proxy(&mut self) {
        self.media_proxy = Some(rtpengine(self.address.ip, self.directory.path()));
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

    /// Starts Kamailio. With some ninety modules, Kamailio 5.6 sometimes crashes during the start, more often on a busy
    /// machine; then it is started again, because the crash has nothing to do with the test.
    fn run(&mut self) {
        for _ in 1..STARTS {
            if self.try_run() {
                return;
            }
            assert!(self.log().contains(CRASHED), "Kamailio did not start. It logged:\n{}", self.log());
            eprintln!("Kamailio crashed while it started, and is started again. It logged:\n{}", self.log());
            fs::remove_file(self.directory.path().join("log")).unwrap_or_else(|e| panic!("its log: {e}"));
        }
        assert!(self.try_run(), "Kamailio did not start. It logged:\n{}", self.log());
    }

    /// Starts Kamailio once. Returns whether it is ready; `false` if it ended.
    fn try_run(&mut self) -> bool {
        let (dir, ip) = (self.directory.path(), self.address.ip.to_string());
        let mut args = vec![dir.as_os_str(), OsStr::new(&ip)];
        for define in &self.launch.defines {
            args.extend([OsStr::new("-A"), OsStr::new(define)]);
        }
        if let Some(memory) = &self.launch.memory {
            args.extend([OsStr::new("-m"), OsStr::new(memory)]);
        }
        let config = dir.join("kamailio.cfg");
        let mut envs = vec![("KAMAILIO_CFG", config.as_os_str())];
        envs.extend(self.launch.environment.iter().map(|(name, value)| (*name, value.as_os_str())));
        if let Some(list) = &self.launch.list {
            envs.push(("DISPATCHER_LIST", list.as_os_str()));
        }
        let group = Group::spawn(&self.launch.script, args, &envs, &dir.join("log"));
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.is_ready() {
            if !group.is_running() {
                return false;
            }
            assert!(Instant::now() < deadline, "Kamailio does not respond. It logged:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        self.group = Some(group);
        true
    }

    /// Returns whether Kamailio responds, all its processes run, its first worker has executed its start-up route, and its
    /// media proxies are known.
    fn is_ready(&self) -> bool {
        let prints = |args: &[&str], test: fn(&str) -> bool| {
            self.ask(&self.unix(), args).is_ok_and(|text| test(&text))
        };
        let has = |part: &str| !self.launch.defines.contains(&format!("WITHOUT_{part}"));
        self.socket_path().exists()
            && prints(&["core.version"], |text| text.starts_with("kamailio "))
            // Module ctl responds before the last processes are started. The main process of TCP is the last of all
            // (`main.c`, `main_loop`).
            && (!has("TCP") || prints(&["core.psx"], |text| text.contains("DSC: tcp main process")))
            && (!has("STATISTICS") || prints(&["stats.fetch", "balance"], |text| !text.contains(": 0\n")))
            && (!self.launch.media_proxy
                || prints(&["rtpengine.show", "all"], |text| !text.starts_with("error: ")))
    }

    fn ask(&self, uri: &str, args: &[&str]) -> Result<String, String> {
        // kamcmd has no timeout, and a suspended Kamailio never responds.
        let mut command = Command::new(find("timeout"));
        command
            .args([OsString::from("10"), self.launch.kamcmd.clone().into(), "-s".into(), uri.into()])
            .args(args);
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

/// Starts rtpengine without its kernel module, and returns when it is ready.
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
        assert!(Instant::now() < deadline, "rtpengine does not respond. It logged:\n{}", said());
        thread::sleep(Duration::from_millis(20));
    }
    group
}

/// The ports of demo/kamailio.sh, the first for ctl over TCP and UDP.
const CTL_PORT: u16 = 25_049;
const TLS_PORT: u16 = 25_061;
/// The port of JSON-RPC: UDP in demo/kamailio.sh, TCP in demo/many-modules.sh.
const JSONRPC_PORT: u16 = 25_063;

/// The other ports of demo/many-modules.sh.
const HTTP_PORT: u16 = 25_062;
const RTPENGINE_PORT: u16 = 25_022;
const RTPENGINE_HTTP_PORT: u16 = 25_023;

/// Maximum number of starts of a Kamailio that crashes.
const STARTS: usize = 3;
/// Logged by the main process when another process has crashed.
const CRASHED: &str = "exited by a signal 11";
/// A start takes less than a second, and longer on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Kamailio waits for its children before it exits. After this time it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
