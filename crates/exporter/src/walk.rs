//! Walks a reply as its collector's table says, and writes the samples.

use crate::collector::{Collector, Field, Key, Label};
use crate::metric::{FamilyId, Labels, Samples};
use kamailio_binrpc::{Members, Value};
use std::borrow::Cow;

/// What was wrong in a reply that could be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Values that were not what their field expects. They are left out.
    pub unreadable: u64,
    /// The first field that had such a value, to name it in the log.
    pub first_unreadable: Option<&'static str>,
    /// Samples with the labels of an earlier one. They are left out.
    pub duplicates: u64,
}

/// Adds the samples of a reply's `records` to `samples`; `families` are those of the collector's fields, in order.
pub fn walk(
    collector: &'static Collector,
    families: &[FamilyId],
    records: Members<'_>,
    samples: &mut Samples,
) -> Findings {
    let mut walk = Walk { collector, families, samples, scope: Vec::new(), findings: Findings::default() };
    for record in records {
        walk.descend(collector.rows, record.value);
    }
    walk.findings
}

impl Findings {
    /// Adds those of another reply to the same collector.
    pub fn add(&mut self, other: Self) {
        self.unreadable += other.unreadable;
        self.duplicates += other.duplicates;
        self.first_unreadable = self.first_unreadable.or(other.first_unreadable);
    }
}

struct Walk<'w, 'r> {
    collector: &'static Collector,
    families: &'w [FamilyId],
    samples: &'w mut Samples,
    /// The structs around the row, outermost first.
    scope: Vec<Members<'r>>,
    findings: Findings,
}

impl<'r> Walk<'_, 'r> {
    fn descend(&mut self, path: &[&str], value: Value<'r>) {
        let Some((name, rest)) = path.split_first() else { return self.row(value) };
        let Some(around) = value.members() else { return };
        self.scope.push(around);
        for member in around {
            if member.name == Some(name.as_bytes()) {
                self.descend(rest, member.value);
            }
        }
        self.scope.pop();
    }

    fn row(&mut self, row: Value<'r>) {
        let labels = self.labels(Labels::NONE, self.collector.labels, row);
        for (field, family) in self.collector.fields.iter().zip(self.families) {
            match field.key {
                Key::At(path) => {
                    if let Some(value) = row.path(path) {
                        let labels = self.labels(labels, field.labels, row);
                        self.sample(field, *family, labels, value);
                    }
                }
                Key::Each(select) => {
                    let labels = self.labels(labels, field.labels, row);
                    for member in row.members().into_iter().flatten() {
                        if let Some(pairs) = member.name.and_then(select) {
                            let labels = self.samples.extend_labels(labels, pairs);
                            self.sample(field, *family, labels, member.value);
                        }
                    }
                }
            }
        }
    }

    fn sample(&mut self, field: &Field, family: FamilyId, labels: Labels, value: Value<'r>) {
        match (field.read)(value) {
            Ok(Some(number)) => {
                if !self.samples.push(family, labels, number) {
                    self.findings.duplicates += 1;
                }
            }
            Ok(None) => {}
            Err(_) => {
                self.findings.unreadable += 1;
                self.findings.first_unreadable.get_or_insert(field.family.name);
            }
        }
    }

    fn labels(&mut self, base: Labels, labels: &'static [Label], row: Value<'r>) -> Labels {
        if labels.is_empty() {
            return base;
        }
        let find = |path: &[&str]| {
            let around = self.scope.iter().rev().find_map(|scope| Value::Struct(*scope).path(path));
            row.path(path).or(around).map_or(Cow::Borrowed(&[][..]), text)
        };
        self.samples.extend_labels(base, labels.iter().map(|label| (label.name, find(label.path))))
    }
}

/// A value as a label: its bytes, or its number. Kamailio prints `<null string>` for a string that is not set
/// (`ctl/binrpc_run.c`, `rpc_struct_add` with type `S` and no pointer), which is an empty label here.
fn text(value: Value<'_>) -> Cow<'_, [u8]> {
    match value {
        Value::Str(NULL_STRING) | Value::Struct(_) | Value::Array(_) => Cow::Borrowed(b""),
        Value::Str(bytes) | Value::Bytes(bytes) => Cow::Borrowed(bytes),
        Value::Int(int) => Cow::Owned(int.signed().to_string().into_bytes()),
        Value::Double(double) => {
            Cow::Owned(double.value().map(|d| d.to_string()).unwrap_or_default().into_bytes())
        }
    }
}

const NULL_STRING: &[u8] = b"<null string>";
