//! The operator's selection of collectors, and the arguments of their calls.

use crate::collectors::ALL;
use crate::collectors::schema::{Call, Collector};
use crate::outbound::http::Url;
use exporter_toolkit::suggestion::nearest;
use std::path::PathBuf;
use std::sync::Arc;

/// The selected collectors, and the arguments of their calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The requirements by collector, as in [`ALL`].
    pub(crate) requirements: Vec<Requirement>,
    /// Whether all methods were named, without `auto` or `all`. Then the collectors of the Go exporter have its families
    /// and no others.
    pub(crate) drop_in: bool,
    /// The groups of statistics to fetch.
    pub(crate) groups: Vec<String>,
    /// Whether the operator named the groups. Then a group that does not exist is a failure.
    pub(crate) groups_named: bool,
    /// The arguments of the calls for dialog profiles.
    pub(crate) profiles: Vec<Vec<String>>,
    /// The attributes of dispatcher destinations that become labels.
    pub(crate) parameters: Vec<String>,
    /// The external metrics page.
    pub(crate) page: Option<Url>,
    /// The files with Kamailio's certificates.
    pub(crate) certificates: Vec<PathBuf>,
}

/// Whether a collector is part of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// Not collected.
    Excluded,
    /// Collected if the server has the method.
    IfPresent,
    /// Collected; a server without the method is a failure.
    Required,
}

impl Selection {
    /// Parses a list of methods: names, `auto`, `all`, and names with a `-` in front, which are removed again.
    ///
    /// # Errors
    /// A human-readable message.
    pub fn parse(methods: &str) -> Result<Self, String> {
        let mut requirements = vec![Requirement::Excluded; ALL.len()];
        let mut drop_in = true;
        for method in methods.split(',').map(str::trim) {
            if let "auto" | "all" = method {
                drop_in = false;
                for (collector, requirement) in ALL.iter().zip(&mut requirements) {
                    if *requirement == Requirement::Excluded && (collector.default || method == "all") {
                        *requirement = Requirement::IfPresent;
                    }
                }
            } else if let Some(method) = method.strip_prefix('-') {
                requirements[index(method)?] = Requirement::Excluded;
            } else {
                requirements[index(method)?] = Requirement::Required;
            }
        }
        if requirements.iter().all(|requirement| *requirement == Requirement::Excluded) {
            return Err(format!("--kamailio.methods \"{methods}\" leaves no method to call"));
        }
        let groups = vec!["script".to_owned()];
        Ok(Self {
            requirements,
            drop_in,
            groups,
            groups_named: false,
            profiles: Vec::new(),
            parameters: Vec::new(),
            page: None,
            certificates: Vec::new(),
        })
    }

    /// Sets the groups of statistics for `stats.fetch`.
    ///
    /// # Errors
    /// A human-readable message.
    pub fn with_groups(self, groups: &str) -> Result<Self, String> {
        let is_named = |(collector, requirement): (&&Collector, &Requirement)| {
            collector.call == Call::NamedGroups && *requirement == Requirement::Required
        };
        if groups.trim().is_empty() && !ALL.iter().zip(&self.requirements).any(is_named) {
            return Ok(self.without_groups());
        }
        let groups: Vec<String> = groups.split(',').map(|group| group.trim().to_owned()).collect();
        if groups.iter().any(String::is_empty) {
            return Err(
                "method \"stats.fetch\" requires at least one group of statistics, and no group may be \
                 empty: name them in --kamailio.stats-groups, for example script,core"
                    .to_owned(),
            );
        }
        Ok(Self { groups, groups_named: true, ..self })
    }

    /// Removes the collectors that need groups of statistics.
    fn without_groups(mut self) -> Self {
        for (collector, requirement) in ALL.iter().zip(&mut self.requirements) {
            if collector.call == Call::NamedGroups {
                *requirement = Requirement::Excluded;
            }
        }
        self
    }

