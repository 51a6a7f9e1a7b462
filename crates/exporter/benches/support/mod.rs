//! Recorded replies, and the stages from a reply to a response: decode, extract, encode, gzip.

use kamailio_binrpc::wire::{self, Nodes};
use kamailio_exporter::internals::{ALL, CallContext, Capabilities, catalogue, extract};
use prometheus_exposition::Samples;
use prometheus_exposition::{Format, gzip};
use std::path::Path;

/// A reply and its collector.
pub(crate) struct Reply {
    pub(crate) name: &'static str,
    pub(crate) body: Vec<u8>,
    collector: usize,
    capabilities: Capabilities,
}

/// A stage of the processing of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Decode,
    Extractor,
    Encode,
    Gzip,
    /// The first three stages together.
    Whole,
}

impl Reply {
    pub(crate) fn all() -> Vec<Self> {
        let list = recorded("dispatcher.list.1000dest");
        vec![
            Self::new("100 destinations", destinations(&list, 1, 100), "dispatcher.list"),
            Self::new("1,000 destinations", destinations(&list, 1, 1000), "dispatcher.list"),
            Self::new("10,000 destinations", destinations(&list, 10, 1000), "dispatcher.list"),
            Self::new("all statistics", recorded("stats.fetch_all"), "stats"),
            Self::new("transactions", recorded("tm.stats"), "tm.stats"),
        ]
    }

    fn new(name: &'static str, body: Vec<u8>, collector: &str) -> Self {
        let collector = ALL.iter().position(|known| known.name == collector).expect("a collector");
        Self { name, body, collector, capabilities: Capabilities::default() }
    }

    /// Runs a stage a number of times, after the earlier stages. Returns the size of the exposition or of its compressed form.
    pub(crate) fn run(&self, stage: Stage, times: usize) -> usize {
        let mut nodes = Nodes::new();
        nodes.decode(&self.body).expect("a body");
        let mut samples = self.walk(&nodes);
        let mut page = Format::TEXT.write(catalogue().families(), &[&samples]);
        for _ in 0..times {
            if matches!(stage, Stage::Decode | Stage::Whole) {
                nodes.decode(&self.body).expect("a body");
            }
            if matches!(stage, Stage::Extractor | Stage::Whole) {
                samples = self.walk(&nodes);
            }
            if matches!(stage, Stage::Encode | Stage::Whole) {
                page = Format::TEXT.write(catalogue().families(), &[&samples]);
            }
            if stage == Stage::Gzip {
                std::hint::black_box(gzip(&page).expect("it can be compressed"));
            }
            std::hint::black_box((&nodes, &samples, &page));
        }
        page.len()
    }

    fn walk(&self, nodes: &Nodes) -> Samples {
        let call = CallContext {
            collector: ALL[self.collector],
            families: catalogue().collector(self.collector),
            arguments: &[],
            capabilities: &self.capabilities,
            extra_fields: true,
            parameters: &[],
        };
        let mut samples = Samples::for_scrape(usize::MAX);
        extract(call, nodes.members(&self.body), &mut samples);
        samples
    }
}

impl Stage {
    pub(crate) const ALL: [Self; 5] = [Self::Decode, Self::Extractor, Self::Encode, Self::Gzip, Self::Whole];
}

/// Returns the body of a recorded reply.
fn recorded(capture: &str) -> Vec<u8> {
    let captures =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|directory| directory.join("captures"));
    let path =
        captures.map(|captures| captures.join(format!("5.6.3/{capture}.reply"))).find(|path| path.is_file());
    let packet = path.and_then(|path| std::fs::read(path).ok());
    let packet = packet.unwrap_or_else(|| panic!("no capture {capture} that can be read"));
    let header = wire::header(&packet).ok().flatten().expect("a packet");
    packet[header.header_len..].to_vec()
}

/// Returns a dispatcher list with a number of sets, and of destinations in each set.
fn destinations(list: &[u8], sets: u8, each: usize) -> Vec<u8> {
    let find = |wanted: &[u8], from: usize| {
        let found = list[from..].windows(wanted.len()).position(|bytes| bytes == wanted);
        found.map(|at| from + at)
    };
    let set = find(b"\x45SET\0", 0).expect("a set");
    let id = find(b"\x35ID\0\x10", set).expect("its number, of one byte") + 5;
    let starts: Vec<_> =
        std::iter::successors(find(DESTINATION, id), |at| find(DESTINATION, at + 1)).collect();
    // The bytes after the last destination: the ends of the targets, the set, the records and the list.
    let end = list.len() - 4;
    let until = starts.get(each).copied().unwrap_or(end);
    let mut body = list[..set].to_vec();
    for number in 1..=sets {
        body.extend_from_slice(&list[set..id]);
        body.push(number);
        body.extend_from_slice(&list[id + 1..until]);
        body.extend_from_slice(&list[end..end + 2]);
    }
    body.extend_from_slice(&list[end + 2..]);
    body
}

const DESTINATION: &[u8] = b"\x55DEST\0";
