//! Generates the tables of `docs/reliability.md` from the tables of faults and clients.

use crate::kamailio::{FAULTS, Fault, Served};
use crate::{clients::CLIENTS, jsonrpc};
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn the_document_contains_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let mut expected = found.clone();
    for (name, table) in [
        ("kamailio", kamailio_table(FAULTS)),
        ("jsonrpc", kamailio_table(jsonrpc::FAULTS)),
        ("clients", clients_table()),
    ] {
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

fn kamailio_table(faults: &[Fault]) -> String {
    let mut table =
        String::from("| Kamailio … | transports | exported metrics | log message |\n|---|---|---|---|\n");
    for fault in faults {
        for case in fault.cases {
            let over: Vec<_> = case.transports.iter().map(|transport| transport.name()).collect();
            let served = match case.served {
                Served::Nothing => "`kamailio_up 0`".to_owned(),
                Served::Only([]) => "`kamailio_up 1`, and no other metrics of Kamailio".to_owned(),
                Served::Only(collectors) => format!("only those of {}", names(collectors)),
                Served::Without([]) => "all valid ones".to_owned(),
                Served::Without(collectors) => {
                    format!("all except the invalid part of {}", names(collectors))
                }
            };
            let log = match case.log.trim().trim_end_matches(['"', ' ']) {
                "" => "none, because this is not a failure".to_owned(),
                text => format!("`… {text} …`"),
            };
            writeln!(table, "| {} | {} | {served} | {log} |", cell(fault.description), over.join(", "))
                .unwrap();
        }
    }
    table
}

fn clients_table() -> String {
    let mut table = String::from("| clients … | effect |\n|---|---|\n");
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
