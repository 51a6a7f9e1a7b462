//! What to ask: which collectors the operator wants, what the server has, and the calls that follow from both.

use crate::collector::Call;
use crate::collectors::{ALL, UPTIME};
use kamailio_binrpc::Members;
use std::collections::HashSet;

/// The collectors that are wanted, and the groups of statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// By collector, as in [`ALL`].
    wants: Vec<Want>,
    groups: Vec<String>,
    /// Whether the operator named the groups himself: then one that does not exist is a failure.
    groups_named: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    No,
    /// If the server has the method.
    IfPresent,
    /// A server without the method is a failure.
    Named,
}

/// What a server has, learned at the first contact.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The methods; `None` if the server did not tell, and then each one is tried.
    methods: Option<HashSet<Vec<u8>>>,
    /// The groups of statistics; `None` if the server did not tell (module counters is not loaded).
    groups: Option<Vec<String>>,
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
}

/// A call, and whose reply it brings.
#[derive(Debug, PartialEq, Eq)]
pub struct PlannedCall {
    /// The collector, by its place in [`ALL`].
    pub collector: usize,
    /// The arguments, all strings.
    pub args: Vec<String>,
    /// Whether the reply becomes samples; else it only tells that Kamailio is still the same.
    pub export: bool,
    /// Whether a reply without any value is a failure.
    pub expects_rows: bool,
}

impl Selection {
    /// Reads the lists of methods and groups. The error is a sentence.
    pub fn parse(methods: &str, groups: &str, groups_named: bool) -> Result<Self, String> {
        let groups: Vec<String> = groups.split(',').map(|group| group.trim().to_owned()).collect();
        let mut wants = vec![Want::No; ALL.len()];
        for method in methods.split(',').map(str::trim) {
            if method == "auto" {
                for want in wants.iter_mut().filter(|want| **want == Want::No) {
                    *want = Want::IfPresent;
                }
            } else {
                let collector = ALL.iter().position(|collector| collector.name == method);
                let collector = collector.ok_or_else(|| {
                    format!("invalid method \"{method}\". available methods are: auto,{}", names(ALL.iter()))
                })?;
                wants[collector] = Want::Named;
            }
        }
        if groups.iter().any(String::is_empty) {
            return Err(
                "method \"stats.fetch\" requires at least one group of statistics, and no group may be \
                 empty: name them in --kamailio.stats-groups, for example script,core"
                    .to_owned(),
            );
        }
        Ok(Self { wants, groups, groups_named })
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
}

impl Inventory {
    /// The method that lists the methods (`core/core_cmd.c`, `core_list_methods`).
    pub const METHODS: &str = "system.listMethods";
    /// The method that lists the groups of statistics (`counters/counters.c`, `cnt_rpc_list_groups`).
    pub const GROUPS: &str = "cnt.list_groups";

    /// That of a server without any method.
    pub fn of_nothing() -> Self {
        Self { methods: Some(HashSet::new()), groups: None }
    }

    /// Takes the reply to [`Self::METHODS`].
    pub fn take_methods(&mut self, records: Members<'_>) {
        self.methods =
            Some(records.iter().filter_map(|method| method.value.bytes()).map(Vec::from).collect());
    }

    /// Takes the reply to [`Self::GROUPS`].
    pub fn take_groups(&mut self, records: Members<'_>) {
        let names = records.iter().filter_map(|group| std::str::from_utf8(group.value.bytes()?).ok());
        self.groups = Some(names.map(str::to_owned).collect());
    }

    fn has(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method.as_bytes()))
    }
}

impl Plan {
    /// The calls that can succeed: small replies first, those that grow with the installation last. The uptime is
    /// always asked for, because a restart is seen by it.
    pub fn new(selection: &Selection, inventory: &Inventory) -> Self {
        let mut plan = Self { calls: Vec::new(), collectors: Vec::new(), lacking: Vec::new() };
        for (index, (collector, want)) in ALL.iter().zip(&selection.wants).enumerate() {
            let present = inventory.has(collector.name);
            let export = *want != Want::No && (present || *want == Want::Named);
            if export {
                plan.collectors.push(index);
                if !present {
                    plan.lacking.push(index);
                }
            }
            if present && (export || std::ptr::eq(*collector, UPTIME)) {
                plan.add(index, export, selection, inventory);
            }
        }
        plan.calls.sort_by_key(|call| ALL[call.collector].large);
        plan
    }

