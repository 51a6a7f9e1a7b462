//! The real binary as a process, with any command.

use super::{command, eventually, send_signal};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Child;
use std::sync::Mutex;

/// A running process and its log, killed on drop.
pub(crate) struct Process {
    pid: u32,
    child: Mutex<Child>,
    /// A file, not a pipe: what the process has logged before a response is there when the response is.
    log: File,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let log = tempfile::tempfile().unwrap();
        let child = command().args(arguments).stderr(log.try_clone().unwrap()).spawn();
        let child = child.expect("the binary starts");
        Self { pid: child.id(), child: Mutex::new(child), log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> String {
        let mut bytes = vec![0; usize::try_from(self.log.metadata().unwrap().len()).unwrap()];
        // The process writes at the offset that both share, so that it must not move.
        self.log.read_exact_at(&mut bytes, 0).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Waits until the log has `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        eventually(|| {
            let has_ended = self.child.lock().unwrap().try_wait().unwrap().is_some();
            match self.log() {
                log if log.contains(text) => Ok(()),
                log if has_ended => panic!("it ended without {text:?} in {log}"),
                log => Err(format!("no {text:?} in {log}")),
            }
        });
    }

    /// Sends the process a signal: `TERM`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(self.pid, name);
    }

    /// Waits for the end of the process, and returns its exit code; `None` if a signal killed it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.get_mut().unwrap().wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
