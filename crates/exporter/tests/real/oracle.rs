use crate::exceptions::{COUNTED, Difference, OVER_JSONRPC};
use crate::kamcmd::{Leaf, Node, leaves, records};
use crate::support::{Exporter, samples};
use crate::wanted::{Page, Wanted, page};
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

    let few = builder().start();
    tally.version = series(&few.kamcmd(&["core.version"]));
    few.traffic();
    compare(&few, &mut tally);
    drop(few);

    let many = builder().many_modules().start();
    let _phones = many.phones();
    many.traffic();
    let _calls = many.calls(3);
    compare(&many, &mut tally);
    // The same values over JSON-RPC are no more values of this version.
    if matches!(release, Release::Bookworm | Release::Sid) {
        compare_over(&many.http(), OVER_JSONRPC, &many, &mut Tally::default());
    }

    let others = builder().config(OTHERS).start();
    // There is no traffic, because sipcapture consumes every message.
    compare(&others, &mut tally);

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

/// Compares an exposition with the output of kamcmd before and after it. Where these two differ, any value between them is
/// accepted. Mismatches are compared again, because values may rise and fall during the comparison.
fn compare(kamailio: &Kamailio, tally: &mut Tally) {
    compare_over(&kamailio.unix(), &[], kamailio, tally);
}

/// Compares what is served over one of Kamailio's addresses, apart from differences of its protocol.
fn compare_over(uri: &str, differences: &[Difference], kamailio: &Kamailio, tally: &mut Tally) {
    let mut all = vec!["-u", uri, "-m", "all", "--kamailio.stats-groups", "all"];
    all.extend(PROFILES.iter().flat_map(|profile| ["--collector.dialog.profiles", profile]));
    let exporter = Exporter::start(&all);
    let methods: HashSet<String> =
        kamailio.kamcmd(&["system.listMethods"]).lines().map(str::to_owned).collect();
    let mut rest: Vec<&'static Collector> =
        ALL.iter().copied().filter(|collector| method(collector, &methods).is_some()).collect();
    let mut mismatches = Vec::new();
    for _ in 0..ROUNDS {
        let call = |collector: &'static Collector| answers(kamailio, collector, &methods);
        let before: Vec<_> = rest.iter().map(|collector| call(collector)).collect();
        let text = exporter.page();
        assert_healthy(&text, &exporter);
        let page = page(&text);
        tally.families.extend(families(&text));
        let after: Vec<_> = rest.iter().map(|collector| call(collector)).collect();
        mismatches.clear();
        let mut again = Vec::new();
        for (collector, (before, after)) in rest.iter().zip(before.iter().zip(&after)) {
            let mut found = Tally::default();
            let mut checked = check(collector, before, after, &page, &mut found);
            if let Err(errors) = &mut checked {
                errors.retain(|error| !explained(differences, error));
            }
            match checked.or_else(|errors| if errors.is_empty() { Ok(()) } else { Err(errors) }) {
                Ok(()) => tally.add(collector, before, found),
                Err(errors) => {
                    mismatches.extend(errors);
                    again.push(*collector);
                }
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

fn explained(differences: &[Difference], error: &str) -> bool {
    let difference = differences.iter().find(|difference| difference.explains(error));
    difference.inspect(|difference| println!("over JSON-RPC: {error}: {}", difference.reason)).is_some()
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
) -> Result<(), Vec<String>> {
    let shape = |printed: &[Printed]| -> Vec<_> {
        printed.iter().map(|p| p.leaves.iter().map(|leaf| leaf.path.clone()).collect::<Vec<_>>()).collect()
    };
    if shape(before) != shape(after) {
        return Err(vec![format!(
            "{}: the structure of the reply changes from call to call",
            collector.name
        )]);
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
            errors.push(format!("{}: {printed} records for kamcmd, {family} has {served}", collector.name));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
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
