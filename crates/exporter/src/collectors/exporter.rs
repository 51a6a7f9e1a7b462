//! Families that do not come from a reply of Kamailio: the exporter's scrapes, build, configuration and process.

use prometheus_exposition::{Family, FamilyId, Kind};
use std::ops::Deref;
use std::sync::OnceLock;

/// A family of the exporter's own, with its id in the catalogue once it was looked up: nearly all are in every scrape.
pub struct OwnFamily {
    family: Family,
    pub(super) id: OnceLock<FamilyId>,
}

impl Deref for OwnFamily {
    type Target = Family;

    fn deref(&self) -> &Family {
        &self.family
    }
}

/// All families of this file, in the order of the exposition.
pub static FAMILIES: &[&OwnFamily] = &[
    &UP,
    &TOTAL_SCRAPES,
    &FAILED_SCRAPES,
    &BUILD_INFO,
    &COLLECTOR_SUCCESS,
    &COLLECTOR_DURATION,
    &UNREADABLE_VALUES,
    &DUPLICATE_ROWS,
    &DROPPED_SAMPLES,
    &KEPT_LABELS,
    &KAMAILIO_START_TIME,
    &SET_INFO,
    &WEB_CONFIG_SUCCESS,
    &WEB_CONFIG_TIME,
    &CPU_SECONDS,
    &MAX_FDS,
    &OPEN_FDS,
    &RESIDENT_MEMORY,
    &VIRTUAL_MEMORY,
    &VIRTUAL_MEMORY_MAX,
    &START_TIME,
    &NETWORK_RECEIVE,
    &NETWORK_TRANSMIT,
];

const fn family(kind: Kind, name: &'static str, help: &'static str) -> OwnFamily {
    OwnFamily { family: Family { name, kind, help }, id: OnceLock::new() }
}

/// `kamailio_up`.
pub(crate) static UP: OwnFamily = family(
    Kind::Gauge,
    "kamailio_up",
    "1 if Kamailio gave at least one valid reply to the scrape, 0 otherwise.",
);
/// `kamailio_exporter_total_scrapes`.
pub(crate) static TOTAL_SCRAPES: OwnFamily = family(
    Kind::BareCounter,
    "kamailio_exporter_total_scrapes",
    "Requests for metrics answered with a scrape of Kamailio.",
);
/// `kamailio_exporter_failed_scrapes`.
pub(crate) static FAILED_SCRAPES: OwnFamily = family(
    Kind::BareCounter,
    "kamailio_exporter_failed_scrapes",
    "Requests for metrics whose scrape failed: Kamailio did not reply to every call, or a selected \
             collector failed.",
);
/// `kamailio_exporter_build_info`.
pub(crate) static BUILD_INFO: OwnFamily = family(
    Kind::Gauge,
    "kamailio_exporter_build_info",
    "Version, revision and platform that the exporter was built for; goversion is the version of the \
             compiler. The value is always 1.",
);
/// `kamailio_scrape_collector_success`.
pub(crate) static COLLECTOR_SUCCESS: OwnFamily =
    family(Kind::Gauge, "kamailio_scrape_collector_success", "1 if the collector succeeded, 0 if it failed.");
