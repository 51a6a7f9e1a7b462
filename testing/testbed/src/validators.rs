//! Programs that validate expositions and configurations.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::directory::Directory;
use crate::paths::{find, repository};

/// Returns the findings of `promtool check metrics` about an exposition in the text format 0.0.4, one on each line.
#[must_use]
pub fn promtool_check_metrics(page: &str) -> Vec<String> {
    let output = pipe(&find("promtool"), &["check", "metrics"], page);
    let text = [output.stdout, output.stderr].concat();
    let findings: Vec<_> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
    assert!(output.status.success() || !findings.is_empty(), "promtool failed, {}", output.status);
    findings
}

/// Checks a configuration of Prometheus with `promtool check config`. The error is promtool's output.
pub fn promtool_check_config(config: &str) -> Result<(), String> {
    let directory = Directory::new();
    let file = directory.path().join("prometheus.yml");
    std::fs::write(&file, config).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    let output = pipe(&find("promtool"), &["check", "config", &file.display().to_string()], "");
    let text = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).trim().to_owned()) }
}

/// Parses an exposition with the strict OpenMetrics parser of Python's prometheus_client. Returns the number of samples, or
/// the parser's error.
pub fn openmetrics_strict_parse(page: &str) -> Result<usize, String> {
    let python = repository(".run/venv/bin/python");
    assert!(
        python.is_file(),
        "Python's prometheus_client is not installed in {}: run `make deps`",
        python.display()
    );
    let output = pipe(&python, &["-c", PARSE], page);
    let stdout = String::from_utf8_lossy(&output.stdout);
    match stdout.trim().parse() {
        Ok(samples) if output.status.success() => Ok(samples),
        _ => Err(String::from_utf8_lossy(&output.stderr)
            .trim()
            .lines()
            .last()
            .unwrap_or("no output")
            .to_owned()),
    }
}

fn pipe(program: &Path, args: &[&str], input: &str) -> Output {
    let run = || {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A tool that exits early closes the pipe, and its output has the reason.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    };
    run().unwrap_or_else(|e: std::io::Error| panic!("cannot run {}: {e}", program.display()))
}

const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
page = sys.stdin.buffer.read().decode('utf-8')
print(sum(len(family.samples) for family in text_string_to_metric_families(page)))
";
