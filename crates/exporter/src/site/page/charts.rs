//! The charts: one row of a table each.

use super::captions::{connections, join, shared_memory};
use super::model::Level;
use super::series::{Rows, SeriesRow};
use super::svg::{Values, stacked};
use super::text::{Shown, number, percent};
use crate::instance::history::series::index;

/// The definition of a chart: a row of the table.
struct Definition {
    key: &'static str,
    title: &'static str,
    /// The series from bottom to top, with the class that gives the colour.
    layers: &'static [(&'static str, &'static str)],
    /// A series that is drawn as a line above the others.
    line: Option<&'static str>,
    /// The series that the layers are measured against.
    limit: Option<&'static str>,
    figure: Figure,
    /// The query that gives the figure in Prometheus.
    promql: &'static str,
    caption: fn(&Rows<'_>) -> String,
    size: Size,
}

/// The number that a chart shows.
#[derive(Clone, Copy)]
enum Figure {
    /// The sum of the layers, as a number and its unit.
    Sum(&'static str),
    /// The sum of the layers as a share of the limit, or the layer itself if it is a share.
    Share,
    /// The share of the last layer in the sum.
    Failed,
}

/// The size of a chart, and the condition on which it is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Wide,
    Small,
    /// Small, and left out as long as it would be a line at 0.
    IfAny,
}

/// A chart with its numbers, ready to be written.
pub(crate) struct Chart {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) wide: bool,
    pub(crate) figure: String,
    pub(crate) unit: &'static str,
    /// The figure as a number, for the status as JSON.
    pub(crate) value: Option<f64>,
    pub(crate) level: Level,
    pub(crate) caption: Shown,
    pub(crate) promql: &'static str,
    /// The indices of the series, with the class that gives the colour.
    pub(crate) layers: Vec<(usize, &'static str)>,
    pub(crate) line: Option<usize>,
    /// The value at the top of the chart.
    pub(crate) top: f64,
    /// The same value as text.
    pub(crate) top_text: String,
    /// The highest value in the time shown.
    pub(crate) highest: String,
    pub(crate) limit: Option<f64>,
    pub(crate) description: Shown,
}

static CHARTS: &[Definition] = &[
    Definition {
        key: "requests",
        title: "Requests",
        layers: &[
            ("requests_register", "c1"),
            ("requests_options", "c2"),
            ("requests_invite", "c3"),
            ("requests_presence", "c5"),
            ("requests_other", "c4"),
        ],
        figure: Figure::Sum("/s"),
        promql: "sum(rate(kamailio_core_requests_received_by_method_total[2m]))",
        caption: |_| "received, by method".to_owned(),
        size: Size::Wide,
        ..NEW
    },
    Definition {
        key: "replies",
        title: "Final replies",
        layers: &[
            ("replies_2xx", "ok"),
            ("replies_3xx", "c4"),
            ("replies_4xx", "warn"),
            ("replies_5xx_6xx", "bad"),
        ],
        figure: Figure::Failed,
        promql: "sum(rate(kamailio_tm_stats_codes_total{code=~\"5xx|6xx\"}[2m])) / \
                 sum(rate(kamailio_tm_stats_codes_total{code=~\"[2-6]xx\"}[2m]))",
        caption: |rows| {
            let classes = ["replies_2xx", "replies_3xx", "replies_4xx", "replies_5xx_6xx"];
            let sum = classes.iter().filter_map(|key| rows.now(key)).reduce(|sum, rate| sum + rate);
            let rate = sum.map_or_else(String::new, |sum| format!("{}/s ", number(sum)));
            format!("{rate}completed transactions, by class")
        },
        size: Size::Wide,
        ..NEW
    },
    Definition {
        key: "dialogs",
        title: "Dialogs",
        layers: &[("dialogs_confirmed", "c1"), ("dialogs_early", "c2")],
        promql: "sum(kamailio_dialog_dialogs) or kamailio_dlg_stats_active_ongoing + kamailio_dlg_stats_active_connecting",
        caption: |rows| {
            let part = |key, name| rows.now(key).map(|value| format!("{name} {}", number(value)));
            let mut parts = vec![part("dialogs_confirmed", "confirmed"), part("dialogs_early", "early")];
            let failed = rows.now("dialogs_failed").filter(|rate| *rate > 0.0);
            parts.push(failed.map(|rate| format!("failed {}/s", number(rate))));
            join(parts)
        },
        ..NEW
    },
    Definition {
        key: "transactions",
        title: "Transactions",
        layers: &[("transactions", "c1")],
        promql: "sum(kamailio_tm_stats_current) or sum(kamailio_tmx_transactions_in_memory)",
        caption: |rows| match rows.now("transactions_waiting") {
            Some(waiting) => format!("in memory; {} complete", number(waiting)),
            None => "in memory".to_owned(),
        },
        ..NEW
    },
    Definition {
        key: "registrations",
        title: "Registrations",
        layers: &[("registered_users", "c1")],
        promql: "sum(kamailio_usrloc_registered_users)",
        caption: |rows| {
            let contacts = rows.now("registered_contacts").map(|value| format!("contacts {}", number(value)));
            let rejected = rows.now("registrations_rejected").filter(|rate| *rate > 0.0);
            join(vec![contacts, rejected.map(|rate| format!("rejected {}/s", number(rate)))])
        },
        ..NEW
    },
    Definition {
        key: "shared_memory",
        title: "Shared memory",
        layers: &[("shared_memory_used", "c1")],
        line: Some("shared_memory_peak"),
        limit: Some("shared_memory_size"),
        figure: Figure::Share,
        promql: "sum(kamailio_core_shmmem_real_used) / sum(kamailio_core_shmmem_total)",
        caption: shared_memory,
        ..NEW
    },
    Definition {
        key: "private_memory",
        title: "Private memory",
        layers: &[("private_memory", "c1")],
        figure: Figure::Share,
        promql: "max(kamailio_pkgmem_real_used_bytes / kamailio_pkgmem_size_bytes)",
        caption: |rows| {
            let name = rows.row("private_memory").and_then(|row| row.name.as_ref());
            name.map_or_else(|| "fullest process".to_owned(), |name| format!("fullest: {}", name.as_str()))
        },
        ..NEW
    },
    Definition {
        key: "tcp",
        title: "TCP",
        layers: &[("tcp_connections", "c1")],
        limit: Some("tcp_connections_max"),
        figure: Figure::Share,
        promql: "sum(kamailio_core_tcp_info_opened_connections) / sum(kamailio_core_tcp_info_max_connections)",
        caption: |rows| connections(rows, "tcp_connections", "tcp_connections_max", "tcp_write_queue"),
        ..NEW
    },
    Definition {
        key: "tls",
        title: "TLS",
        layers: &[("tls_connections", "c1")],
        limit: Some("tls_connections_max"),
        figure: Figure::Share,
        promql: "sum(kamailio_tls_info_opened_connections) / sum(kamailio_tls_info_max_connections) or \
                 sum(kamailio_core_tcp_info_opened_tls_connections) / sum(kamailio_core_tcp_info_max_tls_connections)",
        caption: |rows| connections(rows, "tls_connections", "tls_connections_max", "tls_write_queue"),
        ..NEW
    },
    Definition {
        key: "udp",
        title: "UDP queue",
        layers: &[("udp_queue", "c1")],
        figure: Figure::Share,
        promql: "max(kamailio_socket_receive_queue_bytes / kamailio_socket_receive_buffer_bytes)",
        caption: |rows| match rows.now("udp_dropped") {
            Some(dropped) => format!("fullest; {} packets/s dropped", number(dropped)),
            None => "fullest receive buffer".to_owned(),
        },
        ..NEW
    },
    Definition {
        key: "dropped",
        title: "Lost messages",
        layers: &[("requests_rejected", "warn"), ("requests_dropped", "bad"), ("replies_dropped", "c4")],
        figure: Figure::Sum("/s"),
        promql: "sum(rate(kamailio_core_requests_rejected_total[2m])) + \
                 sum(rate(kamailio_core_requests_dropped_total[2m])) + \
                 sum(rate(kamailio_core_replies_dropped_total[2m]))",
        caption: |rows| {
            let part = |key: &str| {
                let row = rows.row(key)?;
                Some(format!("{} {}/s", row.title, number(row.now.filter(|rate| *rate > 0.0)?)))
            };
            let parts = join(["requests_rejected", "requests_dropped", "replies_dropped"].map(part).into());
            if parts.is_empty() { "invalid or dropped".to_owned() } else { parts }
        },
        size: Size::IfAny,
        ..NEW
    },
    Definition {
        key: "dns",
        title: "DNS failures",
        layers: &[("dns_failed", "bad")],
        figure: Figure::Sum("/s"),
        promql: "sum(rate(kamailio_dns_requests_failed_total[2m]))",
        caption: |rows| join(vec![rows.now("dns_slow").map(|rate| format!("slow {}/s", number(rate)))]),
        size: Size::IfAny,
        ..NEW
    },
];

const NEW: Definition = Definition {
    key: "",
    title: "",
    layers: &[],
    line: None,
    limit: None,
    figure: Figure::Sum(""),
    promql: "",
    caption: |_| String::new(),
    size: Size::Small,
};

/// Draws the charts for which the server has the first series.
pub(super) fn draw(series: &[Option<SeriesRow>], step: f64) -> Vec<Chart> {
    CHARTS.iter().filter_map(|definition| definition.draw(&Rows { series, step })).collect()
}

impl Definition {
    fn draw(&self, rows: &Rows<'_>) -> Option<Chart> {
        let layers: Vec<_> = self
            .layers
            .iter()
            .filter_map(|(key, class)| Some((index(key), *class, rows.row(key)?)))
            .collect();
        let has_any = |row: &SeriesRow| row.values.iter().flatten().any(|value| *value > 0.0);
        let first = layers.first()?;
        if self.size == Size::IfAny && !layers.iter().any(|(.., row)| has_any(row)) {
            return None;
        }
        let sums = layers
            .iter()
            .fold(vec![None; first.2.values.len()], |sums, (.., row)| stacked(&sums, &row.values));
        let line = self.line.and_then(|key| rows.row(key));
        let limit = self.limit.and_then(|key| rows.now(key)).filter(|limit| *limit > 0.0);
        let value = self.value(&layers.iter().map(|(.., row)| *row).collect::<Vec<_>>(), limit);
        let (figure, unit) = match (value, self.figure) {
            (None, Figure::Sum(unit)) => ("–".to_owned(), unit),
            (Some(value), Figure::Sum(unit)) => (number(value), unit),
            (None, Figure::Share | Figure::Failed) => ("–".to_owned(), ""),
            (Some(value), Figure::Share) => (percent(value), "%"),
            (Some(value), Figure::Failed) => (percent(value), "% failed"),
        };
        let is_ratio = matches!(self.figure, Figure::Share) && limit.is_none();
        let most = highest(&sums).map_or(0.0, |(_, value)| value);
        let highest = most.max(line.and_then(|row| row.now).unwrap_or_default());
        let top = limit.unwrap_or(if is_ratio { 1.0 } else { round_up(highest) });
        let shown: Vec<_> = layers.iter().filter(|(.., row)| layers.len() == 1 || has_any(row)).collect();
        Some(Chart {
            key: self.key,
            title: self.title,
            wide: self.size == Size::Wide,
            level: self.level(value),
            caption: Shown::new((self.caption)(rows)),
            promql: self.promql,
            layers: shown.iter().map(|(index, class, _)| (*index, *class)).collect(),
            line: self.line.map(index).filter(|_| line.is_some()),
            top,
            top_text: self.top_text(top),
            highest: match self.figure {
                Figure::Share => format!("{}%", percent(most / limit.unwrap_or(1.0))),
                _ => self.top_text(most),
            },
            limit: limit.or(is_ratio.then_some(1.0)),
            description: Shown::new(describe(self.title, &figure, unit, &sums, self, limit)),
            figure,
            unit,
            value,
        })
    }

