//! Every family that the exporter knows, with the lines that announce it, made once from the collectors' tables.

use crate::collector::Collector;
use crate::metric::{Family, FamilyId, Kind};
use crate::{collectors, self_metrics};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The families in the order of the exposition, and which of them each collector fills.
pub struct Catalogue {
    families: Vec<Announced>,
    /// By collector, as in [`collectors::ALL`]: the families of its fields.
    collectors: Vec<Vec<FamilyId>>,
    ids: HashMap<&'static str, FamilyId>,
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
        LazyLock::new(|| Catalogue::new(collectors::ALL, self_metrics::FAMILIES));
    &CATALOGUE
}

impl Catalogue {
    fn new(collectors: &[&'static Collector], own: &'static [Family]) -> Self {
        let mut this = Self { families: Vec::new(), collectors: Vec::new(), ids: HashMap::new() };
        for collector in collectors {
            let ids = collector.fields.iter().map(|field| this.add(&field.family)).collect();
            this.collectors.push(ids);
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

    /// The families that the fields of a collector fill, by its place in [`collectors::ALL`].
    pub fn fields(&self, collector: usize) -> &[FamilyId] {
        &self.collectors[collector]
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

impl Announced {
    fn new(family: &'static Family) -> Self {
        let name = family.name;
        let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
        let (text_type, openmetrics_type) = match family.kind {
            Kind::Counter => ("counter", "counter"),
            Kind::BareCounter => ("counter", "unknown"),
            Kind::Gauge => ("gauge", "gauge"),
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
