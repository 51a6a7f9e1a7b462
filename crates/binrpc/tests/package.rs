//! The package that is published contains what it must, and a program outside the workspace builds against it: the first
//! example of the README, which then reads three replies of a real Kamailio.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use testbed::Kamailio;

const NAME: &str = concat!(env!("CARGO_PKG_NAME"), "-", env!("CARGO_PKG_VERSION"));

/// Runs cargo without access to the network: building the tests has fetched everything.
fn cargo(directory: &Path, arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(directory).args(arguments).arg("--offline");
    // Flags of the outer build, such as those for coverage, need not fit.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
    let output = cargo.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?} failed: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("package")
}

/// Packages the library, and returns the directory of the unpacked package.
fn package() -> PathBuf {
    let scratch = scratch();
    let target = scratch.join("target");
    let arguments =
        ["package", "--no-verify", "--allow-dirty", "--quiet", "--target-dir", target.to_str().unwrap()];
    cargo(Path::new(env!("CARGO_MANIFEST_DIR")), &arguments);
    let unpacked = scratch.join(NAME);
    let _ = fs::remove_dir_all(&unpacked);
    let archive = target.join("package").join(format!("{NAME}.crate"));
    let status = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(&scratch).status().unwrap();
    assert!(status.success());
    unpacked
}

/// The first code block of the README.
fn first_example() -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let block = readme.split("```rust,no_run\n").nth(1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn a_program_outside_the_workspace_reads_three_replies_of_a_real_kamailio() {
    let unpacked = package();
    for file in ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs", "examples/call.rs"]
    {
        let metadata =
            fs::symlink_metadata(unpacked.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(metadata.is_file() && metadata.len() > 100, "{file}");
    }
    assert!(!unpacked.join("tests").exists() && !unpacked.join("benches").exists());
    let manifest = fs::read_to_string(unpacked.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("repository = \"https://"), "{manifest}");
    assert!(!manifest.contains("testbed") && !manifest.contains("fake-kamailio"), "{manifest}");

    let example = first_example();
    assert!(example.lines().filter(|line| !line.is_empty()).count() < 40);
    let consumer = scratch().join("consumer");
    fs::create_dir_all(consumer.join("src")).unwrap();
    fs::write(consumer.join("src/main.rs"), example).unwrap();
    let manifest = format!(
        "[package]\nname = \"consumer\"\nedition = \"2024\"\n\n[dependencies]\nserde = {{ version = \"1\", features = \
         [\"derive\"] }}\nkamailio-binrpc = {{ path = \"../{NAME}\", features = [\"serde\", \"tokio\"] }}\n\n[workspace]\n"
    );
    fs::write(consumer.join("Cargo.toml"), manifest).unwrap();
    // The versions that were fetched for the workspace.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    fs::copy(lock, consumer.join("Cargo.lock")).unwrap();
    cargo(&consumer, &["build", "--quiet"]);

    let kamailio = Kamailio::start();
    let output = Command::new(consumer.join("target/debug/consumer")).arg(kamailio.unix()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.first().is_some_and(|line| line.starts_with("kamailio 5.")), "{text}");
    assert!(lines.get(1).is_some_and(|line| line.ends_with(" transactions in memory")), "{text}");
    assert!(lines.get(2).is_some_and(|line| line.contains(" dispatcher sets: [")), "{text}");
}
