//! docs/binrpc.md names a test for each statement, and the tests exist.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

#[test]
fn tests_named_in_the_document_exist() {
    let document = read("../../docs/binrpc.md");
    // Tests are the code spans that contain a path, such as `quirks::name`.
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
fn the_document_names_every_quirk() {
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
