//! Security filters (module secfilter).

use crate::collectors::schema::{Collector, Emit, Key, Table, counter, label, statistic};
use kamailio_binrpc::{Members, Value};

/// `secfilter/secfilter_rpc.c`, `secf_rpc_stats`: lines of text up to 5.6, structs since 5.7.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        labels: &[label("list", &[]), label("type", &[])],
        fields: &[counter(
            Key::Custom,
            "kamailio_secfilter_matches",
            "Matches of the filters, by list and by the tested property; blacklist and other block the message, \
             whitelist allows it.",
        )],
        ..Table::NEW
    }],
    custom_reader: Some(read),
    several_records: true,
    ..Collector::opt_in("secfilter.stats", "secfilter", "Matches of the security filters.")
};

fn read(records: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    let mut list = "";
    for record in records {
        match record.value {
            Value::Struct(lists) => {
                for (list, types) in lists.iter().filter_map(|list| Some((list.name?, list.value.members()?)))
                {
                    for member in types {
                        let name = member.name.unwrap_or_default();
                        count(&list.to_ascii_lowercase(), &name.to_ascii_lowercase(), member.value, emit);
                    }
                }
            }
            Value::Str(line) => match heading(line) {
                Some(heading) => list = heading,
                None => read_line(list, line, emit),
            },
            _ => emit(0, &[], None),
        }
    }
}

/// Reads a line such as `[+] By user-agent    : 2` below a heading.
fn read_line(list: &str, line: &[u8], emit: &mut Emit<'_>) {
    let Some(entry) = line.strip_prefix(b"[+] ") else { return };
    let mut parts = entry.split(|byte| *byte == b':');
    let (Some(name), Some(number), None) = (parts.next(), parts.next(), parts.next()) else {
        return emit(0, &[], None);
    };
    let name = name.trim_ascii();
    let name = name.strip_prefix(b"By ").unwrap_or(name);
    let name = if name == b"Destinations" { b"Destination" } else { name };
    let name: Vec<u8> =
        name.iter().map(|byte| if *byte == b' ' { b'-' } else { byte.to_ascii_lowercase() }).collect();
    count(list.as_bytes(), &name, Value::Str(number.trim_ascii()), emit);
}

fn count(list: &[u8], name: &[u8], value: Value<'_>, emit: &mut Emit<'_>) {
    emit(0, &[("list", list), ("type", name)], statistic(value).ok().flatten());
}

fn heading(line: &[u8]) -> Option<&'static str> {
    Some(match line {
        b"Blocked messages (blacklist)" => "blacklist",
        b"Allowed messages (whitelist)" => "whitelist",
        b"Other blocked messages" => "other",
        _ => return None,
    })
}
