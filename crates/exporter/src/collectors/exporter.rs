//! Families that do not come from a reply of Kamailio: the exporter's scrapes, build, configuration and process.

use prometheus_exposition::{Family, Kind};

/// All families of this file, in the order of the exposition.
pub static FAMILIES: &[Family] = &[
    UP,
    TOTAL_SCRAPES,
    FAILED_SCRAPES,
    BUILD_INFO,
    COLLECTOR_SUCCESS,
    COLLECTOR_DURATION,
    UNREADABLE_VALUES,
    DUPLICATE_ROWS,
    DROPPED_SAMPLES,
    KEPT_LABELS,
    KAMAILIO_START_TIME,
    SET_INFO,
    WEB_CONFIG_SUCCESS,
    WEB_CONFIG_TIME,
    CPU_SECONDS,
    MAX_FDS,
    OPEN_FDS,
    RESIDENT_MEMORY,
    VIRTUAL_MEMORY,
    VIRTUAL_MEMORY_MAX,
    START_TIME,
    NETWORK_RECEIVE,
    NETWORK_TRANSMIT,
];

const fn family(kind: Kind, name: &'static str, help: &'static str) -> Family {
    Family { name, kind, help }
}

/// `kamailio_up`.
pub(crate) const UP: Family = family(
    Kind::Gauge,
    "kamailio_up",
    "1 if Kamailio gave at least one valid reply to the scrape, 0 otherwise.",
);
/// `kamailio_exporter_total_scrapes`.
pub(crate) const TOTAL_SCRAPES: Family = family(
    Kind::BareCounter,
    "kamailio_exporter_total_scrapes",
    "Requests for metrics answered with a scrape of Kamailio.",
);
/// `kamailio_exporter_failed_scrapes`.
pub(crate) const FAILED_SCRAPES: Family = family(
    Kind::BareCounter,
    "kamailio_exporter_failed_scrapes",
    "Requests for metrics whose scrape failed: Kamailio did not reply to every call, or a selected \
             collector failed.",
);
/// `kamailio_exporter_build_info`.
pub(crate) const BUILD_INFO: Family = family(
    Kind::Gauge,
    "kamailio_exporter_build_info",
    "Version, revision and platform that the exporter was built for; goversion is the version of the \
             compiler. The value is always 1.",
);
/// `kamailio_scrape_collector_success`.
pub(crate) const COLLECTOR_SUCCESS: Family =
    family(Kind::Gauge, "kamailio_scrape_collector_success", "1 if the collector succeeded, 0 if it failed.");
/// `kamailio_scrape_collector_duration_seconds`.
pub(crate) const COLLECTOR_DURATION: Family = family(
    Kind::Gauge,
    "kamailio_scrape_collector_duration_seconds",
    "Seconds that the scrape waited for the collector's replies; 0 for replies that arrived together with the one before.",
);
/// `kamailio_exporter_unreadable_values`.
pub(crate) const UNREADABLE_VALUES: Family = family(
    Kind::Counter,
    "kamailio_exporter_unreadable_values",
    "Values in Kamailio's replies that were dropped because they could not be read.",
);
/// `kamailio_exporter_duplicate_rows`.
pub(crate) const DUPLICATE_ROWS: Family = family(
    Kind::Counter,
    "kamailio_exporter_duplicate_rows",
    "Samples dropped because an earlier sample of the same reply has the same labels.",
);
/// `kamailio_exporter_dropped_samples`.
pub(crate) const DROPPED_SAMPLES: Family = family(
    Kind::Counter,
    "kamailio_exporter_dropped_samples",
    "Samples dropped because their family reached --collector.max-series or the scrape reached 11 MiB.",
);
/// `kamailio_exporter_kept_labels`.
pub(crate) const KEPT_LABELS: Family = family(
    Kind::Counter,
    "kamailio_exporter_kept_labels",
    "Samples of expositions before this one that kept their own label instead of that of --label.",
);
/// `kamailio_start_time_seconds`.
pub(crate) const KAMAILIO_START_TIME: Family = family(
    Kind::Gauge,
    "kamailio_start_time_seconds",
    "Unix time at which Kamailio was started, in seconds; changes only when Kamailio restarts.",
);
/// `kamailio_dispatcher_set_info`.
pub(crate) const SET_INFO: Family = family(
    Kind::Gauge,
    "kamailio_dispatcher_set_info",
    "Name of the dispatcher set, as given by --collector.dispatcher.mapping. The value is always 1.",
);
/// `kamailio_exporter_web_config_last_reload_successful`.
pub(crate) const WEB_CONFIG_SUCCESS: Family = family(
    Kind::Gauge,
    "kamailio_exporter_web_config_last_reload_successful",
    "1 if the last reload of the web configuration file succeeded, 0 if an older version remains in \
             force.",
);
/// `kamailio_exporter_web_config_last_reload_success_timestamp_seconds`.
pub(crate) const WEB_CONFIG_TIME: Family = family(
    Kind::Gauge,
    "kamailio_exporter_web_config_last_reload_success_timestamp_seconds",
    "Unix time of the last successful load of the web configuration file, in seconds.",
);
/// `process_cpu_seconds`.
pub(crate) const CPU_SECONDS: Family =
    family(Kind::Counter, "process_cpu_seconds", "CPU time used by the exporter, in seconds.");
/// `process_max_fds`.
pub(crate) const MAX_FDS: Family =
    family(Kind::Gauge, "process_max_fds", "Maximum number of open file descriptors of the exporter.");
/// `process_open_fds`.
pub(crate) const OPEN_FDS: Family =
    family(Kind::Gauge, "process_open_fds", "Open file descriptors of the exporter.");
/// `process_resident_memory_bytes`.
pub(crate) const RESIDENT_MEMORY: Family =
    family(Kind::Gauge, "process_resident_memory_bytes", "Resident memory of the exporter, in bytes.");
/// `process_virtual_memory_bytes`.
pub(crate) const VIRTUAL_MEMORY: Family =
    family(Kind::Gauge, "process_virtual_memory_bytes", "Virtual memory of the exporter, in bytes.");
/// `process_virtual_memory_max_bytes`.
pub(crate) const VIRTUAL_MEMORY_MAX: Family = family(
    Kind::Gauge,
    "process_virtual_memory_max_bytes",
    "Maximum virtual memory of the exporter, in bytes; 18446744073709551615 means no limit.",
);
/// `process_start_time_seconds`.
pub(crate) const START_TIME: Family = family(
    Kind::Gauge,
    "process_start_time_seconds",
    "Unix time at which the exporter was started, in seconds.",
);
/// `process_network_receive_bytes`.
pub(crate) const NETWORK_RECEIVE: Family = family(
    Kind::Counter,
    "process_network_receive_bytes",
    "Bytes received over IP in the exporter's network namespace.",
);
/// `process_network_transmit_bytes`.
pub(crate) const NETWORK_TRANSMIT: Family = family(
    Kind::Counter,
    "process_network_transmit_bytes",
    "Bytes sent over IP in the exporter's network namespace.",
);
