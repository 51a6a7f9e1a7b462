//! Temporary directories that are removed even if the tests are killed.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A temporary directory that is removed on drop, and also if this process is killed.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    keeper: Child,
}

impl Directory {
    pub(crate) fn new() -> Self {
        // Short, because the path of a unix socket has at most 107 bytes. Servers that run as another user may enter it.
        let directory =
            tempfile::Builder::new().prefix("testbed-").permissions(Permissions::from_mode(0o755)).tempdir();
        let path = directory.unwrap_or_else(|e| panic!("cannot create a temporary directory: {e}")).keep();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "testbed-directory"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run sh: {e}"));
        Self { path, keeper }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Waits for the end of its standard input, which is the end of this process. The processes that write into the directory
/// are killed at the same time, and get a second to exit.
const KEEPER: &str = r#"read -r _; sleep 1; rm -rf -- "$1""#;
