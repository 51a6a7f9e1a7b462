//! Adds the labels of `--label`.

use prometheus_exposition::ConstantLabels;
use std::sync::atomic::{AtomicU64, Ordering};

/// Samples that kept a label of their own, in all expositions so far.
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Adds labels to every sample of an exposition. A sample that has such a label already keeps it and is counted; the first of
/// them are logged.
pub(crate) fn add(labels: &ConstantLabels, exposition: Vec<u8>) -> Vec<u8> {
    let (exposition, kept) = labels.add(exposition);
    if kept > 0 && KEPT.fetch_add(kept as u64, Ordering::Relaxed) == 0 {
        let advice = "choose names for --label that no metric has as a label";
        tracing::warn!(samples = kept, advice, "label of --label not added to samples that have their own");
    }
    exposition
}

/// Returns the number of samples that kept a label of their own.
pub(crate) fn kept() -> u64 {
    KEPT.load(Ordering::Relaxed)
}
