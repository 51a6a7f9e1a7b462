//! The calls of a scrape, which follow from the selection and the capabilities.

use crate::collectors::schema::{Call, Collector, Listing};
use crate::collectors::{ALL, UPTIME};
use crate::scrape::capabilities::Capabilities;
use crate::scrape::selection::{Requirement, Selection, has_all_values};

/// The calls of a scrape. A plan is valid as long as its selection and the capabilities are the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The calls, in the order in which they are made.
    pub calls: Vec<PlannedCall>,
    /// The collectors that the scrape has a result for, by their index in [`ALL`], in that order.
    pub collectors: Vec<usize>,
    /// The members of `collectors` that the operator named and whose method the server lacks.
    pub missing: Vec<usize>,
    /// The listings that arguments of the calls are taken from.
    pub listings: Vec<Listing>,
    /// Whether a collector reads values of Kamailio's processes or sockets from the local kernel.
    pub observes: bool,
    /// Whether to read the fields that the Go exporter does not have.
    pub extra_fields: bool,
    /// The parameters that become labels.
    pub parameters: Vec<String>,
}

/// A call, and the collectors that read its reply.
#[derive(Debug, PartialEq, Eq)]
pub struct PlannedCall {
    /// The method.
    pub method: &'static str,
    /// The arguments.
    pub args: Vec<String>,
    /// Whether the arguments are ints instead of strings.
    pub numbers: bool,
    /// The collectors that read the reply. `core.uptime` is called even without a reader, to detect restarts.
    pub readers: Vec<Reader>,
}

/// A collector that reads a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The collector, by its index in [`ALL`].
    pub collector: usize,
    /// Whether a reply without values is a failure.
    pub expects_rows: bool,
}

impl Plan {
    /// Plans the calls that can succeed: those of [`FIRST`] first, and last the ones whose replies grow with the
    /// installation. The uptime is always fetched, to detect restarts.
    pub fn new(selection: &Selection, capabilities: &Capabilities) -> Self {
        let extra_fields = !selection.drop_in;
        let mut plan = Self {
            calls: Vec::new(),
            collectors: Vec::new(),
            missing: Vec::new(),
            listings: Vec::new(),
            observes: false,
            extra_fields,
            parameters: selection.parameters.clone(),
        };
        let page = selection.page().map(|(collector, _)| collector);
        if capabilities.has(UPTIME.method) {
            plan.calls.push(PlannedCall {
                method: UPTIME.method,
                args: Vec::new(),
                numbers: false,
                readers: Vec::new(),
            });
        }
        for (index, (collector, requirement)) in ALL.iter().zip(&selection.requirements).enumerate() {
            let has_files = collector.call == Call::Files
                && *requirement != Requirement::Excluded
                && !selection.certificates.is_empty();
            if page == Some(index) || has_files {
                plan.collectors.push(index);
                continue;
            }
            let present = match collector.call {
                Call::Page | Call::Files => None,
                Call::Observed if !capabilities.is_local() => None,
                _ => source(collector, capabilities),
            };
            if *requirement == Requirement::Excluded
                || present.is_none() && *requirement == Requirement::IfPresent
            {
                continue;
            }
            plan.collectors.push(index);
            match present {
                Some(source) => {
                    plan.observes |= collector.call == Call::Observed;
                    plan.add(index, source, selection, capabilities);
                }
                None => plan.missing.push(index),
            }
        }
        plan.calls.sort_by_key(|call| {
            let is_large = call.readers.iter().any(|reader| ALL[reader.collector].large);
            let first = FIRST.iter().position(|method| *method == call.method);
            first.unwrap_or(FIRST.len() + usize::from(is_large))
        });
        plan
    }

