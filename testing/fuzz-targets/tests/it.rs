//! Runs the fuzz targets on the stored inputs, without libFuzzer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use fuzz_targets::{TARGETS, Target, seeds};
use std::fs;
use std::panic::catch_unwind;

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("there is no target {name}")).1
}

#[test]
fn regressions_pass() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/regressions");
    let mut replayed = 0;
    for directory in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let target = target(directory.file_name().unwrap().to_str().unwrap());
        for file in fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            let input = fs::read(&file).unwrap();
            assert!(catch_unwind(|| target(&input)).is_ok(), "{}", file.display());
            replayed += 1;
        }
    }
    assert!(replayed > 0, "{directory} is empty");
}

#[test]
fn every_seed_passes() {
    let seeds = seeds().unwrap();
    for (name, target) in TARGETS {
        let mut replayed = 0;
        for seed in seeds.iter().filter(|seed| seed.target == name) {
            assert!(catch_unwind(|| target(&seed.input)).is_ok(), "{name} {}", seed.name);
            // A truncated input, and one with a changed byte.
            target(&seed.input[..seed.input.len() / 2]);
            let mut damaged = seed.input.clone();
            if let Some(byte) = damaged.get_mut(seed.input.len() / 3) {
                *byte ^= 0x81;
            }
            target(&damaged);
            replayed += 1;
        }
        assert!(replayed > 3, "{name} has {replayed} seeds");
    }
}

#[test]
fn every_target_has_a_libfuzzer_program() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
