//! The paths of programs and of the files of the repository.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Finds a program on the PATH or among Debian's daemons, which are not on the PATH of every user.
pub(crate) fn find(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path).chain(daemons).map(|dir| dir.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("the program {name} is not installed: run `make deps`"))
}

/// Returns a path inside the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or_else(|e| panic!("cannot find {}: {e}", root.display())).join(path)
}
