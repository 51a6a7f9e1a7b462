//! The releases of Debian, each with another version of Kamailio.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::paths::{find, repository};

/// A release of Debian, each with another version of Kamailio.
///
/// The programs are the machine's own if it runs that release; the others are unpacked by scripts/kamailios.sh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Debian 11, Kamailio 5.4.
    Bullseye,
    /// Debian 12, Kamailio 5.6.
    Bookworm,
    /// Debian 13, Kamailio 6.0.
    Trixie,
    /// Debian unstable, Kamailio 6.1; the only one that also has a Prometheus, 3.5.
    Sid,
}

impl Release {
    /// All releases, the oldest first.
    pub const ALL: [Self; 4] = [Self::Bullseye, Self::Bookworm, Self::Trixie, Self::Sid];

    /// Returns its name in Debian's archive.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bullseye => "bullseye",
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        }
    }

    /// Returns whether the release's programs are on this machine. Prints the reason if scripts/kamailios.sh could not fetch
    /// them, and panics if the script has not run.
    #[must_use]
    pub fn is_available(self) -> bool {
        if self.is_own() || self.tree().join("bin/kamailio").is_file() {
            return true;
        }
        let reason = self.tree().with_extension("unavailable");
        let Ok(reason) = fs::read_to_string(&reason) else {
            panic!("{} does not exist: run `make deps`", self.tree().display())
        };
        println!("Kamailio of Debian {} is not tested: {}", self.name(), reason.trim());
        false
    }

    /// Returns the path of one of its programs.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        if self.is_own() {
            return find(name);
        }
        let program = self.tree().join("bin").join(name);
        assert!(program.is_file(), "{} does not exist: run `make deps`", program.display());
        program
    }

    /// Returns the environment variables that make demo/*.sh run this release.
    pub(crate) fn environment(self) -> Vec<(&'static str, PathBuf)> {
        if self.is_own() {
            return Vec::new();
        }
        let mut path = vec![self.tree().join("bin")];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let path = env::join_paths(path).unwrap_or_else(|e| panic!("the PATH: {e}"));
        vec![("PATH", path.into()), ("KAMAILIO_SHARE", self.tree().join("usr/share/kamailio"))]
    }

    /// Returns whether the machine itself runs this release.
    fn is_own(self) -> bool {
        let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let codename = system.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        codename.map(|name| name.trim_matches('"')) == Some(self.name())
    }

    fn tree(self) -> PathBuf {
        let trees = env::var_os("KAMAILIOS");
        trees
            .map_or_else(|| repository(".run/kamailio"), |trees| Path::new(&trees).to_owned())
            .join(self.name())
    }
}
