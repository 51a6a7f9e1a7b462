use crate::exceptions::{COUNTED, OVER_JSONRPC, RECORDS};
use crate::kamcmd::{Leaf, Node, leaves, records};
use crate::support::{Exporter, samples};
use crate::wanted::{Mismatch, Page, Wanted, page};
use kamailio_exporter::internals::{ALL, Call, Collector, Listing};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use testbed::{Kamailio, Release};

/// The output of kamcmd for one call of a collector.
struct Printed {
    arguments: Vec<String>,
    records: usize,
    leaves: Vec<Leaf>,
}

/// The findings of a comparison so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// The version of Kamailio without its last part: "5.6".
    pub(crate) version: String,
    /// The collectors compared, each with the names of its values.
    pub(crate) collectors: BTreeMap<&'static str, BTreeSet<String>>,
    /// The families on the page by their names in the text format.
    pub(crate) families: BTreeSet<String>,
    pub(crate) served: usize,
    pub(crate) labels: usize,
    pub(crate) left_out: usize,
    /// The entries of the lists of exceptions that were needed, by list and index.
    pub(crate) used: BTreeSet<(&'static str, usize)>,
}

/// Returns the names of the families of an exposition, without those that depend on the speed of the machine.
fn families(text: &str) -> impl Iterator<Item = String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.filter_map(|line| Some(line.split_once(' ')?.0.to_owned()));
    names.filter(|name| !name.starts_with(LATENCY))
}

/// Families that exist only if a destination took at least a millisecond to reply to a ping.
const LATENCY: &str = "kamailio_dispatcher_destination_latency_";

const PROFILES: [&str; 2] = ["calls", "caller:caller"];

/// Compares the exporter with the kamcmd of a release: with few modules, with many, and with modules that conflict with
/// others.
pub(crate) fn compare_release(release: Release) -> Tally {
    let builder = || Kamailio::builder().release(release);
    let mut tally = Tally::default();

    let few = builder().config(JSONRPC_OVER_UDP).start();
    tally.version = series(&few.kamcmd(&["core.version"]));
    few.traffic();
    compare(&few, &[few.jsonrpc_udp()], &mut tally);
    drop(few);

    let many = builder().many_modules().start();
    let _phones = many.phones();
    many.traffic();
    let _calls = many.calls(3);
    let mut channels = vec![many.http(), many.https(), many.jsonrpc_unix()];
    if tally.version.starts_with('6') {
        channels.push(many.jsonrpc_tcp());
    }
    compare(&many, &channels, &mut tally);

    let others = builder().config(OTHERS).start();
    // There is no traffic, because sipcapture consumes every message.
    compare(&others, &[], &mut tally);

    println!(
        "Kamailio of {}: {} collectors, {} values are served, {} of them as labels, {} are left out",
        release.name(),
        tally.collectors.len(),
        tally.served + tally.labels,
        tally.labels,
        tally.left_out
    );
    assert!(tally.served > 800, "only {} values", tally.served);
    tally
}

/// Returns "6.1" for "kamailio 6.1.5 (x86_64/Linux)". Patch releases have the same values.
fn series(version: &str) -> String {
    let number = version.split(' ').nth(1).and_then(|number| number.rsplit_once('.'));
    number.unwrap_or_else(|| panic!("not a version: {version}")).0.to_owned()
}

