//! The families of an exposition, with the lines that announce each one.

use crate::metric::{Family, FamilyId, Kind};
use hashbrown::{DefaultHashBuilder, HashMap};

/// Families in the order of the exposition, each name once.
#[derive(Default)]
pub struct Families {
    families: Vec<FamilyEntry>,
    ids: HashMap<&'static str, FamilyId, DefaultHashBuilder>,
}

/// A family, and its lines as the formats write them.
pub struct FamilyEntry {
    /// The family.
    pub family: &'static Family,
    /// The name in front of each sample.
    pub sample_name: String,
    /// `HELP` and `TYPE` of the text format.
    pub text: String,
    /// `HELP` and `TYPE` of OpenMetrics.
    pub openmetrics: String,
}

impl Families {
    /// Adds a family at the end, unless there is one of its name, which is shared then.
    pub fn add(&mut self, family: &'static Family) -> FamilyId {
        *self.ids.entry(family.name).or_insert_with(|| {
            self.families.push(FamilyEntry::new(family));
            self.families.len() - 1
        })
    }

    /// The family with this id.
    pub fn get(&self, id: FamilyId) -> Option<&FamilyEntry> {
        self.families.get(id)
    }

    /// The families in order; a family's index is its id.
    pub fn iter(&self) -> std::slice::Iter<'_, FamilyEntry> {
        self.families.iter()
    }

    /// The number of families.
    pub fn len(&self) -> usize {
        self.families.len()
    }

    /// Whether there are no families.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// Whether one of the families has this name, or samples of this name.
    pub fn has(&self, name: &str) -> bool {
        self.ids.contains_key(name)
            || name.strip_suffix("_total").is_some_and(|name| self.ids.contains_key(name))
    }

    /// The id of a family that was added.
    ///
    /// # Panics
    /// If it was not.
    pub fn id(&self, family: &Family) -> FamilyId {
        self.ids[family.name]
    }
}

impl<'f> IntoIterator for &'f Families {
    type Item = &'f FamilyEntry;
    type IntoIter = std::slice::Iter<'f, FamilyEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::ops::Index<FamilyId> for Families {
    type Output = FamilyEntry;

    fn index(&self, id: FamilyId) -> &FamilyEntry {
        &self.families[id]
    }
}

impl FamilyEntry {
    fn new(family: &'static Family) -> Self {
        let name = family.name;
        let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
        let (text_type, openmetrics_type) = match family.kind {
            Kind::Counter => ("counter", "counter"),
            Kind::BareCounter => ("counter", "unknown"),
            Kind::Gauge => ("gauge", "gauge"),
            Kind::Untyped => ("untyped", "unknown"),
        };
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        let quoted = help.replace('"', "\\\"");
        Self {
            family,
            sample_name: format!("{name}{suffix}"),
            text: format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {text_type}\n"),
            openmetrics: format!("# HELP {name} {quoted}\n# TYPE {name} {openmetrics_type}\n"),
        }
    }
}
