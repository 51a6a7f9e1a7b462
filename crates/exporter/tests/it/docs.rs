use kamailio_exporter::internals::{
    ALL, Call, Collector, Cost, FAMILIES, Field, Key, Table, build_info, catalogue, command,
};
use prometheus_exposition::{Family, Kind};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Compares a file with what it should be, or writes it: `BLESS=1 cargo test`.
fn check(file: &str, expected: &str) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../")).join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{file} is stale: BLESS=1 cargo test -p kamailio_exporter --test it rewrites it"
        );
    }
}

#[test]
fn the_readme_has_the_flags() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let (before, rest) = readme.split_once("<!-- flags:").unwrap();
    let (head, rest) = rest.split_once("-->\n").unwrap();
    let (_, after) = rest.split_once("<!-- flags end -->").unwrap();
    let mut program = command().term_width(110);
    program.build();
    let mut blocks = text_block(program.render_help());
    for command in program.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        let help = text_block(command.clone().term_width(110).render_help());
        write!(
            blocks,
            "\n<details><summary><code>kamailio_exporter {name}</code></summary>\n\n{help}\n</details>\n"
        )
        .unwrap();
    }
    check("README.md", &format!("{before}<!-- flags:{head}-->\n{blocks}<!-- flags end -->{after}"));
}

fn text_block(help: impl ToString) -> String {
    let lines = help.to_string();
    let lines: String = lines.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    format!("```text\n{lines}```\n")
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../VERSION")).unwrap();
    assert_eq!(version.trim(), build_info::VERSION);
}

#[test]
fn every_family_is_documented() {
    let mut page = String::from(
        "# Metrics\n\nGenerated from the collectors' tables by `BLESS=1 cargo test`.\n\nAll values are Kamailio's own. `auto`, the default of \
         `--kamailio.methods`, takes the methods that are marked so and that Kamailio has; every version from 5.6 on has \
         them unless it says otherwise. Where one of the Go exporter's ten methods is named without `auto`, only the \
         families that it has there are served.\n",
    );
    for collector in ALL {
        write_collector(&mut page, collector);
    }
    page +=
        "\n## The exporter itself\n\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n";
    for family in FAMILIES {
        let labels = match family.name {
            "kamailio_dispatcher_set_info" => "setid, name",
            "kamailio_exporter_build_info" => "branch, goarch, goos, goversion, revision, version",
            name if name.contains("_collector_")
                || name.contains("_values")
                || name.contains("_rows")
                || name.contains("_dropped_") =>
            {
                "collector"
            }
            _ => "",
        };
        write_family(&mut page, family, labels);
    }
    check("docs/metrics.md", &page);
}

fn write_collector(page: &mut String, collector: &'static Collector) {
    let Collector { name, method, module, help, call, since, cost, default, tables, .. } = collector;
    if *call == Call::Page {
        write!(page, "\n## {name}\n\n{help} See module {module}.\n").unwrap();
        return;
    }
    let arguments = match call {
        Call::Page => String::new(),
        Call::Once(arguments) => arguments.iter().map(|argument| format!(" {argument}")).collect(),
        Call::Each(arguments) => format!(" {}", arguments.join("|")),
        Call::EachGroup | Call::EveryGroup => " GROUP:".to_owned(),
        Call::EachProfile => " PROFILE [VALUE]".to_owned(),
        Call::EachOf(listing) | Call::EachNumberOf(listing) => {
            format!(" X` for each X of `{}", listing.method)
        }
    };
    let selected = if *default { "In `auto`." } else { "Only if it is named, or with `all`." };
    let since = since.map(|version| format!(", since Kamailio {version}")).unwrap_or_default();
    let cost = match cost {
        Cost::Constant => "constant",
        Cost::List => "grows with what is listed",
        Cost::Walk => "walks a table under its locks",
    };
    write!(
        page,
        "\n## {name}\n\n{help} Method `{method}{arguments}` of module {module}{since}. {selected} Cost: {cost}.\n\n\
         | metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
    )
    .unwrap();
    let mut rows: Vec<(&Family, Vec<&str>)> = Vec::new();
    let fields =
        |table: &'static Table| table.fields.iter().chain(table.more).map(move |field| (table, field));
    for (table, Field { family, labels, key, .. }) in tables.iter().flat_map(fields) {
        let labels = table.labels.iter().chain(*labels).chain(table.tell_apart);
        let mut labels: Vec<_> = labels.map(|label| label.name).collect();
        if let Key::Each(select) = key {
            labels.extend(crate::tables::labels_of(*select));
        }
        match rows.iter_mut().find(|(row, _)| row.name == family.name) {
            Some((_, known)) => known.extend(labels),
            None => rows.push((family, labels)),
        }
    }
    for (family, mut labels) in rows {
        let mut unique = std::collections::BTreeSet::new();
        labels.retain(|label| unique.insert(*label));
        write_family(page, family, &labels.join(", "));
    }
}

fn write_family(page: &mut String, family: &Family, labels: &str) {
    let Family { name, kind, help } = family;
    let (suffix, kind) = match kind {
        Kind::Counter => ("_total", "counter"),
        Kind::BareCounter => ("", "counter"),
        Kind::Gauge => ("", "gauge"),
        Kind::Untyped => ("", "untyped"),
        kind => unreachable!("{kind:?}"),
    };
    writeln!(page, "| `{name}{suffix}` | {kind} | {} | {labels} | {help} |", unit(name)).unwrap();
}

#[test]
fn the_new_names_in_the_migration_guide_exist() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrating.md")).unwrap();
    let mut checked = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let ours = row.split('|').nth(2).unwrap();
        for name in ours.split('`').skip(1).step_by(2) {
            assert!(catalogue().has(name), "{name} is not one of our metrics");
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} names were found");
}

/// The unit that a family's name ends with; the drop-in names have theirs without saying so.
fn unit(name: &str) -> &'static str {
    let drop_in_bytes = ["total", "free", "used", "real_used", "max_used"];
    match name {
        "kamailio_core_uptime_uptime" => "seconds",
        _ if name.ends_with("_seconds") => "seconds",
        _ if name.ends_with("_bytes") => "bytes",
        _ if name.ends_with("_ratio") => "ratio",
        _ if name.strip_prefix("kamailio_core_shmmem_").is_some_and(|part| drop_in_bytes.contains(&part)) => {
            "bytes"
        }
        _ => "",
    }
}
