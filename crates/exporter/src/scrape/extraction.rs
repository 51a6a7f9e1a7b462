//! Walks a reply as its collector's tables say, and writes the samples.

use crate::collectors::catalogue::{CollectorFamilies, catalogue};
use crate::collectors::schema::{Collector, Field, Key, Label, LabelValue, NameLabels, Table};
use crate::scrape::capabilities::Capabilities;
use hashbrown::HashMap;
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Labels;
use prometheus_exposition::Samples;
use prometheus_exposition::{ExternalKind, FamilyId, Kind, Number, Pushed};

/// What was wrong in a reply that could be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Values that were not what their field expects. They are left out.
    pub unreadable: u64,
    /// The first field that had such a value, to name it in the log.
    pub first_unreadable: Option<&'static str>,
    /// Samples with the labels of an earlier one. They are left out.
    pub duplicates: u64,
    /// Samples over the limit of their family, or of the scrape. They are left out.
    pub over_limit: u64,
}

/// A call whose reply is walked.
#[derive(Clone, Copy)]
pub struct Answered<'a> {
    /// Whose tables are used.
    pub collector: &'static Collector,
    /// The families of its fields.
    pub families: &'a CollectorFamilies,
    /// The arguments of the call.
    pub arguments: &'a [String],
    /// What the server says about its statistics.
    pub capabilities: &'a Capabilities,
    /// Whether the fields that the Go exporter does not have are wanted.
    pub more: bool,
}

/// Adds the samples of a reply's `records` to `samples`.
pub fn extract(call: Answered<'_>, records: Members<'_>, samples: &mut Samples) -> Findings {
    let mut walk = Walk {
        call,
        samples,
        around: Vec::new(),
        name: b"",
        equals: Equals::default(),
        findings: Findings::default(),
    };
    if let Some(map) = call.collector.map {
        walk.mapped(map, records);
        return walk.findings;
    }
    let mut first = 0;
    for table in call.collector.tables {
        let place = first;
        first += table.fields.len() + table.more.len();
        if table.fields.is_empty() && !call.more {
            continue;
        }
        if !table.tell_apart.is_empty() {
            walk.equals = Equals::default();
            walk.each_row(table, records, |walk, row| {
                let labels = walk.table_labels(table, row);
                walk.equals.add(labels);
            });
            if walk.equals.repeat {
                walk.equals.count();
                walk.each_row(table, records, |walk, row| walk.count_more(table, row));
            }
            walk.equals.next = 0;
        }
        walk.each_row(table, records, |walk, row| {
            // A row that its families have no room for needs none for its labels.
            let checkpoint = walk.samples.checkpoint();
            walk.row(table, place, row);
            walk.samples.rewind(checkpoint);
        });
    }
    walk.findings
}

struct Walk<'w, 'r> {
    call: Answered<'w>,
    samples: &'w mut Samples,
    /// By label of the table: the value that the structs around the row have for it, the nearest of them. It is looked
    /// up once for all rows of a struct, which may be thousands.
    around: Vec<Option<Value<'r>>>,
    /// The name that `*` stands for.
    name: &'r [u8],
    equals: Equals,
    findings: Findings,
}

/// Which rows of a table have the same labels.
#[derive(Default)]
struct Equals {
    /// The labels of each row, in order.
    rows: Vec<Labels>,
    /// The next row.
    next: usize,
    /// Whether there was a row with labels that were not new. As a rule there is none, and nothing to count.
    repeat: bool,
    /// How many rows have these labels.
    same: HashMap<Labels, usize>,
    /// How many of those with equal labels have these when more are added, and how many of them have been served.
    still_same: HashMap<Labels, (usize, usize)>,
}

