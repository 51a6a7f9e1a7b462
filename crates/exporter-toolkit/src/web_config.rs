//! The web configuration that is in force: the file is looked at again whenever it has changed, and the last good one
//! stays until there is a better one.

use crate::config::{ClientAuth, Config};
use crate::rate_limit::TokenBucket;
use crate::systemd::notify;
use crate::tls;
use sd_notify::NotifyState;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_rustls::rustls::ServerConfig;

/// The file, and what of it is in force.
pub struct WebConfig {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

/// A configuration that can be used.
pub(crate) struct Active {
    pub(crate) config: Config,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) bucket: Option<TokenBucket>,
    /// Of everything that was read for it.
    contents: Vec<Vec<u8>>,
}

struct State {
    active: Arc<Active>,
    /// The files as they were when they were last read; nothing if they may have changed since without a trace.
    seen: Option<Vec<(PathBuf, Stamp)>>,
    /// Why the last reading failed.
    failure: Option<String>,
    succeeded: SystemTime,
}

/// What changes with a file's content; `None` if it is not there.
type Stamp = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

impl WebConfig {
    /// Reads the file; without one there is neither TLS nor authentication. The error is a sentence.
    pub fn open(path: Option<PathBuf>) -> Result<Arc<Self>, String> {
        let (seen, read) = match &path {
            Some(path) => read(path, None),
            None => (None, Ok(None)),
        };
        let active = match read? {
            Some(active) => Arc::new(active),
            None => Arc::new(Active::new(Config::default(), Vec::new())?),
        };
        active.warn();
        Ok(Arc::new(Self {
            path,
            state: Mutex::new(State { active, seen, failure: None, succeeded: SystemTime::now() }),
        }))
    }

    /// Reads the text of a file, but none of the files that it names, relative to `folder`. Returns what stands in it
    /// and has no effect. Both that and the error are sentences.
    pub fn check(text: &str, folder: &Path) -> Result<Vec<String>, String> {
        Config::parse(text, folder).map(|config| config.warnings)
    }

    /// What is in force. Costs a look at the files, and reads them only if they have changed.
    pub(crate) fn current(&self) -> Arc<Active> {
        let Some(path) = &self.path else { return self.lock().active.clone() };
        let mut state = self.lock();
        let unchanged = |(path, stamp): &(PathBuf, Stamp)| self::stamp(path) == *stamp;
        if !state.seen.as_ref().is_some_and(|seen| seen.iter().all(unchanged)) {
            state.take(path);
        }
        state.active.clone()
    }

    /// Reads the file now, and tells systemd so. The error is why that which was in force before stays so.
    pub fn reload(&self) -> Result<(), String> {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
        let reloaded = self.read_again();
        notify(&[NotifyState::Ready]);
        reloaded
    }

    fn read_again(&self) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut state = self.lock();
        state.take(path);
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => {
                state.succeeded = SystemTime::now();
                Ok(())
            }
        }
    }

    /// Whether the last reading was successful, and when there was one; `None` if there is no file.
    pub fn status(&self) -> Option<(bool, SystemTime)> {
        self.path.as_ref()?;
        let state = self.lock();
        Some((state.failure.is_none(), state.succeeded))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, path: &Path) {
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
                        "cannot reload the web configuration, the last good one stays"
                    );
                }
                self.failure = Some(failure);
            }
        }
    }
}

impl Active {
    fn new(mut config: Config, contents: Vec<Vec<u8>>) -> Result<Self, String> {
        let mut warnings = std::mem::take(&mut config.warnings);
        let tls = tls::server_config(&config, &mut warnings)?;
        config.warnings = warnings;
        let bucket = config.rate_limit.map(|limit| TokenBucket::new(limit.interval, limit.burst));
        Ok(Self { config, tls, bucket, contents })
    }

    fn warn(&self) {
        for warning in &self.config.warnings {
            tracing::warn!(warning, "web configuration");
        }
    }

    /// What would be protected less by `next`. Half of a file is often a valid file.
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

/// Reads the file and those that it names, and says what they looked like before; `None` if that is what is in force.
fn read(path: &Path, before: Option<&Active>) -> (Seen, Result<Option<Active>, String>) {
    let now = SystemTime::now();
    let mut seen = vec![(path.to_owned(), stamp(path))];
    let read = read_all(path, before, &mut seen);
    // A file that was just written may be written again without a difference in its times.
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
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > MAX_FILE {
        return Err(format!("{name} has {size} bytes, which is over the limit of {MAX_FILE}"));
    }
    let text = std::fs::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let config = std::str::from_utf8(&text).map_err(|_| format!("{name} is not UTF-8"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = Config::parse(config, folder).map_err(|error| format!("{name}: {error}"))?;
    if let Some(lost) = before.and_then(|before| before.lost_in(&config)) {
        return Err(format!("{name}: {lost} would be lost, which a reload does not do: restart to do so"));
    }
    seen.extend(config.files().map(|path| (path.to_owned(), stamp(path))));
    let mut contents = vec![text];
    for file in config.files() {
        contents.push(
            std::fs::read(file)
                .map_err(|error| format!("{name}: cannot read {}: {error}", file.display()))?,
        );
    }
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

/// Some times more than a tick of any file system's clock.
const CLOCK_TICK: Duration = Duration::from_millis(100);
/// A thousand times a usual one.
const MAX_FILE: u64 = 1 << 20;