    /// Sets the dialog profiles to count: `profile`, or `profile:value`. Naming a profile selects its collector.
    pub fn with_profiles<'p>(mut self, profiles: impl Iterator<Item = &'p str>) -> Self {
        let split = |profile: &str| match profile.split_once(':') {
            Some((profile, value)) => vec![profile.to_owned(), value.to_owned()],
            None => vec![profile.to_owned()],
        };
        let mut profiles: Vec<Vec<String>> = profiles.map(split).collect();
        let listed: Vec<_> = profiles.iter().filter(|profile| has_all_values(profile)).cloned().collect();
        // Otherwise a value would be served twice.
        let is_listed = |profile: &[String]| listed.iter().any(|listed| listed[0] == profile[0]);
        profiles.retain(|profile| profile.len() < 2 || has_all_values(profile) || !is_listed(profile));
        for (collector, requirement) in ALL.iter().zip(&mut self.requirements) {
            let is_wanted = match collector.call {
                Call::NamedProfiles => profiles.len() > listed.len(),
                Call::ProfileValues => !listed.is_empty(),
                _ => false,
            };
            if is_wanted {
                *requirement = Requirement::Required;
            }
        }
        self.profiles = profiles;
        self
    }

    /// Sets the attributes of dispatcher destinations that become labels. Naming an attribute selects its collector, where
    /// the server has the method.
    ///
    /// # Errors
    /// A human-readable message.
    pub fn with_attributes<'a>(mut self, names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        for name in names.map(str::trim).filter(|name| !name.is_empty()) {
            let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
            let mut bytes = name.bytes();
            let is_label = bytes.next().is_some_and(is_letter)
                && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit())
                && !name.starts_with("__");
            if !is_label {
                return Err(format!(
                    "--collector.dispatcher.attributes \"{name}\" is not valid as a label's name"
                ));
            }
            if RESERVED.contains(&name) {
                return Err(format!(
                    "--collector.dispatcher.attributes \"{name}\": the metric has a label of this name already"
                ));
            }
            if !self.parameters.iter().any(|known| known == name) {
                self.parameters.push(name.to_owned());
            }
        }
        for (collector, requirement) in ALL.iter().zip(&mut self.requirements) {
            let is_unused = *requirement == Requirement::Excluded && !self.parameters.is_empty();
            if is_unused && collector.has_parameters() {
                *requirement = Requirement::IfPresent;
            }
        }
        Ok(self)
    }

    /// Sets the external metrics page.
    pub fn with_page(self, page: Option<Url>) -> Self {
        Self { page, ..self }
    }

    /// Sets the files with Kamailio's certificates. Naming a file selects the collector.
    pub fn with_certificates(mut self, files: Vec<PathBuf>) -> Self {
        for (collector, requirement) in ALL.iter().zip(&mut self.requirements) {
            if collector.call == Call::Files && !files.is_empty() {
                *requirement = Requirement::IfPresent;
            }
        }
        Self { certificates: files, ..self }
    }

    /// Removes the external metrics page and the certificate files, which belong to one Kamailio, even if their collectors were
    /// named.
    pub fn without_page_and_files(mut self) -> Self {
        for (collector, requirement) in ALL.iter().zip(&mut self.requirements) {
            if matches!(collector.call, Call::Page | Call::Files) {
                *requirement = Requirement::Excluded;
            }
        }
        Self { page: None, certificates: Vec::new(), ..self }
    }

    /// Returns the selected external page: the index of its collector in [`ALL`], and its address.
    pub(crate) fn page(&self) -> Option<(usize, &Url)> {
        let url = self.page.as_ref()?;
        let mut collectors = ALL.iter().zip(&self.requirements);
        let collector = collectors.position(|(collector, requirement)| {
            collector.call == Call::Page && *requirement != Requirement::Excluded
        });
        Some((collector?, url))
    }

    /// Returns the selection of a request: only the collectors in `collect`, or without the collectors in `exclude`.
    ///
    /// # Errors
    /// A human-readable message.
    pub fn filtered(self: &Arc<Self>, collect: &[String], exclude: &[String]) -> Result<Arc<Self>, String> {
        if collect.is_empty() && exclude.is_empty() {
            return Ok(self.clone());
        }
        if !collect.is_empty() && !exclude.is_empty() {
            return Err("Combined collect and exclude queries are not allowed.".to_owned());
        }
        for name in collect.iter().chain(exclude) {
            match ALL.iter().position(|collector| collector.name == name) {
                None => return Err(format!("missing collector: {name}")),
                Some(collector) if self.requirements[collector] == Requirement::Excluded => {
                    return Err(format!("disabled collector: {name}"));
                }
                Some(_) => {}
            }
        }
        let mut filtered = Self::clone(self);
        for (collector, requirement) in ALL.iter().zip(&mut filtered.requirements) {
            let named = |names: &[String]| names.iter().any(|name| name == collector.name);
            if named(exclude) || !collect.is_empty() && !named(collect) {
                *requirement = Requirement::Excluded;
            }
        }
        Ok(Arc::new(filtered))
    }

    /// Returns the selected collectors, which the server may lack.
    pub fn collectors(&self) -> impl Iterator<Item = &'static Collector> {
        let wanted = ALL
            .iter()
            .zip(&self.requirements)
            .filter(|(_, requirement)| **requirement != Requirement::Excluded);
        wanted.map(|(collector, _)| *collector)
    }
}

