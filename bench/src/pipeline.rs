//! Decode, map and encode of a reply, on one core, without the program around it.

use kamailio_binrpc::wire::{self, Nodes};
use kamailio_exporter::catalogue::catalogue;
use kamailio_exporter::collectors::ALL;
use kamailio_exporter::exposition::Format;
use kamailio_exporter::inventory::Inventory;
use kamailio_exporter::samples::Samples;
use kamailio_exporter::walk::{Answered, walk};
use std::time::{Duration, Instant};

/// Prints how many bytes of exposition a second of one core gives.
pub(crate) fn measure() {
    for (name, capture, collector) in [
        ("1,000 destinations", "dispatcher.list.1000dest", "dispatcher.list"),
        ("all statistics", "stats.fetch_all", "stats"),
        ("transactions", "tm.stats", "tm.stats"),
    ] {
        let path = format!("{}/../captures/5.6.3/{capture}.reply", env!("CARGO_MANIFEST_DIR"));
        let packet = std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
        let header = wire::header(&packet).ok().flatten().expect("a packet");
        let body = &packet[header.header_len..];
        let index = ALL.iter().position(|known| known.name == collector).expect("a collector");
        let inventory = Inventory::default();
        let call = Answered {
            collector: ALL[index],
            families: catalogue().collector(index),
            arguments: &[],
            inventory: &inventory,
            more: true,
        };
        let mut nodes = Nodes::new();
        let (mut bytes, mut scrapes) = (0, 0u32);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            nodes.decode(body).expect("a body");
            let mut samples = Samples::of_a_scrape(usize::MAX);
            walk(call, nodes.members(body), &mut samples);
            bytes += Format::DEFAULT.write(&[&samples]).len();
            scrapes += 1;
        }
        let elapsed = start.elapsed();
        println!(
            "decode, map, encode: {name:<20} {:>6.2} GB/s of exposition, {:.1} us a reply{:>14}",
            bytes as f64 / elapsed.as_secs_f64() / 1e9,
            elapsed.as_secs_f64() * 1e6 / f64::from(scrapes),
            ">= 1 GB/s"
        );
    }
}
