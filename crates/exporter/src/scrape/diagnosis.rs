//! Why a Kamailio cannot be reached or a collector has no samples, with advice for the operator.

use crate::collectors::ALL;
use crate::collectors::schema::{Call, Collector};
use crate::outbound::{Protocol, Target};
use crate::scrape::Scrape;
use crate::scrape::capabilities::Capabilities;
use crate::scrape::selection::Selection;
use kamailio_binrpc::{Error, Target as Address};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

/// The state of a collector after a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CollectorState {
    /// Scraped without a failure.
    Ok,
    /// Selected, and its scrape failed.
    Failed,
    /// Selected, but Kamailio lacks its method.
    Absent,
    /// Not selected.
    NotSelected,
    /// Kamailio did not respond.
    Unknown,
}

impl CollectorState {
    /// Returns the name of the state in JSON, in the report of `check` and in the status.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Absent => "absent",
            Self::NotSelected => "not_selected",
            Self::Unknown => "unknown",
        }
    }
}

/// The summary of a scrape that the status page and `check` show: the state of Kamailio and of its collectors.
pub(crate) struct Summary {
    /// Whether Kamailio responded.
    pub(crate) responded: bool,
    /// Why the exchange with Kamailio ended early, with advice.
    pub(crate) error: Option<String>,
    /// The collectors that were scraped, by their index in [`ALL`], with their failures.
    failures: Vec<(usize, Option<String>)>,
    capabilities: Option<Arc<Capabilities>>,
}

impl Summary {
    /// Summarizes a scrape of the target.
    pub(crate) fn of(scrape: &Scrape, target: &Target) -> Self {
        let error = scrape.error.as_ref().map(|error| {
            let advice = advice(target, error).unwrap_or_default();
            shortened(&format!("{error}. {advice}")).trim_end().to_owned()
        });
        let failures = scrape.results.iter().map(|result| {
            (result.collector, result.failure.as_deref().map(|failure| shortened(failure).to_owned()))
        });
        Self {
            responded: scrape.responded,
            error,
            failures: failures.collect(),
            capabilities: scrape.preparation.capabilities.clone(),
        }
    }

    /// Drops what takes too much memory for one of thousands of targets: capabilities above a size, and long messages.
    pub(crate) fn compact(mut self, max_bytes: usize) -> Self {
        self.capabilities.take_if(|capabilities| capabilities.size() > max_bytes);
        let messages = self.failures.iter_mut().filter_map(|(_, failure)| failure.as_mut());
        messages.for_each(|message| *message = beginning(message, MAX_COMPACT_MESSAGE).to_owned());
        self
    }

    /// Returns the state of a collector, by its index in [`ALL`], and the reason with advice.
    pub(crate) fn state(&self, index: usize, selection: &Selection) -> (CollectorState, String) {
        match self.failures.iter().find(|(collector, _)| *collector == index) {
            Some((_, Some(failure))) => return (CollectorState::Failed, failure.clone()),
            Some((_, None)) => return (CollectorState::Ok, String::new()),
            None => {}
        }
        let Collector { name, method, call, .. } = ALL[index];
        let is_called = !matches!(call, Call::Page | Call::Files);
        let lacks_method = is_called
            && self.capabilities.as_ref().is_some_and(|found| found.knows_methods() && !found.has(method));
        let is_selected = selection.collectors().any(|selected| selected.name == *name);
        let is_remote = |found: &Arc<Capabilities>| !found.is_local();
        if *call == Call::Observed && is_selected && self.capabilities.as_ref().is_some_and(is_remote) {
            return (CollectorState::NotSelected, format!("Not selected: {NEEDS_UNIX_SOCKET}."));
        }
        let missing = without_method(ALL[index]) + ".";
        match call {
            _ if is_selected && !self.responded => {
                (CollectorState::Unknown, "Kamailio did not respond.".to_owned())
            }
            _ if is_selected && is_called => (CollectorState::Absent, missing),
            _ if lacks_method => (CollectorState::NotSelected, format!("Not selected. {missing}")),
            Call::NamedProfiles | Call::ProfileValues => {
                (CollectorState::NotSelected, "Name profiles with --collector.dialog.profiles.".to_owned())
            }
            Call::Files => {
                (CollectorState::NotSelected, "Name the files with --kamailio.tls-certificates.".to_owned())
            }
            Call::Page => (
                CollectorState::NotSelected,
                "Give the address of the page with --kamailio.custom-metrics-url.".to_owned(),
            ),
            _ => (CollectorState::NotSelected, format!("Not selected: add {name} to --kamailio.methods.")),
        }
    }
}

