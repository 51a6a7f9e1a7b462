//! Decodes, maps and encodes a reply on one core, without the rest of the program.

use crate::support::{Reply, Stage};
use std::time::{Duration, Instant};

/// Prints the bytes of exposition per second on one core, and how the duration grows with the reply.
pub(crate) fn measure() {
    let mut destinations = Vec::new();
    for reply in Reply::all() {
        let (mut bytes, mut scrapes) = (0, 0u32);
        let start = Instant::now();
        while start.elapsed() < ROUND {
            bytes += TIMES * reply.run(Stage::Whole, TIMES);
            scrapes += TIMES as u32;
        }
        let elapsed = start.elapsed().as_secs_f64();
        let each = elapsed * 1e6 / f64::from(scrapes);
        println!(
            "decode, map, encode: {:<20} {:>6.2} GB/s of exposition, {each:.1} us a reply{:>14}",
            reply.name,
            bytes as f64 / elapsed / 1e9,
            ">= 1 GB/s"
        );
        if reply.name.ends_with("destinations") {
            destinations.push(each);
        }
    }
    let ratios = destinations.windows(2).map(|pair| format!("{:.1}", pair[1] / pair[0])).collect::<Vec<_>>();
    println!("ten times the destinations: {} times the time{:>29}", ratios.join(" and "), "10");
}

/// Repetitions between two readings of the clock.
const TIMES: usize = 50;
const ROUND: Duration = Duration::from_secs(2);
