//! The web configuration in force. A changed file is read again, and a file with a mistake changes nothing.

use crate::config::{ClientAuth, Config};
use crate::rate_limit::TokenBucket;
use crate::sync::LockUnpoisoned as _;
use crate::systemd::{notify_ready, notify_reloading};
use crate::tls::{self, Files, Tls};
use crate::{Error, files, pem};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// A web configuration file in the format of Prometheus' exporter-toolkit, and the last valid content of it and of the
/// files that it names.
pub struct WebConfig {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

/// A valid configuration.
pub(crate) struct Active {
    pub(crate) config: Config,
    pub(crate) tls: Option<Tls>,
    pub(crate) bucket: Option<TokenBucket>,
    /// The content of the web configuration file and of the files that it names.
    contents: Files,
}

struct State {
    active: Arc<Active>,
    /// The files as they were when last read; `None` if they may have changed since without a new time stamp.
    seen: Option<Vec<(PathBuf, Stamp)>>,
    /// The reason why the last reload failed.
    failure: Option<String>,
    succeeded: SystemTime,
}

/// Metadata that changes with a file's content; `None` for a missing file.
type Stamp = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

impl WebConfig {
    /// Reads a web configuration file. Without one there is neither TLS nor authentication.
    ///
    /// # Errors
    /// If the file or one that it names cannot be read or is not valid. The message has the file and the line.
    pub fn open(path: Option<PathBuf>) -> Result<Arc<Self>, Error> {
        let (seen, read) = match &path {
            Some(path) => read(path, None),
            None => (None, Ok(None)),
        };
        let active = match read? {
            Some(active) => Arc::new(active),
            None => Arc::new(Active::new(Config::default(), Files::new())?),
        };
        active.warn();
        Ok(Arc::new(Self {
            path,
            state: Mutex::new(State { active, seen, failure: None, succeeded: SystemTime::now() }),
        }))
    }

    /// Checks the text of a web configuration file, and reads none of the files that it names. Returns warnings about
    /// settings that have no effect or do not protect.
    ///
    /// # Errors
    /// If the text is not valid. The message has the line.
    pub fn check(text: &str) -> Result<Vec<String>, Error> {
        Ok(Config::parse(text, Path::new(""))?.warnings)
    }

    /// Returns the configuration in force. Looks at the metadata of the files, and reads them only if it has changed.
    pub(crate) fn current(&self) -> Arc<Active> {
        let Some(path) = &self.path else { return self.lock().active.clone() };
        let mut state = self.lock();
        let unchanged = |(path, stamp): &(PathBuf, Stamp)| self::stamp(path) == *stamp;
        if !state.seen.as_ref().is_some_and(|seen| seen.iter().all(unchanged)) {
            state.reload(path);
        }
        state.active.clone()
    }

    /// Reads the file now, and notifies systemd. A file with a mistake leaves the previous configuration in force.
    ///
    /// # Errors
    /// If the file or one that it names cannot be read, is not valid, or would remove protection.
    pub fn reload(&self) -> Result<(), Error> {
        notify_reloading();
        let reloaded = self.reload_file();
        notify_ready();
        reloaded
    }

    fn reload_file(&self) -> Result<(), Error> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut state = self.lock();
        state.reload(path);
        match &state.failure {
            Some(failure) => Err(Error::new(failure)),
            None => {
                state.succeeded = SystemTime::now();
                Ok(())
            }
        }
    }

    /// Returns whether the last reload succeeded, and the time of the last that did; `None` without a file.
    pub fn status(&self) -> Option<(bool, SystemTime)> {
        self.path.as_ref()?;
        let state = self.lock();
        Some((state.failure.is_none(), state.succeeded))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock_unpoisoned()
    }
}

impl State {
    fn reload(&mut self, path: &Path) {
        let (seen, read) = read(path, Some(&self.active));
        self.seen = seen;
        match read {
            Ok(read) => {
                if self.failure.take().is_some() || read.is_some() {
                    tracing::info!(file = %path.display(), "web configuration reloaded");
                    self.succeeded = SystemTime::now();
                }
                if let Some(read) = read {
                    read.warn();
                    self.active = Arc::new(read);
                }
            }
            Err(failure) => {
                if self.failure.as_ref() != Some(&failure) {
                    tracing::error!(
                        error = failure,
                        "failed to reload the web configuration; the previous configuration stays in effect"
                    );
                }
                self.failure = Some(failure);
            }
        }
    }
}

impl Active {
    fn new(mut config: Config, contents: Files) -> Result<Self, String> {
        let mut warnings = std::mem::take(&mut config.warnings);
        let tls = tls::server_config(&config, &contents, &mut warnings)?;
        config.warnings = warnings;
        let bucket = config.rate_limit.map(|limit| TokenBucket::new(limit.interval, limit.burst));
        Ok(Self { config, tls, bucket, contents })
    }

    fn warn(&self) {
        for warning in &self.config.warnings {
            tracing::warn!(warning, "web configuration");
        }
    }

