//! Turns a reply into samples, as the tables of its collector describe.

mod equal_rows;
mod label_text;

use crate::collectors::catalogue::{CollectorFamilies, catalogue};
use crate::collectors::schema::{
    Collector, CustomReader, EqualRows, Field, Key, Label, LabelValue, NameLabels, Table, parameter,
};
use crate::scrape::Omissions;
use crate::scrape::capabilities::Capabilities;
use equal_rows::RepeatedRows;
use kamailio_binrpc::{Members, Value};
use label_text::LabelText;
use prometheus_exposition::{ExternalKind, FamilyId, Kind, Labels, Number, Samples};

/// A call, and what its reply is read with.
#[derive(Clone, Copy)]
pub struct CallContext<'a> {
    /// The collector whose tables describe the reply.
    pub collector: &'static Collector,
    /// The families of its fields.
    pub families: &'a CollectorFamilies,
    /// The arguments of the call.
    pub arguments: &'a [String],
    /// The server's capabilities, which describe its statistics.
    pub capabilities: &'a Capabilities,
    /// Whether to read the fields that the Go exporter does not have.
    pub extra_fields: bool,
    /// The parameters that become labels, such as a destination's attributes.
    pub parameters: &'a [String],
}

/// Adds the samples of a reply's `records` to `samples`, and returns what was left out.
pub fn extract(call: CallContext<'_>, records: Members<'_>, samples: &mut Samples) -> Omissions {
    let mut extractor = Extractor {
        call,
        samples,
        enclosing: Vec::new(),
        wildcard: b"",
        equal_rows: RepeatedRows::default(),
        omissions: Omissions::default(),
    };
    if let Some(map) = call.collector.custom_reader {
        extractor.mapped(map, records);
        return extractor.omissions;
    }
    let mut next_field = 0;
    for table in call.collector.tables {
        let first_field = next_field;
        next_field += table.fields.len() + table.extra_fields.len();
        if table.fields.is_empty() && !call.extra_fields {
            continue;
        }
        if !matches!(table.equal_rows, EqualRows::Unexpected) {
            extractor.equal_rows = RepeatedRows::default();
            extractor.each_row(table, records, |extractor, row| {
                // More rows have no samples, and their labels would take memory.
                if extractor.equal_rows.len() < extractor.samples.limit() {
                    let labels = extractor.table_labels(table, row);
                    extractor.equal_rows.add(labels);
                }
            });
            if extractor.equal_rows.repeat {
                extractor.equal_rows.count();
                extractor
                    .each_row(table, records, |extractor, row| extractor.count_with_extra_labels(table, row));
            }
            extractor.equal_rows.next = 0;
        }
        extractor.each_row(table, records, |extractor, row| {
            // The labels of a row are dropped again if its families are at their limit.
            let checkpoint = extractor.samples.checkpoint();
            extractor.row(table, first_field, row);
            extractor.samples.rewind(checkpoint);
        });
    }
    extractor.omissions
}

struct Extractor<'w, 'r> {
    call: CallContext<'w>,
    samples: &'w mut Samples,
    /// For each struct around the row, by label of the table: its value in the nearest struct. Looked up once for all rows
    /// of a struct, of which there may be thousands. The innermost struct is the last.
    enclosing: Vec<Option<Value<'r>>>,
    /// The name that `*` in the path to the rows matched.
    wildcard: &'r [u8],
    equal_rows: RepeatedRows,
    omissions: Omissions,
}

