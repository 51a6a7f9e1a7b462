//! The processes of Kamailio, summed up by type.

use super::listed::Listed;
use super::process::{Details, MAX_FILE, Process};
use crate::collectors::catalogue::catalogue;
use crate::collectors::kernel::{
    CONTEXT_SWITCHES, CPU_SECONDS, MAX_FDS, OPEN_FDS, PRIVATE_MEMORY, PROCESS_COUNT, PROCESSES_VISIBLE,
    RESIDENT_MEMORY, SWITCH_KINDS,
};
use crate::collectors::schema::Field;
use prometheus_exposition::{Labels, Number, Samples};

/// Reads processes, whose files stay open from scrape to scrape: opening takes longer than reading.
#[derive(Default)]
pub(super) struct Processes {
    /// In the order of Kamailio's list, which is nearly always the order of the scrape before.
    kept: Vec<Process>,
    /// Number of scrapes so far, which decides whose details are read.
    turn: usize,
}

/// The values of one type of process: sums, except for the most open descriptors and the lowest limit of any process.
#[derive(Clone, Copy, Default)]
struct TypeValues {
    count: u64,
    cpu: u64,
    resident: u64,
    private: Option<u64>,
    switches: Option<[u64; 2]>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
}

impl Processes {
    /// Reads the processes and adds their samples.
    pub(super) fn read(&mut self, listed: &Listed, samples: &mut Samples) -> Result<(), String> {
        let sums = self.sums(listed);
        let visible = Number::Unsigned(sums.is_ok().into());
        samples.push(catalogue().id(&PROCESSES_VISIBLE.family), Labels::NONE, visible);
        for (kind, sums) in sums? {
            sums.push(kind, samples);
        }
        Ok(())
    }

    /// Returns the sums of each type, in the order of their names.
    fn sums<'l>(&mut self, listed: &'l Listed) -> Result<Vec<(&'l str, TypeValues)>, String> {
        let mut before: Vec<_> = std::mem::take(&mut self.kept).into_iter().map(Some).collect();
        let Some(main) = listed.peer else {
            return Err("Kamailio runs in another PID namespace".to_owned());
        };
        if !listed.processes.iter().any(|process| process.pid == main) {
            return Err(format!(
                "Kamailio does not list process {main}, which listens on the socket: it runs in another PID namespace"
            ));
        }
        self.turn = self.turn.wrapping_add(1);
        let interval = detail_interval(listed.processes.len());
        let mut buffer = [0; MAX_FILE];
        let mut sums: Vec<(&str, TypeValues)> = Vec::new();
        // Process IDs and the times of their starts. The list is in the order of the starts, the parents before their children.
        let mut family: Vec<(u32, u64)> = Vec::with_capacity(listed.processes.len());
        for (index, process) in listed.processes.iter().enumerate() {
            let pid = process.pid;
            let is_due = (index + self.turn).is_multiple_of(interval);
            let kept = take(&mut before, index, pid).and_then(|kept| kept.read(is_due, &mut buffer));
            let Some(open) = kept.or_else(|| Process::open(pid, &mut buffer)) else { continue };
            let stat = open.values;
            // The parent is the main process, which comes first, or nearly always one of the first.
            let is_child = family.iter().any(|(pid, start)| *pid == stat.parent && *start <= stat.start);
            if pid != main && !is_child {
                continue;
            }
            family.push((pid, stat.start));
            let sums = of_type(&mut sums, &process.kind);
            sums.count += 1;
            sums.cpu += stat.cpu;
            sums.resident += stat.resident;
            sums.add(open.details.unwrap_or_default(), open.max_fds);
            if self.kept.len() < MAX_KEPT {
                self.kept.push(open);
            }
        }
        // The process that replies is a child of the main process. Without a child, the main process has ended, and its ID may
        // belong to another one by now.
        if family.len() < 2 {
            self.kept.clear();
            return Err("/proc does not show Kamailio's processes".to_owned());
        }
        sums.sort_unstable_by_key(|(kind, _)| *kind);
        Ok(sums)
    }
}

/// Takes the open files of a process, which are at this index unless the list has changed.
fn take(before: &mut [Option<Process>], index: usize, pid: u32) -> Option<Process> {
    let is_it = |process: &Option<Process>| process.as_ref().is_some_and(|process| process.pid == pid);
    let at = if before.get(index).is_some_and(is_it) { index } else { before.iter().position(is_it)? };
    before[at].take()
}

