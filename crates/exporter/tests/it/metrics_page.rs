use crate::docs::check;
use kamailio_exporter::internals::{ALL, Call, Collector, Cost, FAMILIES, Field, Key, Table};
use prometheus_exposition::{Family, Kind};
use std::fmt::Write as _;

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let mut page = String::from(
        "# Metrics\n\nGenerated from the collectors' tables by `BLESS=1 cargo test`.\n\nAll values are Kamailio's own. \
         The default of `--kamailio.methods` is `auto`: all collectors marked \"In `auto`\" below whose method Kamailio has. \
         Methods exist since Kamailio 5.6 or earlier unless a version is given. If one of the Go exporter's ten methods is \
         selected by name and without `auto`, only the families of the Go exporter are served.\n",
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
        Call::NamedGroups | Call::AllGroups => " GROUP:".to_owned(),
        Call::NamedProfiles => " PROFILE [VALUE]".to_owned(),
        Call::EachOf(listing) | Call::EachNumberOf(listing) => {
            format!(" X` for each X of `{}", listing.method)
        }
    };
    let selected = if *default { "In `auto`." } else { "Only by name or with `all`." };
    let since = since.map(|version| format!(", since Kamailio {version}")).unwrap_or_default();
    let cost = match cost {
        Cost::Constant => "constant",
        Cost::Linear => "linear in the number of listed items",
        Cost::LockedWalk => "walks a table under its locks",
    };
    write!(
        page,
        "\n## {name}\n\n{help} Method `{method}{arguments}` of module {module}{since}. {selected} Cost for Kamailio: {cost}.\n\n\
         | metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
    )
    .unwrap();
    let mut rows: Vec<(&Family, Vec<&str>)> = Vec::new();
    let fields = |table: &'static Table| {
        table.fields.iter().chain(table.extra_fields).map(move |field| (table, field))
    };
    for (table, Field { family, labels, key, .. }) in tables.iter().flat_map(fields) {
        let labels = table.labels.iter().chain(*labels).chain(table.distinguishing_labels);
        let mut labels: Vec<_> = labels.map(|label| label.name).collect();
        if let Key::Matching(select) = key {
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
    };
    writeln!(page, "| `{name}{suffix}` | {kind} | {} | {labels} | {help} |", unit(name)).unwrap();
}

/// Returns the unit of a family, which drop-in names do not end with.
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
