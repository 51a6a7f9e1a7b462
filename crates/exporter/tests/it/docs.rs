use kamailio_exporter::internals::{build_info, catalogue, command};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Compares a file with what it should be, or writes it: `BLESS=1 cargo test`.
pub(crate) fn check(file: &str, expected: &str) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../")).join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{file} is stale: BLESS=1 cargo test -p kamailio_exporter --test it rewrites it"
        );
    }
}

#[test]
fn the_readme_has_the_flags() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let (before, rest) = readme.split_once("<!-- flags:").unwrap();
    let (head, rest) = rest.split_once("-->\n").unwrap();
    let (_, after) = rest.split_once("<!-- flags end -->").unwrap();
    let mut program = command().term_width(110);
    program.build();
    let mut blocks = text_block(program.render_help());
    for command in program.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        let help = text_block(command.clone().term_width(110).render_help());
        write!(
            blocks,
            "\n<details><summary><code>kamailio_exporter {name}</code></summary>\n\n{help}\n</details>\n"
        )
        .unwrap();
    }
    check("README.md", &format!("{before}<!-- flags:{head}-->\n{blocks}<!-- flags end -->{after}"));
}

fn text_block(help: impl ToString) -> String {
    let lines = help.to_string();
    let lines: String = lines.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    format!("```text\n{lines}```\n")
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../VERSION")).unwrap();
    assert_eq!(version.trim(), build_info::VERSION);
}

#[test]
fn the_new_names_in_the_migration_guide_exist() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrating.md")).unwrap();
    let mut checked = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let ours = row.split('|').nth(2).unwrap();
        for name in ours.split('`').skip(1).step_by(2) {
            assert!(catalogue().has(name), "{name} is not one of our metrics");
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} names were found");
}
