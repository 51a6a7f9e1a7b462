//! Counts instructions and allocations, which do not depend on the load of the machine: `make bench-instructions`.
//!
//! This program runs itself under valgrind, once with few replies and once with more; the difference is the cost of a reply.
//! The counts depend on the compiler and on the processor; the reference file states the versions of the compiler and of
//! valgrind.

use crate::support::{Reply, Stage};
use std::collections::HashMap;
use std::process::Command;

/// Prints the counts next to those of the reference file. `refresh` rewrites the file.
pub(crate) fn measure(refresh: bool) {
    let known = std::fs::read_to_string(FILE).unwrap_or_default();
    let known: HashMap<&str, f64> = known
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(what, count)| Some((what.trim(), count.parse().ok()?)))
        .collect();
    let mut lines = header();
    for (place, reply) in Reply::all().iter().enumerate() {
        for stage in Stage::ALL {
            let count = difference(place, stage, reply.body.len(), instructions);
            lines += &compared(&format!("{}, {stage:?}, instructions", reply.name), count, &known);
        }
        let count = difference(place, Stage::Whole, reply.body.len(), allocations);
        lines += &compared(&format!("{}, {:?}, allocations", reply.name, Stage::Whole), count, &known);
    }
    if refresh {
        std::fs::write(FILE, lines).unwrap_or_else(|error| panic!("cannot write {FILE}: {error}"));
    }
}

/// The part that runs under valgrind.
pub(crate) fn repeat(arguments: &[String]) {
    let mut numbers = arguments.iter().map(|number| number.parse::<usize>().expect("a number"));
    let mut next = || numbers.next().expect("reply, stage and times");
    let (reply, stage, times) = (next(), next(), next());
    Reply::all()[reply].run(Stage::ALL[stage], times);
}

/// Prints a count, and returns its line for the file.
fn compared(what: &str, count: f64, known: &HashMap<&str, f64>) -> String {
    let change = known.get(what).map(|known| (count / known - 1.0) * 100.0);
    let verdict = match change {
        None => "new".to_owned(),
        Some(change) if change > LIMIT => format!("{change:+.1}%  WARNING: more than {LIMIT}% more"),
        Some(change) => format!("{change:+.1}%"),
    };
    println!("{what:<45}{count:>12.0}  {verdict}");
    format!("{what:<45}{count:>12.0}\n")
}

fn difference(reply: usize, stage: Stage, len: usize, count: fn(&[String]) -> f64) -> f64 {
    let stage = Stage::ALL.iter().position(|known| *known == stage).expect("a stage");
    let times = (BYTES / len).clamp(2, 100);
    let run =
        |times: usize| count(&["repeat".to_owned(), reply.to_string(), stage.to_string(), times.to_string()]);
    (run(1 + times) - run(1)) / times as f64
}

fn instructions(arguments: &[String]) -> f64 {
    valgrind(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], arguments, "Collected :")
}

fn allocations(arguments: &[String]) -> f64 {
    valgrind(
        &["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"],
        arguments,
        "total heap usage:",
    )
}

/// Returns the number after these words in the output of valgrind.
fn valgrind(tool: &[&str], arguments: &[String], words: &str) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind").args(tool).arg(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run valgrind, install its package: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    let number = said.split(words).nth(1).and_then(|rest| rest.split_whitespace().next());
    let number = number.and_then(|number| number.replace(',', "").parse().ok());
    number.unwrap_or_else(|| panic!("valgrind did not report \"{words}\": {said}"))
}

fn header() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().map(|output| output.stdout);
        String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned()
    };
    format!(
        "# The cost of a reply, counted by valgrind on {}, {}, {}.\n# `make bench-instructions REFRESH=1` writes this file.\n",
        said("date", &["+%F"]),
        said("rustc", &["--version"]),
        said("valgrind", &["--version"]),
    )
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");
/// In per cent.
const LIMIT: f64 = 5.0;
/// Replies of a longer run: enough for an exact difference, few enough for a short run.
const BYTES: usize = 200_000;
