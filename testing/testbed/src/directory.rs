//! Temporary directories that are removed even if the tests are killed.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A temporary directory that is removed on drop, and also if this process is killed.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    keeper: Child,
}

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        // The path of a unix socket has at most 107 bytes.
        let name = format!("testbed-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap_or_else(|e| panic!("cannot create {}: {e}", path.display()));
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
