//! The families of an exposition, with the lines that announce each one.

use crate::metric::{Family, FamilyId, Kind};
use hashbrown::{DefaultHashBuilder, HashMap};

/// The families of an exposition in order, each name once.
///
/// ```
/// use prometheus_exposition::{Families, Family, Kind};
///
/// const UP: Family = Family { name: "server_up", kind: Kind::Gauge, help: "Whether the server responds." };
/// const CALLS: Family = Family { name: "server_calls", kind: Kind::Counter, help: "Calls to the server." };
///
/// let mut families = Families::default();
/// let (up, calls) = (families.add(&UP), families.add(&CALLS));
/// assert_eq!((up, calls, families.add(&UP)), (0, 1, 0));
/// assert_eq!(families.get(calls).unwrap().sample_name(), "server_calls_total");
/// ```
#[derive(Debug, Default)]
pub struct Families {
    families: Vec<AnnouncedFamily>,
    ids: HashMap<&'static str, FamilyId, DefaultHashBuilder>,
}

/// A family with the lines that announce it in each format.
///
/// ```
/// use prometheus_exposition::{Families, Family, Kind};
///
/// let mut families = Families::default();
/// let id = families.add(&Family { name: "jobs", kind: Kind::Counter, help: "Jobs done." });
/// assert_eq!(families[id].text(), "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\n");
/// assert_eq!(families[id].openmetrics(), "# HELP jobs Jobs done.\n# TYPE jobs counter\n");
/// ```
#[derive(Debug)]
pub struct AnnouncedFamily {
    family: &'static Family,
    text: Box<str>,
    openmetrics: Box<str>,
    /// The bytes of the sample name, which is in the text: a writer needs both, and so reads less memory.
    name_len: usize,
}

impl Families {
    /// Adds a family at the end, unless there is one of its name, and returns its id.
    pub fn add(&mut self, family: &'static Family) -> FamilyId {
        *self.ids.entry(family.name).or_insert_with(|| {
            self.families.push(AnnouncedFamily::new(family));
            self.families.len() - 1
        })
    }

    /// Returns the family with this id.
    pub fn get(&self, id: FamilyId) -> Option<&AnnouncedFamily> {
        self.families.get(id)
    }

    /// Returns the families in order; the index of a family is its id.
    pub fn iter(&self) -> std::slice::Iter<'_, AnnouncedFamily> {
        self.families.iter()
    }

    /// Returns the number of families.
    pub fn len(&self) -> usize {
        self.families.len()
    }

    /// Returns whether there are no families.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// Returns whether a family or its samples have this name.
    pub fn has(&self, name: &str) -> bool {
        self.ids.contains_key(name)
            || name.strip_suffix("_total").is_some_and(|name| self.ids.contains_key(name))
    }

    /// Returns whether the name belongs to a family: the name is the family's, alone or followed by one of the suffixes that a
    /// format gives to samples, whatever the family's type.
    pub fn reserves(&self, name: &str) -> bool {
        let base = |suffix: &str| name.strip_suffix(suffix).is_some_and(|base| self.ids.contains_key(base));
        self.ids.contains_key(name) || SUFFIXES.iter().any(|suffix| base(suffix))
    }

    /// Returns the id of a family that was added.
    ///
    /// # Panics
    /// If no family of this name was added.
    pub fn id(&self, family: &Family) -> FamilyId {
        self.ids[family.name]
    }
}

impl<'f> IntoIterator for &'f Families {
    type Item = &'f AnnouncedFamily;
    type IntoIter = std::slice::Iter<'f, AnnouncedFamily>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::ops::Index<FamilyId> for Families {
    type Output = AnnouncedFamily;

    fn index(&self, id: FamilyId) -> &AnnouncedFamily {
        &self.families[id]
    }
}