/// Joins the names of collectors, for a message or a log line.
pub(crate) fn names<'c>(collectors: impl Iterator<Item = &'c &'static Collector>) -> String {
    collectors.map(|collector| collector.name).collect::<Vec<_>>().join(",")
}

fn index(method: &str) -> Result<usize, String> {
    ALL.iter().position(|collector| collector.name == method).ok_or_else(|| {
        let nearest = nearest(method, ALL.iter().map(|collector| collector.name));
        let advice = nearest.map(|name| format!(" did you mean \"{name}\"?")).unwrap_or_default();
        format!("unknown method \"{method}\":{advice} kamailio_exporter man lists the methods")
    })
}

/// Returns whether a profile is to be counted by all of its values: `profile:*`.
pub(crate) fn has_all_values(profile: &[String]) -> bool {
    profile.get(1).is_some_and(|value| value == "*")
}

/// Labels of a dispatcher destination, and labels that Prometheus adds.
const RESERVED: [&str; 9] =
    ["setid", "uri", "duid", "index", "socket", "socket_name", "outbound_proxy", "job", "instance"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_lists_are_refused() {
        let error = |methods| Selection::parse(methods).unwrap_err();
        assert_eq!(
            error("tm.stat"),
            "unknown method \"tm.stat\": did you mean \"tm.stats\"? kamailio_exporter man lists the methods"
        );
        for method in ["", "garbage"] {
            assert_eq!(
                error(method),
                format!("unknown method \"{method}\": kamailio_exporter man lists the methods")
            );
        }
        assert_eq!(
            error("tm.stats,-tm.stats"),
            "--kamailio.methods \"tm.stats,-tm.stats\" leaves no method to call"
        );
        let groups = |groups| Selection::parse("stats.fetch").unwrap().with_groups(groups).unwrap_err();
        assert!(groups("").contains("at least one group"));
        assert!(groups("a,,b").contains("no group may be empty"));
    }

    #[test]
    fn groups_are_those_that_were_named_and_without_any_nothing_is_fetched() {
        let groups = |methods, groups| Selection::parse(methods).unwrap().with_groups(groups).unwrap();
        let named = groups("stats.fetch", "core, script");
        assert_eq!(
            (&*named.groups, named.groups_named),
            (&["core".to_owned(), "script".to_owned()][..], true)
        );
        assert!(!Selection::parse("stats.fetch").unwrap().groups_named);
        let is_selected =
            |selection: &Selection| selection.collectors().any(|collector| collector.name == "stats.fetch");
        assert!(is_selected(&named) && !is_selected(&groups("all,-stats.fetch", "core")));
        assert!(is_selected(&groups("all", "core")) && !is_selected(&groups("all", "")));
    }

    #[test]
    fn attributes_select_the_collector_that_has_them() {
        let index = ALL.iter().position(|collector| collector.has_parameters()).unwrap();
        let requirement = |methods, attributes: &[&str]| {
            let selection = Selection::parse(methods).unwrap();
            selection.with_attributes(attributes.iter().copied()).unwrap().requirements[index]
        };
        assert_eq!(requirement("tm.stats", &[]), Requirement::Excluded);
        assert_eq!(requirement("tm.stats", &["carrier"]), Requirement::IfPresent);
        assert_eq!(requirement(ALL[index].name, &["carrier"]), Requirement::Required);
    }

    #[test]
    fn profiles_select_the_collector_that_counts_them() {
        for (profile, counted, listed) in [("a", true, false), ("a:b", true, false), ("a:*", false, true)] {
            let selection = Selection::parse("tm.stats").unwrap().with_profiles([profile].into_iter());
            let has = |name| selection.collectors().any(|collector| collector.name == name);
            assert_eq!(
                (has("dlg.profile_get_size"), has("dlg.profile_list")),
                (counted, listed),
                "{profile}"
            );
        }
    }

    #[test]
    fn a_value_of_a_profile_that_is_listed_is_not_counted_again() {
        let given = ["a:*", "a:b", "a", "c:d", "e"];
        let selection = Selection::parse("tm.stats").unwrap().with_profiles(given.into_iter());
        let kept: Vec<_> = selection.profiles.iter().map(|profile| profile.join(":")).collect();
        assert_eq!(kept, ["a:*", "a", "c:d", "e"]);
    }

    #[test]
    fn an_attribute_is_a_name_of_a_label_and_named_once() {
        let attributes = |names: &[&str]| {
            let selection = Selection::parse("tm.stats").unwrap();
            selection.with_attributes(names.iter().copied()).map(|selection| selection.parameters)
        };
        assert_eq!(attributes(&["carrier", "_x9", " carrier ", ""]).unwrap(), ["carrier", "_x9"]);
        for name in ["9x", "a-b", "-a", "__name", "é", "uri"] {
            assert!(attributes(&[name]).unwrap_err().contains(&format!("\"{name}\"")), "{name}");
        }
    }

    #[test]
    fn a_page_and_files_are_of_one_kamailio() {
        let url = Url::parse("http://127.0.0.1/metrics").unwrap();
        let page = ALL.iter().position(|collector| collector.call == Call::Page).unwrap();
        let files = ALL.iter().position(|collector| collector.call == Call::Files).unwrap();
        let methods = format!("tm.stats,{}", ALL[page].name);
        let selection = Selection::parse(&methods).unwrap().with_page(Some(url.clone()));
        assert_eq!(selection.page(), Some((page, &url)));
        assert_eq!(selection.requirements[files], Requirement::Excluded);

        let selection = selection.with_certificates(Vec::new());
        assert_eq!(selection.requirements[files], Requirement::Excluded);
        let selection = selection.with_certificates(vec!["/a.pem".into()]);
        assert_eq!(selection.requirements[files], Requirement::IfPresent);
        assert_eq!(selection.certificates, [PathBuf::from("/a.pem")]);
        assert_eq!(selection.page(), Some((page, &url)));

        let selection = selection.without_page_and_files();
        assert_eq!(selection.page(), None);
        assert_eq!((&selection.page, selection.certificates.len()), (&None, 0));
        assert_eq!(selection.requirements[page], Requirement::Excluded);
        assert_eq!(selection.requirements[files], Requirement::Excluded);
        assert!(selection.collectors().any(|collector| collector.name == "tm.stats"));
    }

    #[test]
    fn a_page_is_fetched_only_if_its_collector_is_selected() {
        let url = Url::parse("http://127.0.0.1/metrics").unwrap();
        let selection = Selection::parse("tm.stats").unwrap().with_page(Some(url));
        assert_eq!(selection.page(), None);
    }

    #[test]
    fn a_request_filters_the_selection() {
        let selection = Arc::new(Selection::parse("tm.stats,sl.stats").unwrap());
        let filter = |collect: &[&str], exclude: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let filtered = selection.filtered(&owned(collect), &owned(exclude))?;
            Ok::<_, String>(
                filtered.collectors().map(|collector| collector.name).collect::<Vec<_>>().join(","),
            )
        };
        assert_eq!(filter(&[], &[]).unwrap(), "tm.stats,sl.stats");
        assert_eq!(filter(&["tm.stats"], &[]).unwrap(), "tm.stats");
        assert_eq!(filter(&[], &["tm.stats"]).unwrap(), "sl.stats");
        assert_eq!(filter(&["x"], &[]).unwrap_err(), "missing collector: x");
        assert_eq!(filter(&[], &["tls.info"]).unwrap_err(), "disabled collector: tls.info");
        let both = filter(&["tm.stats"], &["sl.stats"]).unwrap_err();
        assert_eq!(both, "Combined collect and exclude queries are not allowed.");
    }
}
