//! The catalogue: every family that the exporter can serve, collected once from the collectors' tables.

use crate::collectors;
use crate::collectors::exporter::OwnFamily;
use crate::collectors::schema::{Collector, Key, NameLabels, NameMatcher, Table};
use hashbrown::DefaultHashBuilder;
use prometheus_exposition::{Families, Family, FamilyId, Kind};
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// The families in the order of the exposition, and the families of each collector.
pub struct Catalogue {
    families: Families,
    /// Indexed like [`collectors::ALL`].
    collectors: Vec<CollectorFamilies>,
    /// The counters that count since Kamailio started, sorted.
    counted_from_start: Vec<FamilyId>,
}

/// The families of a collector's fields, and an index of the fields that are looked up by name.
#[derive(Default)]
pub struct CollectorFamilies {
    /// Indexed like [`Collector::fields`].
    ids: Vec<FamilyId>,
    /// The index of a field by the name of its value, for tables that are read by name.
    named: HashMap<&'static [u8], usize, DefaultHashBuilder>,
    /// The fields with a [`NameMatcher`], for tables that are read by name.
    matching: Vec<(usize, NameMatcher)>,
}

/// Returns the catalogue, which is built on first use.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::new(collectors::ALL, collectors::exporter::FAMILIES));
    &CATALOGUE
}

impl Catalogue {
    fn new(collectors: &[&'static Collector], own: &'static [&'static OwnFamily]) -> Self {
        let mut this =
            Self { families: Families::default(), collectors: Vec::new(), counted_from_start: Vec::new() };
        for collector in collectors {
            let ids: Vec<_> = collector.fields().map(|field| this.families.add(&field.family)).collect();
            if collector.counts_from_start {
                let is_counter = |id: &FamilyId| this.families[*id].family().kind == Kind::Counter;
                this.counted_from_start.extend(ids.iter().copied().filter(is_counter));
            }
            this.collectors.push(CollectorFamilies::new(collector, ids));
        }
        for family in own {
            this.families.add(family);
        }
        this.counted_from_start.sort_unstable();
        this
    }

    /// Returns all families, in the order of the exposition.
    pub fn families(&self) -> &Families {
        &self.families
    }

    /// Returns the counters that count since Kamailio started and are reset by nothing else, sorted.
    pub(crate) fn counted_from_start(&self) -> &[FamilyId] {
        &self.counted_from_start
    }

    /// Returns the families of a collector, given its index in [`collectors::ALL`].
    pub fn collector(&self, collector: usize) -> &CollectorFamilies {
        &self.collectors[collector]
    }

    /// Returns the groups of all statistics that have a field, and the group of the script's statistics.
    pub fn statistic_groups(&self) -> impl Iterator<Item = &'static str> {
        let names = self.collectors.iter().flat_map(|collector| collector.named.keys());
        let groups =
            names.filter_map(|name| std::str::from_utf8(name).ok()?.split_once('.')).map(|(group, _)| group);
        groups.chain(["script"]).collect::<BTreeSet<_>>().into_iter()
    }

    /// Returns whether a family or its samples have this name.
    pub fn has(&self, name: &str) -> bool {
        self.families.has(name)
    }

    /// Returns the identifier of one of the exporter's own families.
    pub(crate) fn own(&self, own: &OwnFamily) -> FamilyId {
        *own.id.get_or_init(|| self.id(own))
    }

    /// Returns the identifier of a family that is in one of the tables.
    pub fn id(&self, family: &Family) -> FamilyId {
        self.families.id(family)
    }
}

impl CollectorFamilies {
    fn new(collector: &'static Collector, ids: Vec<FamilyId>) -> Self {
        let mut this = Self { ids, ..Self::default() };
        let fields = |table: &'static Table| table.all_fields().map(|field| (table.by_name, field));
        for (index, (by_name, field)) in collector.tables.iter().flat_map(fields).enumerate() {
            match field.key {
                Key::At([name]) if by_name => drop(this.named.insert(name.as_bytes(), index)),
                Key::Matching(matches) if by_name => this.matching.push((index, matches)),
                _ => {}
            }
        }
        this
    }

    /// Returns the family of a field, given its index in [`Collector::fields`].
    pub fn of(&self, field: usize) -> FamilyId {
        self.ids[field]
    }

    /// Returns the index of the field whose value has this name.
    pub fn named(&self, name: &[u8]) -> Option<usize> {
        self.named.get(name).copied()
    }

    /// Returns the index of the first field whose matcher accepts this name, and the labels made from the name.
    pub fn matching<'n>(&self, name: &'n [u8]) -> Option<(usize, NameLabels<'n>)> {
        self.matching.iter().find_map(|(index, matches)| Some((*index, matches(name)?)))
    }
}
