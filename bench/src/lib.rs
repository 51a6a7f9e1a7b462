//! What the programs that measure a running exporter have in common.

pub mod cores;
pub mod http;
pub mod process;
pub mod settings;

/// The value that half of the others are below; they are sorted by this.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// The value that so many per cent of the others are below; they are sorted by this. NaN if there is none.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}
