//! The types of external families, and the names that their samples have.

/// The type of an external family, as its `TYPE` line declares it.
///
/// ```
/// use prometheus_exposition::ExternalKind;
///
/// assert_eq!(ExternalKind::parse("histogram"), Some(ExternalKind::Histogram));
/// assert_eq!(ExternalKind::parse("info"), None);
/// assert_eq!(ExternalKind::Gauge.as_str(), "gauge");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalKind {
    /// No `TYPE` line declares one.
    #[default]
    Unspecified,
    /// A number that only grows until its program restarts.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Observations, counted in buckets.
    Histogram,
    /// Observations, as quantiles.
    Summary,
    /// A number of unknown nature.
    Untyped,
}

impl ExternalKind {
    /// Parses the type in a `TYPE` line of the text format.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "summary" => Self::Summary,
            "untyped" => Self::Untyped,
            _ => return None,
        })
    }

    /// Returns the type as the text format writes it; empty if it is unspecified.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }

    /// Returns the suffixes that sample names can have after the family's name, without the empty one.
    pub(crate) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Histogram => &["_bucket", "_sum", "_count"],
            Self::Summary => &["_sum", "_count"],
            _ => &[],
        }
    }
}

/// Every suffix that some type of the text format has.
pub(crate) const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Metrics that Prometheus makes for each target or alert itself. A sample with such a name would replace the real one
/// (`scrape/scrape.go`, `scrapeHealthMetricName` and following; `rules/alerting.go`, `alertMetricName` and
/// `alertForStateMetricName`).
pub(crate) const MADE_BY_PROMETHEUS: [&str; 10] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
    "ALERTS",
    "ALERTS_FOR_STATE",
];
