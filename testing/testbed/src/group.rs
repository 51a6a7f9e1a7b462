//! Programs that are killed with all their children.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::paths::find;

/// A program and its children, in a process group that is killed on drop, and also if this process is killed: a shell waits
/// for the end of its standard input.
#[derive(Debug)]
pub(crate) struct Group {
    id: u32,
    keeper: Child,
}

impl Group {
    /// Starts `program`, and appends its standard output and standard error to the file `log`.
    pub(crate) fn spawn<'a>(
        program: &Path,
        args: impl IntoIterator<Item = &'a OsStr>,
        envs: &[(&str, &OsStr)],
        log: &Path,
    ) -> Self {
        find("setsid");
        let out = File::options().create(true).append(true).open(log);
        let out = out.unwrap_or_else(|e| panic!("cannot write {}: {e}", log.display()));
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "testbed-group"])
            .arg(program)
            .args(args)
            .envs(envs.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(out)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run sh: {e}"));
        let mut line = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let id = line.trim().parse();
        Self { id: id.unwrap_or_else(|_| panic!("cannot start {}", program.display())), keeper }
    }

    /// Sends a signal, such as "STOP", to every process of the group.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, &format!("-{}", self.id));
    }

    /// Sends a signal to the program, but not to its children.
    pub(crate) fn signal_leader(&self, name: &str) {
        kill(name, &self.id.to_string());
    }

    /// Returns the processes of the group that are alive, without zombies.
    pub(crate) fn processes(&self) -> Vec<u32> {
        processes_of(self.id)
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.processes().is_empty()
    }

    /// Waits until no process of the group is alive. Returns whether that happened before the timeout.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while self.is_running() {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        self.wait(Duration::from_secs(5));
    }
}

pub(crate) fn processes_of(group: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap_or_else(|e| panic!("cannot read /proc: {e}"));
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        // "pid (name) state ppid pgrp …", where the name can contain any character.
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let state = fields.next();
        let pgrp = fields.nth(1).and_then(|pgrp| pgrp.parse().ok());
        // The leader belongs to the group even before setsid has been called.
        (pgrp == Some(group) || *pid == group) && !matches!(state, Some("Z" | "X"))
    })
    .collect()
}

fn kill(signal: &str, target: &str) {
    let _ = Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2" 2>/dev/null"#, "kill", signal, target])
        .status();
}

/// Makes the program the leader of a session and thereby of a process group, and prints its process id. Kills the program
/// by its process id too, in case it has not become the leader yet.
const KEEPER: &str = r#"
setsid "$@" </dev/null >&2 &
echo $!
read -r _
kill -s KILL $! 2>/dev/null
kill -s KILL -- -$! 2>/dev/null
wait
"#;