impl AnnouncedFamily {
    fn new(family: &'static Family) -> Self {
        let name = family.name;
        let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
        let (text_type, openmetrics_type) = match family.kind {
            Kind::Counter => ("counter", "counter"),
            Kind::BareCounter => ("counter", "unknown"),
            Kind::Gauge => ("gauge", "gauge"),
            Kind::Untyped => ("untyped", "unknown"),
        };
        let help = escape_help(family.help);
        let quoted = help.replace('"', "\\\"");
        Self {
            family,
            text: format!("{HELP}{name}{suffix} {help}\n# TYPE {name}{suffix} {text_type}\n").into(),
            openmetrics: format!("{HELP}{name} {quoted}\n# TYPE {name} {openmetrics_type}\n").into(),
            name_len: name.len() + suffix.len(),
        }
    }

    /// Returns the family.
    pub fn family(&self) -> &'static Family {
        self.family
    }

    /// Returns the name of the family's samples.
    pub fn sample_name(&self) -> &str {
        self.text.get(HELP.len()..HELP.len() + self.name_len).unwrap_or_default()
    }

    /// Returns its `HELP` and `TYPE` lines in the text format.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns its `HELP` and `TYPE` lines in OpenMetrics.
    pub fn openmetrics(&self) -> &str {
        &self.openmetrics
    }
}

/// Escapes a help as the text format does; OpenMetrics escapes quotes, too.
pub(crate) fn escape_help(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}

/// The start of a `HELP` line, before the name.
const HELP: &str = "# HELP ";
/// The suffixes of sample names in both formats.
const SUFFIXES: [&str; 6] = ["_total", "_created", "_bucket", "_sum", "_count", "_info"];

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Families {
        let mut families = Families::default();
        families.add(&Family { name: "jobs", kind: Kind::Counter, help: "A \\ and \"b\"\nc." });
        families.add(&Family { name: "old_calls", kind: Kind::BareCounter, help: "Calls." });
        families.add(&Family { name: "depth", kind: Kind::Gauge, help: "Depth." });
        families.add(&Family { name: "thing", kind: Kind::Untyped, help: "Thing." });
        families
    }

    #[test]
    fn each_format_announces_each_type() {
        let families = families();
        let lines: Vec<_> = families.iter().map(|family| (family.text(), family.openmetrics())).collect();
        let expected = [
            (
                "# HELP jobs_total A \\\\ and \"b\"\\nc.\n# TYPE jobs_total counter\n",
                "# HELP jobs A \\\\ and \\\"b\\\"\\nc.\n# TYPE jobs counter\n",
            ),
            (
                "# HELP old_calls Calls.\n# TYPE old_calls counter\n",
                "# HELP old_calls Calls.\n# TYPE old_calls unknown\n",
            ),
            ("# HELP depth Depth.\n# TYPE depth gauge\n", "# HELP depth Depth.\n# TYPE depth gauge\n"),
            ("# HELP thing Thing.\n# TYPE thing untyped\n", "# HELP thing Thing.\n# TYPE thing unknown\n"),
        ];
        assert_eq!(lines, expected);
        let names: Vec<_> = (&families).into_iter().map(AnnouncedFamily::sample_name).collect();
        assert_eq!(names, ["jobs_total", "old_calls", "depth", "thing"]);
        assert_eq!(families[2].family().name, "depth");
        assert_eq!((families.len(), families.is_empty(), Families::default().is_empty()), (4, false, true));
    }

    #[test]
    fn names_of_families_and_samples_are_known() {
        let families = families();
        for (name, has, reserves) in [
            ("jobs", true, true),
            ("jobs_total", true, true),
            ("depth_total", true, true),
            ("jobs_created", false, true),
            ("depth_bucket", false, true),
            ("depth_sum", false, true),
            ("thing_count", false, true),
            ("thing_info", false, true),
            ("thing_max", false, false),
            ("jobs_total_total", false, false),
            ("job", false, false),
        ] {
            assert_eq!((families.has(name), families.reserves(name)), (has, reserves), "{name}");
        }
        assert_eq!(families.id(families[1].family()), 1);
        assert!(families.get(4).is_none());
    }
}
