use kamailio_exporter::internals::{ALL, build_info, catalogue, command};
use std::path::PathBuf;

/// Compares a file with its expected content, or rewrites it with `BLESS=1 cargo test`.
pub(crate) fn check(file: &str, expected: &str) {
    let path = root().join(file);
    if std::env::var_os("BLESS").is_some() {
        // Other tests read the file at the same time.
        let new = path.with_extension("new");
        std::fs::write(&new, expected).unwrap();
        std::fs::rename(new, path).unwrap();
    } else {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{file} is stale: BLESS=1 cargo test -p kamailio_exporter --test it rewrites it"
        );
    }
}

#[test]
fn the_help_of_every_command_is_documented() {
    const FILE: &str = "docs/command-line.md";
    let mut page = read(FILE);
    let mut program = command().term_width(110);
    program.build();
    let mut helps = vec![("kamailio_exporter".to_owned(), program.render_help())];
    helps.extend(program.get_subcommands_mut().map(|command| {
        (format!("kamailio_exporter {}", command.get_name()), command.clone().term_width(110).render_help())
    }));
    for (name, help) in helps {
        let (begin, end) = (format!("<!-- help: {name} -->\n"), "<!-- end of help -->");
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{FILE} lacks {begin}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{FILE} lacks {end} after {begin}"));
        let help = help.to_string();
        let lines: String = help.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        page = format!("{before}{begin}```text\n{lines}```\n{end}{after}");
    }
    check(FILE, &page);
}

#[test]
fn the_version_is_the_same_everywhere() {
    assert_eq!(read("VERSION").trim(), build_info::VERSION);
}

#[test]
fn the_metrics_in_the_migration_guide_exist() {
    let page = read("docs/migrating.md");
    let mut checked = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let ours = row.split('|').nth(2).unwrap();
        for name in ours.split('`').skip(1).step_by(2) {
            assert!(
                catalogue().has(name),
                "docs/migrating.md names {name}, which the exporter does not export"
            );
            checked += 1;
        }
    }
    assert!(checked > 60, "found only {checked} names");
}

#[test]
fn the_options_of_other_exporters_have_their_replacements() {
    let page = read("docs/migrating.md");
    for (old, new) in [
        ("`-l` (", "web.listen-address"),
        ("`--kamailio.binrpc-uri` is ", "kamailio.scrape-uri"),
        ("`--socketPath=/PATH` (`SOCKET_PATH`) is ", "kamailio.scrape-uri"),
        ("`--host=HOST --port=PORT` (`HOST`, `PORT`) is ", "kamailio.scrape-uri"),
        ("`--bindIp=IP --bindPort=PORT` (`BIND_IP`, `BIND_PORT`) is ", "web.listen-address"),
        ("`--metricsPath=/PATH` (`METRICS_PATH`) is ", "web.telemetry-path"),
        ("`--debug` (`DEBUG`) is ", "log.level"),
    ] {
        assert!(page.contains(&format!("{old}`--{new}")), "docs/migrating.md: {old}`--{new}");
        assert!(command().get_arguments().any(|option| option.get_long() == Some(new)), "{new}");
    }
}

/// The documents that are not generated, by path from the root of the repository.
const PAGES: [&str; 18] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/binrpc.md",
    "docs/command-line.md",
    "docs/compatibility.md",
    "docs/metrics.md",
    "docs/migrating.md",
    "docs/operations.md",
    "docs/page.md",
    "docs/performance.md",
    "docs/queries.md",
    "docs/reliability.md",
    "docs/runbooks.md",
    "docs/style.md",
    "mixin/README.md",
];

fn read(page: &str) -> String {
    let path = root().join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Returns the text of a document without code blocks.
fn prose(page: &str) -> String {
    read(page).split("```").step_by(2).collect()
}

#[test]
fn links_and_paths_in_the_documentation_exist() {
    let mut checked = 0;
    for page in PAGES {
        let text = prose(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let linked = if file.is_empty() { page.into() } else { PathBuf::from(page).with_file_name(file) };
            assert!(root().join(&linked).exists(), "{page} links to {link}");
            if !anchor.is_empty() {
                let linked = prose(linked.to_str().unwrap());
                let headings = linked.lines().filter(|line| line.starts_with('#')).map(slug);
                assert!(headings.into_iter().any(|slug| slug == anchor), "{page} links to {link}");
            }
            checked += 1;
        }
        let code = text.split('`').skip(1).step_by(2);
        for path in code.filter(|code| ["crates/", "testing/", "docs/"].iter().any(|at| code.starts_with(at)))
        {
            assert!(root().join(path.trim_end_matches('*')).exists(), "{page} names {path}");
            checked += 1;
        }
    }
    assert!(checked > 60, "found only {checked} links and paths");
}

#[test]
fn the_number_of_collectors_is_the_same_everywhere() {
    let (all, more) = (ALL.len(), ALL.len() - GO_EXPORTER);
    for (page, text) in [
        ("README.md", format!("**Complete**: {all} collectors")),
        ("README.md", format!("the same {GO_EXPORTER}, and {more} more")),
        ("CHANGELOG.md", format!("collectors: {more} more")),
    ] {
        assert!(read(page).contains(&text), "{page} lacks {text:?}");
    }
}

/// The number of methods of the Go exporter.
const GO_EXPORTER: usize = 10;

#[test]
fn the_example_of_a_collector_is_a_real_one() {
    let guide = read("CONTRIBUTING.md");
    let (_, rest) = guide.split_once("```rust").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let file = read("crates/exporter/src/collectors/htable.rs");
    let lines = example.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines {
        assert!(file.contains(line), "htable.rs lacks the line {line:?} of CONTRIBUTING.md");
    }
}

/// Returns the anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}
