//! Every family that the exporter knows, with the lines that announce it, made once from the collectors' tables.

use crate::collectors;
use crate::collectors::schema::{Collector, EachKey, Key, NameLabels, Table};
use crate::exposition::metric::{Family, FamilyId, Kind};
use hashbrown::DefaultHashBuilder;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// The families in the order of the exposition, and which of them each collector fills.
pub struct Catalogue {
    families: Vec<Announced>,
    /// By collector, as in [`collectors::ALL`].
    collectors: Vec<CollectorFamilies>,
    ids: HashMap<&'static str, FamilyId, DefaultHashBuilder>,
}

/// The families of a collector's fields.
#[derive(Default)]
pub struct CollectorFamilies {
    /// By field.
    ids: Vec<FamilyId>,
    /// The fields of wide tables by the name of their value.
    named: HashMap<&'static [u8], usize, DefaultHashBuilder>,
    /// The fields of wide tables that select names.
    selecting: Vec<(usize, EachKey)>,
}

/// A family, and its lines as the formats write them.
pub struct Announced {
    /// The family.
    pub family: &'static Family,
    /// The name in front of each sample.
    pub sample_name: String,
    /// `HELP` and `TYPE` of the text format.
    pub text: String,
    /// `HELP` and `TYPE` of OpenMetrics.
    pub openmetrics: String,
}

/// The one catalogue.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::new(collectors::ALL, collectors::exporter::FAMILIES));
    &CATALOGUE
}

impl Catalogue {
    fn new(collectors: &[&'static Collector], own: &'static [Family]) -> Self {
        let mut this = Self { families: Vec::new(), collectors: Vec::new(), ids: HashMap::default() };
        for collector in collectors {
            let ids = collector.fields().map(|field| this.add(&field.family)).collect();
            this.collectors.push(CollectorFamilies::new(collector, ids));
        }
        for family in own {
            this.add(family);
        }
        this
    }

    /// The families, in order.
    pub fn families(&self) -> &[Announced] {
        &self.families
    }

    /// The families of a collector's fields, by its place in [`collectors::ALL`].
    pub fn collector(&self, collector: usize) -> &CollectorFamilies {
        &self.collectors[collector]
    }

    /// The groups of the statistics that have a field of their own, and that of the script's statistics.
    pub fn statistic_groups(&self) -> impl Iterator<Item = &'static str> {
        let names = self.collectors.iter().flat_map(|collector| collector.named.keys());
        let groups =
            names.filter_map(|name| std::str::from_utf8(name).ok()?.split_once('.')).map(|(group, _)| group);
        groups.chain(["script"]).collect::<BTreeSet<_>>().into_iter()
    }

    /// Whether one of our families has this name, or samples of this name.
    pub fn has(&self, name: &str) -> bool {
        self.ids.contains_key(name)
            || name.strip_suffix("_total").is_some_and(|name| self.ids.contains_key(name))
    }

    /// The family of this name, which is in one of the tables.
    pub fn id(&self, family: &Family) -> FamilyId {
        self.ids[family.name]
    }

    /// Fields that name the same family share it.
    fn add(&mut self, family: &'static Family) -> FamilyId {
        *self.ids.entry(family.name).or_insert_with(|| {
            self.families.push(Announced::new(family));
            self.families.len() - 1
        })
    }
}

impl CollectorFamilies {
    fn new(collector: &'static Collector, ids: Vec<FamilyId>) -> Self {
        let mut this = Self { ids, ..Self::default() };
        let fields =
            |table: &'static Table| table.fields.iter().chain(table.more).map(|field| (table.wide, field));
        for (place, (wide, field)) in collector.tables.iter().flat_map(fields).enumerate() {
            match field.key {
                Key::At([name]) if wide => drop(this.named.insert(name.as_bytes(), place)),
                Key::Each(select) if wide => this.selecting.push((place, select)),
                _ => {}
            }
        }
        this
    }

    /// The family of a field, by its place in [`Collector::fields`].
    pub fn of(&self, field: usize) -> FamilyId {
        self.ids[field]
    }

    /// The place of the field of a wide table whose value has this name.
    pub fn named(&self, name: &[u8]) -> Option<usize> {
        self.named.get(name).copied()
    }

    /// The place of the first field of a wide table that selects this name, and the labels that the name gives.
    pub fn selected<'n>(&self, name: &'n [u8]) -> Option<(usize, NameLabels<'n>)> {
        self.selecting.iter().find_map(|(place, select)| Some((*place, select(name)?)))
    }
}

impl Announced {
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