impl<'r> Extractor<'_, 'r> {
    fn each_row(&mut self, table: &Table, records: Members<'r>, mut visit: impl FnMut(&mut Self, Value<'r>)) {
        self.enclosing.clear();
        self.enclosing.reserve_exact(table.labels.len() * (1 + table.rows.len()));
        self.enclosing.resize(table.labels.len(), None);
        for record in records {
            self.descend(table, table.rows, record.value, &mut visit);
        }
    }

    fn descend(
        &mut self,
        table: &Table,
        path: &[&str],
        value: Value<'r>,
        visit: &mut impl FnMut(&mut Self, Value<'r>),
    ) {
        let Some((name, rest)) = path.split_first() else { return visit(self, value) };
        let Some(members) = value.members() else { return };
        let outer = self.enclosing.len();
        self.enclosing.extend_from_within(outer - table.labels.len()..);
        for (enclosing, label) in self.enclosing[outer..].iter_mut().zip(table.labels) {
            if let LabelValue::At(path) = label.value {
                *enclosing = value.path(path).or(*enclosing);
            }
        }
        for member in members {
            let found = member.name.unwrap_or_default();
            if *name == ANY {
                self.wildcard = found;
                self.descend(table, rest, member.value, visit);
            } else if found == name.as_bytes() {
                self.descend(table, rest, member.value, visit);
            }
        }
        self.enclosing.truncate(outer);
    }

    fn count_with_extra_labels(&mut self, table: &Table, row: Value<'r>) {
        if let Some((labels, true)) = self.equal_rows.next() {
            let labels = self.labels(labels, table.equal_rows.labels(), row);
            self.equal_rows.with_extra_labels.entry(labels).or_default().0 += 1;
        }
    }

    fn row(&mut self, table: &'static Table, first: usize, row: Value<'r>) {
        let (labels, extra_labels) = self.row_labels(table, row);
        // A row without members cannot have the values that the fields expect.
        if row.members().is_none()
            && let Some(field) = table.fields.first().filter(|field| field.key.needs_members())
        {
            return self.unreadable(field);
        }
        if table.by_name {
            return self.wide_row(table, first, labels, row);
        }
        let more = if self.call.extra_fields { table.extra_fields } else { &[] };
        let fields = table.fields.iter().map(|field| (field, labels));
        let extra_fields = more.iter().map(|field| (field, extra_labels));
        for (index, (field, labels)) in fields.chain(extra_fields).enumerate() {
            let family = self.call.families.of(first + index);
            match field.key {
                Key::At(path) => {
                    if let Some(value) = row.path(path) {
                        let labels = self.labels(labels, field.labels, row);
                        self.read(field, family, labels, value);
                    }
                }
                Key::Matching(select) => {
                    let labels = self.labels(labels, field.labels, row);
                    for member in row.members().unwrap_or_default() {
                        if let Some(pairs) = member.name.and_then(select) {
                            self.read_with(field, family, labels, pairs, member.value);
                        }
                    }
                }
                Key::Remaining(..) | Key::Custom => {}
            }
        }
    }

    /// Reads a row of a table whose fields are looked up by name: each value has one field, found by its name or else by the
    /// first matcher that accepts the name.
    fn wide_row(&mut self, table: &'static Table, first: usize, labels: Labels, row: Value<'r>) {
        let families = self.call.families;
        for member in row.members().unwrap_or_default() {
            let Some(name) = member.name else { continue };
            let named = families.named(name).map(|index| (index, None));
            let found = named.or_else(|| families.matching(name).map(|(index, pairs)| (index, Some(pairs))));
            let Some((index, pairs)) = found else {
                self.rest(table, first, labels, name, member.value);
                continue;
            };
            let Some(field) = index.checked_sub(first).and_then(|index| table.fields.get(index)) else {
                continue;
            };
            let checkpoint = self.samples.checkpoint();
            let labels = self.labels(labels, field.labels, row);
            match pairs {
                Some(pairs) => self.read_with(field, families.of(index), labels, pairs, member.value),
                None => self.read(field, families.of(index), labels, member.value),
            }
            self.samples.rewind(checkpoint);
        }
    }

    /// Reads a value that no other field of a wide table matches.
    fn rest(
        &mut self,
        table: &'static Table,
        first: usize,
        labels: Labels,
        name: &'r [u8],
        value: Value<'r>,
    ) {
        // The field for the rest is the last of hundreds.
        let Some((index, field)) = table.fields.iter().enumerate().next_back() else { return };
        let Key::Remaining(by_name, select) = field.key else { return };
        if let Some((family, kind)) = by_name(name).filter(|(family, _)| !catalogue().has(family)) {
            match (field.read)(value) {
                Ok(Some(value)) => {
                    // A script can decrement whatever it calls a total, and a negative number is not a counter.
                    let kind = if value.is_counter_value() { kind } else { "gauge" };
                    let name = String::from_utf8_lossy(name);
                    let help = match self.call.capabilities.help(&name) {
                        "" => format!("The statistic {name}."),
                        help => help.to_owned(),
                    };
                    let kind = ExternalKind::parse(kind).unwrap_or_default();
                    self.omissions.count(self.samples.push_external(&family, kind, &help, value));
                }
                Ok(None) => {}
                Err(_) => self.unreadable(field),
            }
        } else if let Some(pairs) = select(name) {
            self.read_with(field, self.call.families.of(first + index), labels, pairs, value);
        }
    }

    fn mapped(&mut self, map: CustomReader, records: Members<'_>) {
        map(records, self.call.arguments, &mut |index, labels, number| {
            let Some(field) = self.call.collector.fields().nth(index) else { return };
            let labels = self.samples.labels(labels.iter().copied());
            match number {
                Some(number) => self.push(field, self.call.families.of(index), labels, number),
                None => self.unreadable(field),
            }
        });
    }

    fn read(&mut self, field: &'static Field, family: FamilyId, labels: Labels, value: Value<'r>) {
        if let Some(number) = self.number(field, value) {
            self.push(field, family, labels, number);
        }
    }

    /// Reads a value with more labels, which are dropped again if there is no sample.
    fn read_with(
        &mut self,
        field: &'static Field,
        family: FamilyId,
        labels: Labels,
        pairs: NameLabels<'r>,
        value: Value<'r>,
    ) {
        let Some(number) = self.number(field, value) else { return };
        let checkpoint = self.samples.checkpoint();
        let labels = self.samples.extend_labels(labels, pairs);
        self.push(field, family, labels, number);
        self.samples.rewind(checkpoint);
    }

    fn number(&mut self, field: &'static Field, value: Value<'r>) -> Option<Number> {
        (field.read)(value).unwrap_or_else(|_| {
            self.unreadable(field);
            None
        })
    }

    fn push(&mut self, field: &Field, family: FamilyId, labels: Labels, number: Number) {
        // OpenMetrics forbids negative and NaN counters, and a strict parser fails the whole scrape for one of them.
        if field.family.kind == Kind::Counter && !number.is_counter_value() {
            return self.unreadable(field);
        }
        self.omissions.count(self.samples.push(family, labels, number));
    }

    fn unreadable(&mut self, field: &Field) {
        self.omissions.unreadable += 1;
        self.omissions.first_unreadable.get_or_insert(field.family.name);
    }

    /// Returns the labels that all samples of a row share.
    fn table_labels(&mut self, table: &Table, row: Value<'r>) -> Labels {
        let (wildcard, arguments) = (self.wildcard, self.call.arguments);
        let innermost = &self.enclosing[self.enclosing.len() - table.labels.len()..];
        let labels = table.labels.iter().zip(innermost);
        self.samples.labels(labels.map(|(label, enclosing)| {
            (label.name, LabelText::find(label, row, *enclosing, wildcard, arguments))
        }))
    }

    /// Adds the labels of one field of a row; their values are in the row.
    fn labels(&mut self, base: Labels, labels: &[Label], row: Value<'r>) -> Labels {
        if labels.is_empty() {
            return base;
        }
        let (wildcard, arguments) = (self.wildcard, self.call.arguments);
        let named = self.call.parameters;
        let list = labels.iter().find_map(|label| match label.value {
            LabelValue::Parameters(path) if !named.is_empty() => Some(row.path(path)),
            _ => None,
        });
        let is_replaced = |label: &&Label| matches!(label.value, LabelValue::Parameters(_)) && list.is_some();
        let values = labels.iter().filter(|label| !is_replaced(label));
        let values = values.map(|label| (label.name, LabelText::find(label, row, None, wildcard, arguments)));
        let base = self.samples.extend_labels(base, values);
        match list {
            Some(list) => {
                let list = list.and_then(Value::as_bytes).unwrap_or_default();
                self.samples.extend_labels(base, named.iter().map(|name| (name, parameter(list, name))))
            }
            None => base,
        }
    }

    /// Returns the labels of a row: those of its fields, and those of its extra fields.
    fn row_labels(&mut self, table: &Table, row: Value<'r>) -> (Labels, Labels) {
        if let EqualRows::Unexpected = table.equal_rows {
            let labels = self.table_labels(table, row);
            return (labels, labels);
        }
        let more = table.equal_rows.labels();
        let (labels, is_one_of_many) =
            self.equal_rows.next().unwrap_or_else(|| (self.table_labels(table, row), false));
        let is_extended = is_one_of_many || self.call.extra_fields;
        let extended = if is_extended { self.labels(labels, more, row) } else { labels };
        if !is_one_of_many {
            return (labels, extended);
        }
        let (count, served) = self.equal_rows.with_extra_labels.entry(extended).or_default();
        *served += 1;
        let (count, index) = (*count, *served);
        let numbered = match count {
            0 | 1 => extended,
            _ => self.samples.extend_labels(extended, [("index", index.to_string())]),
        };
        // The first of several equal rows keeps the series that it has without the others.
        let extra = if index == 1 { extended } else { numbered };
        (if more.is_empty() { extra } else { numbered }, extra)
    }
}

