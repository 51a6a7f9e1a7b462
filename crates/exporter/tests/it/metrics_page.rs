use crate::docs::check;
use kamailio_exporter::internals::{
    ALL, Call, Collector, Cost, EqualRows, FAMILIES, Field, Key, Table, catalogue,
};
use prometheus_exposition::{Family, Kind};
use std::fmt::Write as _;

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let mut page = String::from(
        "# Metrics\n\nGenerated from the collectors' tables by `BLESS=1 cargo test`.\n\nAll values are Kamailio's own. \
         The default of `--kamailio.methods` is `auto`: all collectors marked \"In `auto`\" below whose method Kamailio has. \
         Methods exist since Kamailio 5.6 or earlier unless a version is given. If one of the Go exporter's ten methods is \
         selected by name and without `auto`, only the families of the Go exporter are served.\n\n\
         A label marked \\* is there only if two rows of Kamailio's reply have the same other labels: two equal destinations \
         in a dispatcher set, for example. A label without a value is left out.\n",
    );
    write_choices(&mut page);
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

/// Numbers that two families have: the Go exporter's, then the one to prefer, and why.
const CHOICES: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "Transactions",
        &["kamailio_tm_stats_total_total", "kamailio_tm_stats_codes_total"],
        &["kamailio_tmx_transactions_total", "kamailio_tmx_transactions_completed_by_class_total"],
        "Counters of `tm.stats` wrap at 2^32. The label is `class=\"2xx\"` rather than `code=\"2xx\"`. Needs module tmx.",
    ),
    (
        "Replies without a transaction",
        &["kamailio_sl_stats_codes_total"],
        &["kamailio_sl_replies_sent_total", "kamailio_sl_replies_sent_by_code_total"],
        "The total needs no sum; up to Kamailio 5.6, counters of `sl.stats` wrap at 2^32.",
    ),
    (
        "Shared memory",
        &["kamailio_core_shmmem_total", "kamailio_core_shmmem_real_used"],
        &["kamailio_shmem_size_bytes", "kamailio_shmem_real_used_bytes"],
        "The unit is in the name.",
    ),
    (
        "TCP and TLS connections",
        &["kamailio_core_tcp_info_opened_connections", "kamailio_tls_info_opened_connections"],
        &["kamailio_tcp_connections"],
        "The other TCP statistics have the same prefix. Use the drop-in family for TLS (up to 5.8) and for the maxima.",
    ),
    (
        "Dialogs",
        &["kamailio_dlg_stats_active_ongoing", "kamailio_dlg_stats_active_all"],
        &["kamailio_dialog_dialogs"],
        "Kamailio keeps the statistics up to date, but walks all dialogs for `dlg.stats_active`.",
    ),
    (
        "Dispatcher destinations",
        &["kamailio_dispatcher_list_target"],
        &["kamailio_dispatcher_destination_up", "kamailio_dispatcher_set_destinations"],
        "A change of the flags starts a new series of the drop-in family. The set is the label `setid` in both; media \
         relays have the label `set`.",
    ),
    (
        "DMQ nodes",
        &["kamailio_dmq_list_nodes_node"],
        &["kamailio_dmq_node_up"],
        "A change of the status starts a new series of the drop-in family.",
    ),
    (
        "Statistics",
        &["kamailio_stats_fetch_value"],
        &["kamailio_statistic"],
        "Known statistics are typed metrics of their own (collector `stats`), and statistics named `*_total`, `*_seconds` \
         or `*_bytes` become `kamailio_GROUP_NAME`. All others are in `kamailio_statistic`, with the same labels.",
    ),
];

fn write_choices(page: &mut String) {
    *page += "\n## Which of two families to use\n\nThe families of the Go exporter keep their names, so that its dashboards \
              work. Some numbers are therefore in two families. New dashboards and alerts should use the second.\n\n\
              | | drop-in family | prefer | why |\n|---|---|---|---|\n";
    for (subject, drop_in, preferred, reason) in CHOICES {
        for name in drop_in.iter().chain(*preferred) {
            assert!(catalogue().has(name), "{name} is not one of our metrics");
        }
        let list =
            |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        writeln!(page, "| {subject} | {} | {} | {reason} |", list(drop_in), list(preferred)).unwrap();
    }
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
    let mut rows: Vec<(&Family, Vec<String>)> = Vec::new();
    let fields = |table: &'static Table| table.all_fields().map(move |field| (table, field));
    for (table, field) in tables.iter().flat_map(fields) {
        match rows.iter_mut().find(|(row, _)| row.name == field.family.name) {
            Some((_, known)) => known.extend(labels(table, field)),
            None => rows.push((&field.family, labels(table, field))),
        }
    }
    for (family, mut labels) in rows {
        let mut unique = std::collections::BTreeSet::new();
        labels.retain(|label| unique.insert(label.clone()));
        write_family(page, family, &labels.join(", "));
    }
}

/// Returns the labels of a field's samples. Those that only equal rows have are marked.
fn labels(table: &Table, field: &Field) -> Vec<String> {
    let is_extra = table.extra_fields.iter().any(|extra| extra.family.name == field.family.name);
    let told_apart = table.equal_rows.labels().iter();
    let told_apart = told_apart.map(|label| format!("{}{}", label.name, if is_extra { "" } else { "\\*" }));
    let is_numbered = !matches!(table.equal_rows, EqualRows::Unexpected);
    let labels = table.labels.iter().map(|label| label.name.to_owned()).chain(told_apart);
    let labels = labels.chain(field.labels.iter().map(|label| label.name.to_owned()));
    let matched = match field.key {
        Key::Matching(matcher) => crate::tables::labels_of(matcher).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    labels.chain(matched).chain(is_numbered.then(|| "index\\*".to_owned())).collect()
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