/// Returns the sums of a type. Processes of the same type follow each other.
fn of_type<'s, 'l>(sums: &'s mut Vec<(&'l str, TypeValues)>, kind: &'l str) -> &'s mut TypeValues {
    let at = sums.iter().rposition(|(name, _)| *name == kind).unwrap_or_else(|| {
        sums.push((kind, TypeValues::default()));
        sums.len() - 1
    });
    &mut sums[at].1
}

impl TypeValues {
    fn add(&mut self, details: Details, max_fds: Option<u64>) {
        let Details { private, switches, open_fds } = details;
        if let Some(private) = private {
            *self.private.get_or_insert_default() += private;
        }
        if let Some([voluntary, involuntary]) = switches {
            let sum = self.switches.get_or_insert_default();
            sum[0] += voluntary;
            sum[1] += involuntary;
        }
        self.open_fds = self.open_fds.max(open_fds);
        self.max_fds = [self.max_fds, max_fds].into_iter().flatten().min();
    }

    fn push(self, kind: &str, samples: &mut Samples) {
        let labels = samples.labels([("type", kind)]);
        let page = rustix::param::page_size() as u64;
        // In milliseconds: one source has nanoseconds, the other clock ticks.
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of CPU time, far below 2^52")]
        let seconds = (self.cpu / 1_000_000) as f64 / 1e3;
        let number = |number: Option<u64>| number.map(Number::Unsigned);
        let values: [(&Field, Option<Number>); 6] = [
            (&PROCESS_COUNT, number(Some(self.count))),
            (&CPU_SECONDS, Some(Number::Float(seconds))),
            (&RESIDENT_MEMORY, number(self.resident.checked_mul(page))),
            (&PRIVATE_MEMORY, number(self.private)),
            (&OPEN_FDS, number(self.open_fds)),
            (&MAX_FDS, number(self.max_fds)),
        ];
        for (field, value) in values {
            if let Some(value) = value {
                samples.push(catalogue().id(&field.family), labels, value);
            }
        }
        for (name, count) in SWITCH_KINDS.into_iter().zip(self.switches.into_iter().flatten()) {
            let labels = samples.labels([("type", kind), ("kind", name)]);
            samples.push(catalogue().id(&CONTEXT_SWITCHES.family), labels, Number::Unsigned(count));
        }
    }
}

/// Returns how many scrapes there are from one reading of a process's details to the next.
fn detail_interval(processes: usize) -> usize {
    processes.div_ceil(DETAILS_AT_ONCE).min(MAX_DETAIL_INTERVAL)
}

/// The processes whose details a scrape reads. With 16 of 64, a scrape took 174 us, of which the details were some 70; the goal
/// is 150 us (`make bench`).
const DETAILS_AT_ONCE: usize = 4;
/// The most scrapes between two readings: four minutes, at a scrape every 15 s.
const MAX_DETAIL_INTERVAL: usize = 16;
/// Processes whose files stay open, two for each process. With 256 connections of clients, that is within the usual limit of
/// 1,024 files. Further processes are opened at each scrape.
const MAX_KEPT: usize = 256;

#[cfg(test)]
pub(super) mod tests {
    use super::super::listed::ListedProcess;
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    /// Processes that end with the test, even if the test fails.
    pub(in super::super) struct Workers(Vec<Child>);

    impl Workers {
        pub(in super::super) fn start(scripts: &[&str]) -> Self {
            let start = |script: &&str| Command::new("sh").args(["-c", script]).spawn().unwrap();
            Self(scripts.iter().map(start).collect())
        }

        pub(in super::super) fn pids(&self) -> Vec<u32> {
            self.0.iter().map(Child::id).collect()
        }
    }

    impl Drop for Workers {
        fn drop(&mut self) {
            for child in &mut self.0 {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }

    /// This process is the main process, and these are its children.
    fn listed(children: &[(u32, &str)]) -> Listed {
        let main = (std::process::id(), "main");
        let process = |(pid, kind): (u32, &str)| ListedProcess { pid, kind: kind.to_owned() };
        let processes = [main].into_iter().chain(children.iter().copied()).map(process).collect();
        Listed { peer: Some(main.0), processes, sockets: Vec::new() }
    }

    fn read(processes: &mut Processes, listed: &Listed) -> Result<String, String> {
        let mut samples = Samples::new(usize::MAX);
        let result = processes.read(listed, &mut samples);
        let text = prometheus_exposition::Format::TEXT.write(catalogue().families(), &[&samples]);
        let text = String::from_utf8(text).unwrap();
        let visible = format!("kamailio_processes_visible {}\n", u8::from(result.is_ok()));
        assert!(text.contains(&visible), "{text}");
        result.map(|()| text)
    }

    fn value(text: &str, series: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).trim().parse().unwrap()
    }

