//! Why records do not fit a type.

use std::fmt;

/// Records that do not fit the type they are read into. The message begins with the path to the value.
///
/// ```
/// use kamailio_binrpc::{DeserializeError, Value, from_value};
///
/// let error: DeserializeError = from_value::<u32>(Value::Str(b"many")).unwrap_err();
/// assert_eq!(error.to_string(), "invalid type: string \"many\", expected u32");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeserializeError {
    /// Names and indices from the record to the value, such as `RECORDS.SET[1].ID`.
    path: String,
    message: String,
}

impl DeserializeError {
    /// The error of a member with this name.
    pub(super) fn in_member(mut self, name: &[u8]) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{}{separator}{}", String::from_utf8_lossy(name), self.path);
        self
    }

    /// The error of an element with this index.
    pub(super) fn in_element(mut self, index: usize) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{separator}{}", self.path);
        self
    }
}

impl std::error::Error for DeserializeError {}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl serde::de::Error for DeserializeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: String::new(), message: message.to_string() }
    }
}
