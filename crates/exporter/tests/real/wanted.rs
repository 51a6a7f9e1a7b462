//! Finds a value of kamcmd in the exposition.

use crate::exceptions::{LEFT_OUT, READ_AS};
use crate::kamcmd::Leaf;
use crate::oracle::Tally;
use kamailio_exporter::internals::{Collector, Field, Key, Label, LabelValue, Table, catalogue};
use std::collections::BTreeMap;

/// An exposition: samples by name.
pub(crate) type Page = BTreeMap<String, Vec<Sample>>;

pub(crate) struct Sample {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// A value to find in the exposition.
pub(crate) struct Wanted<'a> {
    pub(crate) collector: &'static Collector,
    pub(crate) arguments: &'a [String],
    pub(crate) leaf: &'a Leaf,
    /// The same value in the second reply.
    pub(crate) second: &'a Leaf,
    pub(crate) page: &'a Page,
}

/// A value that the exposition lacks or has with another number.
pub(crate) struct Mismatch {
    pub(crate) collector: &'static str,
    /// The name of the value.
    pub(crate) value: String,
    /// The texts beside the value, such as the name of its process.
    pub(crate) row: Vec<String>,
    /// A human-readable message, which lists where the value was expected.
    pub(crate) message: String,
}

impl Wanted<'_> {
    /// Finds the value.
    pub(crate) fn find(&self, found: &mut Tally) -> Result<(), Mismatch> {
        let (name, last) = (self.collector.name, self.last());
        let excepted = |entry: (&str, &str)| entry.0 == name && (entry.1 == last || entry.1 == "*");
        let unset = self.leaf.value == 0.0 && self.second.value == 0.0;
        let left_out = LEFT_OUT
            .iter()
            .position(|entry| excepted((entry.collector, entry.leaf)) && (unset || !entry.only_zero));
        if let Some(index) = left_out {
            // An exception for a value with its own field is no longer needed.
            if LEFT_OUT[index].only_zero || !self.has_own_field() {
                found.used.insert(("LEFT_OUT", index));
            }
            found.left_out += 1;
            return Ok(());
        }
        let has_member = |member| self.leaf.row.iter().any(|(name, _)| name == member);
        let mut read_as = (0..READ_AS.len())
            .filter(|index| excepted((READ_AS[*index].collector, READ_AS[*index].leaf)))
            .filter(|index| READ_AS[*index].member.is_none_or(|(member, has)| has_member(member) == has))
            .peekable();
        if read_as.peek().is_some() {
            return read_as.try_for_each(|index| {
                found.used.insert(("READ_AS", index));
                self.is_read_as(index, found)
            });
        }
        let fields = self.fields();
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
        Err(self.mismatch(&format!("the exposition has {served:?}")))
    }

    /// Looks up the value in the family that the exception names, after its conversion.
    fn is_read_as(&self, index: usize, found: &mut Tally) -> Result<(), Mismatch> {
        let entry = &READ_AS[index];
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

    /// Returns the fields that may serve the value: those that read it, and those whose family has its name. If both kinds
    /// exist, only fields of both kinds, because a field with the name of one value that reads another one is wrong.
    fn fields(&self) -> Vec<(&'static Table, &'static Field)> {
        let all: Vec<_> = self
            .collector
            .tables
            .iter()
            .flat_map(|table| table.fields.iter().chain(table.extra_fields).map(move |field| (table, field)))
            .collect();
        let reads = |(table, field): &(&'static Table, &'static Field)| self.is_read_by(table, field);
        let readers: Vec<_> = all.iter().copied().filter(reads).collect();
        // The name of a statistic has parts that are labels of the family.
        if self.collector.tables.iter().any(|table| table.by_name) {
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

    /// Returns whether a field reads only this value and has a sample for its row.
    fn has_own_field(&self) -> bool {
        let mut fields =
            self.collector.tables.iter().flat_map(|table| {
                table.fields.iter().chain(table.extra_fields).map(move |field| (table, field))
            });
        !self.leaf.is_text
            && fields.any(|(table, field)| {
                matches!(field.key, Key::At(key) if self.leaf.path.last().map(String::as_str) == key.last().copied())
                    && self.is_read_by(table, field)
                    && self.samples(field.family.name).any(|sample| self.is_row(table, field, sample))
            })
    }

    fn is_read_by(&self, table: &Table, field: &Field) -> bool {
        let path: Vec<&str> = self.leaf.path.iter().map(String::as_str).collect();
        let row = |path: &[&str]| {
            path.len() == table.rows.len()
                && path.iter().zip(table.rows).all(|(name, row)| name == row || *row == "*")
        };
        match field.key {
            Key::At(key) => {
                // The field may read an entire struct.
                let parent = path.split_last().and_then(|(_, path)| path.strip_suffix(key));
                path.strip_suffix(key).is_some_and(row)
                    || !key.is_empty() && parent.is_some_and(row)
                    || self.leaf.is_text && key.is_empty()
            }
            Key::Matching(select) => {
                path.split_last().is_some_and(|(last, path)| row(path) && select(last.as_bytes()).is_some())
            }
            Key::Remaining(..) => path.split_last().is_some_and(|(_, path)| row(path)),
            Key::Custom => true,
        }
    }

    /// Returns whether the name of the family contains the words of the value's name.
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

    /// Returns whether the sample has the labels of the value's row.
    fn is_row(&self, table: &Table, field: &Field, sample: &Sample) -> bool {
        let labels = || table.labels.iter().chain(field.labels).chain(table.equal_rows.labels());
        let has = |label: &Label| match label.value {
            LabelValue::Constant(value) => {
                sample.labels.iter().any(|(name, v)| name == label.name && v == value)
            }
            _ => true,
        };
        // The statistic's name contains the SIP method or code that the label has.
        let constant = |name: &str| {
            !["method", "code", "class"].contains(&name)
                && labels().any(|label| label.name == name && matches!(label.value, LabelValue::Constant(_)))
        };
        labels().all(has)
            && sample.labels.iter().all(|(name, value)| constant(name) || self.explains(name, value))
    }

    /// Returns whether the label's value comes from the row or the call.
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
        // Names of structs become lower case.
        let is_named = |(name, text): &(String, String)| {
            text == value || name.is_empty() && text.eq_ignore_ascii_case(value)
        };
        [last, group, name].iter().any(|name| name.eq_ignore_ascii_case(value))
            || self.arguments.iter().any(|argument| argument == value)
            || self.leaf.row.iter().any(is_named)
            || self.leaf.is_text
                && value.split('-').all(|word| self.leaf.row.iter().any(|(_, text)| text == word))
            || self.is_part_of_name(value)
    }

    /// Returns whether the value is part of the statistic's name: `4xx` of `core.rcv_replies_4xx_bye`, or `REGISTER` of
    /// `core.rcv_replies_4xx_reg`.
    fn is_part_of_name(&self, value: &str) -> bool {
        let last = self.last().to_ascii_lowercase();
        let value = value.to_ascii_lowercase();
        last.contains('.')
            && last.split(['.', '_']).any(|word| word == value || word.len() > 2 && value.starts_with(word))
    }

    /// Returns whether the value is a label of its row.
    fn is_label(&self) -> bool {
        let text = format!("{}", self.leaf.value);
        let is_it = |label: &&Label| matches!(label.value, LabelValue::At(path) if path.last().is_some_and(|last| *last == self.last()));
        self.collector.tables.iter().any(|table| {
            table.fields.iter().chain(table.extra_fields).any(|field| {
                let mut labels =
                    table.labels.iter().chain(table.equal_rows.labels()).chain(field.labels).filter(is_it);
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

    /// Returns whether the statistic has a family named after it.
    fn is_named_family(&self) -> bool {
        let words: Vec<_> = self.last().split('.').collect();
        let own = self.page.iter().filter(|(family, _)| !catalogue().has(family));
        let mut own = own.filter(|(family, _)| words.iter().all(|word| family.contains(word)));
        self.collector.tables.iter().any(|table| table.by_name)
            && own.any(|(family, samples)| samples.iter().any(|sample| self.has_value(family, sample.value)))
    }

    /// Returns whether a served value lies between the two values of kamcmd, in the unit of the family.
    fn has_value(&self, family: &str, served: f64) -> bool {
        let (low, high) = (self.leaf.value.min(self.second.value), self.leaf.value.max(self.second.value));
        let is = |low: f64, high: f64| {
            let tolerance = 1e-9 * low.abs().max(high.abs());
            low - tolerance <= served && served <= high + tolerance
        };
        let in_unit = |unit: &str, divisors: &[f64]| {
            family.contains(unit) && divisors.iter().any(|divisor| is(low / divisor, high / divisor))
        };
        // kamcmd prints unsigned ints as signed.
        let unsigned = low < 0.0 && high < 0.0 && is(low + TWO_TO_32, high + TWO_TO_32);
        is(low, high) || unsigned || in_unit("_seconds", &[1e3, 1e6]) || in_unit("_ratio", &[100.0])
    }

    fn last(&self) -> &str {
        self.leaf.path.last().map_or("", String::as_str)
    }

    fn mismatch(&self, served: &str) -> Mismatch {
        let call = [&[self.collector.name.to_owned()], self.arguments].concat().join(" ");
        let (path, low, high) = (self.leaf.path.join("."), self.leaf.value, self.second.value);
        let message = format!("{call}: {path:?} is {low} (then {high}) for kamcmd; {served}");
        let row = self.leaf.row.iter().map(|(_, text)| text.clone()).collect();
        Mismatch { collector: self.collector.name, value: self.last().to_owned(), row, message }
    }
}

/// Parses the samples of an exposition in the text format.
pub(crate) fn page(text: &str) -> Page {
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

const TWO_TO_32: f64 = 4_294_967_296.0;