impl<'r> Walk<'_, 'r> {
    fn each_row(&mut self, table: &Table, records: Members<'r>, mut visit: impl FnMut(&mut Self, Value<'r>)) {
        self.around = vec![None; table.labels.len()];
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
        let outside = self.around.clone();
        for (around, label) in self.around.iter_mut().zip(table.labels) {
            if let LabelValue::At(path) = label.value {
                *around = value.path(path).or(*around);
            }
        }
        for member in members {
            let found = member.name.unwrap_or_default();
            if *name == ANY {
                self.name = found;
                self.descend(table, rest, member.value, visit);
            } else if found == name.as_bytes() {
                self.descend(table, rest, member.value, visit);
            }
        }
        self.around = outside;
    }

    fn count_more(&mut self, table: &Table, row: Value<'r>) {
        if let (labels, true) = self.equals.next() {
            let labels = self.labels(labels, table.tell_apart, row);
            self.equals.still_same.entry(labels).or_default().0 += 1;
        }
    }

    fn row(&mut self, table: &'static Table, first: usize, row: Value<'r>) {
        let labels = match table.tell_apart {
            [] => self.table_labels(table, row),
            more => self.tell_apart(more, row),
        };
        // A reply without rows is none; a row that cannot have values is not what was asked for.
        if row.members().is_none()
            && let Some(field) = table.fields.first().filter(|field| field.key.needs_members())
        {
            return self.unreadable(field);
        }
        if table.wide {
            return self.wide_row(table, first, labels, row);
        }
        let more = if self.call.more { table.more } else { &[] };
        for (place, field) in table.fields.iter().chain(more).enumerate() {
            let family = self.call.families.of(first + place);
            match field.key {
                Key::At(path) => {
                    if let Some(value) = row.path(path) {
                        let labels = self.labels(labels, field.labels, row);
                        self.read(field, family, labels, value);
                    }
                }
                Key::Each(select) => {
                    let labels = self.labels(labels, field.labels, row);
                    for member in row.members().unwrap_or_default() {
                        if let Some(pairs) = member.name.and_then(select) {
                            self.read_with(field, family, labels, pairs, member.value);
                        }
                    }
                }
                Key::Rest(..) | Key::Mapped => {}
            }
        }
    }

    /// Each value of the row has one field: that of its name, or the first that selects the name.
    fn wide_row(&mut self, table: &'static Table, first: usize, labels: Labels, row: Value<'r>) {
        let families = self.call.families;
        for member in row.members().unwrap_or_default() {
            let Some(name) = member.name else { continue };
            let named = families.named(name).map(|place| (place, None));
            let found = named.or_else(|| families.selected(name).map(|(place, pairs)| (place, Some(pairs))));
            let Some((place, pairs)) = found else {
                self.rest(table, first, labels, name, member.value);
                continue;
            };
            let Some(field) = place.checked_sub(first).and_then(|place| table.fields.get(place)) else {
                continue;
            };
            let checkpoint = self.samples.checkpoint();
            let labels = self.labels(labels, field.labels, row);
            match pairs {
                Some(pairs) => self.read_with(field, families.of(place), labels, pairs, member.value),
                None => self.read(field, families.of(place), labels, member.value),
            }
            self.samples.rewind(checkpoint);
        }
    }

    /// What no field of a wide table has taken.
    fn rest(
        &mut self,
        table: &'static Table,
        first: usize,
        labels: Labels,
        name: &'r [u8],
        value: Value<'r>,
    ) {
        // It is the last field, and the others are hundreds.
        let Some((place, field)) = table.fields.iter().enumerate().next_back() else { return };
        let Key::Rest(by_name, select) = field.key else { return };
        if let Some((family, kind)) = by_name(name).filter(|(family, _)| !catalogue().has(family)) {
            match (field.read)(value) {
                Ok(Some(value)) => {
                    let name = String::from_utf8_lossy(name);
                    let help = match self.call.capabilities.help(&name) {
                        "" => format!("The statistic {name}."),
                        help => help.to_owned(),
                    };
                    let kind = ExternalKind::parse(kind).unwrap_or_default();
                    self.findings.count(self.samples.push_external(&family, kind, &help, value));
                }
                Ok(None) => {}
                Err(_) => self.unreadable(field),
            }
        } else if let Some(pairs) = select(name) {
            self.read_with(field, self.call.families.of(first + place), labels, pairs, value);
        }
    }

    fn mapped(&mut self, map: crate::collectors::schema::Map, records: Members<'_>) {
        map(records, &mut |place, labels, number| {
            let Some(field) = self.call.collector.fields().nth(place) else { return };
            let labels = self.samples.labels(labels.iter().copied());
            match number {
                Some(number) => self.push(field, self.call.families.of(place), labels, number),
                None => self.unreadable(field),
            }
        });
    }

    fn read(&mut self, field: &'static Field, family: FamilyId, labels: Labels, value: Value<'r>) {
        if let Some(number) = self.number(field, value) {
            self.push(field, family, labels, number);
        }
    }

    /// With more labels, which are taken back if there is no sample.
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
        // OpenMetrics forbids it, and one such sample is the end of a strict reader's scrape.
        if field.family.kind == Kind::Counter && !number.counts() {
            return self.unreadable(field);
        }
        self.findings.count(self.samples.push(family, labels, number));
    }

    fn unreadable(&mut self, field: &Field) {
        self.findings.unreadable += 1;
        self.findings.first_unreadable.get_or_insert(field.family.name);
    }

    /// The labels of every sample of a row.
    fn table_labels(&mut self, table: &Table, row: Value<'r>) -> Labels {
        let (around, name, arguments) = (&self.around, self.name, self.call.arguments);
        let labels = table.labels.iter().zip(around);
        self.samples
            .labels(labels.map(|(label, around)| (label.name, find(label, row, *around, name, arguments))))
    }

    /// Labels of one field of a row, which stand in the row.
    fn labels(&mut self, base: Labels, labels: &[Label], row: Value<'r>) -> Labels {
        if labels.is_empty() {
            return base;
        }
        let (name, arguments) = (self.name, self.call.arguments);
        let values = labels.iter().map(|label| (label.name, find(label, row, None, name, arguments)));
        self.samples.extend_labels(base, values)
    }

    fn tell_apart(&mut self, more: &[Label], row: Value<'r>) -> Labels {
        let (labels, is_one_of_many) = self.equals.next();
        if !is_one_of_many {
            return labels;
        }
        let labels = self.labels(labels, more, row);
        let (count, served) = self.equals.still_same.entry(labels).or_default();
        *served += 1;
        if *count < 2 {
            return labels;
        }
        let index = *served;
        self.samples.extend_labels(labels, [("index", index.to_string())])
    }
}

