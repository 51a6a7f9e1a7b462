//! Fuzz target: a scrape without a connection, from replies to expositions.

use crate::input::Input;
use crate::replies;
use kamailio_binrpc::wire::Nodes;
use kamailio_exporter::internals::{
    ALL, Call, CallContext, Capabilities, CollectorResult, Counters, Discovery, Omissions, Plan, Scrape,
    Selection, catalogue, merge_page,
};
use prometheus_exposition::{Format, Samples};
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;
use testbed::{Syntax, check_exposition};

/// Reads the input as a raw reply, as replies of several methods, or as an external metrics page, together with the
/// capabilities of the server. Checks that the expositions are valid, and have the same samples in both formats.
pub fn scrape(input: &[u8]) {
    let mut input = Input::new(input);
    let mode = input.byte();
    let limit = [3, 40, 10_000, 1_000_000][usize::from(mode >> 6)];
    let mut served = Served {
        limit,
        scrape: Scrape { responded: true, ..Scrape::new(Samples::for_scrape(limit)) },
        capabilities: Capabilities::default(),
        more: mode & 0x20 == 0,
        parameters: if mode & 0x10 == 0 { Vec::new() } else { vec!["name".to_owned(), "carrier".to_owned()] },
    };
    match mode % 8 {
        // Seeds from captures begin with this.
        0..=2 => {
            let name = input.field();
            let index = ALL.iter().position(|collector| collector.name.as_bytes() == name);
            served.reply(index.unwrap_or(name.len() % ALL.len()), input.rest());
        }
        3 => served.page(input.rest()),
        mode => {
            if mode == 7 {
                served.capabilities = capabilities(&mut input);
            }
            for _ in 0..MAX_REPLIES {
                let index = input.below(ALL.len());
                if ALL[index].call == Call::Page {
                    let len = input.below(1 << 10);
                    served.page(input.bytes(len));
                } else {
                    let reply = replies::reply(ALL[index], &mut input);
                    served.reply(index, &reply);
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
    parameters: Vec<String>,
}

impl Served {
    fn reply(&mut self, index: usize, body: &[u8]) {
        let mut nodes = Nodes::new();
        if nodes.decode(body).is_err() {
            return;
        }
        let arguments = ["core:".to_owned(), "value".to_owned()];
        let answered = CallContext {
            collector: ALL[index],
            families: catalogue().collector(index),
            arguments: &arguments,
            capabilities: &self.capabilities,
            extra_fields: self.more,
            parameters: &self.parameters,
        };
        let omissions =
            kamailio_exporter::internals::extract(answered, nodes.members(body), &mut self.scrape.samples);
        assert_eq!(omissions.unreadable == 0, omissions.first_unreadable.is_none());
        self.found(index, omissions, None);
    }

    fn page(&mut self, page: &[u8]) {
        let (omissions, failure) = merge_page(page, self.limit, &mut self.scrape.samples);
        let index = ALL.iter().position(|collector| collector.call == Call::Page);
        self.found(index.expect("a collector of pages"), omissions, failure);
    }

    fn found(&mut self, collector: usize, omissions: Omissions, failure: Option<String>) {
        if self.scrape.results.iter().all(|outcome| outcome.collector != collector) {
            self.scrape.results.push(CollectorResult {
                collector,
                unseen: None,
                failure,
                duration: Duration::from_millis(1),
                omissions,
            });
        }
    }

    fn check(self) {
        let counters = Counters::default();
        counters.count_run(&self.scrape);
        counters.count_request(&self.scrape);
        let mut own = Samples::new(usize::MAX);
        counters.add_samples(&self.scrape, &mut own);
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

/// Generates the capabilities of a server. Each resulting call is made once, the large ones last.
fn capabilities(input: &mut Input<'_>) -> Capabilities {
    static SELECTION: LazyLock<Selection> =
        LazyLock::new(|| Selection::parse("all").expect("all is a selection"));
    let mut discovery = Discovery::default();
    let mut nodes = Nodes::new();
    for _ in 0..4 {
        let queries = discovery.queries(&SELECTION);
        for query in &queries {
            let body = replies::texts(input);
            if nodes.decode(&body).is_ok() {
                discovery.record(query, nodes.members(&body));
            }
        }
    }

    let capabilities = discovery.finish();
    let plan = Plan::new(&SELECTION, &capabilities);
    let calls: HashSet<_> = plan.calls.iter().map(|call| (call.method, &call.args)).collect();
    assert_eq!(calls.len(), plan.calls.len(), "a call is made twice");
    let large = plan.calls.iter().map(|call| call.readers.iter().any(|reader| ALL[reader.collector].large));
    assert!(large.is_sorted(), "a large reply comes before a small one");
    assert!(plan.collectors.is_sorted() && plan.collectors.iter().all(|collector| *collector < ALL.len()));
    capabilities
}

/// Maximum number of replies of a scrape.
const MAX_REPLIES: usize = 8;
