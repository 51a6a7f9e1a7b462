//! What the environment says of a measurement.

use std::env;

/// A number such as ROUNDS, if it is set.
///
/// # Panics
/// If it is not a number.
pub fn number(name: &str) -> Option<usize> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// The exporter that is measured: EXPORTER, or the one that was built.
pub fn exporter() -> String {
    env::var("EXPORTER").unwrap_or_else(|_| "target/release/kamailio_exporter".to_owned())
}
