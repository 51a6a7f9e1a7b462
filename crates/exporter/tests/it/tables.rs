use crate::replay::{VERSIONS, records};
use kamailio_exporter::internals::{
    ALL, Call, CapabilityQuery, Collector, Cost, EqualRows, Key, NameMatcher, Table, UPTIME, catalogue,
};
use prometheus_exposition::{Family, Kind};
use std::collections::BTreeSet;

/// Words in the names of methods that change state, block Kamailio or reveal secrets.
const NEVER_WORDS: [&str; 36] = [
    "set",
    "reload",
    "reset",
    "clear",
    "kill",
    "add",
    "del",
    "remove",
    "rm",
    "enable",
    "disable",
    "flush",
    "fetchn",
    "update",
    "modparam",
    "listcon",
    "ping",
    "ping_active",
    "secrets",
    "xkeys",
    "report",
    "dump",
    "view",
    "mod",
    "bridge",
    "terminate",
    "end",
    "commit",
    "rollback",
    "put",
    "send",
    "register",
    "unregister",
    "refresh",
    "seti",
    "sets",
];

/// Methods that must not be called, although their names may look harmless; `*` matches any suffix.
const NEVER: [&str; 36] = [
    // These methods crash or stop Kamailio.
    "core.kill",
    "httpclient.listcon",
    "modparam.list",
    // These walk entire tables, or all memory, under locks.
    "dlg.briefing",
    "dlg.list*",
    "dlg2.list",
    "dns.view",
    "dst_blocklist.view",
    "htable.dump",
    "mod.stats",
    "shm.report",
    "tm.list",
    "ul.dump",
    "ulpcscf.status",
    // These wait for the network in the only process that serves RPCs.
    "rtpengine.ping",
    "dispatcher.ping_active",
    // The values of these are truncated.
    "cnt.get*",
    "stats.fetchn",
    "stats.get_statistics",
    // These reveal secrets.
    "auth_xkeys*",
    "autheph*",
    // These change state.
    "benchmark.enable*",
    "call_obj.free*",
    "cfg.*",
    "cnt.reset",
    "ctl.kill*",
    "dispatcher.set*",
    "dlg.terminate*",
    "dmq.*",
    "htable.set*",
    "mqueue.fetch",
    "pl.set*",
    "rl.set*",
    "stats.clear*",
    "stats.reset*",
    "uac.reg_*",
];

/// Methods that match the lists above but were reviewed in Kamailio's source: they change nothing, and their replies are
/// either small or as long as a list that the operator configured.
const REVIEWED: [&str; 5] = ["dmq.list_nodes", "lcr.dump_gws", "ts.dump", "uac.reg_dump", "ws.dump"];

/// Methods that must be called with exactly these arguments, because others change state or are expensive.
const ARGUMENTS: [(&str, Call); 6] = [
    ("pike.top", Call::Once(&[])),
    ("pkg.stats", Call::Once(&[])),
    ("rtpengine.show", Call::Once(&["all"])),
    ("sipcapture.status", Call::Once(&["check"])),
    ("siptrace.status", Call::Once(&["check"])),
    ("ts.dump", Call::Once(&["brief"])),
];

/// Returns the reason why a method must not be called.
fn objection(method: &str) -> Option<&'static str> {
    let is_matched_by = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => method.starts_with(start),
        None => method == pattern,
    };
    let mut words = method.split(['.', '_']);
    let word = words.find_map(|word| NEVER_WORDS.into_iter().find(|never| *never == word));
    word.or_else(|| NEVER.into_iter().find(|pattern| is_matched_by(pattern)))
}

/// Returns all methods that the exporter can call.
fn called() -> BTreeSet<&'static str> {
    let listings = ALL.iter().filter_map(|collector| match collector.call {
        Call::EachOf(listing) | Call::EachNumberOf(listing) => Some(listing.method),
        _ => None,
    });
    let (groups, name) = (CapabilityQuery::Statistics(String::new()), String::new());
    let queries = [
        CapabilityQuery::Methods,
        CapabilityQuery::Groups,
        groups,
        CapabilityQuery::Help(name.clone(), name),
    ];
    let called = ALL.iter().flat_map(|collector| {
        collector.preferred_calls.iter().filter_map(|call| call.split(' ').next()).chain([collector.method])
    });
    called.chain(listings).chain(queries.iter().map(CapabilityQuery::method)).collect()
}

#[test]
fn only_read_only_methods_are_called() {
    let called = called();
    for method in called.iter().filter(|method| !REVIEWED.contains(method)) {
        assert_eq!(objection(method), None, "{method}");
    }
    for method in REVIEWED {
        assert!(called.contains(method) && objection(method).is_some(), "{method} needs no exception");
    }
    for (method, call) in ARGUMENTS {
        let collectors: Vec<_> = ALL.iter().filter(|collector| collector.method == method).collect();
        assert!(!collectors.is_empty() && collectors.iter().all(|found| found.call == call), "{method}");
    }
}

