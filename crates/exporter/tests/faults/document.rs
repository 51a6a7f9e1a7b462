//! `docs/reliability.md`: what was tried, over what, and what came of it.

use crate::clients::CLIENTS;
use crate::kamailio::{FAULTS, Served};
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn the_document_is_that_of_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let mut expected = found.clone();
    for (name, table) in [("kamailio", of_kamailio()), ("clients", of_clients())] {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- {name} end -->"));
        let (before, rest) = expected.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        expected = format!("{before}{begin}{table}{end}{after}");
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(
            found == expected,
            "docs/reliability.md is stale: BLESS=1 cargo test -p kamailio_exporter --test faults rewrites it"
        );
    }
}

fn of_kamailio() -> String {
    let mut table =
        String::from("| Kamailio … | over | what is served | what the log says, once |\n|---|---|---|---|\n");
    for fault in FAULTS {
        for case in fault.cases {
            let over: Vec<_> = case.over.iter().map(|transport| transport.name()).collect();
            let served = match case.served {
                Served::Nothing => "`kamailio_up 0`".to_owned(),
                Served::Only([]) => "`kamailio_up 1` and no values".to_owned(),
                Served::Only(collectors) => format!("only {}", names(collectors)),
                Served::Without([]) => "everything that makes sense".to_owned(),
                Served::Without(collectors) => format!("all but the bad part of {}", names(collectors)),
            };
            let said = match case.said.trim().trim_end_matches(['"', ' ']) {
                "" => "nothing, for nothing is wrong".to_owned(),
                said => format!("`… {said} …`"),
            };
            writeln!(table, "| {} | {} | {served} | {said} |", cell(fault.what), over.join(", ")).unwrap();
        }
    }
    table
}

fn of_clients() -> String {
    let mut table = String::from("| clients … | what comes of it |\n|---|---|\n");
    for client in CLIENTS {
        writeln!(table, "| {} | {} |", cell(client.what), cell(client.then)).unwrap();
    }
    table
}

fn names(collectors: &[&str]) -> String {
    collectors.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
