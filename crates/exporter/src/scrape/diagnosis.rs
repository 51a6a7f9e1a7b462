//! Why a Kamailio cannot be reached or a collector has nothing, and what to do about it.

use crate::collectors::ALL;
use crate::collectors::schema::{Call, Collector};
use crate::scrape::Scrape;
use crate::scrape::selection::Selection;
use kamailio_binrpc::{Error, Target};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// How a collector fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has what there is.
    Ok,
    /// It was wanted, and something went wrong.
    Failed,
    /// Kamailio lacks its method.
    Absent,
    /// It was not asked for.
    NotSelected,
    /// Kamailio did not answer.
    Unknown,
}

/// How a collector fared, by its place in [`ALL`], and the reason, with what would change it.
pub(crate) fn condition(place: usize, selection: &Selection, scrape: &Scrape) -> (State, String) {
    if let Some(outcome) = scrape.outcomes.iter().find(|outcome| outcome.collector == place) {
        return match &outcome.failure {
            Some(failure) => (State::Failed, failure.clone()),
            None => (State::Ok, String::new()),
        };
    }
    let Collector { name, method, module, call, .. } = ALL[place];
    if *call == Call::NamedProfiles {
        (State::NotSelected, "Name profiles with --collector.dialog.profiles.".to_owned())
    } else if *call == Call::Page {
        (State::NotSelected, "Give the address of the page with --kamailio.custom-metrics-url.".to_owned())
    } else if !selection.collectors().any(|selected| selected.name == *name) {
        (State::NotSelected, format!("Not selected: add {name} to --kamailio.methods."))
    } else if !scrape.answered {
        (State::Unknown, "Kamailio did not answer.".to_owned())
    } else if *module == "core" {
        (State::Absent, format!("This Kamailio has no method {method}."))
    } else {
        (State::Absent, format!("Kamailio has no method {method}: it needs loadmodule \"{module}.so\"."))
    }
}

/// What the operator can do about an error of the connection, in sentences; `None` if there is nothing to add.
pub(crate) fn advice(target: &Target, error: &Error) -> Option<String> {
    let Error::Io(error) = error else {
        return Some("Is that address a binrpc socket of Kamailio's module ctl?".to_owned());
    };
    let path = match target {
        Target::Unix(path) | Target::UnixDatagram(path) => Some(path.as_path()),
        Target::Tcp(_) | Target::Udp(_) => None,
    };
    if let Some(limit) = descriptors_are_used_up() {
        return Some(format!(
            "This process has as many files and connections open as it may ({limit}): raise LimitNOFILE= in its unit, \
             or lower --web.max-connections."
        ));
    }
    match (error.kind(), path) {
        (ErrorKind::NotFound, Some(path)) => Some(not_found(path)),
        (ErrorKind::PermissionDenied, Some(path)) => Some(permission_denied(path)),
        (ErrorKind::ConnectionRefused, Some(path)) => Some(format!(
            "The socket is there ({}), but nobody listens: Kamailio is not running, or was killed.",
            owner(path)
        )),
        (ErrorKind::ConnectionRefused, None) => Some(format!(
            "Nobody listens there. Kamailio does with modparam(\"ctl\", \"binrpc\", \"{target}\"); its default is \
             {DEFAULT_SOCKET}."
        )),
        (ErrorKind::TimedOut, None) => Some(
            "Kamailio is stopped, starting or busy with another RPC, or this is not the port of its module ctl: \
             `kamcmd ctl.listen` lists the ports, modparam(\"ctl\", \"binrpc\", …) sets them. Or the timeout is too short \
             (--kamailio.timeout; Prometheus' scrape_timeout minus half a second applies too)."
                .to_owned(),
        ),
        (ErrorKind::TimedOut, Some(_)) => Some(
            "Kamailio is stopped or still starting, or its ctl process is busy with another RPC; or the time is too \
             short (--kamailio.timeout, and half a second less than Prometheus' scrape_timeout)."
                .to_owned(),
        ),
        (ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset, _) => Some(
            "Kamailio closes a connection at once when it has 128 of them (`kamcmd ctl.connections`), and when it \
             stops."
                .to_owned(),
        ),
        _ => None,
    }
}

/// What the operator can do about a fault that says that a reply does not fit into ctl's buffers. Their sizes cannot be
/// asked for, and the texts are those of 5.6 and 6.2 (`ctl/binrpc_run.c`, and of each method its own).
pub(crate) fn too_large(failure: &str) -> Option<&'static str> {
    let reason = failure.split_once("fault 500: ")?.1;
    if reason.contains("buffer too small") {
        Some(
            "The reply does not fit: raise modparam(\"ctl\", \"binrpc_max_body_size\", …), which is 32 (KiB) by \
             default.",
        )
    } else if reason.starts_with("Internal error") {
        Some(
            "As a rule a struct of the reply does not fit: raise modparam(\"ctl\", \
             \"binrpc_struct_max_body_size\", …), which is 8 (KiB) by default and enough for 1,024 \
             destinations in a dispatcher set.",
        )
    } else {
        None
    }
}

/// The limit of descriptors, if there is none left.
fn descriptors_are_used_up() -> Option<u64> {
    let error = fs::File::open("/").err()?;
    let limit = getrlimit(Resource::Nofile).current?;
    (error.raw_os_error() == Some(Errno::MFILE.raw_os_error())).then_some(limit)
}

fn not_found(path: &Path) -> String {
    let missing = path.ancestors().skip(1).find(|folder| !folder.exists());
    let what = missing.map_or_else(
        || "There is no such socket".to_owned(),
        |folder| format!("There is no folder {}", folder.display()),
    );
    format!(
        "{what}: is Kamailio running, with loadmodule \"ctl.so\"? Its socket is where modparam(\"ctl\", \"binrpc\", …) \
         says, by default {DEFAULT_SOCKET}: --kamailio.scrape-uri, or the target of the probe, has to be the same."
    )
}

/// Either the socket is closed to us, or a folder on the way to it.
fn permission_denied(path: &Path) -> String {
    let closed = path.ancestors().skip(1).filter(|folder| fs::read_dir(folder).is_err()).last();
    let user = rustix::process::geteuid().as_raw();
    let user = name_of("/etc/passwd", user);
    match closed.filter(|_| fs::metadata(path).is_err()) {
        Some(folder) => format!(
            "The folder {} is {}, and this process runs as {user}: let it into that group.",
            folder.display(),
            owner(folder)
        ),
        None => format!(
            "The socket is {}, and this process runs as {user}: let it into the socket's group (usermod -aG GROUP \
             {user}, or SupplementaryGroups= in the unit), with modparam(\"ctl\", \"mode\", 0660) in Kamailio.",
            owner(path)
        ),
    }
}

/// `a socket of kamailio:kamailio with mode 0660`.
pub(crate) fn owner(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else { return "of an unknown owner".to_owned() };
    let kind = match metadata.file_type() {
        kind if kind.is_socket() => "a socket",
        kind if kind.is_dir() => "a folder",
        _ => "a file that is no socket",
    };
    format!(
        "{kind} of {}:{} with mode {:04o}",
        name_of("/etc/passwd", metadata.uid()),
        name_of("/etc/group", metadata.gid()),
        metadata.mode() & 0o7777
    )
}

/// The name of a user or a group by its number, or the number.
pub(crate) fn name_of(table: &str, id: u32) -> String {
    let table = fs::read_to_string(table).unwrap_or_default();
    let named = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| id.to_string())
}

const DEFAULT_SOCKET: &str = "unix:/var/run/kamailio/kamailio_ctl";