    fn value(&self, layers: &[&SeriesRow], limit: Option<f64>) -> Option<f64> {
        let known: Vec<f64> = layers.iter().filter_map(|row| row.now).collect();
        let sum: f64 = known.iter().sum();
        match self.figure {
            _ if known.is_empty() => None,
            Figure::Sum(_) => Some(sum),
            Figure::Share => Some(sum / if self.limit.is_some() { limit? } else { 1.0 }),
            // Without transactions, none has failed.
            Figure::Failed if sum == 0.0 => Some(0.0),
            Figure::Failed => {
                let failed =
                    layers.iter().filter(|row| row.key == FAILED).filter_map(|row| row.now).sum::<f64>();
                Some(failed / sum)
            }
        }
    }

    fn level(&self, value: Option<f64>) -> Level {
        let (warning, bad) = match self.figure {
            Figure::Share => (FULL_WARNING, FULL_BAD),
            Figure::Failed => (FAILED_WARNING, FAILED_BAD),
            Figure::Sum(_) => return Level::Good,
        };
        match value {
            Some(value) if value >= bad => Level::Bad,
            Some(value) if value >= warning => Level::Warning,
            _ => Level::Good,
        }
    }

    /// Formats the value at the top of the chart, in the unit of the layers.
    fn top_text(&self, top: f64) -> String {
        match self.figure {
            Figure::Share => String::new(),
            Figure::Sum("/s") | Figure::Failed => format!("{}/s", number(top)),
            Figure::Sum(_) => number(top),
        }
    }
}

/// Describes a chart in words, for screen readers.
fn describe(
    title: &str,
    figure: &str,
    unit: &str,
    sums: &Values,
    definition: &Definition,
    limit: Option<f64>,
) -> String {
    let mut text = format!("{title}: now {figure}{unit}");
    if let (Some((_, most)), Some((_, least))) = (highest(sums), lowest(sums)) {
        let value = |value: f64| match definition.figure {
            Figure::Share => format!("{}%", percent(value / limit.unwrap_or(1.0))),
            _ => definition.top_text(value),
        };
        text += &format!("; between {} and {} in the time shown", value(least), value(most));
    }
    text
}

fn highest(values: &Values) -> Option<(usize, f64)> {
    let known = values.iter().enumerate().filter_map(|(bucket, value)| Some((bucket, (*value)?)));
    known.reduce(|most, next| if next.1 > most.1 { next } else { most })
}

fn lowest(values: &Values) -> Option<(usize, f64)> {
    let known = values.iter().enumerate().filter_map(|(bucket, value)| Some((bucket, (*value)?)));
    known.reduce(|least, next| if next.1 < least.1 { next } else { least })
}

/// Returns the smallest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten that is not below the value.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    power * steps.into_iter().find(|step| step * power >= value * (1.0 - 1e-9)).unwrap_or(10.0)
}