    /// Returns the protection that `next` would remove. A reload that would do so is refused, because a half-written file is
    /// often valid.
    fn lost_in(&self, next: &Config) -> Option<&'static str> {
        let old = &self.config;
        if !old.users.is_empty() && next.users.is_empty() {
            return Some("basic_auth_users");
        }
        let Some(old) = &old.tls else { return None };
        let Some(next) = &next.tls else { return Some("TLS") };
        let requires = |auth| matches!(auth, ClientAuth::RequireAny | ClientAuth::RequireAndVerify);
        let verifies = |auth| matches!(auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
        if (requires(old.client_auth) && !requires(next.client_auth))
            || (verifies(old.client_auth) && !verifies(next.client_auth))
        {
            return Some("client_auth_type");
        }
        (!old.allowed_sans.is_empty() && next.allowed_sans.is_empty()).then_some("client_allowed_sans")
    }
}

type Seen = Option<Vec<(PathBuf, Stamp)>>;

/// Reads the file and those that it names. Returns their metadata from before, and no configuration if nothing has changed.
fn read(path: &Path, before: Option<&Active>) -> (Seen, Result<Option<Active>, String>) {
    let now = SystemTime::now();
    let mut seen = vec![(path.to_owned(), stamp(path))];
    let read = read_all(path, before, &mut seen);
    // A file that was just written may be written again within the same time stamp.
    let settled = |(_, stamp): &(PathBuf, Stamp)| match stamp {
        Some((.., (seconds, nanoseconds))) => {
            let changed =
                Duration::new((*seconds).try_into().unwrap_or(0), (*nanoseconds).try_into().unwrap_or(0));
            now.duration_since(SystemTime::UNIX_EPOCH + changed).is_ok_and(|age| age > CLOCK_TICK)
        }
        None => true,
    };
    (seen.iter().all(settled).then_some(seen), read)
}

fn read_all(
    path: &Path,
    before: Option<&Active>,
    seen: &mut Vec<(PathBuf, Stamp)>,
) -> Result<Option<Active>, String> {
    let name = path.display();
    let text = files::read(path, MAX_FILE).map_err(|error| format!("failed to read {name}: {error}"))?;
    let config = std::str::from_utf8(&text).map_err(|_| format!("{name} is not UTF-8"))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let config = Config::parse(config, directory).map_err(|error| format!("{name}: {error}"))?;
    if let Some(lost) = before.and_then(|before| before.lost_in(&config)) {
        return Err(format!("{name}: {lost} would be removed, which requires a restart instead of a reload"));
    }
    seen.extend(config.files().map(|path| (path.to_owned(), stamp(path))));
    let mut contents = Files::new();
    for file in config.files() {
        let content = files::read(file, pem::MAX_FILE)
            .map_err(|error| format!("{name}: failed to read {}: {error}", file.display()))?;
        contents.insert(file.to_owned(), content);
    }
    contents.insert(path.to_owned(), text);
    if before.is_some_and(|before| before.contents == contents) {
        return Ok(None);
    }
    Active::new(config, contents).map(Some).map_err(|error| format!("{name}: {error}"))
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
    ))
}

/// Several times the resolution of any file system's time stamps.
const CLOCK_TICK: Duration = Duration::from_millis(100);
/// The limit on a web configuration file in bytes: a thousand times the usual size.
const MAX_FILE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the protection that a reload with `next` would remove from `old`.
    fn lost(old: &str, next: &str) -> Option<&'static str> {
        let parse = |text| Config::parse(text, Path::new("/")).unwrap();
        let contents = Files::new();
        Active { config: parse(old), tls: None, bucket: None, contents }.lost_in(&parse(next))
    }

    fn tls(more: &str) -> String {
        format!("tls_server_config: {{cert: a, key: a{more}}}\n")
    }

    #[test]
    fn a_reload_cannot_weaken_the_demands_on_client_certificates() {
        // Each type with whether it requires a certificate, and whether it verifies one.
        let types = [
            ("NoClientCert", false, false),
            ("RequestClientCert", false, false),
            ("RequireAnyClientCert", true, false),
            ("VerifyClientCertIfGiven", false, true),
            ("RequireAndVerifyClientCert", true, true),
        ];
        let section = |name: &str| {
            let authority = if name == "NoClientCert" { "" } else { ", client_ca: a" };
            tls(&format!(", client_auth_type: {name}{authority}"))
        };
        for (old, required, verified) in types {
            for (next, requires, verifies) in types {
                let expected = required && !requires || verified && !verifies;
                let lost = lost(&section(old), &section(next));
                assert_eq!(lost, expected.then_some("client_auth_type"), "{old} {next}");
            }
        }
    }

    #[test]
    fn a_reload_cannot_remove_users_tls_or_the_allowed_names() {
        let users = "basic_auth_users: {a: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}\n";
        let names =
            tls(", client_ca: a, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [x]");
        let others =
            tls(", client_ca: a, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [y]");
        let any = tls(", client_ca: a, client_auth_type: RequireAndVerifyClientCert");
        for (old, next, expected) in [
            ("", "", None),
            ("", users, None),
            (users, users, None),
            (users, "", Some("basic_auth_users")),
            ("", &any, None),
            (&any, "", Some("TLS")),
            (&any, &names, None),
            (&names, &others, None),
            (&names, &any, Some("client_allowed_sans")),
        ] {
            assert_eq!(lost(old, next), expected, "{old:?} {next:?}");
        }
    }
}
