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

use crate::program::find;

/// A program and all that it starts: a process group that is killed on drop, and also if this process is
/// killed, because a shell in between waits for the end of its standard input.
#[derive(Debug)]
pub(crate) struct Group {
    id: u32,
    keeper: Child,
}

impl Group {
    /// Starts `program` with standard output and standard error appended to the file `log`.
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

    /// Sends a signal to the program alone, not to what it started.
    pub(crate) fn signal_leader(&self, name: &str) {
        kill(name, &self.id.to_string());
    }

    /// The processes of the group that are alive; a zombie is not.
    pub(crate) fn processes(&self) -> Vec<u32> {
        processes_of(self.id)
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.processes().is_empty()
    }

    /// Waits until no process of the group is left, and says whether that came true.
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
        // "pid (name) state ppid pgrp …", and the name can have any character in it.
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let state = fields.next();
        let pgrp = fields.nth(1).and_then(|pgrp| pgrp.parse().ok());
        // The leader counts before it has become one.
        (pgrp == Some(group) || *pid == group) && !matches!(state, Some("Z" | "X"))
    })
    .collect()
}

fn kill(signal: &str, target: &str) {
    let _ = Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2" 2>/dev/null"#, "kill", signal, target])
        .status();
}

/// The program becomes the leader of a session, and so of a group, under the number that is printed. It is
/// killed by its process number too, in case that it was not yet the leader.
const KEEPER: &str = r#"
setsid "$@" </dev/null >&2 &
echo $!
read -r _
kill -s KILL $! 2>/dev/null
kill -s KILL -- -$! 2>/dev/null
wait
"#;
