use crate::support::Exporter;
use fake_kamailio::{Captures, Fake};
use std::collections::{BTreeMap, BTreeSet};

/// The families that the Go exporter serves for each of its methods: the method, then name, type and labels.
const FAMILIES: &str = "
tm.stats kamailio_tm_stats_current gauge
tm.stats kamailio_tm_stats_waiting gauge
tm.stats kamailio_tm_stats_total_total counter
tm.stats kamailio_tm_stats_total_local_total counter
tm.stats kamailio_tm_stats_rpl_received_total counter
tm.stats kamailio_tm_stats_rpl_generated_total counter
tm.stats kamailio_tm_stats_rpl_sent_total counter
tm.stats kamailio_tm_stats_created_total counter
tm.stats kamailio_tm_stats_freed_total counter
tm.stats kamailio_tm_stats_delayed_free_total counter
tm.stats kamailio_tm_stats_codes_total counter code
sl.stats kamailio_sl_stats_codes_total counter code
core.shmmem kamailio_core_shmmem_total gauge
core.shmmem kamailio_core_shmmem_free gauge
core.shmmem kamailio_core_shmmem_used gauge
core.shmmem kamailio_core_shmmem_real_used gauge
core.shmmem kamailio_core_shmmem_max_used gauge
core.shmmem kamailio_core_shmmem_fragments gauge
core.uptime kamailio_core_uptime_uptime_total counter
core.tcp_info kamailio_core_tcp_info_readers gauge
core.tcp_info kamailio_core_tcp_info_max_connections gauge
core.tcp_info kamailio_core_tcp_info_max_tls_connections gauge
core.tcp_info kamailio_core_tcp_info_opened_connections gauge
core.tcp_info kamailio_core_tcp_info_opened_tls_connections gauge
core.tcp_info kamailio_core_tcp_info_write_queued_bytes gauge
dispatcher.list kamailio_dispatcher_list_target gauge flags,setid,uri
tls.info kamailio_tls_info_opened_connections gauge
tls.info kamailio_tls_info_max_connections gauge
dlg.stats_active kamailio_dlg_stats_active_starting gauge
dlg.stats_active kamailio_dlg_stats_active_connecting gauge
dlg.stats_active kamailio_dlg_stats_active_answering gauge
dlg.stats_active kamailio_dlg_stats_active_ongoing gauge
dlg.stats_active kamailio_dlg_stats_active_all gauge
dmq.list_nodes kamailio_dmq_list_nodes_node gauge host,local,port,status
stats.fetch kamailio_stats_fetch_value gauge group,name
";

/// The families that the Go exporter serves whatever the methods are.
const OWN: [(&str, &str); 13] = [
    ("kamailio_up", "gauge"),
    ("kamailio_exporter_total_scrapes", "counter"),
    ("kamailio_exporter_failed_scrapes", "counter"),
    ("kamailio_exporter_build_info", "gauge"),
    ("process_cpu_seconds_total", "counter"),
    ("process_max_fds", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_virtual_memory_bytes", "gauge"),
    ("process_virtual_memory_max_bytes", "gauge"),
    ("process_start_time_seconds", "gauge"),
    ("process_network_receive_bytes_total", "counter"),
    ("process_network_transmit_bytes_total", "counter"),
];

/// Returns the families of an exposition, each with its type and the names of its labels.
fn families(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families = BTreeMap::new();
    for line in page.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((name, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let names = labels.split("=\"").map(|part| part.rsplit([',', '"']).next().unwrap().to_owned());
            let labels = &mut families.get_mut(name).unwrap().1;
            labels.extend(names.filter(|name| !name.is_empty() && !name.contains(['}', ' '])));
        }
    }
    families
}

#[test]
fn a_named_method_has_exactly_the_families_of_the_go_exporter() {
    for version in ["5.6.3", "6.2-dev"] {
        let fake = Fake::replay(Captures::of(version));
        // Without equal destinations, which get one more label here and fail the scrape of the Go exporter.
        fake.answer_with("dispatcher.list.50dest");
        let rows =
            || FAMILIES.lines().filter(|row| !row.is_empty()).map(|row| row.split(' ').collect::<Vec<_>>());
        for method in rows().map(|row| row[0]).collect::<BTreeSet<_>>() {
            let exporter = Exporter::start(&["-u", &fake.unix(), "-m", method]);
            let mut served = families(&exporter.exposition());
            for (name, kind) in OWN {
                let family = served.remove(name).unwrap_or_else(|| panic!("{name} is not served"));
                assert_eq!(family.0, kind, "{name}");
            }
            let ours = ["kamailio_exporter_", "kamailio_scrape_collector_", "kamailio_start_time_seconds"];
            served.retain(|name, _| !ours.iter().any(|ours| name.starts_with(ours)));
            let expected: BTreeMap<_, _> = rows()
                .filter(|row| row[0] == method)
                .map(|row| {
                    let labels =
                        row.get(3).into_iter().flat_map(|labels| labels.split(',')).map(str::to_owned);
                    (row[1].to_owned(), (row[2].to_owned(), labels.collect::<BTreeSet<_>>()))
                })
                .collect();
            assert_eq!(served, expected, "{version} {method}");
        }
    }
}
