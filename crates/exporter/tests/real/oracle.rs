use crate::exceptions::{COUNTED, LEFT_OUT, READ_AS, RENAMED};
use crate::kamcmd::{Leaf, Node, leaves, records};
use crate::support::{Exporter, samples};
use kamailio_exporter::catalogue::catalogue;
use kamailio_exporter::collector::{Call, Collector, Field, Key, Label, LabelValue, Listing, Table};
use kamailio_exporter::collectors::ALL;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use testbed::Kamailio;

/// The page: samples by the name in front of them.
type Page = BTreeMap<String, Vec<Sample>>;

struct Sample {
    labels: Vec<(String, String)>,
    value: f64,
}

/// What kamcmd printed for one call of a collector.
struct Printed {
    arguments: Vec<String>,
    records: usize,
    leaves: Vec<Leaf>,
}

/// What a comparison has found so far.
#[derive(Default)]
struct Tally {
    collectors: BTreeSet<&'static str>,
    served: usize,
    labels: usize,
    left_out: usize,
    /// The places in the list of exceptions that were of use.
    used: BTreeSet<(&'static str, usize)>,
}

const PROFILES: [&str; 2] = ["calls", "caller:caller"];

#[test]
fn every_number_that_kamcmd_prints_is_served() {
    let many = Kamailio::many_modules();
    let _phones = many.phones();
    many.traffic();
    let _calls = many.calls(3);
    let mut tally = Tally::default();
    compare(&many, &[], &mut tally);

    // Modules that cannot be loaded beside others.
    let others = Kamailio::builder()
        .without("usrloc")
        .module("rtpproxy")
        .module("sipcapture")
        .module("ims_usrloc_scscf")
        .module("pdb")
        .config(OTHERS)
        .start();
    others.traffic();
    compare(&others, &[], &mut tally);

    println!(
        "{} collectors: {} values are served, {} of them as labels, {} are left out",
        tally.collectors.len(),
        tally.served + tally.labels,
        tally.labels,
        tally.left_out
    );
    let not_compared: Vec<_> =
        ALL.iter().map(|collector| collector.name).filter(|name| !tally.collectors.contains(name)).collect();
    assert_eq!(not_compared, NOT_COMPARED, "neither Kamailio has them, or has them now");
    assert!(tally.served > 800, "only {} values", tally.served);
    let idle = |list: &'static str, names: Vec<(&'static str, &'static str)>| {
        let idle = names.into_iter().enumerate().filter(|(place, _)| !tally.used.contains(&(list, *place)));
        let idle: Vec<_> = idle.map(|(_, entry)| entry).collect();
        assert!(idle.is_empty(), "{list} has entries that nothing needs: {idle:?}");
    };
    idle("LEFT_OUT", LEFT_OUT.iter().map(|entry| (entry.collector, entry.leaf)).collect());
    idle("READ_AS", READ_AS.iter().map(|entry| (entry.collector, entry.leaf)).collect());
    idle("RENAMED", RENAMED.iter().map(|entry| (entry.collector, entry.leaf)).collect());
}

