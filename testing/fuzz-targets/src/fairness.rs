//! Fuzz target: which connection is closed for a new one.

use crate::input::Input;
use exporter_toolkit::internals::explore_fairness;

/// Reads the input as a history of connections and requests. Checks that the connections are evicted in the order of a
/// model, and that the order keeps its guarantees.
pub fn fairness(input: &[u8]) {
    // A step takes between two and four decisions.
    let steps = input.len() as u64 / 2;
    let mut input = Input::new(input);
    explore_fairness(steps, &mut |limit| input.below(usize::try_from(limit).unwrap_or(usize::MAX)) as u64);
}
