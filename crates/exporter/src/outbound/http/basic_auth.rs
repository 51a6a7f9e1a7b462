//! Basic authentication.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exporter_toolkit::files::read_text;
use hyper::header::HeaderValue;
use std::fmt;
use std::path::PathBuf;

/// A user name and a password. The file is read for each connection, so the password can change at any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BasicAuth {
    /// The user name, without a colon.
    pub username: String,
    /// The file that contains the password. White space around the password is ignored.
    pub password_file: PathBuf,
}

impl BasicAuth {
    /// Returns the `Authorization` header. The error is a human-readable message.
    pub(crate) fn header(&self) -> Result<HeaderValue, String> {
        let Self { username, password_file } = self;
        let cannot = |error: &dyn fmt::Display| {
            format!("cannot read the password in {}: {error}", password_file.display())
        };
        let password = read_text(password_file, MAX_PASSWORD).map_err(|error| cannot(&error))?;
        let credentials = BASE64_STANDARD.encode(format!("{username}:{}", password.trim()));
        let mut header =
            HeaderValue::try_from(format!("Basic {credentials}")).map_err(|error| cannot(&error))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// Longer than servers accept in a header.
const MAX_PASSWORD: usize = 4096;