    fn add(&mut self, collector: usize, export: bool, selection: &Selection, inventory: &Inventory) {
        let mut add = |args, expects_rows| {
            let call = PlannedCall { collector, args, export, expects_rows };
            if !self.calls.contains(&call) {
                self.calls.push(call);
            }
        };
        match ALL[collector].call {
            Call::Once(args) => add(args.iter().map(|arg| (*arg).to_owned()).collect(), false),
            // All groups in one reply may be more than Kamailio can put into a struct, so each goes by itself.
            Call::EachGroup if selection.groups.iter().any(|group| group == ALL_GROUPS) => {
                match &inventory.groups {
                    Some(groups) => groups.iter().for_each(|group| add(vec![format!("{group}:")], false)),
                    None => add(vec![ALL_GROUPS.to_owned()], false),
                }
            }
            Call::EachGroup => {
                for group in &selection.groups {
                    let arg = if group.contains(':') { group.clone() } else { format!("{group}:") };
                    add(vec![arg], selection.groups_named);
                }
            }
        }
    }
}

/// The names of collectors, for a sentence or a log line.
pub fn names<'c>(collectors: impl Iterator<Item = &'c &'static crate::collector::Collector>) -> String {
    collectors.map(|collector| collector.name).collect::<Vec<_>>().join(",")
}

const ALL_GROUPS: &str = "all";

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(methods: &[&str], groups: Option<&[&str]>) -> Inventory {
        Inventory {
            methods: Some(methods.iter().map(|method| method.as_bytes().to_vec()).collect()),
            groups: groups.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect()),
        }
    }

    fn calls(methods: &str, groups: &str, inventory: &Inventory) -> String {
        let plan = Plan::new(&Selection::parse(methods, groups, true).unwrap(), inventory);
        let call =
            |call: &PlannedCall| [&[ALL[call.collector].name.to_owned()], &call.args[..]].concat().join(" ");
        let calls = plan.calls.iter().map(call).collect::<Vec<_>>().join("; ");
        format!("{calls} | lacking: {}", names(plan.lacking.iter().map(|index| &ALL[*index])))
    }

    #[test]
    fn auto_takes_what_the_server_has() {
        let inventory = inventory(&["core.uptime", "tm.stats", "stats.fetch", "tls.info"], None);
        assert_eq!(
            calls("auto", "script", &inventory),
            "tm.stats; core.uptime; tls.info; stats.fetch script: | lacking: "
        );
    }

    #[test]
    fn a_named_method_that_the_server_lacks_is_not_called_and_not_forgotten() {
        let inventory = inventory(&["core.uptime", "tm.stats"], None);
        assert_eq!(
            calls("auto,dmq.list_nodes,dmq.list_nodes", "script", &inventory),
            "tm.stats; core.uptime | lacking: dmq.list_nodes"
        );
    }

    #[test]
    fn the_uptime_is_asked_for_in_any_case() {
        let inventory = inventory(&["core.uptime", "tm.stats"], None);
        let selection = Selection::parse("tm.stats", "script", false).unwrap();
        let plan = Plan::new(&selection, &inventory);
        assert_eq!(plan.collectors, [0]);
        let exported: Vec<_> = plan.calls.iter().map(|c| (ALL[c.collector].name, c.export)).collect();
        assert_eq!(exported, [("tm.stats", true), ("core.uptime", false)]);
    }

    #[test]
    fn a_server_that_does_not_list_its_methods_is_asked_for_each_one() {
        assert_eq!(
            calls("sl.stats,tls.info", "script", &Inventory::default()),
            "sl.stats; core.uptime; tls.info | lacking: "
        );
    }

    #[test]
    fn statistics_go_by_group() {
        let known = inventory(&["stats.fetch"], Some(&["core", "tmx"]));
        let unknown = inventory(&["stats.fetch"], None);
        for (groups, inventory, expected) in [
            ("script, core", &known, "stats.fetch script:; stats.fetch core:"),
            ("core,core", &known, "stats.fetch core:"),
            ("core:,core.x:", &known, "stats.fetch core:; stats.fetch core.x:"),
            ("all,core", &known, "stats.fetch core:; stats.fetch tmx:"),
            ("all", &unknown, "stats.fetch all"),
        ] {
            assert_eq!(
                calls("stats.fetch", groups, inventory),
                format!("{expected} | lacking: "),
                "{groups}"
            );
        }
    }

    #[test]
    fn bad_lists_are_refused() {
        let error = |methods, groups| Selection::parse(methods, groups, true).unwrap_err();
        assert_eq!(
            error("foo.bar", "script"),
            "invalid method \"foo.bar\". available methods are: auto,tm.stats,sl.stats,core.shmmem,core.uptime,\
             core.tcp_info,dispatcher.list,tls.info,dlg.stats_active,dmq.list_nodes,stats.fetch"
        );
        assert!(error("", "script").starts_with("invalid method \"\"."));
        assert!(error("stats.fetch", "").contains("at least one group"));
        assert!(error("stats.fetch", "a,,b").contains("no group may be empty"));
    }

    #[test]
    fn a_request_may_filter() {
        let selection = Selection::parse("tm.stats,sl.stats", "script", false).unwrap();
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
