//! A scrape without a connection: replies in, expositions out.

use crate::input::Input;
use crate::replies;
use kamailio_binrpc::wire::Nodes;
use kamailio_exporter::internals::{
    ALL, Answered, Bodies, Call, Capabilities, Counters, Findings, Known, Outcome, Plan, Scrape, Selection,
    Share, catalogue, join_page,
};
use prometheus_exposition::Format;
use prometheus_exposition::Samples;
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;
use testbed::{Syntax, check_exposition};

/// The input is a reply as it came, or replies of several methods, or somebody else's page, and what the server says it
/// has. Whatever they are, the expositions are valid, and have all samples in both formats.
pub fn walk(input: &[u8]) {
    let mut input = Input::new(input);
    let mode = input.byte();
    let limit = [3, 40, 10_000, 1_000_000][usize::from(mode >> 6)];
    let mut served = Served {
        limit,
        scrape: Scrape {
            share: Share::default(),
            bodies: Bodies::default(),
            page: None,
            samples: Samples::for_scrape(limit),
            outcomes: Vec::new(),
            answered: true,
            error: None,
            known: Known::default(),
            up_since: None,
        },
        capabilities: Capabilities::default(),
        more: mode & 0x20 == 0,
    };
    match mode % 8 {
        // As a seed of a capture begins.
        0..=2 => {
            let name = input.field();
            let place = ALL.iter().position(|collector| collector.name.as_bytes() == name);
            served.reply(place.unwrap_or(name.len() % ALL.len()), input.rest());
        }
        3 => served.page(input.rest()),
        mode => {
            if mode == 7 {
                served.capabilities = capabilities(&mut input);
            }
            for _ in 0..MAX_REPLIES {
                let place = input.below(ALL.len());
                if ALL[place].call == Call::Page {
                    let len = input.below(1 << 10);
                    served.page(input.bytes(len));
                } else {
                    let reply = replies::reply(ALL[place], &mut input);
                    served.reply(place, &reply);
                }
                if input.is_empty() {
                    break;
                }
            }
        }
    }
    served.check();
}

struct Served {
    limit: usize,
    scrape: Scrape,
    capabilities: Capabilities,
    more: bool,
}

impl Served {
    fn reply(&mut self, place: usize, body: &[u8]) {
        let mut nodes = Nodes::new();
        if nodes.decode(body).is_err() {
            return;
        }
        let arguments = ["core:".to_owned(), "value".to_owned()];
        let answered = Answered {
            collector: ALL[place],
            families: catalogue().collector(place),
            arguments: &arguments,
            capabilities: &self.capabilities,
            more: self.more,
        };
        let findings =
            kamailio_exporter::internals::extract(answered, nodes.members(body), &mut self.scrape.samples);
        assert_eq!(findings.unreadable == 0, findings.first_unreadable.is_none());
        self.found(place, findings, None);
    }

    fn page(&mut self, page: &[u8]) {
        let (findings, failure) = join_page(page, self.limit, &mut self.scrape.samples);
        let place = ALL.iter().position(|collector| collector.call == Call::Page);
        self.found(place.expect("a collector of pages"), findings, failure);
    }

    fn found(&mut self, collector: usize, findings: Findings, failure: Option<String>) {
        if self.scrape.outcomes.iter().all(|outcome| outcome.collector != collector) {
            self.scrape.outcomes.push(Outcome {
                collector,
                failure,
                duration: Duration::from_millis(1),
                findings,
            });
        }
    }

    fn check(self) {
        let counters = Counters::default();
        counters.count_run(&self.scrape);
        counters.count_request(&self.scrape);
        let own = counters.samples(&self.scrape);
        let parts = [&self.scrape.samples, &own];
        let expected = self.scrape.samples.len() + own.len() + self.scrape.samples.external_len();
        for (accept, syntax) in [
            ("text/plain", Syntax::Text),
            ("application/openmetrics-text;version=1.0.0", Syntax::OpenMetrics),
        ] {
            let page = Format::negotiate(accept).write(catalogue().families(), &parts);
            match check_exposition(&page, syntax) {
                Ok(count) => assert_eq!(count, expected, "samples that were taken are not served"),
                Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(&page)),
            }
        }
    }
}

/// What a server says that it has. The calls that follow from it are made once each, the large ones last.
fn capabilities(input: &mut Input<'_>) -> Capabilities {
    static SELECTION: LazyLock<Selection> =
        LazyLock::new(|| Selection::parse("all").expect("all is a selection"));
    let mut capabilities = Capabilities::default();
    let mut nodes = Nodes::new();
    for _ in 0..4 {
        let questions = capabilities.questions(&SELECTION);
        for question in &questions {
            let body = replies::texts(input);
            if nodes.decode(&body).is_ok() {
                capabilities.take(question, nodes.members(&body));
            }
        }
    }

    let plan = Plan::new(&SELECTION, &capabilities);
    let calls: HashSet<_> = plan.calls.iter().map(|call| (call.method, &call.args)).collect();
    assert_eq!(calls.len(), plan.calls.len(), "a call is made twice");
    let large = plan.calls.iter().map(|call| call.readers.iter().any(|reader| ALL[reader.collector].large));
    assert!(large.is_sorted(), "a large reply comes before a small one");
    assert!(plan.collectors.is_sorted() && plan.collectors.iter().all(|collector| *collector < ALL.len()));
    capabilities
}

/// Replies of one scrape.
const MAX_REPLIES: usize = 8;
