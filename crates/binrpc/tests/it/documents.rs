//! The document of the wire names a test for each point, and these tests exist.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

#[test]
fn the_tests_that_the_document_names_exist() {
    let document = read("../../docs/binrpc.md");
    // The tests are the code spans with a path in them: `quirks::name`.
    let named: Vec<(&str, &str)> =
        document.split('`').skip(1).step_by(2).filter_map(|span| span.split_once("::")).collect();
    assert!(named.len() >= 30, "only {} tests are named", named.len());
    for (module, test) in named {
        let source = read(&format!("tests/it/{module}.rs"));
        let exists = [format!("fn {test}("), format!("fn {test}<")].iter().any(|name| source.contains(name));
        assert!(exists, "there is no test {module}::{test}");
    }
}

#[test]
fn every_quirk_is_in_the_document() {
    let document = read("../../docs/binrpc.md");
    let source = read("tests/it/quirks.rs");
    let tests: Vec<&str> =
        source.split("#[test]\nfn ").skip(1).map(|rest| rest.split('(').next().unwrap_or_default()).collect();
    assert!(tests.len() >= 20, "only {} tests were found", tests.len());
    for test in tests {
        assert!(
            document.contains(&format!("`quirks::{test}`")),
            "docs/binrpc.md does not name quirks::{test}"
        );
    }
}