#[test]
fn the_lists_cover_methods_that_change_state() {
    let mut stopped = 0;
    for method in VERSIONS.into_iter().flat_map(|version| records(version, "system.listMethods")) {
        let method = method["str"].as_str().unwrap();
        let verbs = ["reload", "reset", "set", "add", "del", "remove", "kill", "enable", "disable"];
        if method.split(['.', '_']).any(|word| verbs.contains(&word)) {
            assert!(objection(method).is_some(), "the lists lack {method}");
            stopped += 1;
        }
    }
    assert!(stopped > 50, "{stopped}");
    for method in ["core.kill", "modparam.list", "httpclient.listcon", "ul.dump", "mod.stats", "uac.reg_info"]
    {
        assert!(objection(method).is_some(), "the lists lack {method}");
    }
}

#[test]
fn locked_walks_are_opt_in_and_large_replies_come_last() {
    for collector in ALL.iter().filter(|collector| collector.cost == Cost::LockedWalk) {
        // The method locks one slot at a time, only while counting, and the operator sets the number of slots.
        let is_cheap = collector.name == "htable.stats";
        assert!(collector.default == is_cheap, "{}", collector.name);
        let is_short = is_cheap || collector.name == "dlg.stats_active";
        assert!(collector.large != is_short, "{}: large replies come last", collector.name);
    }
    for name in ["dispatcher.list", "pl.list", "core.tcp_list", "tls.list", "ws.dump"] {
        let collector = ALL.iter().find(|collector| collector.name == name).unwrap();
        assert!(collector.large && collector.cost != Cost::Constant, "{name}");
    }
}

#[test]
fn collectors_have_unique_names_and_descriptions() {
    let names: BTreeSet<_> = ALL.iter().map(|collector| collector.name).collect();
    assert_eq!(names.len(), ALL.len());
    assert!(ALL.iter().any(|collector| std::ptr::eq(*collector, UPTIME)));
    for collector in ALL {
        assert_sentence(collector.help);
        assert!(collector.fields().next().is_some() || collector.call == Call::Page, "{}", collector.name);
    }
}

#[test]
fn families_have_valid_names_and_help_texts() {
    for announced in catalogue().families() {
        let Family { name, help, kind } = announced.family();
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(valid) && !name.contains("__"), "{name}");
        assert!(name.starts_with("kamailio_") || name.starts_with("process_"), "{name}");
        assert_sentence(help);
        let twice = *kind == Kind::Counter && name.ends_with("_total") && *name != "kamailio_tm_stats_total";
        assert!(!twice, "{name}: the exposition adds _total");
        let other = ["_milliseconds", "_ms", "_minutes", "_kilobytes", "_kb", "_percent"];
        assert!(!other.iter().any(|unit| name.ends_with(unit)), "{name}: base units only");
    }
}

#[test]
fn fields_that_share_a_family_agree_on_it() {
    for field in ALL.iter().flat_map(|collector| collector.fields()) {
        let family = catalogue().families()[catalogue().id(&field.family)].family();
        assert_eq!((family.kind, family.help), (field.family.kind, field.family.help), "{}", family.name);
    }
}

#[test]
fn labels_are_valid_and_unique_per_sample() {
    for collector in ALL {
        for (field, labels) in labels_by_field(collector) {
            assert!(
                !labels.contains(&"index")
                    || collector.tables.iter().all(|table| matches!(table.equal_rows, EqualRows::Unexpected))
            );
            let unique: BTreeSet<_> = labels.iter().collect();
            assert_eq!(unique.len(), labels.len(), "{field}: {labels:?}");
            for label in labels {
                let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(label.chars().all(valid) && !label.starts_with("__"), "{field}: {label}");
                assert!(!["job", "instance", "le", "quantile", "pid"].contains(&label), "{field}: {label}");
            }
        }
    }
}

fn labels_by_field(collector: &'static Collector) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let fields = |table: &'static Table| {
        table.fields.iter().chain(table.extra_fields).map(move |field| (table, field))
    };
    collector.tables.iter().flat_map(fields).map(|(table, field)| {
        let labels = table.labels.iter().chain(table.equal_rows.labels()).chain(field.labels);
        let mut labels: Vec<_> = labels.map(|label| label.name).collect();
        if let Key::Matching(select) = field.key {
            labels.extend(labels_of(select));
        }
        (field.family.name, labels)
    })
}

/// Returns the names of the labels that a matcher makes.
pub(crate) fn labels_of(select: NameMatcher) -> impl Iterator<Item = &'static str> {
    let selected = MATCHED
        .iter()
        .find_map(|name| select(name.as_bytes()))
        .expect("MATCHED lacks a name for this matcher");
    selected.map(|(label, _)| label).into_iter().filter(|label| !label.is_empty())
}

/// A name for each matcher; the name for the matcher that accepts all names comes last.
const MATCHED: [&str; 7] = [
    "2xx",
    "usrloc.location_users",
    "usrloc.location_contacts",
    "usrloc.location_expires",
    "sipcapture.captured_requests[mode]",
    "sipcapture.captured_replies[mode]",
    "core.requests",
];

fn assert_sentence(help: &str) {
    let first = help.chars().next().unwrap();
    assert!(first.is_uppercase() || first.is_ascii_digit(), "the help text is not a sentence: {help}");
    assert!(help.ends_with('.') && !help.contains('\n'), "the help text is not a sentence: {help}");
}
