//! What to ask: which collectors the operator wants, what the server has, and the calls that follow from both.

use crate::collector::{Call, Collector};
use crate::collectors::{ALL, UPTIME};
use crate::fetch::Url;
use crate::inventory::Inventory;

/// The collectors that are wanted, and what they are called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// By collector, as in [`ALL`].
    wants: Vec<Want>,
    /// Whether the methods were named without `auto`: then those of the Go exporter have its families and no others.
    drop_in: bool,
    groups: Vec<String>,
    /// Whether the operator named the groups himself: then one that does not exist is a failure.
    groups_named: bool,
    profiles: Vec<Vec<String>>,
    page: Option<Url>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    No,
    /// If the server has the method.
    IfPresent,
    /// A server without the method is a failure.
    Named,
}

/// The calls of a scrape.
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
    /// A page of somebody else's metrics, and the collector that it is for.
    pub page: Option<(usize, Url)>,
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

    /// The same with the dialog profiles whose sizes are wanted: `profile`, or `profile:value`. Naming a profile selects
    /// its collector.
    pub fn with_profiles<'p>(mut self, profiles: impl Iterator<Item = &'p str>) -> Self {
        let split = |profile: &str| match profile.split_once(':') {
            Some((profile, value)) => vec![profile.to_owned(), value.to_owned()],
            None => vec![profile.to_owned()],
        };
        self.profiles = profiles.map(split).collect();
        for (collector, want) in ALL.iter().zip(&mut self.wants) {
            if collector.call == Call::EachProfile && !self.profiles.is_empty() {
                *want = Want::Named;
            }
        }
        self
    }

    /// The same with a page of somebody else's metrics, which the collector of pages brings.
    pub fn with_page(self, page: Option<Url>) -> Self {
        Self { page, ..self }
    }

    /// The same with only the collectors that a request asks for, or without those that it excludes. The error is a
    /// sentence.
    pub fn filtered(&self, collect: &[String], exclude: &[String]) -> Result<Self, String> {
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
        let mut filtered = self.clone();
        for (collector, want) in ALL.iter().zip(&mut filtered.wants) {
            let named = |names: &[String]| names.iter().any(|name| name == collector.name);
            if named(exclude) || !collect.is_empty() && !named(collect) {
                *want = Want::No;
            }
        }
        Ok(filtered)
    }

    /// The collectors that are wanted, if the server has them.
    pub fn collectors(&self) -> impl Iterator<Item = &'static Collector> {
        let wanted = ALL.iter().zip(&self.wants).filter(|(_, want)| **want != Want::No);
        wanted.map(|(collector, _)| *collector)
    }
}

impl Plan {
    /// The calls that can succeed: small replies first, those that grow with the installation last. The uptime is
    /// always asked for, because a restart is seen by it.
    pub fn new(selection: &Selection, inventory: &Inventory) -> Self {
        let more = !selection.drop_in;
        let mut plan =
            Self { calls: Vec::new(), collectors: Vec::new(), lacking: Vec::new(), more, page: None };
        if inventory.has(UPTIME.method) {
            plan.calls.push(PlannedCall {
                method: UPTIME.method,
                args: Vec::new(),
                numbers: false,
                readers: Vec::new(),
            });
        }
        for (index, (collector, want)) in ALL.iter().zip(&selection.wants).enumerate() {
            let present = match collector.call {
                Call::Page => selection.page.as_ref().map(|_| collector.method),
                _ => method(collector, inventory),
            };
            if *want == Want::No || present.is_none() && *want == Want::IfPresent {
                continue;
            }
            plan.collectors.push(index);
            match present {
                Some(method) => plan.add(index, method, selection, inventory),
                None => plan.lacking.push(index),
            }
        }
        plan.calls.sort_by_key(|call| call.readers.iter().any(|reader| ALL[reader.collector].large));
        plan
    }

    fn add(&mut self, collector: usize, method: &'static str, selection: &Selection, inventory: &Inventory) {
        if ALL[collector].call == Call::Page {
            self.page = selection.page.clone().map(|page| (collector, page));
            return;
        }
        let numbers = matches!(ALL[collector].call, Call::EachNumberOf(_));
        let mut add = |args: Vec<String>, expects_rows| {
            let reader = Reader { collector, expects_rows };
            match self.calls.iter_mut().find(|call| call.method == method && call.args == args) {
                Some(call) if call.readers.iter().any(|reader| reader.collector == collector) => {}
                Some(call) => call.readers.push(reader),
                None => self.calls.push(PlannedCall { method, args, numbers, readers: vec![reader] }),
            }
        };
        match ALL[collector].call {
            Call::Once(args) => add(args.iter().map(|arg| (*arg).to_owned()).collect(), false),
            Call::EachGroup if selection.groups.iter().any(|group| group == ALL_GROUPS) => {
                inventory.statistics().into_iter().for_each(|args| add(args, false));
            }
            Call::EachGroup => {
                for group in &selection.groups {
                    let arg = if group.contains(':') { group.clone() } else { format!("{group}:") };
                    add(vec![arg], selection.groups_named);
                }
            }
            Call::EveryGroup => inventory.statistics().into_iter().for_each(|args| add(args, false)),
            Call::Page => {}
            Call::EachProfile => selection.profiles.iter().for_each(|args| add(args.clone(), false)),
            Call::Each(args) => args.iter().for_each(|arg| add(vec![(*arg).to_owned()], false)),
            Call::EachOf(listing) | Call::EachNumberOf(listing) => {
                inventory.listed(listing).iter().for_each(|value| add(vec![value.clone()], false));
            }
        }
    }
}