    #[test]
    fn a_busy_worker_has_the_cpu_time_and_an_idle_one_waits() {
        let workers = Workers::start(&["while :; do :; done", "while :; do sleep 0.01; done", "sleep 60"]);
        let [busy, waking, idle] = workers.pids()[..] else { unreachable!() };
        let listed = listed(&[(busy, "busy"), (waking, "waking"), (idle, "idle"), (idle, "idle")]);
        let mut processes = Processes::default();
        let first = read(&mut processes, &listed).unwrap();
        assert_eq!(value(&first, "kamailio_processes{type=\"busy\"}"), 1.0);
        let cpu =
            |text: &str, kind| value(text, &format!("kamailio_process_cpu_seconds_total{{type=\"{kind}\"}}"));
        let switches = |text: &str, kind| {
            value(
                text,
                &format!("kamailio_process_context_switches_total{{type=\"{kind}\",kind=\"voluntary\"}}"),
            )
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            std::thread::sleep(Duration::from_millis(50));
            // All details are read within one detail interval.
            let texts: Vec<_> = (0..detail_interval(listed.processes.len()))
                .map(|_| read(&mut processes, &listed).unwrap())
                .collect();
            let text = texts.last().unwrap();
            assert!(cpu(text, "idle") < 0.1 && cpu(text, "waking") < 10.0);
            if cpu(text, "busy") > cpu(&first, "busy") + 0.1
                && switches(text, "waking") > switches(&first, "waking")
            {
                break;
            }
            assert!(Instant::now() < deadline, "{text}");
        }
    }

    #[test]
    fn the_cpu_time_is_that_of_all_threads() {
        let workers = Workers::start(&["sleep 60"]);
        let listed = listed(&[(workers.pids()[0], "worker")]);
        let mut processes = Processes::default();
        let mut cpu = || {
            let text = read(&mut processes, &listed).unwrap();
            value(&text, "kamailio_process_cpu_seconds_total{type=\"main\"}")
        };
        let (first, deadline) = (cpu(), Instant::now() + Duration::from_secs(30));
        // The first thread of this process waits for the others, of which this is one.
        while cpu() < first + 0.3 {
            assert!(Instant::now() < deadline, "only the first thread counts");
        }
    }

    #[test]
    fn the_details_of_few_processes_are_read_often() {
        let intervals = [1, 4, 5, 16, 64, 65, 1000].map(detail_interval);
        assert_eq!(intervals, [1, 1, 2, 4, 16, 16, 16]);
        let workers = Workers::start(&["sleep 60"; 7]);
        let children: Vec<_> = workers.pids().into_iter().map(|pid| (pid, "worker")).collect();
        let listed = listed(&children);
        let mut processes = Processes::default();
        read(&mut processes, &listed).unwrap();
        let unread = |processes: &mut Processes| {
            let unread = processes.kept.iter().filter(|process| process.details.is_none()).count();
            processes.kept.iter_mut().for_each(|process| process.details = Some(Details::default()));
            unread
        };
        assert_eq!(unread(&mut processes), 0, "the first scrape reads all of them");
        for scrape in 1..=2 {
            read(&mut processes, &listed).unwrap();
            let read = processes.kept.iter().filter(|process| process.details != Some(Details::default()));
            assert_eq!(read.count(), 4 * scrape);
        }
    }

    #[test]
    fn memory_and_descriptors_are_those_of_the_process() {
        let workers =
            Workers::start(&["ulimit -n 321; exec sleep 60", "exec 5</dev/null 6</dev/null; sleep 60"]);
        let [limited, open] = workers.pids()[..] else { unreachable!() };
        std::thread::sleep(Duration::from_millis(300));
        let text = read(&mut Processes::default(), &listed(&[(limited, "limited"), (open, "open")])).unwrap();
        assert_eq!(value(&text, "kamailio_process_max_fds{type=\"limited\"}"), 321.0);
        let fds = |kind| value(&text, &format!("kamailio_process_open_fds{{type=\"{kind}\"}}"));
        assert_eq!(fds("open"), fds("limited") + 2.0, "{text}");
        let resident = value(&text, "kamailio_process_resident_memory_bytes{type=\"main\"}");
        let private = value(&text, "kamailio_process_private_memory_bytes{type=\"main\"}");
        assert!(private > 100_000.0 && private < resident && resident < 1e9, "{private} {resident}");
    }

