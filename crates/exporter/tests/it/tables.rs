use kamailio_exporter::catalogue::catalogue;
use kamailio_exporter::collector::{Call, Collector, Key, Table};
use kamailio_exporter::collectors::{ALL, UPTIME};
use kamailio_exporter::inventory::Question;
use kamailio_exporter::metric::{Family, Kind};
use std::collections::BTreeSet;

/// Words of methods that change something, block Kamailio or show secrets, and methods that are known to kill it.
const NEVER: [&str; 36] = [
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

fn words(method: &str) -> impl Iterator<Item = &str> {
    method.split(['.', '_'])
}

#[test]
fn only_methods_that_read_are_called() {
    let listings = ALL.iter().filter_map(|collector| match collector.call {
        Call::EachOf(listing) => Some(listing.method),
        _ => None,
    });
    let questions = [Question::Methods, Question::Groups, Question::Statistics(String::new())];
    let called = ALL.iter().flat_map(|collector| collector.instead.iter().copied().chain([collector.method]));
    let called = called.chain(listings).chain(questions.iter().map(Question::method));
    for method in called {
        let forbidden: Vec<_> = words(method).filter(|word| NEVER.contains(word)).collect();
        assert!(forbidden.is_empty(), "{method} has {forbidden:?} in its name");
    }
    for method in
        ["dispatcher.set_state", "core.kill", "modparam.list", "httpclient.listcon", "ul.dump", "mod.stats"]
    {
        assert!(words(method).any(|word| NEVER.contains(&word)), "the list does not stop {method}");
    }
}

#[test]
fn collectors_have_one_name_each_and_sentences() {
    let names: BTreeSet<_> = ALL.iter().map(|collector| collector.name).collect();
    assert_eq!(names.len(), ALL.len());
    assert!(ALL.iter().any(|collector| std::ptr::eq(*collector, UPTIME)));
    for collector in ALL {
        assert_sentence(collector.help);
        assert!(collector.fields().next().is_some() || collector.call == Call::Page, "{}", collector.name);
    }
}

#[test]
fn families_have_valid_names_and_sentences() {
    for announced in catalogue().families() {
        let Family { name, help, kind } = announced.family;
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
        let family = catalogue().families()[catalogue().id(&field.family)].family;
        assert_eq!((family.kind, family.help), (field.family.kind, field.family.help), "{}", family.name);
    }
}

#[test]
fn labels_are_valid_and_a_sample_has_none_twice() {
    for collector in ALL {
        for (field, labels) in labels_by_field(collector) {
            assert!(
                !labels.contains(&"index")
                    || collector.tables.iter().all(|table| table.tell_apart.is_empty())
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
    let fields =
        |table: &'static Table| table.fields.iter().chain(table.more).map(move |field| (table, field));
    collector.tables.iter().flat_map(fields).map(|(table, field)| {
        let labels = table.labels.iter().chain(table.tell_apart).chain(field.labels);
        let mut labels: Vec<_> = labels.map(|label| label.name).collect();
        if let Key::Each(select) = field.key {
            let pairs = select(b"2xx").or_else(|| select(b"core.requests")).expect("a key that it selects");
            labels.extend(pairs.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()));
        }
        (field.family.name, labels)
    })
}

fn assert_sentence(help: &str) {
    let first = help.chars().next().unwrap();
    assert!(first.is_uppercase() || first.is_ascii_digit(), "not a sentence: {help}");
    assert!(help.ends_with('.') && !help.contains('\n'), "not a sentence: {help}");
}
