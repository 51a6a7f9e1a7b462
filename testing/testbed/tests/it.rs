//! Tests of the testbed itself.

use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    process::{self, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use testbed::{Kamailio, Prometheus, Release, Service, openmetrics_strict_parse, promtool_check_metrics};

#[test]
fn kamcmd_works_over_each_transport() {
    let kamailio = Kamailio::start();
    for uri in [kamailio.unix(), kamailio.unixd(), kamailio.tcp(), kamailio.udp()] {
        assert!(kamailio.kamcmd_over(&uri, &["core.version"]).starts_with("kamailio "), "{uri}");
    }
    assert!(kamailio.kamcmd(&["no.such.method"]).starts_with("error: 500 - "));
}

#[test]
fn each_release_has_its_own_kamailio_and_kamcmd() {
    let versions = ["kamailio 5.4.", "kamailio 5.6.", "kamailio 6.0.", "kamailio 6.1."];
    for (release, version) in Release::ALL.into_iter().zip(versions) {
        if release.is_available() {
            let kamailio = Kamailio::builder().release(release).start();
            let found = kamailio.kamcmd(&["core.version"]);
            assert!(found.starts_with(version), "{release:?}: {found}");
        }
    }
}

#[test]
fn the_demo_has_what_the_collectors_need() {
    let kamailio = Kamailio::start();
    let methods = kamailio.kamcmd(&["system.listMethods"]);
    for method in [
        "tm.stats",
        "sl.stats",
        "core.shmmem",
        "core.uptime",
        "core.tcp_info",
        "dispatcher.list",
        "tls.info",
        "dlg.stats_active",
        "dmq.list_nodes",
        "stats.fetch",
        "htable.stats",
    ] {
        assert!(methods.lines().any(|line| line == method), "{method} is missing");
    }
    let list = kamailio.kamcmd(&["dispatcher.list"]);
    for set in ["ID: 0", "ID: 1", "ID: 2", "ID: 7"] {
        assert!(list.contains(set), "{set} is missing in {list}");
    }
    // -5, as Kamailio prints it.
    assert_eq!(
        number(&kamailio.kamcmd(&["stats.fetch", "script:"]), "script.balance"),
        18_446_744_073_709_551_611
    );
}

#[test]
fn many_modules_have_metrics() {
    let kamailio = Kamailio::many_modules();
    let _phones = kamailio.phones();
    kamailio.traffic();
    let methods = kamailio.kamcmd(&["system.listMethods"]);
    assert!(methods.lines().count() > 300, "{methods}");
    let statistics = kamailio.kamcmd(&["stats.fetch", "usrloc:", "websocket:", "large:"]);
    // Five phones of sipp, three of Phones, and Kamailio's registration with itself.
    assert!(number(&statistics, "usrloc.location_users") >= 8, "{statistics}");
    assert_eq!(number(&statistics, "websocket.ws_sip_current_connections"), 1, "{statistics}");
    assert_eq!(number(&statistics, "large.over_u32"), 6_442_450_941);
    assert_eq!(number(&kamailio.kamcmd(&["tls.info"]), "opened_connections"), 1);
    let proxies = kamailio.kamcmd(&["rtpengine.show", "all"]);
    assert_eq!(
        (proxies.matches("disabled: 0").count(), proxies.matches("disabled: 1").count()),
        (1, 1),
        "{proxies}"
    );
    for (url, text) in [
        (kamailio.custom_metrics_url(), "kamailio_cnt_first "),
        (kamailio.rtpengine_metrics_url(), "rtpengine_sessions{"),
    ] {
        let (server, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\nHost: {server}\r\n\r\n").unwrap();
        let mut page = String::new();
        while !page.contains(text) {
            let mut bytes = [0; 4_096];
            let n = stream.read(&mut bytes).unwrap_or_else(|e| panic!("{url}: {e} after {page}"));
            assert!(n > 0, "no {text:?} on {url}: {page}");
            page.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    }
}

#[test]
fn traffic_increments_the_counters() {
    let kamailio = Kamailio::start();
    let before = kamailio.kamcmd(&["tm.stats"]);
    kamailio.traffic();
    let after = kamailio.kamcmd(&["tm.stats"]);
    // An answered call has two transactions.
    assert!(number(&after, "2xx") >= number(&before, "2xx") + 14, "{before}{after}");
    // 486 (2) and 408 (1) have a transaction each, and unanswered pings add to them.
    assert!(number(&after, "4xx") >= number(&before, "4xx") + 3, "{before}{after}");
    assert_eq!(number(&kamailio.kamcmd(&["sl.stats"]), "404"), 2);
    let script = kamailio.kamcmd(&["stats.fetch", "script:", "demo:"]);
    assert_eq!(number(&script, "script.calls"), 12, "{script}");
    assert_eq!(number(&script, "script.calls_in_progress"), 0, "{script}");
    assert_eq!(number(&script, "demo.registrations"), 5, "{script}");
    assert_eq!(number(&script, "demo.keepalives"), 3, "{script}");
}

#[test]
fn calls_are_kept_until_dropped() {
    let kamailio = Kamailio::start();
    let calls = kamailio.calls(7);
    assert_eq!(number(&kamailio.kamcmd(&["dlg.stats_active"]), "ongoing"), 7);
    assert_eq!(kamailio.kamcmd(&["dlg.profile_get_size", "calls"]).trim(), "7");
    drop(calls);
}

#[test]
fn background_traffic_continues_until_dropped() {
    let kamailio = Kamailio::start();
    let _traffic = kamailio.background_traffic();
    let count = || number(&kamailio.kamcmd(&["tm.stats"]), "total");
    let mut last = count();
    for _ in 0..3 {
        let deadline = Instant::now() + Duration::from_secs(10);
        while count() <= last {
            assert!(Instant::now() < deadline, "no new transaction in 10 s");
            thread::sleep(Duration::from_millis(50));
        }
        last = count();
    }
}

#[test]
fn restart_and_kill_keep_the_sockets() {
    let mut kamailio = Kamailio::start();
    kamailio.traffic();
    let uris = [kamailio.unix(), kamailio.unixd(), kamailio.tcp(), kamailio.udp()];

    kamailio.restart();
    assert_eq!(number(&kamailio.kamcmd(&["stats.fetch", "script:"]), "script.calls"), 0);

    let group = kamailio.process_group().unwrap();
    kamailio.kill();
    assert_eq!(processes(group), 0);
    assert!(UnixStream::connect(kamailio.socket_path()).is_err());

    kamailio.restart();
    for uri in &uris {
        assert!(kamailio.kamcmd_over(uri, &["core.version"]).starts_with("kamailio "), "{uri}");
    }
}

#[test]
fn a_suspended_kamailio_accepts_connections_and_does_not_respond() {
    let kamailio = Kamailio::start();
    kamailio.suspend();
    let mut stream = UnixStream::connect(kamailio.socket_path()).unwrap();
    // core.uptime, cookie 1.
    stream.write_all(b"\xa1\x03\x0e\x01\x91\x0ccore.uptime\0").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(stream.read(&mut [0]).is_err());
    kamailio.resume();
    assert!(kamailio.kamcmd(&["core.uptime"]).contains("uptime: "));
}

#[test]
fn the_builder_adds_and_removes_parts() {
    let kamailio = Kamailio::builder()
        .without("dispatcher")
        .without("dialog")
        .without("tcp")
        .module("pike")
        .config("modparam(\"pike\", \"sampling_time_unit\", 10)\nchildren=1")
        .start();
    let methods = kamailio.kamcmd(&["system.listMethods"]);
    for (method, there) in [("dispatcher.list", false), ("dlg.stats_active", false), ("pike.list", true)] {
        assert_eq!(methods.lines().any(|line| line == method), there, "{method}");
    }
    assert!(kamailio.kamcmd(&["core.tcp_info"]).starts_with("error: 500 - "));
    assert!(kamailio.kamcmd_over(&kamailio.tcp(), &["core.version"]).starts_with("kamailio "));
    kamailio.traffic();
}

#[test]
fn each_optional_part_can_be_left_out() {
    for part in ["tcp", "statistics", "usrloc", "dialog", "dispatcher", "htable", "dmq", "ping"] {
        let kamailio = Kamailio::builder().without(part).start();
        assert!(kamailio.kamcmd(&["core.version"]).starts_with("kamailio "), "without {part}");
    }
}

#[test]
fn the_number_of_destinations_can_be_chosen() {
    let kamailio = Kamailio::builder().destinations(1_024).start();
    assert_eq!(kamailio.kamcmd(&["dispatcher.list"]).matches("URI: ").count(), 1_024);
    let kamailio = Kamailio::builder().destinations(1_025).start();
    assert!(kamailio.kamcmd(&["dispatcher.list"]).starts_with("error: 500 - "));
    let kamailio = Kamailio::builder().destinations(0).start();
    assert!(kamailio.kamcmd(&["dispatcher.list"]).starts_with("error: 500 - No Destination Sets"));
}

#[test]
fn drop_removes_processes_and_files() {
    let kamailio = Kamailio::start();
    kamailio.callee();
    let group = kamailio.process_group().unwrap();
    let dir = kamailio.socket_path().parent().unwrap().to_owned();
    let name = dir.display().to_string();
    assert!(processes(group) > 5);
    assert!(mentions(&name) > 5);
    drop(kamailio);
    assert_eq!(processes(group), 0);
    assert_eq!(mentions(&name), 0);
    assert!(!dir.exists());
}

/// Runs this program as a second process, which prints its directory and waits to be killed.
#[test]
fn killing_a_test_removes_processes_and_files() {
    const CHILD: &str = "TESTBED_CHILD";
    if env::var_os(CHILD).is_some() {
        let kamailio = Kamailio::start();
        kamailio.callee();
        println!("\ndirectory {}", kamailio.socket_path().parent().unwrap().display());
        thread::sleep(Duration::from_secs(60));
        panic!("this process was not killed");
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "killing_a_test_removes_processes_and_files", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut stdout = child.stdout.take().unwrap();
    let dir = loop {
        let mut bytes = [0; 1_024];
        let n = stdout.read(&mut bytes).unwrap();
        assert!(n > 0, "the child ended: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        if let Some((dir, _)) = text.split_once("directory ").and_then(|(_, rest)| rest.split_once('\n')) {
            break dir.to_owned();
        }
    };
    assert!(mentions(&dir) > 5);
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while mentions(&dir) > 0 || fs::exists(&dir).unwrap() {
        assert!(Instant::now() < deadline, "{} processes are left in {dir}", mentions(&dir));
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn prometheus_scrapes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(
                b"HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n# TYPE a gauge\na{b=\"c\"} 42\n",
            );
        }
    });
    let prometheus = Prometheus::start(&[&target], Duration::from_secs(1));
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let result = prometheus.query("a{b=\"c\", job=\"testbed\"}");
        if result[0]["value"][1] == "42" {
            break;
        }
        assert!(Instant::now() < deadline, "{result}\n{}", prometheus.log());
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(prometheus.get("/api/v1/targets")["activeTargets"][0]["lastError"], "");
}

#[test]
fn a_load_keeps_a_number_of_calls_in_progress() {
    let kamailio = Kamailio::builder().without("ping").memory(256).start();
    let traffic = kamailio.load(5);
    assert_eq!(traffic.processes().len(), 2);
    let deadline = Instant::now() + Duration::from_secs(30);
    while number(&kamailio.kamcmd(&["tm.stats"]), "2xx") < 1_000 {
        assert!(Instant::now() < deadline, "{}", kamailio.log());
        thread::sleep(Duration::from_millis(20));
    }
    assert!(number(&kamailio.kamcmd(&["dlg.stats_active"]), "all") <= 5);
    assert_eq!(number(&kamailio.kamcmd(&["core.shmmem"]), "total"), 256 << 20);
    let processes = kamailio.kamcmd(&["core.psx"]);
    assert_eq!(kamailio.processes().len(), processes.matches("PID: ").count(), "{processes}");
}

#[test]
fn the_pushgateway_exposes_what_is_pushed() {
    let gateway = Service::pushgateway();
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.write_all(b"PUT /metrics/job/j HTTP/1.0\r\nContent-Length: 4\r\n\r\na 1\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}\n{}", gateway.log());
    assert!(gateway.exposition().contains("\na{instance=\"\",job=\"j\"} 1\n"), "{}", gateway.exposition());
}

#[test]
fn the_node_exporter_reads_textfiles() {
    let directory = tempfile::tempdir().unwrap();
    // node_exporter may run as another user.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(directory.path().join("a.prom"), "a 1\n").unwrap();
    let node = Service::node_exporter(directory.path());
    let (page, log) = (node.exposition(), node.log());
    assert!(page.contains("\na 1\n") && page.contains("\nnode_textfile_scrape_error 0\n"), "{page}\n{log}");
}

#[test]
fn promtool_reports_findings() {
    assert_eq!(promtool_check_metrics("# HELP a_bytes A.\n# TYPE a_bytes gauge\na_bytes 1\n"), [""; 0]);
    let findings = promtool_check_metrics("# HELP a A.\n# TYPE a counter\na 1\n");
    assert_eq!(findings, ["a counter metrics should have \"_total\" suffix"]);
    assert!(!promtool_check_metrics("a{b=} 1\n").is_empty());
}

#[test]
fn the_openmetrics_parser_is_strict() {
    assert_eq!(openmetrics_strict_parse("# TYPE a counter\na_total 1\n# EOF\n"), Ok(1));
    assert!(openmetrics_strict_parse("# TYPE a counter\na_total 1\n").unwrap_err().contains("EOF"));
    assert!(openmetrics_strict_parse("# TYPE a counter\na 1\n# EOF\n").is_err());
}

/// Returns the number after "name: " in the output of kamcmd.
fn number(text: &str, name: &str) -> u64 {
    let mut values =
        text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
    values.next().unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Returns the processes of a group that are alive.
fn processes(group: u32) -> usize {
    let stats = proc_files("stat");
    let fields = stats.iter().filter_map(|(_, stat)| stat.rsplit_once(") ")).map(|(_, rest)| rest.split(' '));
    fields.filter(|f| f.clone().nth(2) == Some(&group.to_string()) && f.clone().next() != Some("Z")).count()
}

/// Returns the processes, except this one, with a text in their command line.
fn mentions(text: &str) -> usize {
    let own = process::id().to_string();
    proc_files("cmdline").iter().filter(|(pid, line)| *pid != own && line.contains(text)).count()
}

/// Returns the id of each process, and the content of a file in its directory in /proc.
fn proc_files(name: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let files = entries.filter_map(|entry| {
        let content = fs::read(entry.path().join(name)).ok()?;
        Some((entry.file_name().into_string().ok()?, String::from_utf8_lossy(&content).into_owned()))
    });
    files.collect()
}
