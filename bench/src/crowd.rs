//! Compares fifty concurrent requests with single requests.
//!
//! One thread sends all requests and then reads all responses, so that the scheduling of clients is not measured. The time
//! of a request includes reading the responses before it.
//!
//! Sending fifty requests takes longer than a run of RPCs, and requests after the end of a run need another one. So the
//! number of runs is also counted with all requests sent while the exporter is stopped.

use bench::http::Http;
use bench::percentile;
use bench::process::{Exporter, writes};
use std::time::Instant;

/// The clients of an exporter, and their results, one for each round.
pub(crate) struct Crowd<'a> {
    exporter: &'a Exporter,
    ctl: u32,
    clients: Vec<Http>,
    /// The p99 of single requests, in seconds.
    pub(crate) alone: Vec<f64>,
    /// The p99 of concurrent requests, in seconds.
    pub(crate) at_once: Vec<f64>,
    /// Mean number of runs of RPCs, by the writes of ctl.
    pub(crate) runs: Vec<f64>,
    /// Number of runs with all requests sent before the exporter continues.
    pub(crate) runs_together: Vec<f64>,
}

impl<'a> Crowd<'a> {
    /// Creates the clients of an exporter, whose Kamailio has this ctl process.
    pub(crate) fn new(exporter: &'a Exporter, ctl: u32) -> Self {
        let connect = |_| Http::connect(&exporter.address, "").expect("it listens");
        Self {
            exporter,
            ctl,
            clients: (0..CLIENTS).map(connect).collect(),
            alone: Vec::new(),
            at_once: Vec::new(),
            runs: Vec::new(),
            runs_together: Vec::new(),
        }
    }

    /// Makes single requests, concurrent requests, and one batch for a stopped exporter.
    pub(crate) fn round(&mut self) {
        let before = writes(self.ctl);
        self.alone.push(p99(&mut self.clients[..1], ALONE));
        let replies = (writes(self.ctl) - before) / ALONE as f64;
        let before = writes(self.ctl);
        self.at_once.push(p99(&mut self.clients, AT_ONCE));
        self.runs.push((writes(self.ctl) - before) / AT_ONCE as f64 / replies);
        let before = writes(self.ctl);
        self.exporter.signal("STOP");
        self.clients.iter_mut().for_each(|client| client.send("/metrics"));
        self.exporter.signal("CONT");
        for client in &mut self.clients {
            client.receive();
        }
        self.runs_together.push((writes(self.ctl) - before) / replies);
    }
}

fn p99(clients: &mut [Http], times: usize) -> f64 {
    let mut seconds: Vec<_> = (0..times).flat_map(|_| ask(clients)).collect();
    percentile(&mut seconds, 99)
}

/// Makes one request with each client. Returns the durations.
fn ask(clients: &mut [Http]) -> Vec<f64> {
    let sent: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            let now = Instant::now();
            client.send("/metrics");
            now
        })
        .collect();
    let answered = clients.iter_mut().zip(sent).map(|(client, sent)| {
        client.receive();
        sent.elapsed().as_secs_f64()
    });
    answered.collect()
}

const CLIENTS: usize = 50;
/// Single requests in each round, which take about as long as the concurrent ones.
const ALONE: usize = 200;
const AT_ONCE: usize = 20;