/// The series of the failed transactions.
pub(super) const FAILED: &str = "replies_5xx_6xx";
/// Shares of a limit from which the level is a warning, or bad.
pub(super) const FULL_WARNING: f64 = 0.8;
pub(super) const FULL_BAD: f64 = 0.9;
/// Shares of failed transactions from which the level is a warning, because they are unusual, or bad, because callers notice.
pub(super) const FAILED_WARNING: f64 = 0.01;
pub(super) const FAILED_BAD: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::catalogue::catalogue;
    use crate::instance::history::series::SERIES;

    #[test]
    fn every_series_of_a_chart_exists_and_every_query_names_real_metrics() {
        for definition in CHARTS {
            let layers = definition.layers.iter().map(|(key, _)| *key);
            for key in layers.chain(definition.line).chain(definition.limit) {
                assert!(SERIES.iter().any(|series| series.key == key), "{key}");
            }
            let names = definition.promql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let names: Vec<_> = names.filter(|name| name.starts_with("kamailio_")).collect();
            assert!(!names.is_empty(), "{}", definition.key);
            for name in names {
                assert!(catalogue().has(name), "{name}");
            }
        }
    }

    #[test]
    fn the_top_of_a_chart_is_a_round_number() {
        for (value, top) in
            [(0.0, 1.0), (0.07, 0.08), (1.0, 1.0), (1.2, 1.5), (99.0, 100.0), (232.0, 300.0), (f64::NAN, 1.0)]
        {
            assert!((round_up(value) - top).abs() < 1e-9, "{value}: {}", round_up(value));
        }
    }
}
