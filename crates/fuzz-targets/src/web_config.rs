//! The text of a web configuration file.

use kamailio_exporter::web::check_config;
use std::path::Path;

/// The input is the text. It is taken, or refused in a sentence that says the line.
pub fn web_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match check_config(text, Path::new("/etc")) {
        Ok(warnings) => assert!(warnings.len() <= 1),
        Err(sentence) => assert!(!sentence.is_empty()),
    }
}