/// Compares an exposition over `ctl` and one over each of the JSON-RPC channels with the output of kamcmd before and after
/// them. Where these two differ, any value between them is accepted. Mismatches are compared again, because values may rise
/// and fall during the comparison, and because each process of Kamailio keeps a copy of some for a second or two
/// (`tmx_mod.c`, `sl_stats.c`).
fn compare(kamailio: &Kamailio, channels: &[String], tally: &mut Tally) {
    let ctl = kamailio.unix();
    let exporters: Vec<_> =
        [&ctl].into_iter().chain(channels).map(|uri| (uri.as_str(), start(uri, kamailio))).collect();
    let methods: HashSet<String> =
        kamailio.kamcmd(&["system.listMethods"]).lines().map(str::to_owned).collect();
    let mut rest: Vec<&'static Collector> =
        ALL.iter().copied().filter(|collector| method(collector, &methods).is_some()).collect();
    let mut mismatches = Vec::new();
    for _ in 0..ROUNDS {
        let call = |collector: &'static Collector| answers(kamailio, collector, &methods);
        let before: Vec<_> = rest.iter().map(|collector| call(collector)).collect();
        let texts: Vec<_> = exporters.iter().map(|(_, exporter)| exporter.exposition()).collect();
        let after: Vec<_> = rest.iter().map(|collector| call(collector)).collect();
        for (text, (_, exporter)) in texts.iter().zip(&exporters) {
            assert_healthy(text, exporter);
        }
        tally.families.extend(families(&texts[0]));
        let pages: Vec<_> = texts.iter().zip(&exporters).map(|(text, (uri, _))| (*uri, page(text))).collect();
        mismatches.clear();
        let mut again = Vec::new();
        for (collector, (before, after)) in rest.iter().zip(before.iter().zip(&after)) {
            let (mut found, mut wrong) = (Tally::default(), Vec::new());
            for (uri, page) in &pages {
                let counted = if *uri == ctl { &mut found } else { &mut Tally::default() };
                let errors = check(collector, before, after, page, counted);
                let differs = errors.into_iter().filter(|error| !explains(uri, error, &mut found.used));
                wrong.extend(differs.map(|error| format!("{uri}: {}", error.message)));
            }
            if wrong.is_empty() {
                tally.add(collector, before, found);
            } else {
                mismatches.append(&mut wrong);
                again.push(*collector);
            }
        }
        rest = again;
        if rest.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{} values differ from the output of kamcmd:\n{}", mismatches.len(), mismatches.join("\n"));
}

/// Starts an exporter that serves everything.
fn start(uri: &str, kamailio: &Kamailio) -> Exporter {
    let certificate = kamailio.certificate();
    let mut all = vec!["-u", uri, "-m", "all", "--kamailio.stats-groups", "all"];
    all.extend(["--kamailio.tls.ca-file", certificate.to_str().unwrap()]);
    all.extend(PROFILES.iter().flat_map(|profile| ["--collector.dialog.profiles", profile]));
    Exporter::start(&all)
}

/// Returns whether a mismatch is a difference of the protocol, and records which of the list.
fn explains(uri: &str, error: &Mismatch, used: &mut BTreeSet<(&'static str, usize)>) -> bool {
    let index = OVER_JSONRPC.iter().position(|entry| {
        entry.collector == error.collector
            && entry.over.iter().any(|scheme| uri.starts_with(scheme))
            && (entry.values.is_empty() || entry.values.contains(&error.value.as_str()))
            && entry.row.is_none_or(|start| error.row.iter().any(|text| text.starts_with(start)))
    });
    used.extend(index.map(|index| ("OVER_JSONRPC", index)));
    index.is_some()
}

fn assert_healthy(text: &str, exporter: &Exporter) {
    let page = samples(text);
    let wrong = page.iter().filter(|(name, value)| {
        name.contains("_success{") && **value != 1.0
            || (name.contains("unread") || name.contains("over_limit") || name.contains("duplicate"))
                && **value != 0.0
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{}", exporter.log());
}

/// Returns the method that the exporter calls for a collector.
fn method(collector: &'static Collector, methods: &HashSet<String>) -> Option<&'static str> {
    let known = collector.preferred_calls.iter().copied().chain([collector.method]);
    known.into_iter().find(|method| methods.contains(*method))
}

fn answers(kamailio: &Kamailio, collector: &'static Collector, methods: &HashSet<String>) -> Vec<Printed> {
    let method = method(collector, methods).unwrap();
    let own = |arguments: &[&str]| vec![arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>()];
    let calls = match collector.call {
        Call::Once(arguments) => own(arguments),
        Call::Each(arguments) => arguments.iter().map(|argument| vec![(*argument).to_owned()]).collect(),
        Call::NamedGroups | Call::AllGroups => {
            let groups = kamailio.kamcmd(&["cnt.list_groups"]);
            groups.lines().map(|group| vec![format!("{group}:")]).collect()
        }
        Call::NamedProfiles => {
            let profiles = PROFILES.iter().map(|profile| profile.split(':').map(str::to_owned).collect());
            profiles.collect()
        }
        Call::EachOf(listing) => listed(kamailio, listing, "s:"),
        Call::EachNumberOf(listing) => listed(kamailio, listing, ""),
        // Dialogs are counted by value; meanings.rs compares the counts. The kernel has no kamcmd.
        Call::Page | Call::Files | Call::ProfileValues | Call::Observed => return Vec::new(),
    };
    let printed = calls.into_iter().map(|arguments| {
        let mut call = vec![method];
        call.extend(arguments.iter().map(String::as_str));
        let text = kamailio.kamcmd(&call);
        let fault = text.strip_prefix("error: ").map(str::trim);
        let none = |fault: &str| collector.empty_faults.iter().any(|reason| fault.ends_with(reason));
        assert!(fault.is_none_or(none), "{call:?}: {text}");
        let records = if fault.is_some() { Vec::new() } else { records(&text) };
        let arguments = arguments.iter().map(|a| a.strip_prefix("s:").unwrap_or(a).to_owned()).collect();
        Printed { arguments, records: records.len(), leaves: leaves(&records) }
    });
    printed.collect()
}

/// Returns the arguments of the calls for each value that another method lists.
fn listed(kamailio: &Kamailio, listing: Listing, kind: &str) -> Vec<Vec<String>> {
    fn down(node: &Node, path: &[&str], values: &mut Vec<String>) {
        match (node, path.split_first()) {
            (Node::Text(text), None) => values.push(text.clone()),
            (Node::Struct(members), Some((name, rest))) => {
                members
                    .iter()
                    .filter(|(found, _)| found == name)
                    .for_each(|(_, node)| down(node, rest, values));
            }
            _ => {}
        }
    }
    let mut values = Vec::new();
    for record in records(&kamailio.kamcmd(&[listing.method])) {
        down(&record, listing.path, &mut values);
    }
    values.into_iter().map(|value| vec![format!("{kind}{value}")]).collect()
}

/// Finds each value of the replies in the exposition.
fn check(
    collector: &'static Collector,
    before: &[Printed],
    after: &[Printed],
    page: &Page,
    found: &mut Tally,
) -> Vec<Mismatch> {
    let shape = |printed: &[Printed]| -> Vec<_> {
        printed.iter().map(|p| p.leaves.iter().map(|leaf| leaf.path.clone()).collect::<Vec<_>>()).collect()
    };
    if shape(before) != shape(after) {
        let message = format!("{}: the structure of the reply changes from call to call", collector.name);
        return vec![Mismatch { collector: collector.name, value: String::new(), row: Vec::new(), message }];
    }
    let mut errors = Vec::new();
    for (before, after) in before.iter().zip(after) {
        for (first, second) in before.leaves.iter().zip(&after.leaves) {
            let leaf = Wanted { collector, arguments: &before.arguments, leaf: first, second, page };
            if let Err(error) = leaf.find(found) {
                errors.push(error);
            }
        }
    }
    if let Some((_, family)) = COUNTED.iter().find(|(name, _)| *name == collector.name) {
        let printed: usize = before.iter().map(|printed| printed.records).sum();
        let served: f64 = page.get(*family).into_iter().flatten().map(|sample| sample.value).sum();
        if printed as f64 != served {
            let message = format!("{}: {printed} records for kamcmd, {family} has {served}", collector.name);
            errors.push(Mismatch {
                collector: collector.name,
                value: RECORDS.to_owned(),
                row: Vec::new(),
                message,
            });
        }
    }
    errors
}

impl Tally {
    fn add(&mut self, collector: &'static Collector, printed: &[Printed], found: Self) {
        let names = printed.iter().flat_map(|printed| &printed.leaves).map(|leaf| leaf.path.join("."));
        self.collectors.entry(collector.name).or_default().extend(names);
        self.served += found.served;
        self.labels += found.labels;
        self.left_out += found.left_out;
        self.used.extend(found.used);
    }
}

/// The maximum number of comparisons of values that change.
const ROUNDS: usize = 20;

const JSONRPC_OVER_UDP: &str = r#"
loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", JSONRPC_UDP)
"#;

const OTHERS: &str = r#"
loadmodule "rtpproxy.so"
# Its mod_init writes past the end of an allocation. In this order 5.6 does not notice; the others' allocators end
# Kamailio for it.
#!ifdef KAMAILIO_5_6
loadmodule "sipcapture.so"
modparam("sipcapture", "insert_retries", 1)
modparam("sipcapture", "insert_retry_timeout", 1)
#!endif
loadmodule "pdb.so"
modparam("rtpproxy", "rtpproxy_sock", "udp:127.0.0.1:9")
modparam("rtpproxy", "rtpproxy_tout", 1)
modparam("rtpproxy", "rtpproxy_retr", 1)
modparam("pdb", "server", "127.0.0.1:9")
"#;