/// Returns why a collector that the operator named cannot be scraped.
pub(super) fn missing(collector: &Collector, is_local: bool) -> String {
    if collector.call == Call::Observed && !is_local {
        return NEEDS_UNIX_SOCKET.to_owned();
    }
    let or = if collector.module == "core" { ":" } else { ", or" };
    format!("{}{or} remove {} from --kamailio.methods", without_method(collector), collector.name)
}

/// Returns a message that Kamailio lacks a collector's method, with the module that provides the method.
fn without_method(collector: &Collector) -> String {
    let Collector { method, module, .. } = collector;
    match *module {
        "core" => format!("This Kamailio has no method {method}"),
        module => format!("Kamailio has no method {method}: load its module with loadmodule \"{module}.so\""),
    }
}

/// Why the kernel is not asked about a Kamailio.
const NEEDS_UNIX_SOCKET: &str =
    "the collector needs a Kamailio on the same machine whose address is a unix socket (unix:/PATH)";

/// Returns the beginning of a message that may contain texts of Kamailio.
fn shortened(message: &str) -> &str {
    beginning(message, MAX_MESSAGE)
}

fn beginning(message: &str, max: usize) -> &str {
    let end = message.char_indices().map(|(index, _)| index).find(|index| *index >= max);
    end.and_then(|end| message.get(..end)).unwrap_or(message)
}

/// Bytes of a message in a summary, which is kept until the next scrape.
const MAX_MESSAGE: usize = 2048;
/// Bytes of a collector's message in the summary of one of thousands of targets.
const MAX_COMPACT_MESSAGE: usize = 256;

/// Returns advice about an error of the connection; `None` if there is nothing to add.
pub(crate) fn advice(target: &Target, error: &Error) -> Option<String> {
    let Error::Io(error) = error else {
        return Some(
            "Check that the address is a BINRPC socket of Kamailio's module ctl: `kamcmd ctl.listen` lists them, \
             modparam(\"ctl\", \"binrpc\", …) sets them."
                .to_owned(),
        );
    };
    let path = match target.address() {
        Address::Unix(path) | Address::UnixDatagram(path) => Some(path.as_path()),
        Address::Tcp(_) | Address::Udp(_) => None,
    };
    if let Some(limit) = descriptors_are_used_up() {
        return Some(format!(
            "The exporter has reached its limit of open files and connections ({limit}): raise LimitNOFILE= in its \
             unit, or lower --web.max-connections."
        ));
    }
    if *target.protocol() != Protocol::Binrpc
        && let Some(advice) = jsonrpc_advice(target, error.kind())
    {
        return Some(advice.to_owned());
    }
    if let Some(path) = path
        && is_of_another_kind(error)
    {
        let path = path.display();
        return Some(match target.address() {
            Address::Unix(_) => format!(
                "The socket is one for datagrams: use the address unixd:{path}, or jsonrpc+unix:{path} if the socket is that \
                 of module jsonrpcs."
            ),
            _ => format!("The socket is a stream socket: use the address unix:{path}."),
        });
    }
    match (error.kind(), path) {
        (ErrorKind::NotFound, Some(path)) => Some(not_found(path)),
        (ErrorKind::PermissionDenied, Some(path)) => Some(permission_denied(path)),
        (ErrorKind::ConnectionRefused, Some(path)) if !is_socket(path) => Some(format!(
            "Set --kamailio.scrape-uri (or the target of the probe) to the path of a socket: {} is {}.",
            path.display(),
            description(path)
        )),
        (ErrorKind::ConnectionRefused, Some(path)) => Some(format!(
            "Start Kamailio, which is not running or was killed: the socket exists ({}), but no process listens on it.",
            owner(path)
        )),
        (ErrorKind::ConnectionRefused, None) => Some(format!(
            "Start Kamailio, or make it listen there with modparam(\"ctl\", \"binrpc\", \"{target}\"); its default is \
             {DEFAULT_SOCKET}."
        )),
        (ErrorKind::TimedOut, None) => Some(
            "Check that Kamailio is not stopped, still starting or busy with another RPC, and that this is a port of its \
             module ctl: `kamcmd ctl.listen` lists the ports, modparam(\"ctl\", \"binrpc\", …) sets them. Or raise the \
             timeout (--kamailio.timeout; Prometheus' scrape_timeout minus half a second applies too)."
                .to_owned(),
        ),
        (ErrorKind::TimedOut, Some(_)) => Some(
            "Check that Kamailio is not stopped or still starting, and that its ctl process is not busy with another RPC. \
             Or raise the timeout (--kamailio.timeout; Prometheus' scrape_timeout minus half a second applies too)."
                .to_owned(),
        ),
        (ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset, _) => Some(
            "Look for leaked connections (`kamcmd ctl.connections`): Kamailio closes a new one beyond 128, and all of them \
             when it stops."
                .to_owned(),
        ),
        _ => None,
    }
}

