//! The series that the history keeps: one row each, like the tables of the collectors.

use super::label;
use crate::collectors::catalogue::catalogue;
use prometheus_exposition::{Family, FamilyId, Kind, Samples};
use std::sync::LazyLock;

/// A row of the table: a number that is kept for the last hour.
pub(crate) struct Series {
    /// The stable name, for the status as JSON.
    pub(crate) key: &'static str,
    /// The title in a legend.
    pub(crate) title: &'static str,
    /// The unit of the value; a counter is kept as a rate.
    pub(crate) unit: Unit,
    /// The sources of the value. The first one that has samples is used.
    pub(super) readings: &'static [Reading],
}

/// The unit of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number of things.
    Count,
    /// Events per second: the series is the rate of a counter.
    PerSecond,
    /// Bytes.
    Bytes,
    /// A share between 0 and 1.
    Ratio,
}

/// The way in which a value is computed from samples.
pub(super) enum Reading {
    /// The sum of a family's samples.
    Sum(&'static str, Select),
    /// The largest quotient of two families' samples with the same labels, and a label that names it.
    Fullest { part: &'static str, of: &'static str, label: &'static str },
}

/// The samples of a family that count, by the value of a label.
pub(super) enum Select {
    All,
    Only(&'static str, &'static [&'static str]),
    Except(&'static str, &'static [&'static str]),
}

/// A reading of a series, with the ids of its families, which are looked up once.
pub(super) struct Located {
    /// The index of the series in [`SERIES`].
    pub(super) series: usize,
    /// The index of the reading in the series.
    pub(super) reading: usize,
    family: FamilyId,
    /// The divisor's family, if the reading is a quotient.
    of: Option<FamilyId>,
}

/// Reads the values of series from the samples of one scrape.
pub(super) struct Reader<'s> {
    samples: &'s Samples,
    /// The family and label that were read last, because most rows have those of the previous row.
    split: Option<(FamilyId, &'static str)>,
    /// The samples of `split`: the label's value, still escaped, and the number.
    parts: Vec<(&'s [u8], f64)>,
}

/// A value that was read.
pub(super) struct Value<'s> {
    /// The sum, or the largest quotient.
    pub(super) number: f64,
    /// The label value of the largest quotient, still escaped.
    pub(super) name: Option<&'s [u8]>,
}

use Reading::{Fullest, Sum};
use Select::{All, Except, Only};
use Unit::{Bytes, Count, PerSecond, Ratio};

const METHODS: &str = "kamailio_core_requests_received_by_method";
const COMPLETED: &str = "kamailio_tm_stats_codes";
const COMPLETED_TMX: &str = "kamailio_tmx_transactions_completed_by_class";
const PRESENCE: &[&str] = &["SUBSCRIBE", "NOTIFY", "PUBLISH"];

const fn row(key: &'static str, title: &'static str, unit: Unit, readings: &'static [Reading]) -> Series {
    Series { key, title, unit, readings }
}

/// All series.
pub(crate) static SERIES: &[Series] = &[
    row("requests_invite", "INVITE", PerSecond, &[Sum(METHODS, Only("method", &["INVITE"]))]),
    row("requests_register", "REGISTER", PerSecond, &[Sum(METHODS, Only("method", &["REGISTER"]))]),
    row("requests_options", "OPTIONS", PerSecond, &[Sum(METHODS, Only("method", &["OPTIONS"]))]),
    row(
        "requests_presence",
        "SUBSCRIBE, NOTIFY, PUBLISH",
        PerSecond,
        &[Sum(METHODS, Only("method", PRESENCE))],
    ),
    row(
        "requests_other",
        "other",
        PerSecond,
        &[Sum(
            METHODS,
            Except("method", &["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH"]),
        )],
    ),
    row(
        "replies_2xx",
        "2xx",
        PerSecond,
        &[Sum(COMPLETED, Only("code", &["2xx"])), Sum(COMPLETED_TMX, Only("class", &["2xx"]))],
    ),
    row(
        "replies_3xx",
        "3xx",
        PerSecond,
        &[Sum(COMPLETED, Only("code", &["3xx"])), Sum(COMPLETED_TMX, Only("class", &["3xx"]))],
    ),
    row(
        "replies_4xx",
        "4xx",
        PerSecond,
        &[Sum(COMPLETED, Only("code", &["4xx"])), Sum(COMPLETED_TMX, Only("class", &["4xx"]))],
    ),
    row(
        "replies_5xx_6xx",
        "5xx, 6xx",
        PerSecond,
        &[Sum(COMPLETED, Only("code", &["5xx", "6xx"])), Sum(COMPLETED_TMX, Only("class", &["5xx", "6xx"]))],
    ),
    row(
        "transactions",
        "in memory",
        Count,
        &[Sum("kamailio_tm_stats_current", All), Sum("kamailio_tmx_transactions_in_memory", All)],
    ),
    row("transactions_waiting", "waiting to be removed", Count, &[Sum("kamailio_tm_stats_waiting", All)]),
    row(
        "dialogs_confirmed",
        "confirmed",
        Count,
        &[
            Sum("kamailio_dialog_dialogs", Only("state", &["confirmed"])),
            Sum("kamailio_dlg_stats_active_ongoing", All),
        ],
    ),
    row(
        "dialogs_early",
        "early",
        Count,
        &[
            Sum("kamailio_dialog_dialogs", Only("state", &["early"])),
            Sum("kamailio_dlg_stats_active_connecting", All),
        ],
    ),
    row("dialogs_failed", "failed", PerSecond, &[Sum("kamailio_dialog_failed", All)]),
    row("registered_users", "users", Count, &[Sum("kamailio_usrloc_registered_users", All)]),
    row("registered_contacts", "contacts", Count, &[Sum("kamailio_usrloc_contacts", All)]),
    row(
        "registrations_rejected",
        "rejected",
        PerSecond,
        &[Sum("kamailio_registrar_registrations", Only("result", &["rejected"]))],
    ),
    row(
        "shared_memory_used",
        "used",
        Bytes,
        &[Sum("kamailio_core_shmmem_real_used", All), Sum("kamailio_shmem_real_used_bytes", All)],
    ),
    row(
        "shared_memory_peak",
        "peak",
        Bytes,
        &[Sum("kamailio_core_shmmem_max_used", All), Sum("kamailio_shmem_max_used_bytes", All)],
    ),
    row(
        "shared_memory_size",
        "size",
        Bytes,
        &[Sum("kamailio_core_shmmem_total", All), Sum("kamailio_shmem_size_bytes", All)],
    ),
    row(
        "private_memory",
        "fullest process",
        Ratio,
        &[Fullest {
            part: "kamailio_pkgmem_real_used_bytes",
            of: "kamailio_pkgmem_size_bytes",
            label: "desc",
        }],
    ),
    row(
        "tcp_connections",
        "open",
        Count,
        &[Sum("kamailio_core_tcp_info_opened_connections", All), Sum("kamailio_tcp_connections", All)],
    ),
    row("tcp_connections_max", "limit", Count, &[Sum("kamailio_core_tcp_info_max_connections", All)]),
    row(
        "tcp_write_queue",
        "write queue",
        Bytes,
        &[Sum("kamailio_core_tcp_info_write_queued_bytes", All), Sum("kamailio_tcp_write_queue_bytes", All)],
    ),
    row(
        "tls_connections",
        "open",
        Count,
        &[
            Sum("kamailio_tls_info_opened_connections", All),
            Sum("kamailio_core_tcp_info_opened_tls_connections", All),
        ],
    ),
    row(
        "tls_connections_max",
        "limit",
        Count,
        &[
            Sum("kamailio_tls_info_max_connections", All),
            Sum("kamailio_core_tcp_info_max_tls_connections", All),
        ],
    ),
    row(
        "tls_write_queue",
        "waiting to be encrypted",
        Bytes,
        &[Sum("kamailio_tls_clear_text_write_queued_bytes", All)],
    ),
    row(
        "udp_queue",
        "fullest receive queue",
        Ratio,
        &[Fullest {
            part: "kamailio_socket_receive_queue_bytes",
            of: "kamailio_socket_receive_buffer_bytes",
            label: "address",
        }],
    ),
    row("udp_dropped", "packets dropped", PerSecond, &[Sum("kamailio_socket_receive_drops", All)]),
    row("requests_dropped", "requests dropped", PerSecond, &[Sum("kamailio_core_requests_dropped", All)]),
    row("requests_rejected", "invalid requests", PerSecond, &[Sum("kamailio_core_requests_rejected", All)]),
    row("replies_dropped", "replies dropped", PerSecond, &[Sum("kamailio_core_replies_dropped", All)]),
    row("dns_failed", "failed", PerSecond, &[Sum("kamailio_dns_requests_failed", All)]),
    row("dns_slow", "slow", PerSecond, &[Sum("kamailio_dns_requests_slow", All)]),
];

/// Returns the index of a series in [`SERIES`].
///
/// # Panics
/// If there is none; a test looks up all that the status page uses.
pub(crate) fn index(key: &str) -> usize {
    SERIES.iter().position(|series| series.key == key).unwrap_or_else(|| panic!("no series {key}"))
}

impl Series {
    /// Returns the query that gives the same value in Prometheus, by the reading that was used.
    pub(crate) fn promql(&self, reading: usize) -> String {
        match self.readings.get(reading) {
            Some(Sum(family, select)) => {
                let series = format!("{}{}", sample_name(family), select.promql());
                match self.unit {
                    PerSecond => format!("sum(rate({series}[2m]))"),
                    Count | Bytes | Ratio => format!("sum({series})"),
                }
            }
            Some(Fullest { part, of, .. }) => format!("max({} / {})", sample_name(part), sample_name(of)),
            None => String::new(),
        }
    }
}

impl Select {
    fn promql(&self) -> String {
        match self {
            All => String::new(),
            Only(name, [value]) => format!("{{{name}=\"{value}\"}}"),
            Only(name, values) => format!("{{{name}=~\"{}\"}}", values.join("|")),
            Except(name, values) => format!("{{{name}!~\"{}\"}}", values.join("|")),
        }
    }
}

/// Returns the index of a family in the catalogue.
///
/// # Panics
/// If there is none; a test looks up all of them.
pub(super) fn family(name: &'static str) -> FamilyId {
    catalogue().id(&Family { name, kind: Kind::Gauge, help: "" })
}

fn sample_name(name: &'static str) -> &'static str {
    catalogue().families()[family(name)].sample_name()
}

/// Returns the readings of all series, in order. In one list they take a few cache lines; most have no samples.
pub(super) fn located() -> &'static [Located] {
    static LOCATED: LazyLock<Vec<Located>> = LazyLock::new(|| {
        let readings = SERIES.iter().enumerate().flat_map(|(series, row)| {
            row.readings.iter().enumerate().map(move |(reading, source)| (series, reading, source))
        });
        let located = readings.map(|(series, reading, source)| match source {
            Sum(name, _) => Located { series, reading, family: family(name), of: None },
            Fullest { part, of, .. } => {
                Located { series, reading, family: family(part), of: Some(family(of)) }
            }
        });
        located.collect()
    });
    &LOCATED
}

impl<'s> Reader<'s> {
    pub(super) fn new(samples: &'s Samples) -> Self {
        Self { samples, split: None, parts: Vec::new() }
    }

    /// Reads a value; `None` if there are no such samples.
    pub(super) fn read(&mut self, located: &Located) -> Option<Value<'s>> {
        let Located { series, reading, family, of } = *located;
        if self.samples.family_len(family) == 0 {
            return None;
        }
        match &SERIES[series].readings[reading] {
            Sum(_, All) => sum(self.samples.family(family).map(|(_, number)| number.as_f64())),
            Sum(_, Only(label, values)) => {
                let parts = self.split(family, label).iter();
                sum(parts.filter(|(value, _)| contains(values, value)).map(|(_, number)| *number))
            }
            Sum(_, Except(label, values)) => {
                let parts = self.split(family, label).iter();
                sum(parts.filter(|(value, _)| !contains(values, value)).map(|(_, number)| *number))
            }
            Fullest { label, .. } => self.fullest(family, of?, label),
        }
    }

    /// Returns the samples of a family by a label. Those that were read last are not read again.
    fn split(&mut self, family: FamilyId, label: &'static str) -> &[(&'s [u8], f64)] {
        if self.split != Some((family, label)) {
            self.parts.clear();
            let samples = self.samples.family(family);
            let value = |labels| label::text(labels, label).unwrap_or_default();
            self.parts.extend(samples.map(|(labels, number)| (value(labels), number.as_f64())));
            self.split = Some((family, label));
        }
        &self.parts
    }

    fn fullest(&self, part: FamilyId, of: FamilyId, label: &str) -> Option<Value<'s>> {
        let mut sizes = self.samples.family(of);
        let ratios = self.samples.family(part).filter_map(|(labels, used)| {
            // Both have the order of the rows, and either may lack one.
            let (_, size) = sizes.by_ref().find(|(other, _)| label::are_same(other, labels))?;
            Some((used.as_f64() / size.as_f64(), labels))
        });
        let finite = ratios.filter(|(ratio, _)| ratio.is_finite());
        let (number, labels) = finite.reduce(|most, next| if next.0 > most.0 { next } else { most })?;
        Some(Value { number, name: label::text(labels, label) })
    }
}

fn sum<'s>(numbers: impl Iterator<Item = f64>) -> Option<Value<'s>> {
    Some(Value { number: numbers.reduce(|sum, number| sum + number)?, name: None })
}

fn contains(values: &[&str], value: &[u8]) -> bool {
    values.iter().any(|one| one.as_bytes() == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_exposition::Labels;
    use std::collections::BTreeSet;

    #[test]
    fn every_series_has_families_a_key_and_a_query() {
        assert_eq!(SERIES.iter().map(|series| series.key).collect::<BTreeSet<_>>().len(), SERIES.len());
        for located in located() {
            let series = &SERIES[located.series];
            let query = series.promql(located.reading);
            assert_eq!(
                query.contains("_total{") || query.contains("_total["),
                series.unit == PerSecond,
                "{}: {query}",
                series.key
            );
        }
        assert_eq!(located().len(), SERIES.iter().map(|series| series.readings.len()).sum::<usize>());
        assert_eq!(
            SERIES[index("requests_presence")].promql(0),
            "sum(rate(kamailio_core_requests_received_by_method_total{method=~\"SUBSCRIBE|NOTIFY|PUBLISH\"}[2m]))"
        );
        assert_eq!(
            SERIES[index("tcp_connections")].promql(0),
            "sum(kamailio_core_tcp_info_opened_connections)"
        );
    }

    fn read(key: &str, samples: &Samples) -> Option<f64> {
        let (series, mut reader) = (index(key), Reader::new(samples));
        let mut readings = located().iter().filter(|located| located.series == series);
        readings.find_map(|located| reader.read(located)).map(|value| value.number)
    }

    #[test]
    fn samples_are_selected_by_label_and_summed() {
        let mut samples = Samples::new(100);
        for (method, count) in [("INVITE", 1u64), ("SUBSCRIBE", 2), ("NOTIFY", 4), ("BYE", 8), ("ACK", 16)] {
            let labels = samples.labels([("method", method)]);
            samples.push(family(METHODS), labels, count.into());
        }
        let keys =
            ["requests_invite", "requests_presence", "requests_other", "requests_register", "transactions"];
        assert_eq!(keys.map(|key| read(key, &samples)), [Some(1.0), Some(6.0), Some(24.0), None, None]);
        samples.push(family("kamailio_tmx_transactions_in_memory"), Labels::NONE, 7u64.into());
        assert_eq!(read("transactions", &samples), Some(7.0));
        samples.push(family("kamailio_tm_stats_current"), Labels::NONE, 8u64.into());
        assert_eq!(read("transactions", &samples), Some(8.0), "the first reading that has samples");
    }

    #[test]
    fn the_fullest_process_is_found_though_a_row_lacks_a_value() {
        let mut samples = Samples::new(100);
        let (used, size) = (family("kamailio_pkgmem_real_used_bytes"), family("kamailio_pkgmem_size_bytes"));
        for (name, part, of) in
            [("a", Some(1u64), 4u64), ("b", Some(3), 4), ("c", None, 4), ("d", Some(2), 0), ("e", Some(1), 2)]
        {
            let labels = samples.labels([("entry", "1"), ("desc", name)]);
            if let Some(part) = part {
                samples.push(used, labels, part.into());
            }
            samples.push(size, labels, of.into());
        }
        let series = index("private_memory");
        let located = located().iter().find(|located| located.series == series).unwrap();
        let value = Reader::new(&samples).read(located).unwrap();
        assert_eq!((value.number, value.name), (0.75, Some(&b"b"[..])));
    }
}
