use std::process::Command;

/// Parses `1.88` or `1.88.0` into numbers.
fn numbers(version: &str) -> Vec<u32> {
    let mut numbers: Vec<_> = version.split('.').map(|number| number.parse().unwrap()).collect();
    numbers.resize(3, 0);
    numbers
}

/// Clippy checks our own code (`clippy::incompatible_msrv`). Cargo checks dependencies only against the installed compiler.
#[test]
fn no_dependency_in_the_lock_file_declares_a_newer_rust_than_ours() {
    let ours = env!("CARGO_PKG_RUST_VERSION");
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--all-features"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&metadata.stderr)));
    let mut declared = 0;
    for package in metadata["packages"].as_array().unwrap() {
        if let Some(theirs) = package["rust_version"].as_str() {
            assert!(
                numbers(theirs) <= numbers(ours),
                "{} needs Rust {theirs}, and Cargo.toml promises {ours}",
                package["id"]
            );
            declared += 1;
        }
    }
    assert!(declared > 100, "{declared}");
}
