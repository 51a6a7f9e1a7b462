//! What to ask: the calls that follow from what the operator wants and what the server has.

use crate::collectors::schema::{Call, Collector};
use crate::collectors::{ALL, UPTIME};
use crate::scrape::capabilities::Capabilities;
use crate::scrape::selection::{Selection, Want};

/// The calls of a scrape. They follow from the selection and the capabilities, so that they stay the same as long as these
/// do.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are made.
    pub calls: Vec<PlannedCall>,
    /// The collectors that the scrape has an outcome for, by their place in [`ALL`], in that order.
    pub collectors: Vec<usize>,
    /// Those of them that were named and whose method the server lacks.
    pub lacking: Vec<usize>,
    /// Whether the fields that the Go exporter does not have are wanted.
    pub more: bool,
}

/// A call, and who reads its reply.
#[derive(Debug, PartialEq, Eq)]
pub struct PlannedCall {
    /// The method.
    pub method: &'static str,
    /// The arguments.
    pub args: Vec<String>,
    /// Whether they are ints; else they are strings.
    pub numbers: bool,
    /// The collectors that the reply is for. Without any it only tells that Kamailio is still the same.
    pub readers: Vec<Reader>,
}

/// A collector that reads a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The collector, by its place in [`ALL`].
    pub collector: usize,
    /// Whether a reply without any value is a failure.
    pub expects_rows: bool,
}

impl Plan {
    /// The calls that can succeed: small replies first, those that grow with the installation last. The uptime is
    /// always asked for, because a restart is seen by it.
    pub fn new(selection: &Selection, capabilities: &Capabilities) -> Self {
        let more = !selection.drop_in;
        let mut plan = Self { calls: Vec::new(), collectors: Vec::new(), lacking: Vec::new(), more };
        let page = selection.page().map(|(collector, _)| collector);
        if capabilities.has(UPTIME.method) {
            plan.calls.push(PlannedCall {
                method: UPTIME.method,
                args: Vec::new(),
                numbers: false,
                readers: Vec::new(),
            });
        }
        for (index, (collector, want)) in ALL.iter().zip(&selection.wants).enumerate() {
            if page == Some(index) {
                plan.collectors.push(index);
                continue;
            }
            let present = match collector.call {
                Call::Page => None,
                _ => source(collector, capabilities),
            };
            if *want == Want::No || present.is_none() && *want == Want::IfPresent {
                continue;
            }
            plan.collectors.push(index);
            match present {
                Some(source) => plan.add(index, source, selection, capabilities),
                None => plan.lacking.push(index),
            }
        }
        plan.calls.sort_by_key(|call| call.readers.iter().any(|reader| ALL[reader.collector].large));
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
            Call::Once(args) => add(args.iter().map(|arg| (*arg).to_owned()).collect(), false),
            Call::NamedGroups if selection.groups.iter().any(|group| group == ALL_GROUPS) => {
                capabilities.statistics().into_iter().for_each(|args| add(args, false));
            }
            Call::NamedGroups => {
                for group in &selection.groups {
                    let arg = if group.contains(':') { group.clone() } else { format!("{group}:") };
                    add(vec![arg], selection.groups_named);
                }
            }
            Call::AllGroups => capabilities.statistics().into_iter().for_each(|args| add(args, false)),
            Call::Page => {}
            Call::NamedProfiles => selection.profiles.iter().for_each(|args| add(args.clone(), false)),
            Call::Each(args) => args.iter().for_each(|arg| add(vec![(*arg).to_owned()], false)),
            Call::EachOf(listing) | Call::EachNumberOf(listing) => {
                capabilities.listed(listing).iter().for_each(|value| add(vec![value.clone()], false));
            }
        }
    }
}

/// A method, and its arguments where they are not those of the collector's own calls.
struct Source {
    method: &'static str,
    args: Option<Vec<String>>,
}

/// Where a collector's reply comes from, if the server has it.
fn source(collector: &'static Collector, capabilities: &Capabilities) -> Option<Source> {
    let instead =
        collector.preferred_calls.iter().filter(|_| capabilities.knows_methods()).find_map(|call| {
            let mut words = call.split(' ');
            let method = words.next().filter(|method| capabilities.has(method))?;
            Some(Source { method, args: Some(words.map(str::to_owned).collect()) })
        });
    // A server that does not list its methods is asked for what every version has.
    instead.or_else(|| {
        capabilities.has(collector.method).then_some(Source { method: collector.method, args: None })
    })
}

const ALL_GROUPS: &str = "all";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::catalogue::catalogue;
    use crate::scrape::selection::names;

    fn calls(methods: &str, groups: &str, capabilities: &Capabilities) -> String {
        let plan = Plan::new(&Selection::parse(methods).unwrap().with_groups(groups).unwrap(), capabilities);
        let call = |call: &PlannedCall| [&[call.method.to_owned()], &call.args[..]].concat().join(" ");
        let calls = plan.calls.iter().map(call).collect::<Vec<_>>().join("; ");
        format!("{calls} | lacking: {}", names(plan.lacking.iter().map(|index| &ALL[*index])))
    }

    #[test]
    fn auto_takes_what_the_server_has() {
        let capabilities = Capabilities::of(
            &["core.uptime", "tm.stats", "stats.fetch", "tls.info", "dlg.stats_active"],
            &[],
        );
        assert_eq!(
            calls("auto,-stats,-core.shmmem", "script", &capabilities),
            "core.uptime; tm.stats; tls.info; stats.fetch script: | lacking: "
        );
        assert!(calls("all", "script", &capabilities).contains("dlg.stats_active"));
        assert!(
            calls("auto,dlg.stats_active,-tm.stats", "script", &capabilities).contains("dlg.stats_active")
        );
        assert!(!calls("auto,dlg.stats_active,-tm.stats", "script", &capabilities).contains("tm.stats"));
    }

    #[test]
    fn a_named_method_that_the_server_lacks_is_not_called_and_not_forgotten() {
        let capabilities = Capabilities::of(&["core.uptime", "tm.stats"], &[]);
        assert_eq!(
            calls("auto,dmq.list_nodes,dmq.list_nodes", "script", &capabilities),
            "core.uptime; tm.stats | lacking: dmq.list_nodes"
        );
    }

    #[test]
    fn the_uptime_is_asked_for_in_any_case() {
        let capabilities = Capabilities::of(&["core.uptime", "tm.stats"], &[]);
        let plan = Plan::new(&Selection::parse("tm.stats").unwrap(), &capabilities);
        assert_eq!(names(plan.collectors.iter().map(|index| &ALL[*index])), "tm.stats");
        let readers: Vec<_> = plan.calls.iter().map(|call| (call.method, call.readers.len())).collect();
        assert_eq!(readers, [("core.uptime", 0), ("tm.stats", 1)]);
    }

    #[test]
    fn a_server_that_does_not_list_its_methods_is_asked_for_each_one() {
        assert_eq!(
            calls("sl.stats,tls.info", "script", &Capabilities::default()),
            "core.uptime; sl.stats; tls.info | lacking: "
        );
    }

    #[test]
    fn statistics_go_by_group() {
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
                format!("{expected} | lacking: "),
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
}
