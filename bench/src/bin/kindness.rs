//! What a scrape each second costs a busy Kamailio: `make kindness`. As many calls as a Kamailio can take, for some
//! seconds with the scrapes and for some without, in turns. ROUNDS is how many turns.

use bench::process::Exporter;
use bench::{median, settings};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use testbed::Kamailio;

fn main() {
    let rounds = settings::number("ROUNDS").unwrap_or(10);
    // Without what Kamailio does by itself.
    let kamailio = Kamailio::builder().without("ping").without("dmq").config("debug=0").start();
    kamailio.callee();
    let exporter = Exporter::start_with(&settings::exporter(), &["-u", &kamailio.unix()]);
    let _calls = Process(calls(&kamailio));
    thread::sleep(TURN);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who goes first changes, so that no trend of the machine's favours either.
        for scraped in [round % 2 == 0, round % 2 != 0] {
            let (before, start) = (transactions(&kamailio), Instant::now());
            while start.elapsed() < TURN {
                if scraped {
                    let answer = exporter.get();
                    assert!(answer.contains("\nkamailio_up 1\n"), "{answer}");
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
    let medians = [&mut with, &mut without].map(|rates| median(rates));
    for (what, rates) in [("without", &without), ("with a scrape each second", &with)] {
        println!("  {what}: {}", rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(" "));
    }
    println!("with / without, of the medians: {:.3}", medians[0] / medians[1]);
    assert!(medians[1] > 0.0, "there were no calls");
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

/// Killed on drop.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const TURN: Duration = Duration::from_secs(5);
