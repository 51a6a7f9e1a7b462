//! Shared parts of the programs that measure a running exporter.

pub mod cores;
pub mod http;
pub mod process;
pub mod settings;

/// Sorts the values, and returns the median.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// Sorts the values, and returns a percentile; NaN if there are no values.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}
