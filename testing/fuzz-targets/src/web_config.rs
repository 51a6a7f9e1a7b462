//! Fuzz target: the text of a web configuration file.

use exporter_toolkit::WebConfig;
use std::path::Path;

/// Reads the input as the text. Checks that errors name the line.
pub fn web_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match WebConfig::check(text, Path::new("/etc")) {
        // One warning for a user, and two about TLS.
        Ok(warnings) => {
            assert!(warnings.len() <= text.matches(':').count());
            assert!(warnings.iter().all(|warning| !warning.is_empty()));
        }
        Err(sentence) => assert!(!sentence.is_empty()),
    }
}
