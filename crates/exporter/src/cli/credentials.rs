//! The options of HTTP clients: credentials, and the authorities that a server's certificate is verified with.

use super::values::{option, text};
use crate::outbound::http::{BasicAuth, TlsFiles};
use clap::{Arg, ArgMatches};
use std::path::PathBuf;

/// An option whose value is the path of a file.
pub(super) fn file(name: &'static str, help: &'static str) -> Arg {
    option(name, "", "FILE").hide_default_value(true).help(help)
}

/// Reads the options for basic authentication, whose names begin with `prefix`. The error is a human-readable message.
pub(super) fn basic_auth(matches: &ArgMatches, prefix: &str) -> Result<Option<BasicAuth>, String> {
    let [username, password_file] =
        ["username", "password-file"].map(|name| format!("{prefix}basic-auth.{name}"));
    match (text(matches, &username), path(matches, &password_file)) {
        ("", None) => Ok(None),
        (name, _) if name.contains(':') => Err(format!("--{username} must not contain a colon")),
        (name, Some(password_file)) if !name.is_empty() => {
            Ok(Some(BasicAuth { username: name.to_owned(), password_file }))
        }
        _ => Err(format!("--{username} and --{password_file} must be set together")),
    }
}

/// Reads the options for TLS, whose names begin with `prefix`. The error is a human-readable message.
pub(super) fn tls(matches: &ArgMatches, prefix: &str) -> Result<TlsFiles, String> {
    let [ca, certificate, key] = ["ca", "cert", "key"].map(|name| format!("{prefix}tls.{name}-file"));
    let identity = match (path(matches, &certificate), path(matches, &key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(format!("--{certificate} and --{key} must be set together")),
    };
    Ok(TlsFiles { ca: path(matches, &ca), identity })
}

fn path(matches: &ArgMatches, name: &str) -> Option<PathBuf> {
    Some(text(matches, name)).filter(|file| !file.is_empty()).map(PathBuf::from)
}
