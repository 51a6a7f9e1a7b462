//! Fifty requests at once, beside one alone.
//!
//! One thread sends all of them and then reads all answers, so that there is no client to be scheduled but one, and what
//! is measured is the exporter. A request takes until its answer has been read, behind those of the requests before it.
//!
//! To send fifty takes longer than a run of RPCs, and those that come after its end need another one. So how many runs
//! fifty take is also counted when all are there before the exporter sees the first: it is stopped meanwhile.

use bench::http::Http;
use bench::percentile;
use bench::process::{Exporter, writes};
use std::time::Instant;

/// The clients of an exporter, and what they saw, a value for each round.
pub(crate) struct Crowd<'a> {
    exporter: &'a Exporter,
    ctl: u32,
    clients: Vec<Http>,
    /// The p99 of a request alone, in seconds.
    pub(crate) alone: Vec<f64>,
    /// The p99 of requests at once, in seconds.
    pub(crate) at_once: Vec<f64>,
    /// How many runs of RPCs those took, by what ctl wrote: the mean.
    pub(crate) runs: Vec<f64>,
    /// How many they took when all were there together.
    pub(crate) runs_together: Vec<f64>,
}

impl<'a> Crowd<'a> {
    /// The clients of an exporter of the Kamailio with this ctl process.
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

    /// Asks some times alone, some times at once, and once together.
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

/// A request of each; how long they took.
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
/// In each round: as many seconds, roughly, as those at once.
const ALONE: usize = 200;
const AT_ONCE: usize = 20;
