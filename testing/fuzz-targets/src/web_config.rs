//! Fuzz target: the text of a web configuration file.

use exporter_toolkit::WebConfig;

/// Reads the input as the text of a file. Checks that errors have a message, and that no setting causes more than one warning.
pub fn web_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match WebConfig::check(text) {
        Ok(warnings) => {
            assert!(warnings.len() <= text.matches(':').count());
            assert!(warnings.iter().all(|warning| !warning.is_empty()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
