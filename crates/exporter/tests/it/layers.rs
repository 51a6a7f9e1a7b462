use std::fs;
use std::path::Path;

/// The directories of the program: each uses only those after it.
const LAYERS: [&str; 8] =
    ["cli", "commands", "site", "instance", "scrape", "outbound", "collectors", "support"];
/// At the top of the program: the layers, `lib.rs` and `main.rs`.
const ENTRIES: usize = LAYERS.len() + 2;

#[test]
fn directories_import_only_those_below_them() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    assert_eq!(fs::read_dir(root).unwrap().count(), ENTRIES, "a directory is missing in LAYERS");
    let mut imports = 0;
    for (place, layer) in LAYERS.iter().enumerate() {
        for (file, text) in sources(&root.join(layer)) {
            for used in text.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                let position = LAYERS.iter().position(|layer| *layer == used);
                let position = position.unwrap_or_else(|| panic!("{file}: crate::{used} is in no layer"));
                assert!(position >= place, "{file}: {layer} imports {used}, which is above it");
                imports += 1;
            }
        }
    }
    assert!(imports > 100, "only {imports} imports were found");
}

/// The files below a directory, with their text.
fn sources(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else {
            found.push((entry.display().to_string(), fs::read_to_string(&entry).unwrap()));
        }
    }
    found
}
