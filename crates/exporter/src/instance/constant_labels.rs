//! Adds the labels of `--label`.

use prometheus_exposition::ConstantLabels;
use std::sync::atomic::{AtomicBool, Ordering};

/// Adds labels to every sample of an exposition. Logs once if samples have such a label already, which they keep.
pub(crate) fn add(labels: &ConstantLabels, exposition: Vec<u8>) -> Vec<u8> {
    static IS_LOGGED: AtomicBool = AtomicBool::new(false);

    let (exposition, kept) = labels.add(exposition);
    if kept > 0 && !IS_LOGGED.swap(true, Ordering::Relaxed) {
        tracing::warn!(samples = kept, "samples kept their own label instead of that of --label");
    }
    exposition
}
