//! Families about the exporter itself: its scrapes, its build, its process.

use prometheus_exposition::{Family, Kind};

/// All of them, in the order of the exposition.
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
pub(crate) const UP: Family =
    family(Kind::Gauge, "kamailio_up", "Whether Kamailio gave at least one valid reply to the last scrape.");
/// `kamailio_exporter_total_scrapes`.
pub(crate) const TOTAL_SCRAPES: Family = family(
    Kind::BareCounter,
    "kamailio_exporter_total_scrapes",
    "Requests for metrics that were answered with a scrape of Kamailio.",
);
/// `kamailio_exporter_failed_scrapes`.
pub(crate) const FAILED_SCRAPES: Family = family(
    Kind::BareCounter,
    "kamailio_exporter_failed_scrapes",
    "Requests for metrics in whose scrape Kamailio did not answer to the end or a selected collector failed.",
);
/// `kamailio_exporter_build_info`.
pub(crate) const BUILD_INFO: Family = family(
    Kind::Gauge,
    "kamailio_exporter_build_info",
    "What the exporter was built from; goversion is the compiler, whichever language it is of.",
);
/// `kamailio_scrape_collector_success`.
pub(crate) const COLLECTOR_SUCCESS: Family =
    family(Kind::Gauge, "kamailio_scrape_collector_success", "Whether the collector had no failure.");
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
    "Values in Kamailio's replies that were not what their field expects, and were left out.",
);
/// `kamailio_exporter_duplicate_rows`.
pub(crate) const DUPLICATE_ROWS: Family = family(
    Kind::Counter,
    "kamailio_exporter_duplicate_rows",
    "Samples that were left out because an earlier one of the same reply has the same labels.",
);
/// `kamailio_exporter_dropped_samples`.
pub(crate) const DROPPED_SAMPLES: Family = family(
    Kind::Counter,
    "kamailio_exporter_dropped_samples",
    "Samples that were left out because their family has as many as --collector.max-series allows, or all together 9 MiB.",
);
/// The start of Kamailio, which is part of every scrape.
pub(crate) const KAMAILIO_START_TIME: Family = family(
    Kind::Gauge,
    "kamailio_start_time_seconds",
    "Start time of Kamailio in seconds since 1970-01-01 00:00 UTC; changes only when Kamailio restarts.",
);
/// The names that the operator gives to dispatcher sets.
pub(crate) const SET_INFO: Family = family(
    Kind::Gauge,
    "kamailio_dispatcher_set_info",
    "The name that --collector.dispatcher.mapping gives to a dispatcher set.",
);
/// `kamailio_exporter_web_config_last_reload_successful`.
pub(crate) const WEB_CONFIG_SUCCESS: Family = family(
    Kind::Gauge,
    "kamailio_exporter_web_config_last_reload_successful",
    "Whether the web configuration file was last read successfully; if not, an older one is in force.",
);
/// `kamailio_exporter_web_config_last_reload_success_timestamp_seconds`.
pub(crate) const WEB_CONFIG_TIME: Family = family(
    Kind::Gauge,
    "kamailio_exporter_web_config_last_reload_success_timestamp_seconds",
    "When the web configuration file was last taken over, in seconds since 1970-01-01 00:00 UTC.",
);
/// `process_cpu_seconds`.
pub(crate) const CPU_SECONDS: Family =
    family(Kind::Counter, "process_cpu_seconds", "Seconds of processor time that the exporter has used.");
/// `process_max_fds`.
pub(crate) const MAX_FDS: Family =
    family(Kind::Gauge, "process_max_fds", "File descriptors that the exporter may have open.");
/// `process_open_fds`.
pub(crate) const OPEN_FDS: Family =
    family(Kind::Gauge, "process_open_fds", "File descriptors that the exporter has open.");
/// `process_resident_memory_bytes`.
pub(crate) const RESIDENT_MEMORY: Family =
    family(Kind::Gauge, "process_resident_memory_bytes", "Memory of the exporter that is in RAM, in bytes.");
/// `process_virtual_memory_bytes`.
pub(crate) const VIRTUAL_MEMORY: Family =
    family(Kind::Gauge, "process_virtual_memory_bytes", "Address space of the exporter, in bytes.");
/// `process_virtual_memory_max_bytes`.
pub(crate) const VIRTUAL_MEMORY_MAX: Family = family(
    Kind::Gauge,
    "process_virtual_memory_max_bytes",
    "Address space that the exporter may have, in bytes; 18446744073709551615 is no limit.",
);
/// `process_start_time_seconds`.
pub(crate) const START_TIME: Family = family(
    Kind::Gauge,
    "process_start_time_seconds",
    "When the exporter was started, in seconds since 1970-01-01 00:00 UTC.",
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