/// Returns whether a unix socket is one for datagrams where a stream was expected, or the reverse. [`ErrorKind`] has no kind for
/// this error, so the end of the message is compared: the address precedes the system's message.
fn is_of_another_kind(error: &io::Error) -> bool {
    error.to_string().ends_with(&io::Error::from(Errno::PROTOTYPE).to_string())
}

/// Returns advice about an error of a connection to jsonrpcs; `None` if the advice is that for any socket.
fn jsonrpc_advice(target: &Target, kind: ErrorKind) -> Option<&'static str> {
    let is_http = target.url().is_some();
    match kind {
        ErrorKind::ConnectionRefused if is_http => Some(
            "Start Kamailio, or make it accept HTTP there: on a SIP socket over TCP or TLS, with loadmodule \"xhttp.so\", \
             loadmodule \"jsonrpcs.so\", and jsonrpc_dispatch() in event_route[xhttp:request].",
        ),
        ErrorKind::PermissionDenied if is_http => {
            Some("Set --kamailio.basic-auth.username and --kamailio.basic-auth.password-file.")
        }
        ErrorKind::InvalidData if is_http => Some(
            "Check that the URL is the one for which event_route[xhttp:request] of Kamailio calls jsonrpc_dispatch(), and that \
             no proxy responds instead.",
        ),
        ErrorKind::NotFound => Some(
            "Use the path of modparam(\"jsonrpcs\", \"dgram_socket\", …); the default is \
             jsonrpc+unix:/var/run/kamailio/kamailio_rpc.sock.",
        ),
        ErrorKind::ConnectionRefused if matches!(target.address(), Address::Tcp(_) | Address::Udp(_)) => {
            Some(
                "Start Kamailio, or make it listen there: modparam(\"jsonrpcs\", \"dgram_socket\", …) sets the UDP port, and \
                 modparam(\"jsonrpcs\", \"tcp_socket\", …) the TCP port.",
            )
        }
        ErrorKind::TimedOut if !is_http => Some(
            "Check that Kamailio is not stopped, still starting or busy with another RPC. If a reply is larger than 64 KiB, \
             which Kamailio cannot send as a datagram, use HTTP, TCP or BINRPC.",
        ),
        ErrorKind::TimedOut => Some(
            "Check that Kamailio is not stopped, still starting or busy. Or raise the timeout (--kamailio.timeout; Prometheus' \
             scrape_timeout minus half a second applies too).",
        ),
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Some(
            "Check that jsonrpc_dispatch() succeeds: Kamailio closes the connection if jsonrpc_dispatch() fails, and when \
                 Kamailio stops.",
        ),
        _ => None,
    }
}

