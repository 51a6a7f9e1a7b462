//! The error of this crate.

use std::fmt;

/// The reason why a text or a file was refused: a human-readable message, with the file and the line if there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self(message)
    }
}

/// For callers whose own errors are messages.
impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.0
    }
}
