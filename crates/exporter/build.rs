//! Passes commit, compiler and platform to the build.

use std::path::Path;
use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    // Packages are built from an archive without git; the packager can set the variable instead.
    let revision =
        std::env::var("KAMAILIO_EXPORTER_REVISION").ok().or_else(|| output("git", &["rev-parse", "HEAD"]));
    let branch = std::env::var("KAMAILIO_EXPORTER_BRANCH")
        .ok()
        .or_else(|| output("git", &["rev-parse", "--abbrev-ref", "HEAD"]));
    let target = std::env::var("TARGET").unwrap_or_default();
    for (name, value) in [
        ("BUILD_REVISION", revision),
        ("BUILD_BRANCH", branch),
        ("BUILD_RUSTC", output(&rustc, &["--version"])),
        ("BUILD_TARGET", Some(target)),
    ] {
        println!("cargo::rustc-env={name}={}", value.unwrap_or_else(|| "unknown".to_owned()));
    }
    println!("cargo::rerun-if-env-changed=KAMAILIO_EXPORTER_REVISION");
    println!("cargo::rerun-if-env-changed=KAMAILIO_EXPORTER_BRANCH");
    println!("cargo::rerun-if-changed=build.rs");
    for file in ["HEAD", "logs/HEAD"] {
        // A missing file counts as changed, and would recompile everything each time. In a worktree, .git is a file, and the
        // file is elsewhere.
        let path = output("git", &["rev-parse", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}
