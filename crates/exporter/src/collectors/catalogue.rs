//! Every family that the exporter knows, with the lines that announce it, made once from the collectors' tables.

use crate::collectors;
use crate::collectors::schema::{Collector, EachKey, Key, NameLabels, Table};
use hashbrown::DefaultHashBuilder;
use prometheus_exposition::{Families, Family, FamilyId};
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// The families in the order of the exposition, and which of them each collector fills.
pub struct Catalogue {
    families: Families,
    /// By collector, as in [`collectors::ALL`].
    collectors: Vec<CollectorFamilies>,
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

/// The one catalogue.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::new(collectors::ALL, collectors::exporter::FAMILIES));
    &CATALOGUE
}

impl Catalogue {
    fn new(collectors: &[&'static Collector], own: &'static [Family]) -> Self {
        let mut this = Self { families: Families::default(), collectors: Vec::new() };
        for collector in collectors {
            let ids = collector.fields().map(|field| this.families.add(&field.family)).collect();
            this.collectors.push(CollectorFamilies::new(collector, ids));
        }
        for family in own {
            this.families.add(family);
        }
        this
    }

    /// The families, in order.
    pub fn families(&self) -> &Families {
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
        self.families.has(name)
    }

    /// The family of this name, which is in one of the tables.
    pub fn id(&self, family: &Family) -> FamilyId {
        self.families.id(family)
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
