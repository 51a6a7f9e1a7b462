//! Which collectors the operator wants, and what they are called with.

use crate::collectors::ALL;
use crate::collectors::schema::{Call, Collector};
use crate::outbound::http::Url;
use exporter_toolkit::suggestion::nearest;
use std::sync::Arc;

/// The collectors that are wanted, and what they are called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// By collector, as in [`ALL`].
    pub(crate) wants: Vec<Want>,
    /// Whether the methods were named without `auto`: then those of the Go exporter have its families and no others.
    pub(crate) drop_in: bool,
    pub(crate) groups: Vec<String>,
    /// Whether the operator named the groups himself: then one that does not exist is a failure.
    pub(crate) groups_named: bool,
    pub(crate) profiles: Vec<Vec<String>>,
    pub(crate) page: Option<Url>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    No,
    /// If the server has the method.
    IfPresent,
    /// A server without the method is a failure.
    Named,
}

impl Selection {
    /// Reads a list of methods: names, `auto`, `all`, and names with a `-` in front, which are taken out again. The
    /// error is a sentence.
    pub fn parse(methods: &str) -> Result<Self, String> {
        let mut wants = vec![Want::No; ALL.len()];
        let mut drop_in = true;
        for method in methods.split(',').map(str::trim) {
            if let "auto" | "all" = method {
                drop_in = false;
                for (collector, want) in ALL.iter().zip(&mut wants) {
                    if *want == Want::No && (collector.default || method == "all") {
                        *want = Want::IfPresent;
                    }
                }
            } else if let Some(method) = method.strip_prefix('-') {
                wants[place(method)?] = Want::No;
            } else {
                wants[place(method)?] = Want::Named;
            }
        }
        if wants.iter().all(|want| *want == Want::No) {
            return Err(format!("--kamailio.methods \"{methods}\" leaves no method to call"));
        }
        let groups = vec!["script".to_owned()];
        Ok(Self { wants, drop_in, groups, groups_named: false, profiles: Vec::new(), page: None })
    }

    /// The same with the groups of statistics that the operator names for `stats.fetch`. The error is a sentence.
    pub fn with_groups(self, groups: &str) -> Result<Self, String> {
        let is_named = |(collector, want): (&&Collector, &Want)| {
            collector.call == Call::NamedGroups && *want == Want::Named
        };
        if groups.trim().is_empty() && !ALL.iter().zip(&self.wants).any(is_named) {
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

    /// The same without the collectors that need groups of statistics.
    fn without_groups(mut self) -> Self {
        for (collector, want) in ALL.iter().zip(&mut self.wants) {
            if collector.call == Call::NamedGroups {
                *want = Want::No;
            }
        }
        Self { groups: Vec::new(), ..self }
    }

    /// The same with the dialog profiles whose sizes are wanted: `profile`, or `profile:value`. Naming a profile selects
    /// its collector.
    pub fn with_profiles<'p>(mut self, profiles: impl Iterator<Item = &'p str>) -> Self {
        let split = |profile: &str| match profile.split_once(':') {
            Some((profile, value)) => vec![profile.to_owned(), value.to_owned()],
            None => vec![profile.to_owned()],
        };
        self.profiles = profiles.map(split).collect();
        for (collector, want) in ALL.iter().zip(&mut self.wants) {
            if collector.call == Call::NamedProfiles && !self.profiles.is_empty() {
                *want = Want::Named;
            }
        }
        self
    }

    /// The same with a page of somebody else's metrics, which the collector of pages brings.
    pub fn with_page(self, page: Option<Url>) -> Self {
        Self { page, ..self }
    }

    /// The same without that page, even where its collector was named.
    pub fn without_page(mut self) -> Self {
        for (collector, want) in ALL.iter().zip(&mut self.wants) {
            if collector.call == Call::Page {
                *want = Want::No;
            }
        }
        Self { page: None, ..self }
    }

    /// Whether a page of somebody else's metrics is wanted: the collector that it is for, by its place in [`ALL`], and
    /// where it is.
    pub(crate) fn page(&self) -> Option<(usize, &Url)> {
        let collector = ALL
            .iter()
            .zip(&self.wants)
            .position(|(collector, want)| collector.call == Call::Page && *want != Want::No);
        collector.zip(self.page.as_ref())
    }

    /// The same with only the collectors that a request asks for, or without those that it excludes. The error is a
    /// sentence.
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
                Some(collector) if self.wants[collector] == Want::No => {
                    return Err(format!("disabled collector: {name}"));
                }
                Some(_) => {}
            }
        }
        let mut filtered = Self::clone(self);
        for (collector, want) in ALL.iter().zip(&mut filtered.wants) {
            let named = |names: &[String]| names.iter().any(|name| name == collector.name);
            if named(exclude) || !collect.is_empty() && !named(collect) {
                *want = Want::No;
            }
        }
        Ok(Arc::new(filtered))
    }

    /// The collectors that are wanted, if the server has them.
    pub fn collectors(&self) -> impl Iterator<Item = &'static Collector> {
        let wanted = ALL.iter().zip(&self.wants).filter(|(_, want)| **want != Want::No);
        wanted.map(|(collector, _)| *collector)
    }
}

/// The names of collectors, for a sentence or a log line.
pub(crate) fn names<'c>(collectors: impl Iterator<Item = &'c &'static Collector>) -> String {
    collectors.map(|collector| collector.name).collect::<Vec<_>>().join(",")
}

fn place(method: &str) -> Result<usize, String> {
    ALL.iter().position(|collector| collector.name == method).ok_or_else(|| {
        let nearest = nearest(method, ALL.iter().map(|collector| collector.name));
        let advice = nearest.map(|name| format!(" did you mean \"{name}\"?")).unwrap_or_default();
        format!("unknown method \"{method}\":{advice} kamailio_exporter man lists the methods")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lists_are_refused() {
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
    fn a_request_may_filter() {
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