/// `kamailio_scrape_collector_duration_seconds`.
pub(crate) static COLLECTOR_DURATION: OwnFamily = family(
    Kind::Gauge,
    "kamailio_scrape_collector_duration_seconds",
    "Seconds that the scrape waited for the collector's replies; 0 for replies that arrived together with the one before.",
);
/// `kamailio_exporter_unreadable_values`.
pub(crate) static UNREADABLE_VALUES: OwnFamily = family(
    Kind::Counter,
    "kamailio_exporter_unreadable_values",
    "Values in Kamailio's replies that were dropped because they could not be read.",
);
/// `kamailio_exporter_duplicate_rows`.
pub(crate) static DUPLICATE_ROWS: OwnFamily = family(
    Kind::Counter,
    "kamailio_exporter_duplicate_rows",
    "Samples dropped because an earlier sample of the same reply has the same labels.",
);
/// `kamailio_exporter_dropped_samples`.
pub(crate) static DROPPED_SAMPLES: OwnFamily = family(
    Kind::Counter,
    "kamailio_exporter_dropped_samples",
    "Samples dropped because their family reached --collector.max-series or the scrape reached 11 MiB.",
);
/// `kamailio_exporter_kept_labels`.
pub(crate) static KEPT_LABELS: OwnFamily = family(
    Kind::Counter,
    "kamailio_exporter_kept_labels",
    "Samples of expositions before this one that kept their own label instead of that of --label.",
);
/// `kamailio_start_time_seconds`.
pub(crate) static KAMAILIO_START_TIME: OwnFamily = family(
    Kind::Gauge,
    "kamailio_start_time_seconds",
    "Unix time at which Kamailio was started, in seconds; changes only when Kamailio restarts.",
);
/// `kamailio_dispatcher_set_info`.
pub(crate) static SET_INFO: OwnFamily = family(
    Kind::Gauge,
    "kamailio_dispatcher_set_info",
    "Name of the dispatcher set, as given by --collector.dispatcher.mapping. The value is always 1.",
);
/// `kamailio_exporter_web_config_last_reload_successful`.
pub(crate) static WEB_CONFIG_SUCCESS: OwnFamily = family(
    Kind::Gauge,
    "kamailio_exporter_web_config_last_reload_successful",
    "1 if the last reload of the web configuration file succeeded, 0 if an older version remains in \
             force.",
);
/// `kamailio_exporter_web_config_last_reload_success_timestamp_seconds`.
pub(crate) static WEB_CONFIG_TIME: OwnFamily = family(
    Kind::Gauge,
    "kamailio_exporter_web_config_last_reload_success_timestamp_seconds",
    "Unix time of the last successful load of the web configuration file, in seconds.",
);
/// `process_cpu_seconds`.
pub(crate) static CPU_SECONDS: OwnFamily =
    family(Kind::Counter, "process_cpu_seconds", "CPU time used by the exporter, in seconds.");
/// `process_max_fds`.
pub(crate) static MAX_FDS: OwnFamily =
    family(Kind::Gauge, "process_max_fds", "Maximum number of open file descriptors of the exporter.");
/// `process_open_fds`.
pub(crate) static OPEN_FDS: OwnFamily =
    family(Kind::Gauge, "process_open_fds", "Open file descriptors of the exporter.");
/// `process_resident_memory_bytes`.
pub(crate) static RESIDENT_MEMORY: OwnFamily =
    family(Kind::Gauge, "process_resident_memory_bytes", "Resident memory of the exporter, in bytes.");
/// `process_virtual_memory_bytes`.
pub(crate) static VIRTUAL_MEMORY: OwnFamily =
    family(Kind::Gauge, "process_virtual_memory_bytes", "Virtual memory of the exporter, in bytes.");
/// `process_virtual_memory_max_bytes`.
pub(crate) static VIRTUAL_MEMORY_MAX: OwnFamily = family(
    Kind::Gauge,
    "process_virtual_memory_max_bytes",
    "Maximum virtual memory of the exporter, in bytes; 18446744073709551615 means no limit.",
);
/// `process_start_time_seconds`.
pub(crate) static START_TIME: OwnFamily = family(
    Kind::Gauge,
    "process_start_time_seconds",
    "Unix time at which the exporter was started, in seconds.",
);
/// `process_network_receive_bytes`.
pub(crate) static NETWORK_RECEIVE: OwnFamily = family(
    Kind::Counter,
    "process_network_receive_bytes",
    "Bytes received over IP in the exporter's network namespace.",
);
/// `process_network_transmit_bytes`.
pub(crate) static NETWORK_TRANSMIT: OwnFamily = family(
    Kind::Counter,
    "process_network_transmit_bytes",
    "Bytes sent over IP in the exporter's network namespace.",
);