    #[test]
    fn a_type_has_sums_and_the_values_nearest_to_the_limit_of_files() {
        let details = |value| Details {
            private: Some(value),
            switches: Some([value, 2 * value]),
            open_fds: Some(value),
        };
        let mut sums = TypeValues::default();
        sums.add(details(30), Some(1024));
        sums.add(details(12), Some(321));
        sums.add(Details::default(), None);
        assert_eq!((sums.private, sums.switches), (Some(42), Some([42, 84])));
        assert_eq!((sums.open_fds, sums.max_fds), (Some(30), Some(321)));
    }

    #[test]
    fn a_process_that_kamailio_did_not_start_is_not_reported() {
        let mut workers = Workers::start(&["sleep 60", "sleep 60"]);
        let [first, second] = workers.pids()[..] else { unreachable!() };
        // The parent of process 1 is not a process of ours.
        let with_stranger = listed(&[(first, "worker"), (second, "worker"), (1, "stranger")]);
        let mut processes = Processes::default();
        let text = read(&mut processes, &with_stranger).unwrap();
        assert_eq!(value(&text, "kamailio_processes{type=\"worker\"}"), 2.0);
        assert!(!text.contains("stranger"), "{text}");
        // Its files stay open, but its ID may belong to another process by now.
        let mut ended = workers.0.remove(1);
        ended.kill().unwrap();
        ended.wait().unwrap();
        let text = read(&mut processes, &with_stranger).unwrap();
        assert_eq!(value(&text, "kamailio_processes{type=\"worker\"}"), 1.0);
    }

    #[test]
    fn a_process_that_another_program_started_is_not_reported() {
        let script = ["-c", "sleep 10 & echo $!; wait"];
        let mut child = Command::new("sh").args(script).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut workers = Workers::start(&["sleep 60"]);
        workers.0.push(child);
        let [worker, parent] = workers.pids()[..] else { unreachable!() };
        let started = line.trim().parse().unwrap();
        let text =
            read(&mut Processes::default(), &listed(&[(worker, "worker"), (started, "stranger")])).unwrap();
        assert!(text.contains("worker") && !text.contains("stranger"), "{text}");
        let known = listed(&[(worker, "worker"), (parent, "parent"), (started, "child")]);
        let text = read(&mut Processes::default(), &known).unwrap();
        assert_eq!(value(&text, "kamailio_processes{type=\"child\"}"), 1.0);
    }

    #[test]
    fn files_that_stay_open_never_show_the_next_process_of_the_same_id() {
        let mut workers = Workers::start(&["sleep 60", "while :; do :; done"]);
        let [first, second] = workers.pids()[..] else { unreachable!() };
        let mut processes = Processes::default();
        let cpu =
            |text: &str, kind| value(text, &format!("kamailio_process_cpu_seconds_total{{type=\"{kind}\"}}"));
        let both = listed(&[(first, "idle"), (second, "busy")]);
        let deadline = Instant::now() + Duration::from_secs(30);
        while cpu(&read(&mut processes, &both).unwrap(), "busy") < 0.2 {
            assert!(Instant::now() < deadline, "the busy process has no CPU time");
            std::thread::sleep(Duration::from_millis(20));
        }
        // As if the ID of the busy one had been given to the idle one.
        let mut ended = workers.0.remove(1);
        ended.kill().unwrap();
        ended.wait().unwrap();
        let at = processes.kept.iter().position(|process| process.pid == second).unwrap();
        let mut stale = processes.kept.remove(at);
        stale.pid = first;
        processes.kept.retain(|process| process.pid != first);
        processes.kept.push(stale);
        let text = read(&mut processes, &listed(&[(first, "idle")])).unwrap();
        assert_eq!(value(&text, "kamailio_processes{type=\"idle\"}"), 1.0);
        assert!(cpu(&text, "idle") < 0.1, "{text}");
    }

    #[test]
    fn a_kamailio_in_another_namespace_is_reported() {
        let error = |listed: &Listed| read(&mut Processes::default(), listed).unwrap_err();
        let workers = Workers::start(&["sleep 60"]);
        let mut listed = listed(&[(workers.pids()[0], "worker")]);
        listed.peer = None;
        assert!(error(&listed).contains("another PID namespace"));
        listed.peer = Some(1);
        assert!(error(&listed).contains("does not list process 1"));
        listed.peer = Some(std::process::id());
        listed.processes.truncate(1);
        assert!(error(&listed).contains("/proc does not show"));
    }
}
