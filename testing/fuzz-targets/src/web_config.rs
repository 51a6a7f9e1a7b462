//! Fuzz target: the text of a web configuration file.

use exporter_toolkit::WebConfig;

/// Reads the input as the text. Checks that errors name the line.
pub fn web_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match WebConfig::check(text) {
        // One for a user, and two about TLS.
        Ok(warnings) => {
            assert!(warnings.len() <= text.matches(':').count());
            assert!(warnings.iter().all(|warning| !warning.is_empty()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