/// Returns advice about a fault that reports that a reply does not fit into ctl's buffers. No method returns their sizes; the
/// texts of the faults are those of 5.6 and 6.2 (`ctl/binrpc_run.c`, and each method's own).
pub(crate) fn too_large(failure: &str) -> Option<&'static str> {
    let reason = failure.split_once("fault 500: ")?.1;
    if reason.contains("buffer too small") {
        Some(
            "The reply does not fit: raise modparam(\"ctl\", \"binrpc_max_body_size\", …), which is 32 (KiB) by \
             default.",
        )
    } else if reason.starts_with("Internal error") {
        Some(
            "Usually a struct of the reply does not fit: raise modparam(\"ctl\", \
             \"binrpc_struct_max_body_size\", …), which is 8 (KiB) by default and enough for 1,024 \
             destinations in a dispatcher set.",
        )
    } else {
        None
    }
}

/// Returns the limit of open descriptors if it is reached.
fn descriptors_are_used_up() -> Option<u64> {
    let error = fs::File::open("/").err()?;
    let limit = getrlimit(Resource::Nofile).current?;
    (error.raw_os_error() == Some(Errno::MFILE.raw_os_error())).then_some(limit)
}

fn not_found(path: &Path) -> String {
    let missing = path.ancestors().skip(1).find(|directory| !directory.exists());
    let what = missing.map_or_else(
        || "There is no such socket".to_owned(),
        |directory| format!("There is no directory {}", directory.display()),
    );
    format!(
        "{what}: start Kamailio with loadmodule \"ctl.so\", and set --kamailio.scrape-uri (or the target of the probe) to \
         the path of modparam(\"ctl\", \"binrpc\", …); the default is {DEFAULT_SOCKET}."
    )
}

/// Explains a denied permission: either the socket or a directory above it is not accessible.
fn permission_denied(path: &Path) -> String {
    let closed = path.ancestors().skip(1).filter(|directory| fs::read_dir(directory).is_err()).last();
    let user = rustix::process::geteuid().as_raw();
    let user = name_of("/etc/passwd", user);
    match closed.filter(|_| fs::metadata(path).is_err()) {
        Some(directory) => format!(
            "The directory {} belongs to {}, and this process runs as {user}: let a group of that user search the directory \
             (chgrp, chmod g+x).",
            directory.display(),
            owner(directory)
        ),
        None => format!(
            "The socket belongs to {}, and this process runs as {user}: add the user to the socket's group (usermod -aG GROUP \
             {user}, or SupplementaryGroups= in the unit), with modparam(\"ctl\", \"mode\", 0660) in Kamailio.",
            owner(path)
        ),
    }
}

fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// Describes a file: `a socket of kamailio:kamailio with mode 0660`.
pub(crate) fn description(path: &Path) -> String {
    let kind = match fs::metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_socket() => "a socket",
        Ok(kind) if kind.is_dir() => "a directory",
        Ok(_) => "a file (not a socket)",
        Err(_) => "a file",
    };
    format!("{kind} of {}", owner(path))
}

/// Returns the owner, the group and the mode of a file: `kamailio:kamailio with mode 0660`.
pub(crate) fn owner(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else { return "an unknown owner".to_owned() };
    format!(
        "{}:{} with mode {:04o}",
        name_of("/etc/passwd", metadata.uid()),
        name_of("/etc/group", metadata.gid()),
        metadata.mode() & 0o7777
    )
}