/// The names of collectors, for a sentence or a log line.
pub fn names<'c>(collectors: impl Iterator<Item = &'c &'static Collector>) -> String {
    collectors.map(|collector| collector.name).collect::<Vec<_>>().join(",")
}

/// The method to call for a collector, if the server has one.
fn method(collector: &'static Collector, inventory: &Inventory) -> Option<&'static str> {
    let methods = collector.instead.iter().copied().chain([collector.method]);
    methods.filter(|_| inventory.knows_methods()).find(|method| inventory.has(method)).or_else(|| {
        // A server that does not list its methods is asked for what every version has.
        (!inventory.knows_methods()).then_some(collector.method)
    })
}

fn place(method: &str) -> Result<usize, String> {
    ALL.iter().position(|collector| collector.name == method).ok_or_else(|| {
        let nearest =
            ALL.iter().map(|collector| collector.name).min_by_key(|name| strsim::levenshtein(name, method));
        format!(
            "unknown method \"{method}\": did you mean \"{}\"? --help lists all of them",
            nearest.unwrap_or_default()
        )
    })
}

const ALL_GROUPS: &str = "all";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::catalogue;

    fn calls(methods: &str, groups: &str, inventory: &Inventory) -> String {
        let plan = Plan::new(&Selection::parse(methods).unwrap().with_groups(groups).unwrap(), inventory);
        let call = |call: &PlannedCall| [&[call.method.to_owned()], &call.args[..]].concat().join(" ");
        let calls = plan.calls.iter().map(call).collect::<Vec<_>>().join("; ");
        format!("{calls} | lacking: {}", names(plan.lacking.iter().map(|index| &ALL[*index])))
    }

    #[test]
    fn auto_takes_what_the_server_has() {
        let inventory =
            Inventory::of(&["core.uptime", "tm.stats", "stats.fetch", "tls.info", "dlg.stats_active"], &[]);
        assert_eq!(
            calls("auto,-stats", "script", &inventory),
            "core.uptime; tm.stats; tls.info; stats.fetch script: | lacking: "
        );
        assert!(calls("all", "script", &inventory).contains("dlg.stats_active"));
        assert!(calls("auto,dlg.stats_active,-tm.stats", "script", &inventory).contains("dlg.stats_active"));
        assert!(!calls("auto,dlg.stats_active,-tm.stats", "script", &inventory).contains("tm.stats"));
    }

    #[test]
    fn a_named_method_that_the_server_lacks_is_not_called_and_not_forgotten() {
        let inventory = Inventory::of(&["core.uptime", "tm.stats"], &[]);
        assert_eq!(
            calls("auto,dmq.list_nodes,dmq.list_nodes", "script", &inventory),
            "core.uptime; tm.stats | lacking: dmq.list_nodes"
        );
    }

    #[test]
    fn the_uptime_is_asked_for_in_any_case() {
        let inventory = Inventory::of(&["core.uptime", "tm.stats"], &[]);
        let plan = Plan::new(&Selection::parse("tm.stats").unwrap(), &inventory);
        assert_eq!(names(plan.collectors.iter().map(|index| &ALL[*index])), "tm.stats");
        let readers: Vec<_> = plan.calls.iter().map(|call| (call.method, call.readers.len())).collect();
        assert_eq!(readers, [("core.uptime", 0), ("tm.stats", 1)]);
    }

    #[test]
    fn a_server_that_does_not_list_its_methods_is_asked_for_each_one() {
        assert_eq!(
            calls("sl.stats,tls.info", "script", &Inventory::default()),
            "core.uptime; sl.stats; tls.info | lacking: "
        );
    }

    #[test]
    fn statistics_go_by_group() {
        let known = Inventory::of(&["stats.fetch"], &["core", "tmx"]);
        let unknown = Inventory::of(&["stats.fetch"], &[]);
        let every = catalogue().statistic_groups().map(|group| format!("stats.fetch {group}:"));
        let every = every.collect::<Vec<_>>().join("; ");
        assert!(every.contains("stats.fetch core:; ") && every.contains("stats.fetch script:; "), "{every}");
        for (groups, inventory, expected) in [
            ("script, core", &known, "stats.fetch script:; stats.fetch core:"),
            ("core,core", &known, "stats.fetch core:"),
            ("core:,core.x:", &known, "stats.fetch core:; stats.fetch core.x:"),
            ("all,core", &known, "stats.fetch core:; stats.fetch tmx:"),
            ("all", &unknown, &every),
        ] {
            assert_eq!(
                calls("stats.fetch", groups, inventory),
                format!("{expected} | lacking: "),
                "{groups}"
            );
        }
    }

    #[test]
    fn equal_calls_are_made_once() {
        let inventory = Inventory::of(&["stats.fetch"], &["core", "script"]);
        let selection = Selection::parse("stats,stats.fetch").unwrap();
        let plan = Plan::new(&selection, &inventory);
        let readers: Vec<_> =
            plan.calls.iter().map(|call| (call.args.join(" "), call.readers.len())).collect();
        assert_eq!(readers, [("script:".to_owned(), 2), ("core:".to_owned(), 1)]);
    }

    #[test]
    fn bad_lists_are_refused() {
        let error = |methods| Selection::parse(methods).unwrap_err();
        assert_eq!(
            error("tm.stat"),
            "unknown method \"tm.stat\": did you mean \"tm.stats\"? --help lists all of them"
        );
        assert!(error("").starts_with("unknown method \"\""));
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
        let selection = Selection::parse("tm.stats,sl.stats").unwrap();
        let filter = |collect: &[&str], exclude: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let filtered = selection.filtered(&owned(collect), &owned(exclude))?;
            let plan = Plan::new(&filtered, &Inventory::default());
            Ok::<_, String>(names(plan.collectors.iter().map(|index| &ALL[*index])))
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