impl Equals {
    fn add(&mut self, labels: Labels) {
        self.repeat |= self.rows.last().is_some_and(|last| !labels.is_later_than(*last));
        self.rows.push(labels);
    }

    fn count(&mut self) {
        for labels in &self.rows {
            *self.same.entry(*labels).or_default() += 1;
        }
    }

    /// The labels of the next row, and whether others have them, too.
    fn next(&mut self) -> (Labels, bool) {
        let labels = self.rows.get(self.next).copied().unwrap_or(Labels::NONE);
        self.next += 1;
        (labels, self.same.get(&labels).is_some_and(|count| *count > 1))
    }
}

impl Findings {
    /// Counts what became of a sample.
    pub fn count(&mut self, pushed: Pushed) {
        match pushed {
            Pushed::Added => {}
            Pushed::Duplicate => self.duplicates += 1,
            Pushed::OverLimit => self.over_limit += 1,
        }
    }

    /// Adds those of another reply to the same collector.
    pub fn add(&mut self, other: Self) {
        self.unreadable += other.unreadable;
        self.duplicates += other.duplicates;
        self.over_limit += other.over_limit;
        self.first_unreadable = self.first_unreadable.or(other.first_unreadable);
    }
}

/// The text of a label.
enum Text<'v> {
    Bytes(&'v [u8]),
    /// The digits of an int, and how many they are. Some lists have one in every row: it is not allocated.
    Int([u8; MAX_DIGITS], usize),
    Double(String),
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Int(digits, len) => digits.get(..*len).unwrap_or_default(),
            Self::Double(text) => text.as_bytes(),
        }
    }
}

impl<'v> From<Value<'v>> for Text<'v> {
    /// A value as a label: its bytes, or its number. Kamailio prints `<null string>` for a string that is not set
    /// (`ctl/binrpc_run.c`, `rpc_struct_add`), which is an empty label here.
    fn from(value: Value<'v>) -> Self {
        match value {
            Value::Str(NULL_STRING) | Value::Struct(_) | Value::Array(_) => Self::Bytes(b""),
            Value::Str(bytes) | Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Int(int) => {
                let mut digits = [0; MAX_DIGITS];
                let mut buffer = itoa::Buffer::new();
                let text = buffer.format(int.signed()).as_bytes();
                digits.iter_mut().zip(text).for_each(|(digit, byte)| *digit = *byte);
                Self::Int(digits, text.len())
            }
            Value::Double(double) => {
                Self::Double(double.value().map(|number| number.to_string()).unwrap_or_default())
            }
        }
    }
}

fn find<'v>(
    label: &Label,
    row: Value<'v>,
    around: Option<Value<'v>>,
    name: &'v [u8],
    arguments: &'v [String],
) -> Text<'v> {
    match label.value {
        LabelValue::At(path) => row.path(path).or(around).map_or(Text::Bytes(b""), Text::from),
        LabelValue::Name => Text::Bytes(name),
        LabelValue::Is(value) => Text::Bytes(value.as_bytes()),
        LabelValue::Argument(place) => {
            Text::Bytes(arguments.get(place).map_or(&[][..], |argument| argument.as_bytes()))
        }
    }
}

/// A sign and 19 digits.
const MAX_DIGITS: usize = 20;
const NULL_STRING: &[u8] = b"<null string>";
/// In a path to rows: any name.
const ANY: &str = "*";
