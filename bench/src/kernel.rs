//! Reads the kernel's values of 64 processes, as each scrape of a Kamailio on the same machine does.

use kamailio_exporter::internals::{Listed, ListedProcess, Observer};
use prometheus_exposition::Samples;
use std::process::{Child, Command};
use std::time::Instant;

/// Prints the median duration of a scrape's reading, and the first one, which opens the files.
pub(crate) fn measure() {
    let workers = Workers::start();
    let main = std::process::id();
    let pids = [main].into_iter().chain(workers.0.iter().map(Child::id));
    let processes = pids.map(|pid| ListedProcess { pid, kind: "udp receiver".to_owned() }).collect();
    let listed = Listed { peer: Some(main), processes, ..Listed::default() };
    let mut observer = Observer::default();
    let mut read = || {
        let mut samples = Samples::new(usize::MAX);
        let start = Instant::now();
        observer.processes(&listed, &mut samples).expect("the processes are children of this one");
        start.elapsed().as_secs_f64() * 1e6
    };
    let first = read();
    let mut times: Vec<_> = (0..ROUNDS).map(|_| read()).collect();
    // On a busy machine, other programs distort the median, but not the best time.
    let (median, best) = (bench::median(&mut times), times[0]);
    println!(
        "kernel's values of {PROCESSES} processes: first {first:.0} us, best {best:.0} us, median {median:.0} us a scrape{:>11}",
        "<= 150 us"
    );
}

struct Workers(Vec<Child>);

impl Workers {
    fn start() -> Self {
        let start = |_| Command::new("sleep").arg("600").spawn().expect("sleep is there");
        Self((1..PROCESSES).map(start).collect())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// With this process, which stands for the main process.
const PROCESSES: usize = 64;
const ROUNDS: usize = 2000;