/// Returns the name of a user or a group by its number, or the number.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::kernel;
    use std::os::unix::net::UnixListener;

    fn summary(capabilities: Capabilities) -> Summary {
        let capabilities = Some(Arc::new(capabilities));
        Summary { responded: true, error: None, failures: Vec::new(), capabilities }
    }

    #[test]
    fn a_compact_summary_drops_capabilities_above_the_limit() {
        let capabilities = Capabilities::of(&["stats.fetch"], &["tm"]);
        let size = capabilities.size();
        assert!(size > 0);
        assert!(summary(capabilities.clone()).compact(size).capabilities.is_some());
        assert!(summary(capabilities).compact(size - 1).capabilities.is_none());
    }

    #[test]
    fn a_collector_that_was_scraped_has_its_own_failure() {
        let mut summary = summary(Capabilities::none());
        summary.failures = vec![(1, None), (2, Some("too slow".to_owned()))];
        let selection = Selection::parse("tm.stats").unwrap();
        assert_eq!(summary.state(1, &selection), (CollectorState::Ok, String::new()));
        assert_eq!(summary.state(2, &selection), (CollectorState::Failed, "too slow".to_owned()));
        assert_ne!(summary.state(3, &selection).0, CollectorState::Failed);
    }

    #[test]
    fn a_selected_collector_is_unknown_unless_kamailio_responded() {
        let index = ALL.iter().position(|collector| collector.name == "tm.stats").unwrap();
        let selection = Selection::parse("tm.stats").unwrap();
        let mut summary = summary(Capabilities::none());
        assert_eq!(summary.state(index, &selection).0, CollectorState::Absent);
        summary.responded = false;
        assert_eq!(
            summary.state(index, &selection),
            (CollectorState::Unknown, "Kamailio did not respond.".to_owned())
        );
    }

    #[test]
    fn a_collector_that_is_not_selected_is_available_if_the_server_has_its_method() {
        let index = ALL.iter().position(|collector| collector.name == "sl.stats").unwrap();
        let selection = Selection::parse("tm.stats").unwrap();
        let reason = |capabilities| summary(capabilities).state(index, &selection).1;
        let available = "Not selected: add sl.stats to --kamailio.methods.";
        assert_eq!(reason(Capabilities::of(&["sl.stats"], &[])), available);
        assert_eq!(reason(Capabilities::default()), available, "it did not list its methods");
        let missing =
            "Not selected. Kamailio has no method sl.stats: load its module with loadmodule \"sl.so\".";
        assert_eq!(reason(Capabilities::none()), missing);
    }

    #[test]
    fn what_needs_the_machine_of_kamailio_is_not_scraped_from_another() {
        let index = ALL.iter().position(|collector| std::ptr::eq(*collector, &kernel::PROCESSES)).unwrap();
        let selection = Selection::parse(kernel::PROCESSES.name).unwrap();
        let state = |local| summary(Capabilities::none().with_local(local)).state(index, &selection);
        assert_eq!(
            state(false),
            (CollectorState::NotSelected, format!("Not selected: {NEEDS_UNIX_SOCKET}."))
        );
        assert_eq!(state(true).0, CollectorState::Absent);
    }

    #[test]
    fn a_collector_that_is_not_selected_has_the_option_that_selects_it() {
        let selection = Selection::parse("tm.stats").unwrap();
        let reason = |is_it: fn(&Collector) -> bool| {
            let index = ALL.iter().position(|collector| is_it(collector)).unwrap();
            let (state, reason) = summary(Capabilities::default()).state(index, &selection);
            assert_eq!(state, CollectorState::NotSelected);
            reason
        };
        let profiles = "Name profiles with --collector.dialog.profiles.";
        assert_eq!(reason(|collector| collector.call == Call::NamedProfiles), profiles);
        assert_eq!(reason(|collector| collector.call == Call::ProfileValues), profiles);
        assert!(reason(|collector| collector.call == Call::Files).contains("--kamailio.tls-certificates"));
        assert!(reason(|collector| collector.call == Call::Page).contains("--kamailio.custom-metrics-url"));
        let another = "Not selected: add sl.stats to --kamailio.methods.";
        assert_eq!(reason(|collector| collector.name == "sl.stats"), another);
    }

    #[test]
    fn the_advice_is_for_the_protocol_the_socket_and_the_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let _listener = UnixListener::bind(&path).unwrap();
        let socket = format!("unix:{}", path.display());
        let advice = |target: &str, kind: ErrorKind| {
            let error = Error::Io(io::Error::new(kind, "refused"));
            advice(&target.parse().unwrap(), &error).unwrap_or_default()
        };
        for (target, kind, expected) in [
            ("unix:/nowhere/a", ErrorKind::NotFound, "There is no directory /nowhere"),
            (&socket, ErrorKind::PermissionDenied, "The socket belongs to "),
            (&socket, ErrorKind::ConnectionRefused, "no process listens on it"),
            ("unix:/dev/null", ErrorKind::ConnectionRefused, "/dev/null is a file (not a socket)"),
            ("unix:/dev/null", ErrorKind::TimedOut, "its ctl process is not busy"),
            (
                "tcp:127.0.0.1:2049",
                ErrorKind::ConnectionRefused,
                "modparam(\"ctl\", \"binrpc\", \"tcp:127.0.0.1:2049\")",
            ),
            ("tcp:127.0.0.1:2049", ErrorKind::TimedOut, "that this is a port of its module ctl"),
            ("tcp:127.0.0.1:2049", ErrorKind::UnexpectedEof, "leaked connections"),
            ("tcp:127.0.0.1:2049", ErrorKind::BrokenPipe, "leaked connections"),
            ("unix:/dev/null", ErrorKind::ConnectionReset, "leaked connections"),
            ("http://127.0.0.1:5060/", ErrorKind::ConnectionRefused, "loadmodule \"xhttp.so\""),
            ("http://127.0.0.1:5060/", ErrorKind::PermissionDenied, "--kamailio.basic-auth.username"),
            ("http://127.0.0.1:5060/", ErrorKind::InvalidData, "Check that the URL"),
            ("http://127.0.0.1:5060/", ErrorKind::TimedOut, "still starting or busy. Or raise the timeout"),
            ("http://127.0.0.1:5060/", ErrorKind::BrokenPipe, "Check that jsonrpc_dispatch() succeeds"),
            ("jsonrpc+unix:/nowhere/a", ErrorKind::NotFound, "kamailio_rpc.sock"),
            ("jsonrpc+unix:/nowhere/a", ErrorKind::TimedOut, "larger than 64 KiB"),
            (&format!("jsonrpc+{socket}"), ErrorKind::ConnectionRefused, "no process listens on it"),
            (&format!("jsonrpc+{socket}"), ErrorKind::PermissionDenied, "The socket belongs to "),
            ("jsonrpc+tcp:127.0.0.1:2050", ErrorKind::ConnectionRefused, "\"tcp_socket\", …) the TCP port"),
            ("jsonrpc+udp:127.0.0.1:2050", ErrorKind::ConnectionRefused, "sets the UDP port"),
        ] {
            let advice = advice(target, kind);
            assert!(advice.contains(expected), "{target}, {kind:?}: {advice}");
        }
        assert_eq!(advice("tcp:127.0.0.1:2049", ErrorKind::Other), "");
        assert_eq!(advice("http://127.0.0.1:5060/", ErrorKind::Other), "");
        assert_eq!(advice("jsonrpc+unix:/nowhere/a", ErrorKind::InvalidData), "");
    }

    #[test]
    fn the_kind_of_a_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        assert!(description(directory.path()).starts_with("a directory of "));
        assert!(description(Path::new("/dev/null")).starts_with("a file (not a socket) of "));
        assert_eq!(description(&directory.path().join("none")), "a file of an unknown owner");
    }

    #[test]
    fn a_socket_of_the_other_kind_is_named() {
        let error = || Error::Io(io::Error::other(format!("/a: {}", io::Error::from(Errno::PROTOTYPE))));
        let advice = |target: &str| advice(&target.parse().unwrap(), &error()).unwrap();
        assert!(advice("unix:/a").contains("use the address unixd:/a"));
        assert!(advice("unixd:/a").contains("use the address unix:/a"));
    }

    #[test]
    fn faults_about_the_size_of_a_reply_name_the_parameter() {
        let parameter = |failure| too_large(failure).map(|advice| advice.contains("struct_max_body_size"));
        assert_eq!(parameter("fault 500: Internal error creating dest struct"), Some(true));
        assert_eq!(parameter("fault 500: internal error: buffer too small"), Some(false));
        assert_eq!(parameter("fault 500: No such thing"), None);
        assert_eq!(parameter("fault 404: Internal error"), None);
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        assert_eq!((beginning("aäb", 4), beginning("aäb", 3), beginning("aäb", 2)), ("aäb", "aä", "aä"));
        assert_eq!((beginning("aäb", 1), beginning("", 0)), ("a", ""));
    }
}