/// Takes the page between two of kamcmd's answers; where these differ, any value in between will do. What does not
/// agree is compared again: values move while they are looked at, and in both directions.
fn compare(kamailio: &Kamailio, arguments: &[&str], tally: &mut Tally) {
    let uri = kamailio.unix();
    let mut all = vec!["-u", &uri, "-m", "all", "--kamailio.stats-groups", "all"];
    all.extend(PROFILES.iter().flat_map(|profile| ["--collector.dialog.profiles", profile]));
    all.extend(arguments);
    let exporter = Exporter::start(&all);
    let methods: HashSet<String> =
        kamailio.kamcmd(&["system.listMethods"]).lines().map(str::to_owned).collect();
    let mut rest: Vec<&'static Collector> =
        ALL.iter().copied().filter(|collector| method(collector, &methods).is_some()).collect();
    let mut mismatches = Vec::new();
    for _ in 0..ROUNDS {
        let ask = |collector: &'static Collector| answers(kamailio, collector, &methods);
        let before: Vec<_> = rest.iter().map(|collector| ask(collector)).collect();
        let text = exporter.page();
        assert_healthy(&text, &exporter);
        let page = page(&text);
        let after: Vec<_> = rest.iter().map(|collector| ask(collector)).collect();
        mismatches.clear();
        let mut again = Vec::new();
        for (collector, (before, after)) in rest.iter().zip(before.iter().zip(&after)) {
            let mut found = Tally::default();
            match check(collector, before, after, &page, &mut found) {
                Ok(()) => tally.add(collector, found),
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
    panic!("{} values are not served as kamcmd prints them:\n{}", mismatches.len(), mismatches.join("\n"));
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

/// The method that is called for a collector.
fn method(collector: &'static Collector, methods: &HashSet<String>) -> Option<&'static str> {
    let known = collector.instead.iter().copied().chain([collector.method]);
    known.into_iter().find(|method| methods.contains(*method))
}

fn answers(kamailio: &Kamailio, collector: &'static Collector, methods: &HashSet<String>) -> Vec<Printed> {
    let method = method(collector, methods).unwrap();
    let own = |arguments: &[&str]| vec![arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>()];
    let calls = match collector.call {
        Call::Once(arguments) => own(arguments),
        Call::Each(arguments) => arguments.iter().map(|argument| vec![(*argument).to_owned()]).collect(),
        Call::EachGroup | Call::EveryGroup => {
            let groups = kamailio.kamcmd(&["cnt.list_groups"]);
            groups.lines().map(|group| vec![format!("{group}:")]).collect()
        }
        Call::EachProfile => {
            let profiles = PROFILES.iter().map(|profile| profile.split(':').map(str::to_owned).collect());
            profiles.collect()
        }
        Call::EachOf(listing) => listed(kamailio, listing, "s:"),
        Call::EachNumberOf(listing) => listed(kamailio, listing, ""),
        Call::Page => return Vec::new(),
    };
    let printed = calls.into_iter().map(|arguments| {
        let mut call = vec![method];
        call.extend(arguments.iter().map(String::as_str));
        let text = kamailio.kamcmd(&call);
        let fault = text.strip_prefix("error: ").map(str::trim);
        let none = |fault: &str| collector.none_configured.iter().any(|reason| fault.ends_with(reason));
        assert!(fault.is_none_or(none), "{call:?}: {text}");
        let records = if fault.is_some() { Vec::new() } else { records(&text) };
        let arguments = arguments.iter().map(|a| a.strip_prefix("s:").unwrap_or(a).to_owned()).collect();
        Printed { arguments, records: records.len(), leaves: leaves(&records) }
    });
    printed.collect()
}

/// The calls that follow from what another method lists.
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

/// Finds each value of the replies on the page.
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
        return Err(vec![format!("{}: the reply has another shape each time", collector.name)]);
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

/// A value to look for on the page.
struct Wanted<'a> {
    collector: &'static Collector,
    arguments: &'a [String],
    leaf: &'a Leaf,
    /// The same a moment later.
    second: &'a Leaf,
    page: &'a Page,
}

impl Wanted<'_> {
    fn find(&self, found: &mut Tally) -> Result<(), String> {
        let (name, last) = (self.collector.name, self.last());
        let excepted = |entry: (&str, &str)| entry.0 == name && (entry.1 == last || entry.1 == "*");
        let unset = self.leaf.value == 0.0 && self.second.value == 0.0;
        let left_out = LEFT_OUT
            .iter()
            .position(|entry| excepted((entry.collector, entry.leaf)) && (unset || !entry.only_zero));
        if let Some(place) = left_out {
            found.used.insert(("LEFT_OUT", place));
            found.left_out += 1;
            return Ok(());
        }
        let mut read_as = (0..READ_AS.len())
            .filter(|place| excepted((READ_AS[*place].collector, READ_AS[*place].leaf)))
            .peekable();
        if read_as.peek().is_some() {
            return read_as.try_for_each(|place| {
                found.used.insert(("READ_AS", place));
                self.is_read_as(place, found)
            });
        }
        let renamed = RENAMED.iter().position(|entry| excepted((entry.collector, entry.leaf)));
        if let Some(place) = renamed {
            found.used.insert(("RENAMED", place));
        }
        let fields = self.fields(renamed.map(|place| RENAMED[place].family));
        let rows: Vec<_> = fields
            .iter()
            .flat_map(|(table, field)| {
                self.samples(field.family.name).map(move |sample| (*table, *field, sample))
            })
            .filter(|(table, field, sample)| self.is_row(table, field, sample))
            .collect();
        if rows.iter().any(|(_, field, sample)| self.has_value(field.family.name, sample.value)) {
            found.served += 1;
            return Ok(());
        }
        if self.is_label() {
            found.labels += 1;
            return Ok(());
        }
        if self.is_named_family() {
            found.served += 1;
            return Ok(());
        }
        let served: Vec<_> = rows
            .iter()
            .map(|(_, field, sample)| format!("{}{:?} {}", field.family.name, sample.labels, sample.value))
            .collect();
        Err(self.mismatch(&format!("the page has {served:?}")))
    }

    /// The exception says in which family the value is, and how it reads there.
    fn is_read_as(&self, place: usize, found: &mut Tally) -> Result<(), String> {
        let entry = &READ_AS[place];
        let values = [(entry.value)(self.leaf.value), (entry.value)(self.second.value)];
        let served: Vec<_> = self
            .samples(entry.family)
            .filter(|sample| {
                let label =
                    |(name, value): (&str, &str)| sample.labels.iter().any(|(n, v)| n == name && v == value);
                let mut labels =
                    sample.labels.iter().filter(|(name, _)| Some(name.as_str()) != entry.label.map(|l| l.0));
                entry.label.is_none_or(label) && labels.all(|(name, value)| self.explains(name, value))
            })
            .map(|sample| sample.value)
            .collect();
        if served.iter().any(|value| values.contains(value)) {
            found.served += 1;
            return Ok(());
        }
        Err(self.mismatch(&format!("{} is {served:?} and not {values:?}", entry.family)))
    }

    /// The fields that the value can be in: those that read it and those that have its name. If there are both, those
    /// that are both: a field with the name of one value that reads another is wrong.
    fn fields(&self, renamed: Option<&str>) -> Vec<(&'static Table, &'static Field)> {
        let all: Vec<_> = self
            .collector
            .tables
            .iter()
            .flat_map(|table| table.fields.iter().chain(table.more).map(move |field| (table, field)))
            .collect();
        let reads = |(table, field): &(&'static Table, &'static Field)| self.is_read_by(table, field);
        if let Some(family) = renamed {
            return all.into_iter().filter(|field| field.1.family.name == family && reads(field)).collect();
        }
        let readers: Vec<_> = all.iter().copied().filter(reads).collect();
        // The name of a statistic says more than a family's does: that has labels instead.
        if self.collector.tables.iter().any(|table| table.wide) {
            let own: Vec<_> =
                readers.iter().copied().filter(|(_, field)| matches!(field.key, Key::At(_))).collect();
            return if own.is_empty() { readers } else { own };
        }
        let named: Vec<_> = all.into_iter().filter(|(_, field)| self.has_name(field.family.name)).collect();
        let both: Vec<_> =
            readers.iter().copied().filter(|(_, field)| self.has_name(field.family.name)).collect();
        match (both.is_empty(), named.is_empty()) {
            (false, _) => both,
            (true, false) => named,
            (true, true) => readers,
        }
    }

    fn is_read_by(&self, table: &Table, field: &Field) -> bool {
        let path: Vec<&str> = self.leaf.path.iter().map(String::as_str).collect();
        let row = |path: &[&str]| {
            path.len() == table.rows.len()
                && path.iter().zip(table.rows).all(|(name, row)| name == row || *row == "*")
        };
        match field.key {
            Key::At(key) => path.strip_suffix(key).is_some_and(row) || self.leaf.is_text && key.is_empty(),
            Key::Each(select) => {
                path.split_last().is_some_and(|(last, path)| row(path) && select(last.as_bytes()).is_some())
            }
            Key::Rest(..) => path.split_last().is_some_and(|(_, path)| row(path)),
            Key::Mapped => true,
        }
    }

    /// Whether the words of the value's name are in a family's.
    fn has_name(&self, family: &str) -> bool {
        let last = self.last().to_ascii_lowercase();
        let mut words =
            last.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).peekable();
        let named: Vec<_> = family.split('_').collect();
        words.peek().is_some() && words.all(|word| named.contains(&word))
    }

    fn samples(&self, family: &str) -> impl Iterator<Item = &Sample> {
        let names = [family.to_owned(), format!("{family}_total")];
        names.into_iter().filter_map(|name| self.page.get(&name)).flatten()
    }

    /// Whether the sample's labels are those of the value's row.
    fn is_row(&self, table: &Table, field: &Field, sample: &Sample) -> bool {
        let labels = || table.labels.iter().chain(field.labels).chain(table.tell_apart);
        let has = |label: &Label| match label.value {
            LabelValue::Is(value) => sample.labels.iter().any(|(name, v)| name == label.name && v == value),
            _ => true,
        };
        let constant =
            |name: &str| labels().any(|label| label.name == name && matches!(label.value, LabelValue::Is(_)));
        labels().all(has)
            && sample.labels.iter().all(|(name, value)| constant(name) || self.explains(name, value))
    }

    /// Whether a label's value comes from the row or the call.
    fn explains(&self, label: &str, value: &str) -> bool {
        if value.is_empty() || label == "index" && !self.leaf.row.iter().any(|(name, _)| name == "index") {
            return true;
        }
        let same_name = |name: &str| name.eq_ignore_ascii_case(label);
        let mut named = self.leaf.row.iter().filter(|(name, _)| same_name(name)).peekable();
        if named.peek().is_some() {
            return named.any(|(_, text)| text == value);
        }
        let last = self.last();
        let (group, name) = last.split_once('.').unwrap_or(("", last));
        [last, group, name].contains(&value)
            || self.arguments.iter().any(|argument| argument == value)
            || self.leaf.row.iter().any(|(_, text)| text == value)
            || self.leaf.is_text
                && value.split('-').all(|word| self.leaf.row.iter().any(|(_, text)| text == word))
            || self.is_part_of_name(value)
    }

    /// `4xx` of `core.rcv_replies_4xx_bye`, `INVITE` of `core.rcv_requests_invite`.
    fn is_part_of_name(&self, value: &str) -> bool {
        let last = self.last().to_ascii_lowercase();
        last.contains('.') && last.split(['.', '_']).any(|word| word == value.to_ascii_lowercase())
    }

    /// Whether the value tells rows apart: it is a label of its row.
    fn is_label(&self) -> bool {
        let text = format!("{}", self.leaf.value);
        let is_it = |label: &&Label| matches!(label.value, LabelValue::At(path) if path.last().is_some_and(|last| *last == self.last()));
        self.collector.tables.iter().any(|table| {
            table.fields.iter().chain(table.more).any(|field| {
                let mut labels =
                    table.labels.iter().chain(table.tell_apart).chain(field.labels).filter(is_it);
                labels.any(|label| {
                    let has = |sample: &Sample| {
                        sample.labels.iter().any(|(name, value)| name == label.name && *value == text)
                    };
                    self.samples(field.family.name)
                        .any(|sample| has(sample) && self.is_row(table, field, sample))
                })
            })
        })
    }

    /// Whether a statistic has a family that was made of its name.
    fn is_named_family(&self) -> bool {
        let words: Vec<_> = self.last().split('.').collect();
        let own = self.page.iter().filter(|(family, _)| !catalogue().has(family));
        let mut own = own.filter(|(family, _)| words.iter().all(|word| family.contains(word)));
        self.collector.tables.iter().any(|table| table.wide)
            && own.any(|(family, samples)| samples.iter().any(|sample| self.has_value(family, sample.value)))
    }

    /// Whether a served value is between the two that kamcmd has printed, in the family's unit.
    fn has_value(&self, family: &str, served: f64) -> bool {
        let (low, high) = (self.leaf.value.min(self.second.value), self.leaf.value.max(self.second.value));
        let is = |low: f64, high: f64| {
            let tolerance = 1e-9 * low.abs().max(high.abs());
            low - tolerance <= served && served <= high + tolerance
        };
        let in_unit = |unit: &str, divisors: &[f64]| {
            family.contains(unit) && divisors.iter().any(|divisor| is(low / divisor, high / divisor))
        };
        // kamcmd prints every int as signed, also those that are not.
        let unsigned = low < 0.0 && high < 0.0 && is(low + TWO_TO_32, high + TWO_TO_32);
        is(low, high) || unsigned || in_unit("_seconds", &[1e3, 1e6]) || in_unit("_ratio", &[100.0])
    }

    fn last(&self) -> &str {
        self.leaf.path.last().map_or("", String::as_str)
    }

    fn mismatch(&self, served: &str) -> String {
        let call = [&[self.collector.name.to_owned()], self.arguments].concat().join(" ");
        let (path, low, high) = (self.leaf.path.join("."), self.leaf.value, self.second.value);
        format!("{call}: {path:?} is {low} (then {high}) for kamcmd; {served}")
    }
}

impl Tally {
    fn add(&mut self, collector: &'static Collector, found: Self) {
        self.collectors.insert(collector.name);
        self.served += found.served;
        self.labels += found.labels;
        self.left_out += found.left_out;
        self.used.extend(found.used);
    }
}

/// The samples of a page in the text format.
fn page(text: &str) -> Page {
    let mut page = Page::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut rest = labels.strip_suffix('}').unwrap();
        let mut labels = Vec::new();
        while let Some((label, after)) = rest.split_once("=\"") {
            let mut escaped = false;
            let end = after.find(|c| {
                let end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                end
            });
            let end = end.unwrap();
            let value = after[..end].replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\");
            labels.push((label.to_owned(), value));
            rest = after[end + 1..].trim_start_matches(',');
        }
        page.entry(name.to_owned()).or_default().push(Sample { labels, value: value.parse().unwrap() });
    }
    page
}

/// Times that values may move while they are compared.
const ROUNDS: usize = 20;
const TWO_TO_32: f64 = 4_294_967_296.0;

const OTHERS: &str = r#"
modparam("rtpproxy", "rtpproxy_sock", "udp:127.0.0.1:9")
modparam("rtpproxy", "rtpproxy_tout", 1)
modparam("rtpproxy", "rtpproxy_retr", 1)
modparam("pdb", "server", "127.0.0.1:9")
"#;

/// Collectors whose methods neither Kamailio has.
const NOT_COMPARED: &[&str] = &[];
