//! What a scrape each second costs a busy Kamailio: `make kindness`. As many calls as a Kamailio can take, for some
//! seconds with the scrapes and for some without, in turns. ROUNDS is how many turns.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};
use testbed::Kamailio;

fn main() {
    let rounds: usize = env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(10);
    // Without what Kamailio does by itself.
    let kamailio = Kamailio::builder().without("ping").without("dmq").config("debug=0").start();
    kamailio.callee();
    let exporter = Exporter::start(&kamailio.unix());
    let _calls = Process(calls(&kamailio));
    thread::sleep(TURN);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who goes first changes, so that no trend of the machine's favours either.
        for scraped in [round % 2 == 0, round % 2 != 0] {
            let (before, start) = (transactions(&kamailio), Instant::now());
            while start.elapsed() < TURN {
                if scraped {
                    exporter.scrape();
                }
                thread::sleep(Duration::from_secs(1));
            }
            let rate = (transactions(&kamailio) - before) / start.elapsed().as_secs_f64();
            if scraped {
                with.push(rate)
            } else {
                without.push(rate)
            };
        }
    }
    println!("{rounds} turns of {TURN:?} each, SIP transactions a second, sorted:");
    for (what, rates) in [("without", &mut without), ("with a scrape each second", &mut with)] {
        rates.sort_by(f64::total_cmp);
        println!("  {what}: {}", rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(" "));
    }
    println!("with / without, of the medians: {:.3}", median(&with) / median(&without));
    assert!(median(&without) > 0.0, "there were no calls");
}

/// More calls than it can take.
fn calls(kamailio: &Kamailio) -> Child {
    let (ip, scenario) =
        (kamailio.ip().to_string(), format!("{}/../demo/call.xml", env!("CARGO_MANIFEST_DIR")));
    Command::new("sipp")
        .args(["-sf", &scenario, "-s", "answer", "-r", "1200", "-l", "20000", "-d", "0", "-nostdin"])
        .args(["-i", &ip, "-mi", &ip, "-ci", &ip, "-default_behaviors", "all,-abortunexp"])
        .arg(format!("{ip}:25060"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sipp is installed")
}

fn transactions(kamailio: &Kamailio) -> f64 {
    let text = kamailio.kamcmd(&["tm.stats"]);
    let total = text.lines().find_map(|line| line.trim().strip_prefix("total: ")?.parse().ok());
    total.unwrap_or_else(|| panic!("no total in {text}"))
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

struct Exporter {
    _process: Process,
    address: String,
}

impl Exporter {
    fn start(uri: &str) -> Self {
        let binary = env::var("EXPORTER").unwrap_or_else(|_| "target/release/kamailio_exporter".to_owned());
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let child = Command::new(&binary)
            .args(["-u", uri, "--web.listen-address", &address])
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {binary}: {error}"));
        let exporter = Self { _process: Process(child), address };
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(&exporter.address).is_err() {
            assert!(Instant::now() < end, "{binary} does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        exporter
    }

    fn scrape(&self) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("it answers");
        assert!(page.contains("\nkamailio_up 1\n"), "{page}");
    }
}

/// Killed on drop.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const TURN: Duration = Duration::from_secs(5);