    fn add(&mut self, collector: usize, source: Source, selection: &Selection, capabilities: &Capabilities) {
        let method = source.method;
        let numbers = matches!(ALL[collector].call, Call::EachNumberOf(_));
        let mut add = |args: Vec<String>, expects_rows| {
            let reader = Reader { collector, expects_rows };
            match self.calls.iter_mut().find(|call| call.method == method && call.args == args) {
                Some(call) if call.readers.iter().any(|reader| reader.collector == collector) => {}
                Some(call) => call.readers.push(reader),
                None => self.calls.push(PlannedCall { method, args, numbers, readers: vec![reader] }),
            }
        };
        if let Some(args) = source.args {
            return add(args, false);
        }
        match ALL[collector].call {
            Call::Observed => add(Vec::new(), false),
            Call::Once(args) => add(args.iter().map(|arg| (*arg).to_owned()).collect(), false),
            Call::NamedGroups if selection.groups.iter().any(|group| group == ALL_GROUPS) => {
                capabilities.statistics_calls().iter().for_each(|args| add(args.clone(), false));
            }
            Call::NamedGroups => {
                for group in &selection.groups {
                    let calls = match group.contains(':') {
                        true => vec![vec![group.clone()]],
                        false => capabilities.group_calls(group),
                    };
                    calls.into_iter().for_each(|args| add(args, selection.groups_named));
                }
            }
            Call::AllGroups => {
                capabilities.statistics_calls().iter().for_each(|args| add(args.clone(), false))
            }
            Call::Page | Call::Files => {}
            Call::NamedProfiles => {
                let named = selection.profiles.iter().filter(|profile| !has_all_values(profile));
                named.for_each(|args| add(args.clone(), false));
            }
            Call::ProfileValues => {
                let listed = selection.profiles.iter().filter(|profile| has_all_values(profile));
                listed.for_each(|args| add(args[..1].to_vec(), false));
            }
            Call::Each(args) => args.iter().for_each(|arg| add(vec![(*arg).to_owned()], false)),
            Call::EachOf(listing) | Call::EachNumberOf(listing) => {
                self.listings.push(listing);
                capabilities.listed(listing).iter().for_each(|value| add(vec![value.clone()], false));
            }
        }
    }
}

impl PlannedCall {
    /// Returns whether the reply is also that of a listing.
    pub(super) fn lists(&self, listing: &Listing) -> bool {
        self.method == listing.method && self.args.is_empty()
    }
}

/// The method of a collector's reply, with its arguments if it is called instead of the collector's own method.
struct Source {
    method: &'static str,
    args: Option<Vec<String>>,
}

/// Returns the method that a collector's reply comes from, if the server has one.
fn source(collector: &'static Collector, capabilities: &Capabilities) -> Option<Source> {
    let instead =
        collector.preferred_calls.iter().filter(|_| capabilities.knows_methods()).find_map(|call| {
            let mut words = call.split(' ');
            let method = words.next().filter(|method| capabilities.has(method))?;
            Some(Source { method, args: Some(words.map(str::to_owned).collect()) })
        });
    // Without a list of methods, only the method that every version has is tried.
    instead.or_else(|| {
        capabilities.has(collector.method).then_some(Source { method: collector.method, args: None })
    })
}

const ALL_GROUPS: &str = "all";

/// The method that fetches statistics.
pub(super) const STATISTICS: &str = "stats.fetch";