/// Matches any name in a path to rows.
const ANY: &str = "*";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::ALL;
    use kamailio_binrpc::wire::{Arg, Nodes};

    #[test]
    fn a_label_is_that_of_the_nearest_struct_around_the_row_and_not_of_a_sibling() {
        let destination = |uri| [(Some("URI"), Arg::from(uri)), (Some("FLAGS"), "AP".into())];
        let (first, second, third) = (destination("sip:a"), destination("sip:b"), destination("sip:c"));
        let targets = [&first, &second, &third].map(|row| [(Some("DEST"), Arg::Struct(row))]);
        let set = [(Some("ID"), Arg::Int(4)), (Some("TARGETS"), Arg::Struct(&targets[0]))];
        let nameless = [(Some("TARGETS"), Arg::Struct(&targets[1]))];
        let last = [(Some("TARGETS"), Arg::Struct(&targets[2])), (Some("ID"), Arg::Int(5))];
        let sets = [&set[..], &nameless, &last].map(|set| (Some("SET"), Arg::Struct(set)));
        let reply = [(Some("ID"), Arg::Int(9)), (Some("RECORDS"), Arg::Struct(&sets))];
        let page = served(&reply);
        for (set, uri) in [(4, "sip:a"), (9, "sip:b"), (5, "sip:c")] {
            let start = format!("\nkamailio_dispatcher_list_target{{setid=\"{set}\",uri=\"{uri}\"");
            assert!(page.contains(&start), "{start} is not in {page}");
        }
    }

    #[test]
    fn an_index_is_only_for_rows_that_no_other_label_tells_apart() {
        let attributes = |duid| [(Some("DUID"), Arg::from(duid))];
        let (one, other) = (attributes("one"), attributes("other"));
        let destination =
            |uri, attributes| [(Some("URI"), Arg::from(uri)), (Some("ATTRS"), Arg::Struct(attributes))];
        let (first, second) = (destination("sip:a", &one), destination("sip:a", &other));
        let alone = destination("sip:b", &one);
        let targets = [&first, &second, &second, &alone].map(|row| (Some("DEST"), Arg::Struct(row)));
        let set = [(Some("ID"), Arg::Int(4)), (Some("TARGETS"), Arg::Struct(&targets))];
        let page = served(&[(Some("RECORDS"), Arg::Struct(&[(Some("SET"), Arg::Struct(&set))]))]);
        let rows = page.lines().filter(|line| line.starts_with("kamailio_dispatcher_list_target{"));
        let labels: Vec<_> = rows.map(|row| (row.contains("duid="), row.contains("index="))).collect();
        assert_eq!(labels, [(true, false), (true, true), (true, true), (false, false)], "{page}");
    }

    #[test]
    fn rows_over_the_limit_of_a_family_take_no_memory() {
        let memory = |count: usize| {
            let uris: Vec<_> = (0..count).map(|number| format!("sip:{number}")).collect();
            let rows: Vec<_> = uris.iter().map(|uri| [(Some("URI"), Arg::from(uri.as_str()))]).collect();
            let rows: Vec<_> = rows.iter().map(|row| (Some("DEST"), Arg::Struct(row))).collect();
            let set = [(Some("ID"), Arg::Int(4)), (Some("TARGETS"), Arg::Struct(&rows))];
            let (samples, omissions) =
                read(&[(Some("RECORDS"), Arg::Struct(&[(Some("SET"), Arg::Struct(&set))]))]);
            assert_eq!((samples.is_empty(), omissions.over_limit > 0), (false, count > LIMIT));
            samples.memory()
        };
        assert!(memory(LIMIT - 1) < memory(LIMIT));
        assert_eq!(memory(LIMIT), memory(1_000));
    }

    /// Returns the exposition with the samples of this list of destinations.
    fn served(list: &[(Option<&str>, Arg<'_>)]) -> String {
        let (samples, omissions) = read(list);
        assert_eq!(omissions, Omissions::default());
        let page = prometheus_exposition::Format::TEXT.write(catalogue().families(), &[&samples]);
        String::from_utf8(page).unwrap()
    }

    /// Reads this list of destinations.
    fn read(list: &[(Option<&str>, Arg<'_>)]) -> (Samples, Omissions) {
        let body = fake_kamailio::body(&[Arg::Struct(list)]);
        let mut nodes = Nodes::new();
        nodes.decode(&body).unwrap();
        let index = ALL.iter().position(|collector| collector.name == "dispatcher.list").unwrap();
        let call = CallContext {
            collector: ALL[index],
            families: catalogue().collector(index),
            arguments: &[],
            capabilities: &Capabilities::default(),
            extra_fields: false,
            parameters: &[],
        };
        let mut samples = Samples::new(LIMIT);
        let omissions = extract(call, nodes.members(&body), &mut samples);
        (samples, omissions)
    }

    /// Maximum number of samples of a family.
    const LIMIT: usize = 10;
}
