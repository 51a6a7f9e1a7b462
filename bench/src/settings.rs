//! Settings from the environment.

use std::env;

/// Returns the number in an environment variable such as ROUNDS, or `None` if the variable is not set.
///
/// # Panics
/// If the value is not a number.
pub fn number(name: &str) -> Option<usize> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Returns the exporter to measure: EXPORTER, or the one of the release build.
pub fn exporter() -> String {
    env::var("EXPORTER").unwrap_or_else(|_| "target/release/kamailio_exporter".to_owned())
}