/// The methods that are called first, in this order: the uptime, the counters of SIP, the statistics. The reply with the
/// statistics takes longest to read, so it is read while Kamailio works on the later calls. If the connection breaks there, the
/// counters of SIP are kept; and no long list takes the statistics' share of the samples.
const FIRST: &[&str] = &[UPTIME.method, "tm.stats", "sl.stats", STATISTICS];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::catalogue::catalogue;
    use crate::scrape::selection::names;

    fn calls(methods: &str, groups: &str, capabilities: &Capabilities) -> String {
        let plan = Plan::new(&Selection::parse(methods).unwrap().with_groups(groups).unwrap(), capabilities);
        let call = |call: &PlannedCall| [&[call.method.to_owned()], &call.args[..]].concat().join(" ");
        let calls = plan.calls.iter().map(call).collect::<Vec<_>>().join("; ");
        format!("{calls} | missing: {}", names(plan.missing.iter().map(|index| &ALL[*index])))
    }

    #[test]
    fn auto_calls_the_methods_that_the_server_has() {
        let capabilities = Capabilities::of(
            &["core.uptime", "tm.stats", "stats.fetch", "tls.info", "dlg.stats_active"],
            &[],
        );
        assert_eq!(
            calls("auto,-stats,-core.shmmem", "script", &capabilities),
            "core.uptime; tm.stats; stats.fetch script:; tls.info | missing: "
        );
        assert!(calls("all", "script", &capabilities).contains("dlg.stats_active"));
        assert!(
            calls("auto,dlg.stats_active,-tm.stats", "script", &capabilities).contains("dlg.stats_active")
        );
        assert!(!calls("auto,dlg.stats_active,-tm.stats", "script", &capabilities).contains("tm.stats"));
    }

    #[test]
    fn statistics_come_after_the_counters_of_sip_and_lists_that_grow_last() {
        let methods = ["core.uptime", "dispatcher.list", "stats.fetch", "tls.info", "sl.stats", "tm.stats"];
        let capabilities = Capabilities::of(&methods, &[]);
        assert_eq!(
            calls(&methods.join(","), "script", &capabilities),
            "core.uptime; tm.stats; sl.stats; stats.fetch script:; tls.info; dispatcher.list | missing: "
        );
    }

    #[test]
    fn a_named_method_that_the_server_lacks_is_missing_and_not_called() {
        let capabilities = Capabilities::of(&["core.uptime", "tm.stats"], &[]);
        assert_eq!(
            calls("auto,dmq.list_nodes,dmq.list_nodes", "script", &capabilities),
            "core.uptime; tm.stats | missing: dmq.list_nodes"
        );
    }

    #[test]
    fn the_uptime_is_always_fetched() {
        let capabilities = Capabilities::of(&["core.uptime", "tm.stats"], &[]);
        let plan = Plan::new(&Selection::parse("tm.stats").unwrap(), &capabilities);
        assert_eq!(names(plan.collectors.iter().map(|index| &ALL[*index])), "tm.stats");
        let readers: Vec<_> = plan.calls.iter().map(|call| (call.method, call.readers.len())).collect();
        assert_eq!(readers, [("core.uptime", 0), ("tm.stats", 1)]);
    }

    #[test]
    fn without_a_list_of_methods_each_one_is_tried() {
        assert_eq!(
            calls("sl.stats,core.shmmem,tls.info", "script", &Capabilities::default()),
            "core.uptime; sl.stats; core.shmmem; tls.info | missing: "
        );
    }

    #[test]
    fn statistics_are_fetched_by_group() {
        let known = Capabilities::of(&["stats.fetch"], &["core", "tmx"]);
        let unknown = Capabilities::of(&["stats.fetch"], &[]);
        let every = catalogue().statistic_groups().map(|group| format!("stats.fetch {group}:"));
        let every = every.collect::<Vec<_>>().join("; ");
        assert!(every.contains("stats.fetch core:; ") && every.contains("stats.fetch script:; "), "{every}");
        for (groups, capabilities, expected) in [
            ("script, core", &known, "stats.fetch script:; stats.fetch core:"),
            ("core,core", &known, "stats.fetch core:"),
            ("core:,core.x:", &known, "stats.fetch core:; stats.fetch core.x:"),
            ("all,core", &known, "stats.fetch core:; stats.fetch tmx:"),
            ("all", &unknown, &every),
        ] {
            assert_eq!(
                calls("stats.fetch", groups, capabilities),
                format!("{expected} | missing: "),
                "{groups}"
            );
        }
    }

    #[test]
    fn equal_calls_are_made_once() {
        let capabilities = Capabilities::of(&["stats.fetch"], &["core", "script"]);
        let selection = Selection::parse("stats,stats.fetch").unwrap();
        let plan = Plan::new(&selection, &capabilities);
        let readers: Vec<_> =
            plan.calls.iter().map(|call| (call.args.join(" "), call.readers.len())).collect();
        assert_eq!(readers, [("script:".to_owned(), 2), ("core:".to_owned(), 1)]);
    }

    #[test]
    fn profiles_are_counted_by_name_or_listed_and_each_is_asked_for_once() {
        let capabilities =
            Capabilities::of(&["core.uptime", "dlg.profile_get_size", "dlg.profile_list"], &[]);
        let profiles = ["a", "b:*", "c:d", "a"];
        let selection = Selection::parse("core.uptime").unwrap().with_profiles(profiles.into_iter());
        let plan = Plan::new(&selection, &capabilities);
        let calls: Vec<_> = plan.calls.iter().map(|call| (call.method, call.args.join(" "))).collect();
        let expected =
            [("dlg.profile_get_size", "a"), ("dlg.profile_get_size", "c d"), ("dlg.profile_list", "b")];
        assert_eq!(calls[1..], expected.map(|(method, args)| (method, args.to_owned())));
        assert!(
            plan.calls.iter().all(|call| call.readers.len() == 1),
            "a reply that is read twice has duplicates"
        );
    }

    #[test]
    fn a_call_without_arguments_is_that_of_its_listing() {
        let listing = ALL.iter().find_map(|collector| match collector.call {
            Call::EachOf(listing) | Call::EachNumberOf(listing) => Some(listing),
            _ => None,
        });
        let listing = listing.unwrap();
        let call = |method, args| PlannedCall { method, args, numbers: false, readers: Vec::new() };
        assert!(call(listing.method, Vec::new()).lists(&listing));
        assert!(!call(listing.method, vec!["a".to_owned()]).lists(&listing));
        assert!(!call("core.uptime", Vec::new()).lists(&listing));
    }
}
